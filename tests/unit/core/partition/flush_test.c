/* Goal:   of many partitions each is flushed in its time, however many wait, go or come again meanwhile.
 * Method: more of them than are flushed at once, on the real machine with short intervals; who is not durable in time
 *         fails the test. */
#include "tests/unit/core/partition/fixture.h"

enum { MANY = 40, HOUR_MS = 3600000 };

static struct image_partition many_partitions[MANY];
static struct image_topic many;
static struct image_topic *both[] = {&topic, &many};
static struct image wide;
static struct sent sent;

static struct partition *orders(void)
{
    return shard_data_find(data, topic.id, 0);
}

static void make_many(int interval_ms)
{
    broker.ringmain_flush_interval_ms = interval_ms;
    many = topic;
    many.name = "many";
    many.name_length = 4;
    many.id = (struct uuid){{9, 9}};
    many.partitions = many_partitions;
    many.partition_count = MANY;
    for (int i = 0; i < MANY; i++)
        many_partitions[i] = partitions[0];
    wide = (struct image){.topics = both, .topic_count = 2};
    apply(&wide);
}

static void write_to(struct partition *partition)
{
    send_batch_to(partition, &sent, 1, -1, 0, 3);
    await(&sent);
    assert_int_equal(sent.append.error, KAFKA_ERROR_NONE);
}

static void write_to_many(void)
{
    for (int i = 0; i < MANY; i++)
        write_to(shard_data_find(data, many.id, i));
}

static bool is_durable(const struct partition *partition)
{
    return log_durable_offset(partition->log) == log_end_offset(partition->log);
}

static int durable_count(void)
{
    int count = 0;
    for (int i = 0; i < MANY; i++)
        count += is_durable(shard_data_find(data, many.id, i));
    return count;
}

static void until_durable(void)
{
    int64_t give_up_ns = io_now_ns(io) + 60000000000;
    while (durable_count() < MANY) {
        assert_true(io_now_ns(io) < give_up_ns);
        machine_turn(machine, true);
    }
}

static void more_than_are_flushed_at_once_are_flushed_and_come_again(void **state)
{
    make_many(30);
    write_to_many();
    write_to_many(); /* some are being flushed */
    until_durable();
    write_to_many();
    until_durable();
}

static void who_is_in_a_hurry_waits_for_nobody(void **state)
{
    make_many(HOUR_MS);
    write_to(orders());
    many.config.flush_ms = 20;
    write_to_many();
    until_durable();
    assert_false(is_durable(orders()));
    /* In a hurry no more, with bytes that wait. */
    many.config.flush_ms = 50;
    write_to_many();
    many.config.flush_ms = INT64_MAX;
    apply(&wide);
    for (int i = 0; i < 20; i++)
        machine_turn(machine, false);
    many.config.flush_ms = 20;
    apply(&wide);
    until_durable();
}

static void topics_that_go_while_they_are_flushed_hold_nobody_up(void **state)
{
    make_many(1);
    write_to_many();
    while (durable_count() == 0)
        machine_turn(machine, true);
    apply(&image);
    broker.ringmain_flush_interval_ms = 30;
    write_to(orders());
    int64_t give_up_ns = io_now_ns(io) + 60000000000;
    while (!is_durable(orders())) {
        assert_true(io_now_ns(io) < give_up_ns);
        machine_turn(machine, true);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_DISK(more_than_are_flushed_at_once_are_flushed_and_come_again),
        ON_DISK(who_is_in_a_hurry_waits_for_nobody),
        ON_DISK(topics_that_go_while_they_are_flushed_hold_nobody_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
