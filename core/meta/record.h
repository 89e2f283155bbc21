/* core/meta/record.h -- one record of the cluster metadata log, in Kafka's bytes.
 *
 *   frame version (uvarint, 1) | api key (uvarint) | version (uvarint) | body as core/wire's table says
 *
 * This is the value of a record in `__cluster_metadata-0` and in snapshots (Kafka's ApiMessageAndVersion), so Kafka's
 * own tools print them. Which kinds exist, and which version of each we write, is one table; reading takes every
 * version.
 *
 * Pure. Memory: decoded strings are slices of the input, arrays come from the arena.
 */
#ifndef RINGMAIN_CORE_META_RECORD_H
#define RINGMAIN_CORE_META_RECORD_H

#include "core/wire/schema/metadata_records.h"

/*    api key  NAME  struct and schema prefix  member  version written */
#define META_RECORD_TABLE(R)                                                                   \
    R(0, REGISTER_BROKER, register_broker_record, register_broker, 3)                          \
    R(1, UNREGISTER_BROKER, unregister_broker_record, unregister_broker, 0)                    \
    R(2, TOPIC, topic_record, topic, 0)                                                        \
    R(3, PARTITION, partition_record, partition, 2)                                            \
    R(4, CONFIG, config_record, config, 0)                                                     \
    R(5, PARTITION_CHANGE, partition_change_record, partition_change, 2)                       \
    R(7, FENCE_BROKER, fence_broker_record, fence_broker, 0)                                   \
    R(8, UNFENCE_BROKER, unfence_broker_record, unfence_broker, 0)                             \
    R(9, REMOVE_TOPIC, remove_topic_record, remove_topic, 0)                                   \
    R(12, FEATURE_LEVEL, feature_level_record, feature_level, 0)                               \
    R(15, PRODUCER_IDS, producer_ids_record, producer_ids, 0)                                  \
    R(17, BROKER_REGISTRATION_CHANGE, broker_registration_change_record, broker_change, 2)     \
    R(20, NO_OP, no_op_record, no_op, 0)

enum meta_record_type {
#define R(key, name, prefix, member, version) META_##name = key,
    META_RECORD_TABLE(R)
#undef R
};

struct meta_record {
    enum meta_record_type type;
    union {
#define R(key, name, prefix, member, version) struct prefix member;
        META_RECORD_TABLE(R)
#undef R
    };
};

/* What a decision wants to be written, in order; grows in an arena. */
struct meta_records {
    struct meta_record *items;
    int count;
    int capacity;
};

/* Sets every field of the kind to its default. */
void meta_record_init(struct meta_record *record, enum meta_record_type type);
/* A new record at the end, initialised; NULL when the arena is full. */
struct meta_record *meta_records_add(struct meta_records *records, struct arena *arena, enum meta_record_type type);

enum err meta_record_encode(const struct meta_record *record, struct wire_writer *writer) MUST_CHECK;
/* ERR_UNSUPPORTED: a kind or version that this build does not know; ERR_CORRUPT: bytes that match none. */
enum err meta_record_decode(struct slice value, struct arena *arena, struct meta_record *record) MUST_CHECK;
/* Its table and the version we write it in, e.g. for wire_print(schema, version, &record->topic, arena). */
const struct wire_schema *meta_record_schema(const struct meta_record *record, int16_t *version);

#endif
