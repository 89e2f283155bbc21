/* Goal:   offsets by time are exact to the record, also where records are packed.
 * Method: logs of packed batches whose records' times go down and up again, every codec; a damaged one; a large one. */
#include "core/log/log.h"
#include "core/wire/compress.h"
#include "io/base/prng.h"
#include "tests/unit/core/log/tree.h"

enum { BATCH_MOST = 3 << 20 };

struct packed {
    struct tree *tree;
    struct topic_config config;
    struct prng prng;
    struct log *log;
    uint8_t *batch;
};

static void open_packed(struct packed *packed, void **state, int32_t segment_bytes)
{
    char path[FS_PATH_MAX];
    *packed = (struct packed){.tree = *state,
                              .config = {.segment_bytes = segment_bytes,
                                         .segment_ms = 604800000,
                                         .segment_index_bytes = 10485760,
                                         .index_interval_bytes = 4096,
                                         .retention_ms = -1,
                                         .retention_bytes = -1,
                                         .cleanup_policy = CONFIG_CLEANUP_DELETE,
                                         .max_message_bytes = BATCH_MOST}};
    const struct log_options options = {
        .directory = tree_path(packed->tree, "t-0", path), .topic_id = {{1}}, .clean = true, .config = &packed->config};
    assert_int_equal(log_open(packed->tree->io, packed->tree->fs, &options, &packed->log), ERR_OK);
    packed->batch = malloc(BATCH_MOST);
    prng_seed(&packed->prng, 7);
}

static void close_packed(struct packed *packed)
{
    while (log_is_busy(packed->log))
        machine_turn(packed->tree->machine, true);
    log_close(packed->log);
    free(packed->batch);
}

/* Record i has the time first_ms + (i ^ 1): 1, 0, 3, 2 ... */
static void append_packed(struct packed *packed, enum compress_codec codec, int records, size_t value_bytes,
                          int64_t first_ms, int16_t attributes)
{
    struct mem *mem = io_mem(packed->tree->io);
    struct compress_buffer out;
    struct batch_builder builder;
    struct batch_header header = {.producer_id = -1, .producer_epoch = -1, .base_sequence = -1};
    uint8_t *value = malloc(value_bytes);
    for (size_t i = 0; i < value_bytes; i++)
        value[i] = (uint8_t)prng_next(&packed->prng);
    batch_builder_init(&builder, packed->batch, BATCH_MOST);
    for (int i = 0; i < records; i++)
        assert_true(
            batch_builder_add(&builder, first_ms + (i ^ 1), SLICE_NULL, slice_of(value, value_bytes), SLICE_NULL, 0));
    free(value);
    header.attributes = attributes;
    struct slice batch = batch_builder_finish(&builder, &header);
    compress_buffer_init(&out, mem);
    struct slice body = slice_of(batch.data + BATCH_HEADER_BYTES, batch.length - BATCH_HEADER_BYTES);
    assert_int_equal(compress_pack(codec, INT32_MIN, body, &out), ERR_OK);
    memcpy(packed->batch + BATCH_HEADER_BYTES, out.data, out.length);
    size_t length = BATCH_HEADER_BYTES + out.length;
    compress_buffer_fini(&out);
    batch_set_codec(packed->batch, length, (int)codec);
    batch_set_max_timestamp(packed->batch, length, first_ms + records - 1);
    assert_int_equal(batch_read_header(packed->batch, length, &header), ERR_OK);
    struct log_piece piece = {.data = packed->batch, .header = &header};
    int appended;
    assert_int_equal(log_append(packed->log, &piece, 1, 0, &appended), ERR_OK);
}

struct search {
    struct log_find find;
    bool is_done;
};

static void search_done(struct log_find *find)
{
    CONTAINER_OF(find, struct search, find)->is_done = true;
}

static struct log_find search(struct packed *packed, int64_t at)
{
    struct search search = {.find = {.done = search_done, .at = at, .below = log_end_offset(packed->log)}};
    log_find(packed->log, &search.find);
    turning_until(packed->tree->machine, &search.is_done);
    return search.find;
}

static void assert_found(struct packed *packed, int64_t at, int64_t offset, int64_t timestamp)
{
    struct log_find found = search(packed, at);
    assert_int_equal(found.err, ERR_OK);
    assert_int_equal(found.offset, offset);
    assert_int_equal(found.timestamp, timestamp);
}

static void the_first_record_as_new_as_asked_is_found_in_packed_batches(void **state)
{
    struct packed packed;
    open_packed(&packed, state, 5000);
    for (int i = 0; i < 50; i++)
        append_packed(&packed, (enum compress_codec)(i % 5), 4, 300, 1000 + i * 10, 0);
    assert_true(log_segment_count(packed.log) > 2);
    for (int i = 0; i < 50; i++) {
        assert_found(&packed, 1000 + i * 10, i * 4, 1001 + i * 10);
        assert_found(&packed, 1002 + i * 10, i * 4 + 2, 1003 + i * 10);
        assert_found(&packed, 1003 + i * 10, i * 4 + 2, 1003 + i * 10);
        assert_found(&packed, 1004 + i * 10, i == 49 ? -1 : i * 4 + 4, i == 49 ? -1 : 1011 + i * 10);
    }
    close_packed(&packed);
}

static void the_newest_record_is_found_in_packed_batches(void **state)
{
    for (int codec = 0; codec < 5; codec++) {
        struct packed packed;
        open_packed(&packed, state, 1 << 20);
        append_packed(&packed, COMPRESS_NONE, 4, 10, 1000, 0);
        append_packed(&packed, (enum compress_codec)codec, 4, 10, 5000, 0);
        append_packed(&packed, COMPRESS_NONE, 4, 10, 3000, 0);
        assert_found(&packed, LOG_AT_MAX, 6, 5003);
        close_packed(&packed);
        tree_remove(packed.tree->fs, packed.tree->scratch.path, 3);
        assert_int_equal(fs_make_directories(packed.tree->fs, packed.tree->scratch.path), ERR_OK);
    }
}

static void records_below_the_start_are_not_found(void **state)
{
    struct packed packed;
    open_packed(&packed, state, 1 << 20);
    append_packed(&packed, COMPRESS_ZSTD, 4, 300, 1000, 0);
    assert_int_equal(log_advance_start(packed.log, 3), ERR_OK);
    assert_found(&packed, 1000, 3, 1002);
    assert_found(&packed, LOG_AT_MAX, 3, 1002);
    close_packed(&packed);
}

static void all_records_of_a_batch_stamped_by_the_broker_have_its_time(void **state)
{
    struct packed packed;
    open_packed(&packed, state, 1 << 20);
    append_packed(&packed, COMPRESS_LZ4, 4, 300, 1000, BATCH_LOG_APPEND_TIME);
    append_packed(&packed, COMPRESS_NONE, 4, 300, 2000, BATCH_LOG_APPEND_TIME);
    assert_found(&packed, 1001, 0, 1003);
    assert_found(&packed, 1004, 4, 2003);
    assert_found(&packed, LOG_AT_MAX, 4, 2003);
    close_packed(&packed);
}

static void a_batch_that_cannot_be_unpacked_fails_the_search_that_needs_it(void **state)
{
    struct packed packed;
    char path[FS_PATH_MAX];
    io_file file;
    open_packed(&packed, state, 1 << 20);
    append_packed(&packed, COMPRESS_GZIP, 4, 300, 1000, 0);
    append_packed(&packed, COMPRESS_GZIP, 4, 300, 2000, 0);
    tree_path(packed.tree, "t-0/00000000000000000000.log", path);
    assert_int_equal(fs_open(packed.tree->fs, path, FS_READ | FS_WRITE, &file), ERR_OK);
    assert_int_equal(fs_write(packed.tree->fs, file, "\xff\xff", 2, BATCH_HEADER_BYTES), ERR_OK);
    fs_close(packed.tree->fs, file);
    assert_int_equal(search(&packed, 1001).err, ERR_CORRUPT);
    assert_found(&packed, 2000, 4, 2001);
    close_packed(&packed);
}

static void batches_larger_than_what_is_read_at_once_are_searched(void **state)
{
    struct packed packed;
    open_packed(&packed, state, 1 << 30);
    append_packed(&packed, COMPRESS_NONE, 4, 100, 10, 0);
    append_packed(&packed, COMPRESS_LZ4, 2, 1200000, 1000, 0);
    append_packed(&packed, COMPRESS_NONE, 2, 1200000, 2000, 0);
    append_packed(&packed, COMPRESS_NONE, 4, 100, 5000, 0);
    assert_found(&packed, 1000, 4, 1001);
    assert_found(&packed, 2000, 6, 2001);
    assert_found(&packed, 5002, 10, 5003);
    close_packed(&packed);
}

#define ON_DISK(test) cmocka_unit_test_setup_teardown(test, tree_setup, tree_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_DISK(the_first_record_as_new_as_asked_is_found_in_packed_batches),
        ON_DISK(the_newest_record_is_found_in_packed_batches),
        ON_DISK(records_below_the_start_are_not_found),
        ON_DISK(all_records_of_a_batch_stamped_by_the_broker_have_its_time),
        ON_DISK(a_batch_that_cannot_be_unpacked_fails_the_search_that_needs_it),
        ON_DISK(batches_larger_than_what_is_read_at_once_are_searched),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
