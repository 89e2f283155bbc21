/* Goal:   a coordinator's machine is given all that its partition's log holds, whatever compaction has left of it, and
 *         what it appends is stored as configured.
 * Method: one partition on a simulated node with a data shard and a control shard, batches put into its log by hand,
 * and a machine that only counts what it is given. */
#include "core/coordinator/coordinator.h"
#include "core/log/log_dirs.h"
#include "core/meta/internal.h"
#include "core/wire/batch_retain.h"
#include "core/wire/error.h"
#include "core/wire/marker.h"
#include "io/reactor/sim.h"
#include "tests/support/test.h"

enum { SECOND = 1000000000, LARGE_BYTES = 3 * COORDINATOR_LOAD_BYTES };

static struct sim *sim;
static struct sim_node *node;
static struct io *data_io, *control_io;
static struct log_dirs *dirs;
static struct shard_data *data;
static struct coordinator *coordinator;

static int32_t replica = 1;
static struct image_partition partition = {
    .leader = 1, .replica_count = 1, .isr_count = 1, .replicas = &replica, .isr = &replica};
static struct image_topic topic = {.name = "counted",
                                   .name_length = 7,
                                   .id = {{7, 7}},
                                   .partition_count = 1,
                                   .partitions = &partition,
                                   .config = {.segment_bytes = 64 << 20,
                                              .segment_ms = 604800000,
                                              .segment_index_bytes = 1 << 20,
                                              .index_interval_bytes = 4096,
                                              .retention_ms = -1,
                                              .retention_bytes = -1,
                                              .cleanup_policy = CONFIG_CLEANUP_DELETE,
                                              .max_message_bytes = 1 << 20,
                                              .flush_messages = INT64_MAX,
                                              .flush_ms = INT64_MAX}};
static struct image_topic *topics[] = {&topic};
static struct image image = {.topics = topics, .topic_count = 1};
static const struct broker_config broker = {.log_retention_check_interval_ms = 300000,
                                            .log_flush_offset_checkpoint_interval_ms = 60000,
                                            .log_flush_start_offset_checkpoint_interval_ms = 60000,
                                            .producer_id_expiration_ms = 86400000,
                                            .ringmain_dirty_bytes = 64 << 20,
                                            .ringmain_flush_interval_bytes = 64 << 20,
                                            .ringmain_flush_interval_ms = 60000};

/* ---- a machine that counts --------------------------------------------------------------------------------------- */

static struct counting {
    struct coordinator_machine base;
    int records, markers, loads, appends;
    int64_t last_offset;
    enum err refuses; /* what it says of a record whose key is "?" */
} counting;

static struct coordinator_machine *count_open(struct coordinator *of, int32_t index)
{
    counting.records = counting.markers = 0;
    counting.last_offset = -1;
    return &counting.base;
}

static enum err count_record(struct coordinator_machine *machine, const struct machine_replay *record)
{
    assert_true(record->offset > counting.last_offset);
    if (slice_equal_string(record->key, "?"))
        return counting.refuses;
    counting.last_offset = record->offset;
    counting.records++;
    return ERR_OK;
}

static enum err count_marker(struct coordinator_machine *machine, const struct machine_marker *marker)
{
    assert_true(marker->commit);
    counting.last_offset = marker->offset;
    counting.markers++;
    return ERR_OK;
}

static void no_clock(struct coordinator_machine *machine, int64_t now_ms, int64_t wall_ms)
{
}

static void count_load(struct coordinator_machine *machine)
{
    counting.loads++;
}

static void count_append(struct coordinator_machine *machine, struct machine_append *append)
{
    assert_int_equal(append->error, KAFKA_ERROR_NONE);
    counting.appends++;
}

static void nothing(struct coordinator_machine *machine)
{
}

static int64_t never(const struct coordinator_machine *machine)
{
    return INT64_MAX;
}

static const struct coordinator_kind kind = {.topic = "counted",
                                             .open = count_open,
                                             .replay = count_record,
                                             .replay_marker = count_marker,
                                             .clock = no_clock,
                                             .loaded = count_load,
                                             .appended = count_append,
                                             .tick = nothing,
                                             .next_deadline = never,
                                             .drain = nothing,
                                             .resign = nothing,
                                             .close = nothing};

/* ---- the node ---------------------------------------------------------------------------------------------------- */

static bool is_done;

static void run_until_done(void)
{
    sim_node_wake(node);
    while (!is_done)
        assert_true(sim_step(sim));
    is_done = false;
}

static void applied(struct shard_data_apply *apply)
{
    assert_int_equal(apply->failed_count, 0);
    is_done = true;
}

static void stopped(struct shard_data_stop *stop)
{
    assert_int_equal(stop->err, ERR_OK);
    is_done = true;
}

static void run_coordinator(enum compress_codec codec)
{
    struct coordinator_options runs = {.kind = &kind, .datas = &data, .data_shards = 1, .node_id = 1, .codec = codec};
    assert_int_equal(coordinator_open(control_io, &runs, &coordinator), ERR_OK);
}

static void stop_coordinator(void)
{
    coordinator_stop(coordinator);
    while (!coordinator_is_idle(coordinator))
        assert_true(sim_step(sim));
    coordinator_close(coordinator);
}

static int set_up(void **state)
{
    struct sim_options options = {.seed = 3};
    struct sim_node_options shards = {.data_shards = 1};
    const char *paths[] = {"/data"};
    struct log_dirs_options found = {.paths = paths, .count = 1, .node_id = 1};
    struct shard_data_apply change = {.done = applied, .image = &image};
    char why[512];
    map_init(&image._by_name, test_mem());
    assert_true(map_put(&image._by_name, topic_name_hash(SLICE_LITERAL("counted")), &topic));
    counting = (struct counting){.refuses = ERR_CORRUPT};
    sim = sim_open(&options);
    node = sim_node_open(sim, &shards);
    sim_node_start(node, 1);
    data_io = sim_node_io(node, 0);
    control_io = sim_node_io(node, 1);
    assert_int_equal(log_dirs_open(control_io, io_fs(control_io), &found, &dirs, why), ERR_OK);
    struct shard_data_options of = {.dirs = dirs, .config = &broker, .broker_id = 1, .data_shards = 1};
    assert_int_equal(shard_data_open(data_io, &of, &data), ERR_OK);
    run_coordinator(COMPRESS_NONE);
    shard_data_apply(data, &change);
    run_until_done();
    return 0;
}

static int tear_down(void **state)
{
    struct shard_data_stop stop = {.done = stopped};
    stop_coordinator();
    shard_data_stop(data, &stop);
    run_until_done();
    shard_data_close(data);
    log_dirs_close(dirs, io_fs(control_io), true);
    map_fini(&image._by_name);
    assert_int_equal(sim_node_open_files(node), 0);
    sim_node_crash(node, SIM_KILL);
    sim_close(sim);
    return 0;
}

/* ---- its log ----------------------------------------------------------------------------------------------------- */

static uint8_t bytes[LARGE_BYTES + 1000];

static void put(struct slice batch)
{
    struct batch_header header;
    int appended;
    assert_int_equal(batch_read_header(batch.data, batch.length, &header), ERR_OK);
    struct log_piece piece = {.data = (uint8_t *)(uintptr_t)batch.data, .header = &header};
    assert_int_equal(log_append(shard_data_find(data, topic.id, 0)->log, &piece, 1, 0, &appended), ERR_OK);
}

static void put_records(int count, const char *key, size_t value_bytes)
{
    static const uint8_t value[LARGE_BYTES];
    struct batch_builder builder;
    batch_builder_init(&builder, bytes, sizeof(bytes));
    for (int i = 0; i < count; i++)
        assert_true(
            batch_builder_add(&builder, 1000, slice_from_string(key), slice_of(value, value_bytes), SLICE_NULL, 0));
    put(batch_builder_finish(&builder, NULL));
}

static bool keeps_nothing(struct batch_retain *retain, const struct batch_header *header,
                          const struct batch_record *record)
{
    return false;
}

/* emptied: as compaction leaves it, a header without its record. */
static void put_marker(bool emptied)
{
    uint8_t built[MARKER_BATCH_BYTES];
    struct marker marker = {.commit = true};
    struct slice batch = marker_build(built, &marker, 77, 0, 1000), kept = batch;
    struct batch_retain retain = {.keep = keeps_nothing, .keep_empty = true};
    struct batch_header header;
    struct compress_buffer out;
    compress_buffer_init(&out, io_mem(data_io));
    assert_int_equal(batch_read_header(batch.data, batch.length, &header), ERR_OK);
    if (emptied)
        assert_int_equal(batch_retain(&retain, batch, &header, &out, &kept), ERR_OK);
    assert_int_equal(kept.length < batch.length, emptied);
    put(kept);
    compress_buffer_fini(&out);
}

static int16_t load(int64_t for_ns)
{
    struct coordinator_machine *machine;
    shard_data_find(data, topic.id, 0)->high_watermark = partition_log_end(shard_data_find(data, topic.id, 0));
    coordinator_apply(coordinator, &image);
    sim_node_wake(node);
    sim_run_for(sim, for_ns);
    return coordinator_enter_at(coordinator, 0, &machine);
}

/* ---- tests ------------------------------------------------------------------------------------------------------- */

static void an_empty_log_loads(void **state)
{
    assert_int_equal(load(SECOND), KAFKA_ERROR_NONE);
    assert_int_equal(counting.records, 0);
    assert_int_equal(counting.loads, 1);
}

static void what_compaction_has_left_of_a_marker_is_passed_over(void **state)
{
    put_records(3, "a", 10);
    put_marker(true);
    put_records(2, "b", 10);
    put_marker(false);
    put_marker(true); /* the last batch of a group of segments */
    assert_int_equal(load(SECOND), KAFKA_ERROR_NONE);
    assert_int_equal(counting.records, 5);
    assert_int_equal(counting.markers, 1);
}

static void batches_that_are_larger_than_its_buffer_are_read(void **state)
{
    put_records(1, "a", LARGE_BYTES);
    for (int i = 0; i < 1000; i++)
        put_records(2, "b", 900);
    put_records(1, "c", LARGE_BYTES);
    assert_int_equal(load(10 * (int64_t)SECOND), KAFKA_ERROR_NONE);
    assert_int_equal(counting.records, 2002);
}

static void a_record_that_is_not_understood_is_skipped_and_counted(void **state)
{
    put_records(2, "a", 10);
    put_records(1, "?", 10);
    put_records(1, "b", 10);
    assert_int_equal(load(SECOND), KAFKA_ERROR_NONE);
    assert_int_equal(counting.records, 3);
    assert_int_equal(coordinator_skipped_count(coordinator), 1);
}

/* Half of a state is none: it begins anew until there is memory. */
static void without_memory_for_a_record_it_tries_again(void **state)
{
    counting.refuses = ERR_NO_MEMORY;
    put_records(2, "a", 10);
    put_records(1, "?", 10);
    assert_int_equal(load(SECOND / 2), KAFKA_ERROR_NOT_COORDINATOR);
    counting.refuses = ERR_OK;
    assert_int_equal(load(2 * (int64_t)SECOND), KAFKA_ERROR_NONE);
    assert_int_equal(counting.records, 2);
    assert_int_equal(counting.loads, 1);
}

/* offsets.topic.compression.codec */
static void what_is_written_is_packed_as_configured_and_read_again(void **state)
{
    for (int codec = COMPRESS_NONE; codec <= COMPRESS_ZSTD; codec++) {
        static const uint8_t zeroes[5000];
        struct machine_record record = {.key = SLICE_LITERAL("a"), .value = slice_of(zeroes, sizeof(zeroes))};
        struct machine_append append = {.records = &record, .count = 1, .timestamp_ms = 1000, .base_offset = -1};
        struct coordinator_machine *machine;
        int before = counting.appends;
        stop_coordinator();
        run_coordinator((enum compress_codec)codec);
        assert_int_equal(load(SECOND), KAFKA_ERROR_NONE);
        assert_int_equal(coordinator_enter_at(coordinator, 0, &machine), KAFKA_ERROR_NONE);
        int64_t size = log_size_bytes(shard_data_find(data, topic.id, 0)->log);
        coordinator_append(machine, &append);
        coordinator_leave(machine);
        sim_node_wake(node);
        sim_run_for(sim, SECOND);
        assert_int_equal(counting.appends, before + 1);
        size = log_size_bytes(shard_data_find(data, topic.id, 0)->log) - size;
        assert_int_equal(size < 1000, codec != COMPRESS_NONE);
        stop_coordinator();
        run_coordinator(COMPRESS_NONE);
        assert_int_equal(load(SECOND), KAFKA_ERROR_NONE);
        assert_int_equal(counting.records, codec + 1);
    }
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(an_empty_log_loads),
        CASE(what_compaction_has_left_of_a_marker_is_passed_over),
        CASE(batches_that_are_larger_than_its_buffer_are_read),
        CASE(a_record_that_is_not_understood_is_skipped_and_counted),
        CASE(without_memory_for_a_record_it_tries_again),
        CASE(what_is_written_is_packed_as_configured_and_read_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
