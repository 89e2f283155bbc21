#include "core/config/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

enum { IMPORTANCE_HIGH, IMPORTANCE_MEDIUM, IMPORTANCE_LOW };
enum {
    SCOPE_READ_ONLY = CONFIG_READ_ONLY,
    SCOPE_PER_BROKER = CONFIG_PER_BROKER,
    SCOPE_CLUSTER_WIDE = CONFIG_CLUSTER_WIDE
};
/* The Kafka type of what is kept in a form of our own. */
enum {
    CONFIG_CLEANUP = CONFIG_LIST,
    CONFIG_COMPRESSION = CONFIG_STRING,
    CONFIG_TIMESTAMP = CONFIG_STRING,
    CONFIG_DURABILITY = CONFIG_STRING,
};

#define NO_LIMIT                    1e300
#define ANY                         .check = CONFIG_ANY
#define NOT_EMPTY                   .check = CONFIG_NOT_EMPTY
#define THROTTLED                   .check = CONFIG_THROTTLED
#define AT_LEAST(low)               .check = CONFIG_RANGE, .min = (low), .max = NO_LIMIT
#define INTERNAL_AT_LEAST(low)      AT_LEAST(low), .internal = true
#define RANGE(low, high)            .check = CONFIG_RANGE, .min = (low), .max = (high)
#define RANGE_OR_MINUS_1(low, high) .check = CONFIG_RANGE, .min = (low), .max = (high), .or_minus_one = true
#define SET(items)                  .check = CONFIG_SET, .set = items
#define SET_ANY_CASE(items)         .check = CONFIG_SET, .set = items, .any_case = true

const struct config_key config_broker_keys[] = {
#define CONFIG(type_, field, name_, fallback_, check_, importance_, scope_, doc_)                                      \
    {.name = name_,                                                                                                    \
     .fallback = fallback_,                                                                                            \
     .doc = doc_,                                                                                                      \
     .offset = offsetof(struct broker_config, field),                                                                  \
     .type = CONFIG_##type_,                                                                                           \
     .store = STORE_##type_,                                                                                           \
     .importance = IMPORTANCE_##importance_,                                                                           \
     .scope = SCOPE_##scope_,                                                                                          \
     check_},
#define CONFIG_KNOWN(type_, name_, fallback_, check_, importance_, scope_)                                             \
    {.name = name_,                                                                                                    \
     .fallback = fallback_,                                                                                            \
     .type = CONFIG_##type_,                                                                                           \
     .importance = IMPORTANCE_##importance_,                                                                           \
     .scope = SCOPE_##scope_,                                                                                          \
     check_},
#include "core/config/broker.def"
};
const int config_broker_key_count = (int)COUNT_OF(config_broker_keys);

const struct config_key config_topic_keys[] = {
#define TOPIC(type_, field, name_, twin_, fallback_, check_, doc_)                                                     \
    {.name = name_,                                                                                                    \
     .fallback = fallback_,                                                                                            \
     .doc = doc_,                                                                                                      \
     .twin = twin_,                                                                                                    \
     .offset = offsetof(struct topic_config, field),                                                                   \
     .type = CONFIG_##type_,                                                                                           \
     .store = STORE_##type_,                                                                                           \
     .importance = IMPORTANCE_MEDIUM,                                                                                  \
     .scope = SCOPE_CLUSTER_WIDE,                                                                                      \
     check_},
#define TOPIC_TEXT(type_, name_, twin_, fallback_, check_, doc_)                                                       \
    {.name = name_,                                                                                                    \
     .fallback = fallback_,                                                                                            \
     .doc = doc_,                                                                                                      \
     .twin = twin_,                                                                                                    \
     .type = CONFIG_##type_,                                                                                           \
     .importance = IMPORTANCE_MEDIUM,                                                                                  \
     .scope = SCOPE_CLUSTER_WIDE,                                                                                      \
     check_},
#include "core/config/topic.def"
};
const int config_topic_key_count = (int)COUNT_OF(config_topic_keys);

static const struct config_key *find_key(const struct config_key *keys, int count, struct slice name)
{
    for (int i = 0; i < count; i++)
        if (slice_equal_string(name, keys[i].name))
            return &keys[i];
    return NULL;
}

const struct config_key *config_broker_key(struct slice name)
{
    static const char prefix[] = "listener.name.";
    const struct config_key *key = find_key(config_broker_keys, config_broker_key_count, name);
    if (key != NULL || name.length < sizeof prefix || memcmp(name.data, prefix, sizeof prefix - 1) != 0)
        return key;
    for (size_t i = sizeof prefix - 1; i < name.length; i++) /* listener.name.<listener>[.<mechanism>].<key> */
        if (name.data[i] == '.') {
            key =
                find_key(config_broker_keys, config_broker_key_count, slice_of(name.data + i + 1, name.length - i - 1));
            if (key != NULL)
                return key;
        }
    return NULL;
}

const struct config_key *config_topic_key(struct slice name)
{
    return find_key(config_topic_keys, config_topic_key_count, name);
}

bool config_topic_key_idle(const struct config_key *key)
{
    return key->store == STORE_NONE;
}

bool config_key_sensitive(const struct config_key *key)
{
    return key->type == CONFIG_PASSWORD;
}

int config_broker_synonyms(const char *name, const char *names[3])
{
    static const char *const groups[][3] = {
        {"log.retention.ms", "log.retention.minutes", "log.retention.hours"},
        {"log.roll.ms", "log.roll.hours", NULL},
        {"log.roll.jitter.ms", "log.roll.jitter.hours", NULL},
        {"log.flush.interval.ms", "log.flush.scheduler.interval.ms", NULL},
    };
    for (size_t g = 0; g < COUNT_OF(groups); g++)
        for (int i = 0; i < 3 && groups[g][i] != NULL; i++)
            if (strcmp(groups[g][i], name) == 0) {
                int count = 0;
                for (; count < 3 && groups[g][count] != NULL; count++)
                    names[count] = groups[g][count];
                return count;
            }
    names[0] = name;
    return 1;
}

/* ---- values ------------------------------------------------------------------------------------------------------ */

struct slice config_trim(struct slice text)
{
    while (text.length > 0 && text.data[0] <= ' ') {
        text.data++;
        text.length--;
    }
    while (text.length > 0 && text.data[text.length - 1] <= ' ')
        text.length--;
    return text;
}

bool config_next_item(const char **rest, struct slice *item)
{
    const char *from = *rest;
    if (from == NULL)
        return false;
    const char *comma = strchr(from, ',');
    size_t length = comma == NULL ? strlen(from) : (size_t)(comma - from);
    *item = config_trim(slice_of(from, length));
    *rest = comma == NULL ? NULL : comma + 1;
    return comma != NULL || item->length > 0;
}

static bool refuse(const struct config_key *key, struct slice value, char why[CONFIG_WHY_SIZE], const char *reason)
{
    int shown = (int)size_min(value.length, 128);
    if (config_key_sensitive(key))
        snprintf(why, CONFIG_WHY_SIZE, "Invalid value [hidden] for configuration %s: %s", key->name, reason);
    else
        snprintf(why, CONFIG_WHY_SIZE, "Invalid value %.*s for configuration %s: %s", shown, (const char *)value.data,
                 key->name, reason);
    return false;
}

static const char *type_name(uint8_t type)
{
    return type == CONFIG_INT ? "INT" : type == CONFIG_SHORT ? "SHORT" : type == CONFIG_LONG ? "LONG" : "DOUBLE";
}

static bool parse_integer(struct slice text, int64_t min, int64_t max, int64_t *number)
{
    size_t at = text.length > 0 && (text.data[0] == '-' || text.data[0] == '+') ? 1 : 0;
    bool negative = at == 1 && text.data[0] == '-';
    if (at == text.length || text.length > 24)
        return false;
    __int128 sum = 0;
    for (; at < text.length; at++) {
        if (text.data[at] < '0' || text.data[at] > '9')
            return false;
        sum = sum * 10 + (text.data[at] - '0');
    }
    sum = negative ? -sum : sum;
    if (sum < min || sum > max)
        return false;
    *number = (int64_t)sum;
    return true;
}

static bool parse_double(struct slice text, double *number)
{
    char copy[64], *end;
    if (text.length == 0 || text.length >= sizeof copy)
        return false;
    for (size_t i = 0; i < text.length; i++)
        if (strchr("0123456789+-.eE", text.data[i]) == NULL || text.data[i] == '\0')
            return false;
    memcpy(copy, text.data, text.length);
    copy[text.length] = '\0';
    *number = strtod(copy, &end);
    return *end == '\0';
}

static bool in_set(const struct config_key *key, struct slice item)
{
    const char *rest = key->set;
    struct slice member;
    while (config_next_item(&rest, &member)) {
        if (slice_equal(member, item))
            return true;
        if (key->any_case && member.length == item.length &&
            strncasecmp((const char *)member.data, (const char *)item.data, item.length) == 0)
            return true;
    }
    return false;
}

static bool refuse_set(const struct config_key *key, struct slice value, char why[CONFIG_WHY_SIZE])
{
    char reason[256];
    snprintf(reason, sizeof reason, "String must be one of%s: %s", key->any_case ? " (case insensitive)" : "",
             key->set);
    return refuse(key, value, why, reason);
}

/* "1:101,2:102", "*" or nothing. */
static bool throttled_list(struct slice value)
{
    if (value.length == 0 || slice_equal_string(value, "*"))
        return true;
    bool digits = false, colon = false;
    for (size_t i = 0; i <= value.length; i++) {
        uint8_t c = i == value.length ? ',' : value.data[i];
        if (c >= '0' && c <= '9') {
            digits = true;
        } else if (c == ':' && digits && !colon) {
            colon = true;
            digits = false;
        } else if (c == ',' && digits && colon) {
            colon = digits = false;
        } else {
            return false;
        }
    }
    return true;
}

static bool check_number(const struct config_key *key, struct slice value, double number, char why[CONFIG_WHY_SIZE])
{
    char reason[128];
    if (key->check != CONFIG_RANGE || (key->or_minus_one && number == -1))
        return true;
    if (key->or_minus_one && (number < key->min || number > key->max))
        snprintf(reason, sizeof reason, "Value must be between %.0f and %.0f or equal to -1", key->min, key->max);
    else if (number < key->min)
        snprintf(reason, sizeof reason, "Value must be at least %.15g", key->min);
    else if (number > key->max)
        snprintf(reason, sizeof reason, "Value must be no more than %.15g", key->max);
    else
        return true;
    return refuse(key, value, why, reason);
}

static bool check_list(const struct config_key *key, struct slice value, const char *text, char why[CONFIG_WHY_SIZE])
{
    const char *rest = text;
    struct slice item;
    while (key->check == CONFIG_SET && config_next_item(&rest, &item)) {
        if (!in_set(key, item))
            return refuse_set(key, item, why);
    }
    if (key->check == CONFIG_THROTTLED && !throttled_list(value)) {
        char reason[256];
        snprintf(reason, sizeof reason,
                 "%s must be the literal '*' or a list of replicas in the following format: "
                 "[partitionId]:[brokerId],[partitionId]:[brokerId],...",
                 key->name);
        char shown[160];
        snprintf(shown, sizeof shown, "[%.*s]", (int)size_min(value.length, 128), (const char *)value.data);
        return refuse(key, slice_from_string(shown), why, reason);
    }
    return true;
}

static bool check_text(const struct config_key *key, struct slice value, const char *text, char why[CONFIG_WHY_SIZE])
{
    if (key->type == CONFIG_LIST)
        return check_list(key, value, text, why);
    if (key->check == CONFIG_SET && !in_set(key, value))
        return refuse_set(key, value, why);
    if (key->check == CONFIG_NOT_EMPTY && value.length == 0)
        return refuse(key, value, why, "String must be non-empty");
    return true;
}

static enum config_compression compression_of(struct slice value)
{
    static const char *const names[] = {"uncompressed", "gzip", "snappy", "lz4", "zstd"};
    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (slice_equal_string(value, names[i]))
            return (enum config_compression)i;
    return CONFIG_COMPRESSION_PRODUCER;
}

static uint8_t cleanup_of(const char *text)
{
    uint8_t flags = 0;
    struct slice item;
    while (config_next_item(&text, &item))
        flags |= slice_equal_string(item, "compact") ? CONFIG_CLEANUP_COMPACT : CONFIG_CLEANUP_DELETE;
    return flags;
}

static void put_field(const struct config_key *key, const char *text, struct slice value, int64_t number, double real,
                      void *base)
{
    char *at = (char *)base + key->offset;
    switch ((enum config_store)key->store) {
    case STORE_NONE:
        return;
    case STORE_BOOL:
        *(bool *)at = number != 0;
        return;
    case STORE_INT:
        *(int32_t *)at = (int32_t)number;
        return;
    case STORE_SHORT:
        *(int16_t *)at = (int16_t)number;
        return;
    case STORE_LONG:
        *(int64_t *)at = number;
        return;
    case STORE_DOUBLE:
        *(double *)at = real;
        return;
    case STORE_STRING:
    case STORE_LIST:
    case STORE_CLASS:
    case STORE_PASSWORD:
        *(const char **)at = text;
        return;
    case STORE_CLEANUP:
        *(uint8_t *)at = cleanup_of(text);
        return;
    case STORE_COMPRESSION:
        *(enum config_compression *)at = compression_of(value);
        return;
    case STORE_TIMESTAMP:
        *(enum config_timestamp *)at =
            slice_equal_string(value, "LogAppendTime") ? CONFIG_TIMESTAMP_APPEND : CONFIG_TIMESTAMP_CREATE;
        return;
    case STORE_DURABILITY:
        *(enum config_durability *)at =
            slice_equal_string(value, "os") ? CONFIG_DURABILITY_OS : CONFIG_DURABILITY_FLUSHED;
        return;
    }
}

static bool parse_number(const struct config_key *key, struct slice value, int64_t *number, double *real,
                         char why[CONFIG_WHY_SIZE])
{
    bool good;
    if (key->type == CONFIG_DOUBLE) {
        good = parse_double(value, real);
    } else {
        int64_t max = key->type == CONFIG_INT ? INT32_MAX : key->type == CONFIG_SHORT ? INT16_MAX : INT64_MAX;
        good = parse_integer(value, -max - 1, max, number);
        *real = (double)*number;
    }
    if (!good) {
        char reason[64];
        snprintf(reason, sizeof reason, "Not a number of type %s", type_name(key->type));
        return refuse(key, value, why, reason);
    }
    return check_number(key, value, *real, why);
}

bool config_store_value(const struct config_key *key, const char *text, void *base, char why[CONFIG_WHY_SIZE])
{
    int64_t number = 0;
    double real = 0;
    struct slice value = text == NULL ? SLICE_NULL : config_trim(slice_from_string(text));

    if (text == NULL) {
        number = key->type == CONFIG_INT ? CONFIG_UNSET_INT : CONFIG_UNSET_LONG;
    } else if (key->type == CONFIG_BOOL) {
        number = value.length == 4 && strncasecmp((const char *)value.data, "true", 4) == 0;
        if (number == 0 && !(value.length == 5 && strncasecmp((const char *)value.data, "false", 5) == 0))
            return refuse(key, value, why, "Expected value to be either true or false");
    } else if (key->type == CONFIG_INT || key->type == CONFIG_SHORT || key->type == CONFIG_LONG ||
               key->type == CONFIG_DOUBLE) {
        if (!parse_number(key, value, &number, &real, why))
            return false;
    } else if (!check_text(key, value, text, why)) {
        return false;
    }
    if (base != NULL)
        put_field(key, text, value, number, real, base);
    return true;
}

bool config_check_value(const struct config_key *key, struct slice value, char why[CONFIG_WHY_SIZE])
{
    enum { VALUE_MAX = 32767 }; /* what a string of the old protocol versions can carry */
    char copy[VALUE_MAX + 1];
    if (value.length > VALUE_MAX || (value.length > 0 && memchr(value.data, '\0', value.length) != NULL))
        return refuse(key, value, why, "The value is too long or contains a NUL");
    if (value.length > 0)
        memcpy(copy, value.data, value.length);
    copy[value.length] = '\0';
    return config_store_value(key, copy, NULL, why);
}
