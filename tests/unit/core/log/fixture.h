/* One log on the real machine, and what tests of logs do with it. */
#ifndef RINGMAIN_TESTS_UNIT_CORE_LOG_FIXTURE_H
#define RINGMAIN_TESTS_UNIT_CORE_LOG_FIXTURE_H

#include "core/log/log.h"
#include "io/reactor/machine.h"
#include "tests/support/test.h"

#include <stdio.h>
#include <unistd.h>

static char directory[256];
static struct machine *machine;
static struct io *io;
static struct topic_config config;
static uint8_t buffer[1 << 16];
static struct batch_header header;

static inline void defaults(void)
{
    config = (struct topic_config){.segment_bytes = 1 << 20,
                                   .segment_ms = 604800000,
                                   .segment_index_bytes = 10485760,
                                   .index_interval_bytes = 4096,
                                   .retention_ms = -1,
                                   .retention_bytes = -1,
                                   .cleanup_policy = CONFIG_CLEANUP_DELETE,
                                   .max_message_bytes = 1048588};
}

static inline int set_up(void **state)
{
    char why[512];
    defaults();
    snprintf(directory, sizeof(directory), "/tmp/ringmain-log-test-%d-%ld", (int)getpid(), random());
    struct machine_options options = {.data_shards = 0};
    if (machine_open(&options, &machine, why) != ERR_OK) {
        print_error("%s\n", why);
        return -1;
    }
    io = machine_io(machine, 0);
    return 0;
}

static inline int tear_down(void **state)
{
    char command[300];
    machine_close(machine);
    snprintf(command, sizeof(command), "rm -rf '%s'", directory);
    return system(command);
}

static inline struct log *open_log(bool clean, int64_t recovery_point, struct log_observer *observer)
{
    struct log *log;
    struct log_options options = {.directory = directory,
                                  .topic_id = {{1}},
                                  .recovery_point = recovery_point,
                                  .clean = clean,
                                  .config = &config,
                                  .observer = observer};
    assert_int_equal(log_open(io, io_fs(io), &options, &log), ERR_OK);
    return log;
}

static inline void close_log(struct log *log)
{
    while (log_is_busy(log))
        machine_turn(machine, true);
    log_close(log);
}

static inline struct slice make_batch(int records, size_t value_bytes, int64_t timestamp_ms)
{
    static uint8_t value[8192];
    struct batch_builder builder;
    batch_builder_init(&builder, buffer, sizeof(buffer));
    for (int i = 0; i < records; i++)
        assert_true(
            batch_builder_add(&builder, timestamp_ms + i, SLICE_NULL, slice_of(value, value_bytes), SLICE_NULL, 0));
    struct slice batch = batch_builder_finish(&builder, NULL);
    assert_int_equal(batch_read_header(batch.data, batch.length, &header), ERR_OK);
    return batch;
}

static inline int64_t append(struct log *log, int records, size_t value_bytes, int64_t timestamp_ms)
{
    int appended;
    make_batch(records, value_bytes, timestamp_ms);
    struct log_piece piece = {.data = buffer, .header = &header};
    assert_int_equal(log_append(log, &piece, 1, 0, &appended), ERR_OK);
    assert_int_equal(appended, 1);
    return piece.base_offset;
}

static bool read_is_done;
static inline void read_done(struct log_read *read)
{
    read_is_done = true;
}

static inline struct batch_header read_at(struct log *log, int64_t offset, int32_t max_bytes, struct log_read *read)
{
    *read =
        (struct log_read){.done = read_done, .offset = offset, .below = log_end_offset(log), .max_bytes = max_bytes};
    read_is_done = false;
    if (!log_read(log, read))
        while (!read_is_done)
            machine_turn(machine, true);
    assert_int_equal(read->err, ERR_OK);
    struct batch_header first = {.base_offset = -1};
    if (read->ref == NULL)
        return first;
    uint8_t bytes[BATCH_HEADER_BYTES];
    size_t got;
    assert_int_equal(fs_read(io_fs(io), read->file, bytes, sizeof(bytes), read->pos, &got), ERR_OK);
    assert_int_equal(batch_read_header(bytes, got, &first), ERR_OK);
    log_ref_release(read->ref);
    return first;
}

static inline void flush(struct log *log)
{
    log_flush(log);
    while (log_is_flushing(log))
        machine_turn(machine, true);
    assert_int_equal(log_durable_offset(log), log_end_offset(log));
}

static inline void damage_at(int64_t pos)
{
    char path[300];
    io_file file;
    snprintf(path, sizeof(path), "%s/00000000000000000000.log", directory);
    assert_int_equal(fs_open(io_fs(io), path, FS_READ | FS_WRITE, &file), ERR_OK);
    assert_int_equal(fs_write(io_fs(io), file, "\xff\xff", 2, pos), ERR_OK);
    fs_close(io_fs(io), file);
}

#define ON_DISK(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

#endif
