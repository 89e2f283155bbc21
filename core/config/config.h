/* core/config/config.h -- every setting, typed and resolved.
 *
 *   server.properties + --override --> config_settings --+--> struct broker_config (this node)
 *   metadata log: cluster default, then this broker ------+          |
 *                                                                    v  defaults of
 *   metadata log: overrides of a topic ---------------------> struct topic_config
 *
 * The tables are core/config/broker.def (node keys: Kafka's names, types, defaults and ranges, and our own
 * `ringmain.*`), known.def (Kafka's keys that nothing here reads yet: checked, kept and shown, with one warning at
 * start) and topic.def (topic keys and their broker twins). The structs, the parser, DescribeConfigs and
 * docs/configuration.md are made from them.
 *
 * Invariants: a broker_config or topic_config that exists has passed all checks. Both are immutable once published and
 * may be read by every shard. A topic_config holds no pointers and may be copied.
 * Core: pure; any thread. Memory: what the arena given to config_load holds. Errors: problems are collected, all at
 * once, with the line they come from. Rules: Kafka 4.3's KafkaConfig, LogConfig, DynamicBrokerConfig (KIP-226).
 */
#ifndef RINGMAIN_CORE_CONFIG_CONFIG_H
#define RINGMAIN_CORE_CONFIG_CONFIG_H

#include "io/base/arena.h"
#include "io/base/bytes.h"
#include "io/base/err.h"

/* Kafka's type numbers, as DescribeConfigs answers them. */
enum config_type {
    CONFIG_UNKNOWN = 0,
    CONFIG_BOOL = 1,
    CONFIG_STRING = 2,
    CONFIG_INT = 3,
    CONFIG_SHORT = 4,
    CONFIG_LONG = 5,
    CONFIG_DOUBLE = 6,
    CONFIG_LIST = 7,
    CONFIG_CLASS = 8,
    CONFIG_PASSWORD = 9,
};

/* What may change while the broker runs: nothing; only for one broker; for one broker or the whole cluster. */
enum config_scope { CONFIG_READ_ONLY, CONFIG_PER_BROKER, CONFIG_CLUSTER_WIDE };

/* Kafka's source numbers, as DescribeConfigs answers them. */
enum config_source {
    CONFIG_SOURCE_TOPIC = 1,
    CONFIG_SOURCE_DYNAMIC_BROKER = 2,
    CONFIG_SOURCE_DYNAMIC_DEFAULT = 3,
    CONFIG_SOURCE_STATIC = 4,
    CONFIG_SOURCE_DEFAULT = 5,
};

/* The codes of record batches; PRODUCER keeps the bytes as they came. */
enum config_compression {
    CONFIG_COMPRESSION_NONE = 0,
    CONFIG_COMPRESSION_GZIP = 1,
    CONFIG_COMPRESSION_SNAPPY = 2,
    CONFIG_COMPRESSION_LZ4 = 3,
    CONFIG_COMPRESSION_ZSTD = 4,
    CONFIG_COMPRESSION_PRODUCER = 5,
};

enum { CONFIG_CLEANUP_DELETE = 1, CONFIG_CLEANUP_COMPACT = 2 };                     /* flags; 0 keeps all */
enum config_timestamp { CONFIG_TIMESTAMP_CREATE = 0, CONFIG_TIMESTAMP_APPEND = 1 }; /* as in batch attributes */
/* acks=all is answered from the page cache, or when the bytes are on the device. */
enum config_durability { CONFIG_DURABILITY_OS, CONFIG_DURABILITY_FLUSHED };

/* A nullable number that is not set. */
#define CONFIG_UNSET_INT  INT32_MIN
#define CONFIG_UNSET_LONG INT64_MIN

typedef bool config_c_BOOL;
typedef int32_t config_c_INT;
typedef int16_t config_c_SHORT;
typedef int64_t config_c_LONG;
typedef double config_c_DOUBLE;
typedef const char *config_c_STRING; /* NULL: not set */
typedef const char *config_c_LIST;
typedef const char *config_c_CLASS;
typedef const char *config_c_PASSWORD;
typedef uint8_t config_c_CLEANUP;
typedef enum config_compression config_c_COMPRESSION;
typedef enum config_timestamp config_c_TIMESTAMP;
typedef enum config_durability config_c_DURABILITY;

/* Every topic key with a field, resolved: `retention_ms`, `segment_bytes`, `max_message_bytes`, `cleanup_policy` ... */
struct topic_config {
#define TOPIC(type, field, name, twin, fallback, check, doc) config_c_##type field;
#define TOPIC_TEXT(type, name, twin, fallback, check, doc)
#include "core/config/topic.def"
};

enum config_security { CONFIG_PLAINTEXT, CONFIG_SSL, CONFIG_SASL_PLAINTEXT, CONFIG_SASL_SSL };

struct config_listener {
    const char *name; /* upper case */
    const char *host; /* "": every interface */
    uint16_t port;    /* 0: any free one */
    enum config_security security;
    bool is_controller;          /* not opened by a quorum of one */
    const char *advertised_host; /* "": the host's own name is filled in at start */
    uint16_t advertised_port;    /* 0: the one that was bound */
    /* listener.name.<name>.<key>, or the broker's own (KIP-402, KIP-612) */
    int32_t max_connections;
    int32_t max_connection_creation_rate;
};

/* Every node key with its own field (log_dirs, num_partitions, ...), and what is worked out from several of them. */
struct broker_config {
#define CONFIG(type, field, name, fallback, check, importance, scope, doc) config_c_##type field;
#define CONFIG_KNOWN(type, name, fallback, check, importance, scope)
#include "core/config/broker.def"
    const struct config_listener *listeners_parsed;
    int listener_count;
    int inter_broker_listener; /* of several for clients and brokers, the brokers' own: limits of all do not stop it; -1
                                */
    const char *const *log_dirs_parsed; /* at least one */
    int log_dir_count;
    int32_t node;                       /* node.id, or broker.id */
    const char *metadata_dir;           /* metadata.log.dir, or the first data directory */
    struct topic_config topic_defaults; /* of a topic without overrides */
};

/* ---- the tables, for DescribeConfigs, validation and documentation --------------------------------------------- */

enum config_check { CONFIG_ANY, CONFIG_RANGE, CONFIG_SET, CONFIG_NOT_EMPTY, CONFIG_THROTTLED };

struct config_key {
    const char *name;
    const char *fallback; /* the default as text; NULL: Kafka's null */
    const char *doc;      /* NULL: known, not read by anything yet */
    const char *set;      /* CONFIG_SET: "a, b, c" */
    const char *twin;     /* topic keys: the broker key that gives the default */
    double min, max;      /* CONFIG_RANGE */
    uint32_t offset;      /* of the field */
    uint8_t type;         /* enum config_type */
    uint8_t check;
    uint8_t scope;
    uint8_t importance; /* 0 high, 1 medium, 2 low */
    uint8_t store;      /* how the field is kept; internal */
    bool any_case;
    bool or_minus_one;
    bool internal; /* DescribeConfigs shows it only where it was set, as Kafka does with its internal keys */
};

extern const struct config_key config_broker_keys[];
extern const int config_broker_key_count;
extern const struct config_key config_topic_keys[];
extern const int config_topic_key_count;

const struct config_key *config_broker_key(struct slice name); /* NULL: unknown. `listener.name.x.key` finds key */
const struct config_key *config_topic_key(struct slice name);
bool config_topic_key_idle(const struct config_key *key); /* nothing reads it yet */
bool config_key_sensitive(const struct config_key *key);
/* The broker keys that stand in for this one, first hit wins, e.g. log.retention.ms, .minutes, .hours. Returns how
 * many; at most 3. */
int config_broker_synonyms(const char *name, const char *names[3]);

enum { CONFIG_WHY_SIZE = 512 };
/* Whether `value` may be given to the key; why (Kafka's words) is filled in when not. */
bool config_check_value(const struct config_key *key, struct slice value, char why[CONFIG_WHY_SIZE]) MUST_CHECK;

/* ---- settings, as text ----------------------------------------------------------------------------------------- */

struct config_setting {
    const char *name;
    const char *value;
    int line; /* 0: an override or no file */
};

struct config_settings {
    struct config_setting *items;
    int count;
    int capacity;
};

struct config_problem {
    bool is_error; /* else a warning */
    int line;
    const char *text; /* names the key and says what to do */
};

struct config_problems {
    struct config_problem *items;
    int count;
    int capacity;
    int error_count;
};

/* Java's .properties text (escapes, continuation lines, '=' ':' or blank as separator). Appends; a later line of the
 * same name wins. ERR_INVALID: see problems. */
enum err config_parse_properties(struct slice text, struct arena *arena, struct config_settings *settings,
                                 struct config_problems *problems) MUST_CHECK;
/* "key=value" from the command line. */
enum err config_add_override(const char *text, struct arena *arena, struct config_settings *settings,
                             struct config_problems *problems) MUST_CHECK;
const char *config_setting(const struct config_settings *settings, const char *name); /* NULL: not set */
enum err config_problem_add(struct config_problems *problems, struct arena *arena, bool is_error, int line,
                            const char *format, ...) PRINTF_LIKE(5, 6);

/* ---- resolving ------------------------------------------------------------------------------------------------- */

/* What the metadata log says about brokers: both may be empty. Wins over the file: this broker, then cluster. */
struct config_layers {
    const struct config_settings *node;    /* the file and the overrides */
    const struct config_settings *cluster; /* dynamic, all brokers; may be NULL */
    const struct config_settings *broker;  /* dynamic, this broker; may be NULL */
};

/* Checks everything and makes the struct in the arena. With errors in `problems`: ERR_INVALID, *config is NULL. A
 * dynamic value that does not parse is named as a warning and skipped (it was checked when it was set). */
enum err config_load(const struct config_layers *layers, struct arena *arena, struct config_problems *problems,
                     const struct broker_config **config) MUST_CHECK;
/* Defaults of the broker with the topic's overrides on top. Overrides that do not parse are skipped. */
void config_resolve_topic(const struct broker_config *broker, const struct config_setting *overrides, int count,
                          struct topic_config *config);
/* Checks between the keys of one topic, e.g. max.compaction.lag.ms >= min.compaction.lag.ms. */
bool config_check_topic(const struct topic_config *config, char why[CONFIG_WHY_SIZE]) MUST_CHECK;
/* The value in force of a broker key for the layers, and where it comes from. NULL: null. */
const char *config_effective(const struct config_layers *layers, const struct config_key *key,
                             enum config_source *source);

/* docs/configuration.md, as generated from the tables; NULL when the arena is full. */
const char *config_document(struct arena *arena);

#endif
