/* core/log/checkpoint.h -- the small text files of a data directory, as bytes: reading and making them.
 *
 *   offset checkpoint (recovery-point-offset-checkpoint, log-start-offset-checkpoint, replication-offset-checkpoint,
 *     cleaner-offset-checkpoint):
 *     "0\n" "<count>\n" then "<topic> <partition> <offset>\n" each
 *   leader-epoch-checkpoint:  "0\n" "<count>\n" then "<epoch> <start offset>\n" each
 *   partition.metadata:       "version: 0\n" "topic_id: <22 characters>\n"
 *   meta.properties:          version=1, node.id, cluster.id, directory.id
 *   .kafka_cleanshutdown:     {"version":0,"brokerEpoch":-1}
 *
 * Core: pure, any thread. Memory: what is read points into the text; made texts come from a mem. Errors: ERR_CORRUPT
 * for whatever is not exactly of the format; what was read before is not used. Rules: Kafka's OffsetCheckpointFile,
 * LeaderEpochCheckpointFile, PartitionMetadataFile, MetaProperties (KIP-631, KIP-858), CleanShutdownFileHandler.
 */
#ifndef RINGMAIN_CORE_LOG_CHECKPOINT_H
#define RINGMAIN_CORE_LOG_CHECKPOINT_H

#include "io/base/bytes.h"
#include "io/base/err.h"
#include "io/base/mem.h"

enum checkpoint_kind {
    CHECKPOINT_RECOVERY_POINT,
    CHECKPOINT_LOG_START,
    CHECKPOINT_HIGH_WATERMARK,
    CHECKPOINT_CLEANED,
    CHECKPOINT_KINDS,
};
enum { CHECKPOINT_TOPIC_MAX = 249, CHECKPOINT_CLUSTER_ID_SIZE = 64 };

const char *checkpoint_file_name(enum checkpoint_kind kind);

/* ---- reading ---------------------------------------------------------------------------------------------------- */

struct checkpoint_entry {
    struct slice topic;
    int32_t partition;
    int64_t offset;
};

/* Walks "0\n<count>\n" and its lines, of either checkpoint. */
struct checkpoint_reader {
    const uint8_t *_at, *_end;
    int64_t left; /* entries that must still come */
};
enum err checkpoint_begin(struct checkpoint_reader *reader, struct slice text) MUST_CHECK;
/* ERR_NOT_FOUND: no more, and nothing left over. */
enum err checkpoint_next(struct checkpoint_reader *reader, struct checkpoint_entry *entry) MUST_CHECK;
enum err checkpoint_next_epoch(struct checkpoint_reader *reader, int32_t *epoch, int64_t *start_offset) MUST_CHECK;

struct checkpoint_meta {
    int32_t node_id;
    char cluster_id[CHECKPOINT_CLUSTER_ID_SIZE];
    struct uuid directory_id; /* zero: an older file has none */
};
enum err checkpoint_read_meta(struct slice text, struct checkpoint_meta *meta) MUST_CHECK;
enum err checkpoint_read_topic_id(struct slice text, struct uuid *topic_id) MUST_CHECK;
/* "topic-3": its two halves. False: not the name of a partition's directory. */
bool checkpoint_split_name(const char *name, struct slice *topic, int32_t *partition);

/* ---- making ----------------------------------------------------------------------------------------------------- */

/* Text that grows; `failed` stays when memory was short, and is to be looked at once, at the end. */
struct checkpoint_text {
    struct mem *mem;
    char *data;
    size_t length, capacity;
    bool failed;
};
void checkpoint_text_init(struct checkpoint_text *text, struct mem *mem);
void checkpoint_text_fini(struct checkpoint_text *text);
void checkpoint_add(struct checkpoint_text *text, struct slice bytes);
void checkpoint_printf(struct checkpoint_text *text, const char *format, ...) PRINTF_LIKE(2, 3);

enum { CHECKPOINT_META_SIZE = 256 };
int checkpoint_write_meta(const struct checkpoint_meta *meta, char text[CHECKPOINT_META_SIZE]); /* its length */

#endif
