/* Checks without state, on any shard: what a batch must be before a partition sees it. */
#include "core/partition/partition.h"
#include "core/wire/batch_convert.h"
#include "core/wire/error.h"

static int level_of(const struct topic_config *config, enum compress_codec codec)
{
    switch (codec) {
    case COMPRESS_GZIP:
        return config->compression_gzip_level;
    case COMPRESS_LZ4:
        return config->compression_lz4_level;
    case COMPRESS_ZSTD:
        return config->compression_zstd_level;
    case COMPRESS_NONE:
    case COMPRESS_SNAPPY:
        break; /* have none */
    }
    return INT32_MIN;
}

static bool refuse(struct partition_append *append, const struct batch_verdict *verdict)
{
    append->error = verdict->error;
    append->error_message = verdict->message;
    append->record_errors = verdict->record_errors;
    append->record_error_count = verdict->record_error_count;
    return false;
}

/* Where the topic asks for it, the records of a compressed batch are looked at, and stored in the topic's codec. */
static bool plan_convert(const struct topic_config *config, const struct batch_rules *rules, bool look_inside,
                         struct arena *arena, struct partition_append *append)
{
    enum compress_codec own = (enum compress_codec)(append->header.attributes & BATCH_CODEC_MASK), wanted = own;
    append->convert = NULL;
    if (config->compression_type != CONFIG_COMPRESSION_PRODUCER)
        wanted = (enum compress_codec)config->compression_type;
    if (wanted == own && !look_inside)
        return true;
    append->convert = ARENA_NEW(arena, struct partition_convert);
    if (append->convert == NULL) {
        append->error = KAFKA_ERROR_KAFKA_STORAGE_ERROR;
        return false;
    }
    *append->convert = (struct partition_convert){.rules = *rules, .codec = wanted, .level = level_of(config, wanted)};
    return true;
}

/* What a client must not decide is put right in its bytes. */
static void settle_time(struct partition_append *append, bool append_time)
{
    enum { AT_MAX_TIMESTAMP = 35 };
    if (append_time)
        return; /* stamped when it is appended */
    if (append->header.attributes & BATCH_LOG_APPEND_TIME) {
        append->header.attributes &= ~BATCH_LOG_APPEND_TIME;
        batch_set_create_time(append->records, append->length, append->header.max_timestamp);
    } else if (append->header.max_timestamp != get_i64(append->records + AT_MAX_TIMESTAMP)) {
        batch_set_max_timestamp(append->records, append->length, append->header.max_timestamp);
    }
}

static void clear_answer(struct partition_append *append)
{
    append->base_offset = append->log_append_time_ms = append->log_start_offset = -1;
    append->leader_epoch = -1;
    append->error_message = NULL;
    append->record_errors = NULL;
    append->record_error_count = 0;
    append->convert = NULL;
    append->_waits = false;
    append->error = KAFKA_ERROR_NONE;
    append->header.size = 0; /* of none that could be read */
    list_init(&append->_link);
}

void partition_prepare(struct partition_append *append, uint8_t *records, size_t length)
{
    clear_answer(append);
    append->records = records;
    append->length = length;
    enum err err = batch_read_header(records, length, &append->header);
    ASSERT(err == ERR_OK && append->header.size == length);
}

bool partition_check(const struct topic_config *config, int64_t wall_ms, struct arena *arena,
                     struct partition_append *append)
{
    struct batch_rules rules = {
        .now_ms = wall_ms,
        .before_max_ms = config->message_timestamp_before_max_ms,
        .after_max_ms = config->message_timestamp_after_max_ms,
        .max_bytes = config->max_message_bytes,
        .segment_bytes = config->segment_bytes,
        .append_time = config->message_timestamp_type == CONFIG_TIMESTAMP_APPEND,
        .need_keys = (config->cleanup_policy & CONFIG_CLEANUP_COMPACT) != 0,
    };
    struct batch_verdict verdict;
    clear_answer(append);
    bool accepted = batch_check(slice_of(append->records, append->length), &rules, arena, &append->header, &verdict);
    if (verdict.is_one) /* what is behind it, and is no batch, is left out */
        append->length = append->header.size;
    if (!accepted)
        return refuse(append, &verdict);
    if (!plan_convert(config, &rules, verdict.look_inside, arena, append))
        return false;
    if (append->convert == NULL)
        settle_time(append, rules.append_time);
    return true;
}

/* ---- records of packed batches ----------------------------------------------------------------------------------- */

/* Above what the batch may unfold to, by what the worst codec adds to bytes that it cannot pack. */
size_t partition_convert_bytes(const struct partition_append *append)
{
    enum { SLACK_BYTES = 4096 };
    bool packed = (append->header.attributes & BATCH_CODEC_MASK) != COMPRESS_NONE;
    size_t unpacked = packed ? batch_unpacked_limit(append->length) : append->length;
    return size_min(unpacked + unpacked / 6, (size_t)append->convert->rules.max_bytes) + SLACK_BYTES;
}

void partition_convert(struct partition_append *append, struct mem *mem)
{
    struct partition_convert *convert = append->convert;
    struct slice batch = slice_of(append->records, append->length), converted;
    struct batch_verdict *verdict = &convert->verdict;
    struct arena arena;
    arena_init(&arena, mem, mem->limit);
    convert->header = append->header;
    convert->accepted = batch_convert(batch, &convert->rules, convert->codec, convert->level, &arena, &convert->header,
                                      &converted, verdict);
    const void *result = verdict->record_errors;
    convert->length = (size_t)verdict->record_error_count * sizeof(struct batch_record_error);
    if (convert->accepted) {
        result = converted.data;
        convert->length = converted.data == batch.data ? 0 : converted.length;
        ASSERT(convert->length <= convert->capacity);
    }
    convert->length = size_min(convert->length, convert->capacity); /* of a list of errors the beginning is enough */
    if (convert->length > 0)
        memcpy(convert->buffer, result, convert->length);
    arena_fini(&arena);
}

bool partition_convert_finish(struct partition_append *append, struct arena *arena)
{
    struct partition_convert *convert = append->convert;
    struct batch_verdict *verdict = &convert->verdict;
    void *kept = convert->length == 0 ? NULL : arena_copy(arena, convert->buffer, convert->length);
    bool remembered = kept != NULL || convert->length == 0;
    append->convert = NULL;
    if (!convert->accepted) {
        verdict->record_errors = kept;
        verdict->record_error_count = remembered ? (int32_t)(convert->length / sizeof(struct batch_record_error)) : 0;
        return refuse(append, verdict);
    }
    if (!remembered) {
        append->error = KAFKA_ERROR_KAFKA_STORAGE_ERROR;
        return false;
    }
    append->header = convert->header;
    if (kept != NULL) {
        append->records = kept;
        append->length = convert->length;
    }
    settle_time(append, convert->rules.append_time);
    return true;
}
