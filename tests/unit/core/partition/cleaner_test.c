/* Compaction as a shard does it by itself: when, what it remembers, and what it must not touch. */
#include "core/partition/shard_data_internal.h"
#include "tests/unit/core/partition/fixture.h"

static void compacted(void)
{
    topic.config.cleanup_policy = CONFIG_CLEANUP_COMPACT;
    topic.config.segment_bytes = 4000;
    topic.config.max_compaction_lag_ms = INT64_MAX;
    topic.config.min_cleanable_dirty_ratio = 0.5;
    topic.config.delete_retention_ms = 86400000;
    broker.log_cleaner_enable = true;
    broker.log_cleaner_backoff_ms = 10;
    broker.log_cleaner_dedupe_buffer_size = 1 << 20;
    broker.log_cleaner_io_buffer_load_factor = 0.9;
    broker.log_cleaner_io_max_bytes_per_second = 1e300;
    shard_data_configure(data, &broker);
}

static struct partition *first(void)
{
    return shard_data_find(data, topic.id, 0);
}

static void send_key(int key, int value)
{
    static struct sent sent;
    struct batch_builder builder;
    char text[300];
    memset(&sent, 0, sizeof(sent));
    snprintf(text, sizeof(text), "%d %0200d", key, value);
    batch_builder_init(&builder, sent.bytes, sizeof(sent.bytes));
    assert_true(batch_builder_add(&builder, 1000, slice_of(text, 3), slice_from_string(text), SLICE_NULL, 0));
    sent.append = (struct partition_append){.done = sent_done, .records = sent.bytes, .acks = -1};
    sent.append.length = batch_builder_finish(&builder, NULL).length;
    partition_prepare(&sent.append, sent.bytes, sent.append.length);
    partition_append(first(), &sent.append);
    await(&sent);
    assert_int_equal(sent.append.error, KAFKA_ERROR_NONE);
}

static void fill(int count)
{
    broker.log_cleaner_enable = false;
    for (int i = 0; i < count; i++)
        send_key(10 + i % 7, i);
    broker.log_cleaner_enable = true;
}

static int64_t records_bytes(void)
{
    return log_size_bytes(first()->log);
}

static void a_dirty_log_is_compacted_by_itself_and_the_node_remembers_how_far(void **state)
{
    compacted();
    fill(200);
    int64_t offset;
    while (first()->_cleaned_offset == 0)
        machine_turn(machine, true);
    offset = first()->_cleaned_offset;
    assert_true(offset > 150);
    assert_true(records_bytes() < 30 * 300);
    close_all();
    char path[300], text[200] = {0}, expected[200];
    snprintf(path, sizeof(path), "%s/cleaner-offset-checkpoint", directory);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    assert_true(fread(text, 1, sizeof(text) - 1, file) > 0);
    fclose(file);
    snprintf(expected, sizeof(expected), "0\n1\norders 0 %lld\n", (long long)offset);
    assert_string_equal(text, expected);
    open_all();
    apply(&image);
    assert_int_equal(first()->_cleaned_offset, offset);
    assert_int_equal(partition_log_end(first()), 200);
}

static void publishing_the_settings_again_and_again_puts_nothing_off(void **state)
{
    compacted();
    fill(200);
    int64_t retention_ns = data->retention_timer.deadline_ns, checkpoint_ns = data->checkpoint_timer.deadline_ns;
    int64_t limit_ns = io_now_ns(io) + INT64_C(5000000000);
    while (first()->_cleaned_offset == 0 && io_now_ns(io) < limit_ns) {
        shard_data_configure(data, &broker); /* as for a topic that is created in each turn */
        machine_turn(machine, false);
    }
    assert_true(first()->_cleaned_offset > 150);
    assert_int_equal(data->retention_timer.deadline_ns, retention_ns);
    assert_true(data->checkpoint_timer.deadline_ns <= checkpoint_ns);
    broker.log_retention_check_interval_ms = 1000;
    shard_data_configure(data, &broker); /* and what is to come sooner does */
    assert_true(data->retention_timer.deadline_ns < retention_ns);
}

static void little_dirt_is_left_until_it_is_overdue(void **state)
{
    compacted();
    fill(200);
    while (first()->_cleaned_offset == 0)
        machine_turn(machine, true);
    int64_t before = first()->_cleaned_offset;
    topic.config.min_cleanable_dirty_ratio = 0.999;
    fill(60);
    for (int64_t end_ns = io_now_ns(io) + 60000000; io_now_ns(io) < end_ns;)
        machine_turn(machine, true);
    assert_int_equal(first()->_cleaned_offset, before);
    topic.config.max_compaction_lag_ms = 1; /* the records say 1000 ms after 1970 */
    while (first()->_cleaned_offset == before)
        machine_turn(machine, true);
}

static void young_records_are_left_alone(void **state)
{
    compacted();
    topic.config.min_compaction_lag_ms = io_wall_ms(io); /* the records are one second younger than that */
    fill(200);
    for (int64_t end_ns = io_now_ns(io) + 60000000; io_now_ns(io) < end_ns;)
        machine_turn(machine, true);
    assert_int_equal(first()->_cleaned_offset, 0);
}

static void a_topic_may_be_deleted_at_any_moment_of_it(void **state)
{
    for (int turns = 0; turns < 60; turns += 3) {
        compacted();
        fill(60);
        for (int i = 0; i < turns; i++)
            machine_turn(machine, true);
        apply(&empty);
        topic.id.bytes[2]++;
        apply(&image);
        assert_int_equal(partition_log_end(first()), 0);
    }
    apply(&image);
    assert_int_equal(partition_log_end(first()), 0);
}

static void a_stop_ends_it_and_is_clean(void **state)
{
    for (int turns = 0; turns < 40; turns += 3) {
        compacted();
        fill(60);
        for (int i = 0; i < turns; i++)
            machine_turn(machine, true);
        int64_t end = partition_log_end(first());
        close_all();
        open_all();
        apply(&image);
        assert_int_equal(partition_log_end(first()), end);
    }
}

static void its_pace_is_limited(void **state)
{
    compacted();
    fill(400); /* about 120 KiB, read twice */
    broker.log_cleaner_io_max_bytes_per_second = 1000000;
    int64_t began_ns = io_now_ns(io);
    while (data->cleaner.partition == NULL)
        machine_turn(machine, true);
    struct log_clean *clean = &data->cleaner.clean;
    assert_int_equal(clean->pause_ns(clean, 250000), 250000000);
    assert_int_equal(clean->pause_ns(clean, 0), 0);
    while (first()->_cleaned_offset == 0)
        machine_turn(machine, true);
    assert_true(io_now_ns(io) - began_ns > 150000000);
}

/* What cannot be read is not tried again and again; the log goes on. */
static void a_damaged_log_is_tried_once(void **state)
{
    compacted();
    broker.log_cleaner_enable = false;
    for (int i = 0; i < 200; i++)
        send_key(10 + i % 7, i);
    char path[300];
    snprintf(path, sizeof(path), "%s/orders-0/00000000000000000000.log", directory);
    FILE *file = fopen(path, "r+");
    assert_non_null(file);
    assert_int_equal(fseek(file, BATCH_HEADER_BYTES + 50, SEEK_SET), 0);
    assert_int_equal(fwrite("!", 1, 1, file), 1);
    fclose(file);
    broker.log_cleaner_enable = true;
    int64_t until_ns = io_now_ns(io) + 20000000000;
    while (!first()->_uncleanable && io_now_ns(io) < until_ns)
        machine_turn(machine, true);
    assert_true(first()->_uncleanable);
    for (int64_t end_ns = io_now_ns(io) + 60000000; io_now_ns(io) < end_ns;) {
        assert_null(data->cleaner.partition);
        machine_turn(machine, true);
    }
    assert_int_equal(first()->_cleaned_offset, 0);
    send_key(10, 200);
    assert_int_equal(partition_log_end(first()), 201);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_DISK(a_dirty_log_is_compacted_by_itself_and_the_node_remembers_how_far),
        ON_DISK(publishing_the_settings_again_and_again_puts_nothing_off),
        ON_DISK(little_dirt_is_left_until_it_is_overdue),
        ON_DISK(young_records_are_left_alone),
        ON_DISK(a_topic_may_be_deleted_at_any_moment_of_it),
        ON_DISK(a_stop_ends_it_and_is_clean),
        ON_DISK(its_pace_is_limited),
        ON_DISK(a_damaged_log_is_tried_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
