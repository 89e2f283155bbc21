/* The clean stop of many partitions at once: how often it flushes, what is there afterwards, and when a flush fails. */
#include "io/reactor/backend.h"
#include "tests/unit/core/partition/fixture.h"

enum { MANY = 100 };

static struct fs_backend counting;
static const struct fs_backend *real_fs;
static int file_flushes, file_checks, check_fails_at, directory_flushes, whole_flushes, whole_fails_at;
static struct image_partition many_partitions[MANY];
static struct image_topic many;
static struct image_topic *both[] = {&many, &topic};
static struct image wide;

static enum err counting_sync(struct fs *fs, io_file file)
{
    file_flushes++;
    return real_fs->sync(fs, file);
}

static enum err counting_check_written(struct fs *fs, io_file file)
{
    return ++file_checks == check_fails_at ? ERR_IO : real_fs->check_written(fs, file);
}

static enum err counting_sync_directory(struct fs *fs, const char *path)
{
    directory_flushes += strstr(path, "/many-") != NULL;
    return real_fs->sync_directory(fs, path);
}

static enum err counting_sync_all(struct fs *fs, const char *path)
{
    return ++whole_flushes == whole_fails_at ? ERR_IO : real_fs->sync_all(fs, path);
}

static struct partition *nth(int index)
{
    return shard_data_find(data, many.id, index);
}

/* Two segments each for some, and nothing flushed. */
static void write_to_many(void)
{
    static struct sent sent;
    many = topic;
    many.name = "many";
    many.name_length = 4;
    many.id = (struct uuid){{9, 9}};
    many.partitions = many_partitions;
    many.partition_count = MANY;
    many.config.segment_bytes = 150;
    for (int i = 0; i < MANY; i++)
        many_partitions[i] = partitions[0];
    wide = (struct image){.topics = both, .topic_count = 2};
    apply(&wide);
    for (int i = 0; i < MANY; i++)
        for (int k = 0; k <= i % 3; k++) {
            send_batch_to(nth(i), &sent, 1, -1, 0, 3);
            await(&sent);
            assert_int_equal(sent.append.error, KAFKA_ERROR_NONE);
        }
}

static enum err stop_counted(void)
{
    struct shard_data_stop stop = {.done = stop_done};
    file_flushes = file_checks = directory_flushes = whole_flushes = 0;
    real_fs = io_fs(io)->backend;
    counting = *real_fs;
    counting.sync = counting_sync;
    counting.check_written = counting_check_written;
    counting.sync_directory = counting_sync_directory;
    counting.sync_all = counting_sync_all;
    io_fs(io)->backend = &counting;
    stopped = false;
    shard_data_stop(data, &stop);
    while (!stopped)
        machine_turn(machine, true);
    io_fs(io)->backend = real_fs;
    return stop.err;
}

static void start_again(bool clean)
{
    shard_data_close(data);
    log_dirs_close(dirs, io_fs(io), clean);
    machine_close(machine);
    open_all();
    apply(&wide);
}

static void many_partitions_stop_with_two_flushes_of_the_file_system(void **state)
{
    whole_fails_at = 0;
    write_to_many();
    assert_int_equal(stop_counted(), ERR_OK);
    assert_int_equal(whole_flushes, 2);
    assert_int_equal(directory_flushes, 0);
    assert_in_range(file_flushes, 0, 4); /* checkpoints, however many partitions there are */
    assert_in_range(file_checks, MANY, 3 * MANY); /* of each segment */
    start_again(true);
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(log_end_offset(nth(i)->log), 3 * (i % 3 + 1));
        assert_int_equal(log_last_epoch(nth(i)->log), 3);
    }
}

static void few_partitions_leave_the_rest_of_the_file_system_alone(void **state)
{
    static struct sent sent;
    whole_fails_at = 0;
    send_batch(&sent, 1, -1, 0, 3);
    await(&sent);
    wide = image;
    assert_int_equal(stop_counted(), ERR_OK);
    assert_int_equal(whole_flushes, 0);
    assert_true(file_flushes > 0);
    start_again(true);
}

static void a_flush_that_fails_makes_the_stop_unclean_and_takes_the_directory_offline(void **state)
{
    for (whole_fails_at = 1; whole_fails_at <= 2; whole_fails_at++) {
        write_to_many();
        assert_int_equal(stop_counted(), ERR_IO);
        assert_true(log_dirs_is_offline(dirs, 0));
        start_again(false);
        assert_false(log_dirs_is_offline(dirs, 0)); /* after a restart somebody has looked after it */
        for (int i = 0; i < MANY; i++)
            assert_true(log_end_offset(nth(i)->log) >= 3);
    }
}

/* syncfs tells whoever asks first that something failed, which may have been another process. */
static void bytes_of_one_file_that_did_not_reach_the_device_make_the_stop_unclean(void **state)
{
    whole_fails_at = 0;
    write_to_many();
    check_fails_at = MANY / 2;
    assert_int_equal(stop_counted(), ERR_IO);
    check_fails_at = 0;
    start_again(false);
    for (int i = 0; i < MANY; i++)
        assert_true(log_end_offset(nth(i)->log) >= 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_DISK(many_partitions_stop_with_two_flushes_of_the_file_system),
        ON_DISK(few_partitions_leave_the_rest_of_the_file_system_alone),
        ON_DISK(bytes_of_one_file_that_did_not_reach_the_device_make_the_stop_unclean),
        ON_DISK(a_flush_that_fails_makes_the_stop_unclean_and_takes_the_directory_offline),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
