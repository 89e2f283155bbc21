/* A partition's directory with any bytes in its files: segments, offset, time and aborted index, epoch checkpoint.
 * Opening it either says why not or gives a log whose offsets are in order, whose every batch is read or named as
 * damaged, that takes an append, and that is the same after a clean restart. Byte 0: flags; byte 1: the recovery point;
 * then each file's bytes behind its length (u16, big-endian). */
#include "core/log/checkpoint.h"
#include "core/log/log.h"
#include "core/wire/crc32c.h"
#include "io/reactor/sim.h"
#include "tests/fuzz/fuzz.h"

#include <stdio.h>

enum { CLEAN = 1, MEND = 2, COLD = 4, STEPS_MAX = 100000 };

static const char *const names[] = {"00000000000000000000.log",       "00000000000000000000.index",
                                    "00000000000000000000.timeindex", "00000000000000000000.txnindex",
                                    "00000000000000000040.log",       "09223372034707292159.log",
                                    "leader-epoch-checkpoint"};

static struct sim *sim;
static struct sim_node *node;
static bool reading;

static void step(void)
{
    static uint64_t turns;
    if (turns++ % 2 == 0)
        sim_node_wake(node);
    sim_step(sim);
}

/* Batches whose only fault would be the checksum are what a broken writer leaves behind. */
static void mend(uint8_t *bytes, size_t length)
{
    for (size_t at = 0; at + BATCH_HEADER_BYTES <= length;) {
        int32_t rest = get_i32(bytes + at + 8);
        size_t size = rest < BATCH_HEADER_BYTES - BATCH_PREFIX_BYTES ? 0 : (size_t)rest + BATCH_PREFIX_BYTES;
        if (size == 0 || size > length - at)
            return;
        put_u32(bytes + at + 17, crc32c(0, bytes + at + 21, size - 21));
        at += size;
    }
}

static void put_files(const uint8_t *data, size_t size, bool mended)
{
    struct fs *fs = sim_disk_fs(sim_node_disk(node));
    for (size_t i = 0; i < COUNT_OF(names) && size >= 2; i++) {
        char path[64];
        io_file file;
        size_t length = size_min((size_t)data[0] << 8 | data[1], size - 2);
        uint8_t *bytes = malloc(length + 1);
        memcpy(bytes, data + 2, length);
        if (mended && strstr(names[i], ".log") != NULL)
            mend(bytes, length);
        snprintf(path, sizeof path, "/p/%s", names[i]);
        if (length > 0) {
            ASSERT(fs_open(fs, path, FS_WRITE | FS_CREATE, &file) == ERR_OK);
            ASSERT(fs_write(fs, file, bytes, length, 0) == ERR_OK);
            fs_close(fs, file);
        }
        free(bytes);
        data += 2 + length;
        size -= 2 + length;
    }
}

static void read_done(struct log_read *read)
{
    reading = false;
}

static void read_everything(struct log *log)
{
    int64_t end = log_end_offset(log);
    for (int64_t offset = log_start_offset(log), next; offset < end; offset = next) {
        struct log_read read = {.done = read_done, .offset = offset, .below = end, .max_bytes = 4096};
        reading = true;
        if (!log_read(log, &read))
            for (int i = 0; reading; i++) {
                ASSERT(i < STEPS_MAX);
                step();
            }
        if (read.err != ERR_OK || read.ref == NULL) {
            next = end; /* its end cannot be told, unless it is named as damaged */
            for (int i = 0; i < log_damage_count(log); i++) {
                const struct log_damage *damage = log_damage_at(log, i);
                if (damage->offset <= offset && offset < damage->end_offset)
                    next = damage->end_offset;
            }
            continue;
        }
        uint8_t bytes[BATCH_HEADER_BYTES];
        size_t got;
        struct batch_header header;
        ASSERT(fs_read(sim_disk_fs(sim_node_disk(node)), read.file, bytes, sizeof bytes, read.pos, &got) == ERR_OK);
        ASSERT(batch_read_header(bytes, got, &header) == ERR_OK && batch_last_offset(&header) >= offset);
        next = batch_last_offset(&header) + 1;
        log_ref_release(read.ref);
    }
}

static void append_one(struct log *log)
{
    uint8_t bytes[256];
    struct batch_builder builder;
    struct batch_header header;
    int64_t end = log_end_offset(log);
    int appended;
    batch_builder_init(&builder, bytes, sizeof bytes);
    ASSERT(batch_builder_add(&builder, 1, SLICE_NULL, SLICE_LITERAL("x"), SLICE_NULL, 0));
    struct slice batch = batch_builder_finish(&builder, NULL);
    ASSERT(batch_read_header(batch.data, batch.length, &header) == ERR_OK);
    struct log_piece piece = {.data = bytes, .header = &header};
    ASSERT(log_append(log, &piece, 1, 1 << 20, &appended) == ERR_OK && piece.base_offset == end);
    log_flush(log);
    for (int i = 0; log_is_flushing(log); i++) {
        ASSERT(i < STEPS_MAX);
        step();
    }
    ASSERT(log_durable_offset(log) == log_end_offset(log));
}

/* As a broker stops it; described: what the manifest is told. */
static void close_log(struct log *log, struct checkpoint_text *described)
{
    for (int i = 0; log_is_busy(log); i++) {
        ASSERT(i < STEPS_MAX);
        step();
    }
    ASSERT(log_stop(log, sim_disk_fs(sim_node_disk(node))) == ERR_OK);
    if (described != NULL && !log_describe(log, described))
        described->length = 0; /* with damage it is looked at; then offsets may be skipped, none is given out twice */
    log_close(log);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    struct sim_options options = {.seed = 1};
    struct sim_node_options alone = {.memory_bytes = 256 << 20};
    struct topic_config config = {.segment_bytes = 1 << 20,
                                  .segment_ms = INT64_MAX,
                                  .segment_index_bytes = 10485760,
                                  .index_interval_bytes = data[0] & 8 ? 100 : 4096,
                                  .retention_ms = -1,
                                  .retention_bytes = -1,
                                  .cleanup_policy = CONFIG_CLEANUP_DELETE,
                                  .max_message_bytes = 1048588};
    struct log_options how = {.directory = "/p",
                              .topic_id = {{1}},
                              .recovery_point = data[1],
                              .clean = (data[0] & CLEAN) != 0,
                              .config = &config};
    struct log *log;
    sim = sim_open(&options);
    node = sim_node_open(sim, &alone);
    sim_node_start(node, 0);
    struct io *io = sim_node_io(node, 0);
    if (data[0] & COLD)
        sim_disk_faults(sim_node_disk(node))->cold_ppm = 500000;
    size_t used = sim_node_memory_used(node);
    ASSERT(log_prepare(io_fs(io), "/p", how.topic_id) == ERR_OK);
    put_files(data + 2, size - 2, (data[0] & MEND) != 0);
    if (log_open(io, io_fs(io), &how, &log) == ERR_OK) {
        ASSERT(log_start_offset(log) <= log_end_offset(log) && log_durable_offset(log) <= log_end_offset(log));
        read_everything(log);
        append_one(log);
        int64_t start = log_start_offset(log), end = log_end_offset(log);
        bool damaged = log_damage_count(log) > 0;
        struct checkpoint_text described;
        checkpoint_text_init(&described, io_mem(io));
        close_log(log, &described);
        how.description = slice_of(described.data, described.length);
        how.clean = true;
        how.recovery_point = end;
        how.start_offset = start;
        ASSERT(log_open(io, io_fs(io), &how, &log) == ERR_OK);
        ASSERT(log_start_offset(log) == start);
        ASSERT(damaged ? log_end_offset(log) >= end : log_end_offset(log) == end);
        read_everything(log);
        close_log(log, NULL);
        checkpoint_text_fini(&described);
    }
    ASSERT(sim_node_memory_used(node) == used);
    sim_node_crash(node, SIM_KILL);
    sim_close(sim);
    return 0;
}
