#include "replication/quorum/internal.h"

#include <stdio.h>

/* header control batch | record batches | footer control batch; offsets count the snapshot's own records (KIP-630). */

enum { CHUNK_RECORDS = 500, CHUNK_BYTES = 512 << 10, CONTROL_BATCH_MAX = 256 };

struct snapshot_writer {
    struct image_writer writer;
    struct wire_writer *out;
    struct wire_writer values; /* of the batch being gathered */
    size_t ends[CHUNK_RECORDS];
    int count;
    int64_t next_offset, now_ms;
    int32_t epoch;
    enum err err;
};

static void put_batch(struct snapshot_writer *snapshot, uint8_t *data, struct slice batch, int32_t records)
{
    batch_set_offset(data, snapshot->next_offset, snapshot->epoch);
    wire_put(snapshot->out, batch.data, batch.length);
    snapshot->next_offset += records;
    if (snapshot->out->failed)
        snapshot->err = ERR_NO_MEMORY;
}

/* The key says what kind of control record, the value is a flexible table of version 0. */
static void put_control(struct snapshot_writer *snapshot, int16_t type, const uint8_t *value, size_t length)
{
    uint8_t data[CONTROL_BATCH_MAX], key[4] = {0};
    struct batch_builder builder;
    struct batch_header header = {
        .attributes = BATCH_CONTROL, .producer_id = BATCH_NO_PRODUCER_ID, .producer_epoch = -1, .base_sequence = -1};
    put_i16(key + 2, type);
    batch_builder_init(&builder, data, sizeof data);
    bool added = batch_builder_add(&builder, snapshot->now_ms, slice_of(key, sizeof key), slice_of(value, length),
                                   SLICE_NULL, 0);
    ASSERT(added);
    put_batch(snapshot, data, batch_builder_finish(&builder, &header), 1);
}

static void put_chunk(struct snapshot_writer *snapshot)
{
    if (snapshot->count == 0 || snapshot->err != ERR_OK)
        return;
    size_t capacity = BATCH_HEADER_BYTES + snapshot->values.length + (size_t)snapshot->count * BATCH_RECORD_OVERHEAD;
    struct mem *mem = snapshot->values.mem;
    uint8_t *data = mem_alloc(mem, capacity);
    if (data == NULL) {
        snapshot->err = ERR_NO_MEMORY;
        return;
    }
    struct batch_builder builder;
    batch_builder_init(&builder, data, capacity);
    for (int i = 0; i < snapshot->count; i++) {
        size_t from = i == 0 ? 0 : snapshot->ends[i - 1];
        bool added = batch_builder_add(&builder, snapshot->now_ms, SLICE_NULL,
                                       slice_of(snapshot->values.data + from, snapshot->ends[i] - from), SLICE_NULL, 0);
        ASSERT(added);
    }
    put_batch(snapshot, data, batch_builder_finish(&builder, NULL), snapshot->count);
    mem_free(mem, data, capacity);
    snapshot->values.length = 0;
    snapshot->count = 0;
}

static bool put_record(struct image_writer *writer, const struct meta_record *record)
{
    struct snapshot_writer *snapshot = CONTAINER_OF(writer, struct snapshot_writer, writer);
    if (snapshot->err == ERR_OK)
        snapshot->err = meta_record_encode(record, &snapshot->values);
    if (snapshot->err != ERR_OK)
        return false;
    snapshot->ends[snapshot->count++] = snapshot->values.length;
    if (snapshot->count == CHUNK_RECORDS || snapshot->values.length >= CHUNK_BYTES)
        put_chunk(snapshot);
    arena_reset(writer->scratch);
    return snapshot->err == ERR_OK;
}

static enum err encode_snapshot(struct quorum *quorum, const struct image *image, struct wire_writer *out)
{
    static const uint8_t header[] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}; /* version, timestamp, no tags */
    static const uint8_t footer[] = {0, 0, 0};                         /* version, no tags */
    struct arena scratch;
    struct snapshot_writer snapshot = {
        .writer = {&scratch, put_record}, .out = out, .now_ms = io_wall_ms(quorum->io), .epoch = image->epoch};
    uint8_t first[sizeof header];
    arena_init(&scratch, quorum->mem, (size_t)64 << 20);
    wire_writer_init(&snapshot.values, quorum->mem);
    memcpy(first, header, sizeof header);
    put_i64(first + 2, snapshot.now_ms);
    put_control(&snapshot, SNAPSHOT_HEADER_TYPE, first, sizeof first);
    if (!image_write(image, &snapshot.writer) && snapshot.err == ERR_OK)
        snapshot.err = ERR_NO_MEMORY;
    put_chunk(&snapshot);
    put_control(&snapshot, SNAPSHOT_FOOTER_TYPE, footer, sizeof footer);
    wire_writer_fini(&snapshot.values);
    arena_fini(&scratch);
    return snapshot.err;
}

/* ---- the job
 * ---------------------------------------------------------------------------------------------------------- */

static void write_file(struct io_job *job, struct fs *fs)
{
    struct quorum_snapshot *snapshot = CONTAINER_OF(job, struct quorum_snapshot, _job);
    if (snapshot->err != ERR_OK)
        return;
    snapshot->err = fs_write_file(fs, snapshot->_path, snapshot->_bytes.data, snapshot->_bytes.length);
    if (snapshot->err == ERR_OK && snapshot->_old[0] != '\0' && strcmp(snapshot->_old, snapshot->_path) != 0 &&
        fs_unlink(fs, snapshot->_old) != ERR_OK)
        MAYBE(false); /* it stays until the next start finds a newer one; it does no harm */
}

static void file_written(struct io_job *job)
{
    struct quorum_snapshot *snapshot = CONTAINER_OF(job, struct quorum_snapshot, _job);
    struct quorum *quorum = snapshot->_quorum;
    wire_writer_fini(&snapshot->_bytes);
    quorum->is_writing_snapshot = false;
    if (snapshot->err == ERR_OK) {
        memcpy(quorum->snapshot_path, snapshot->_path, sizeof quorum->snapshot_path);
        if (log_advance_start(quorum->log, snapshot->_end_offset) == ERR_OK)
            (void)log_retain(quorum->log, io_wall_ms(quorum->io), snapshot->_end_offset);
    }
    snapshot->done(snapshot);
}

bool quorum_wants_snapshot(const struct quorum *quorum)
{
    if (quorum->is_writing_snapshot || quorum->failed || quorum->bytes_since_snapshot == 0)
        return false;
    return quorum->bytes_since_snapshot >= quorum->bytes_between_snapshots ||
           (quorum->snapshot_interval_ms > 0 &&
            io_wall_ms(quorum->io) - quorum->snapshot_at_ms >= quorum->snapshot_interval_ms);
}

void quorum_write_snapshot(struct quorum *quorum, struct quorum_snapshot *snapshot)
{
    ASSERT(!quorum->is_writing_snapshot && snapshot->image->offset <= quorum->committed);
    quorum->is_writing_snapshot = true;
    quorum->bytes_since_snapshot = 0;
    quorum->snapshot_at_ms = io_wall_ms(quorum->io);
    snapshot->_quorum = quorum;
    snapshot->_end_offset = snapshot->image->offset + 1;
    snprintf(snapshot->_path, sizeof snapshot->_path, "%.900s/%020lld-%010d.checkpoint", quorum->directory,
             (long long)snapshot->_end_offset, snapshot->image->epoch);
    memcpy(snapshot->_old, quorum->snapshot_path, sizeof snapshot->_old);
    wire_writer_init(&snapshot->_bytes, quorum->mem);
    snapshot->err = encode_snapshot(quorum, snapshot->image, &snapshot->_bytes);
    snapshot->_job.work = write_file;
    snapshot->_job.done = file_written;
    io_job_start(quorum->io, &snapshot->_job);
}
