/* What a clean stop leaves in one file, and what makes the next start look for itself. */
#include "io/reactor/backend.h"
#include "tests/unit/core/partition/fixture.h"

static struct fs_backend watching;
static const struct fs_backend *real_fs;
static int listings, opens;

static enum err watching_list(struct fs *fs, const char *path, fs_visit visit, void *context)
{
    listings += strstr(path, "orders-0") != NULL;
    return real_fs->list(fs, path, visit, context);
}

static enum err watching_open(struct fs *fs, const char *path, int flags, io_file *file)
{
    opens += strstr(path, "orders-0") != NULL;
    return real_fs->open(fs, path, flags, file);
}

static struct partition *first(void)
{
    return shard_data_find(data, topic.id, 0);
}

static void write_some(int64_t producer)
{
    static struct sent sent;
    topic.config.segment_bytes = 400;
    for (int i = 0; i < 20; i++) {
        send_batch(&sent, -1, producer, i * 3, 3);
        await(&sent);
        assert_int_equal(sent.append.error, KAFKA_ERROR_NONE);
    }
}

/* Starts again and counts what is looked at in the first partition's directory. */
static void start_again(void)
{
    char why[512];
    const char *paths[] = {directory};
    struct machine_options options = {.data_shards = 0};
    assert_int_equal(machine_open(&options, &machine, why), ERR_OK);
    io = machine_io(machine, 0);
    struct fs *fs = io_fs(io);
    real_fs = fs->backend;
    watching = *real_fs;
    watching.list = watching_list;
    watching.open = watching_open;
    listings = opens = 0;
    fs->backend = &watching;
    struct log_dirs_options dir_options = {.paths = paths, .count = 1, .node_id = 1};
    assert_int_equal(log_dirs_open(io, fs, &dir_options, &dirs, why), ERR_OK);
    struct shard_data_options data_options = {.dirs = dirs, .config = &broker, .broker_id = 1, .data_shards = 1};
    assert_int_equal(shard_data_open(io, &data_options, &data), ERR_OK);
    apply(&image);
    fs->backend = real_fs;
}

static void all_is_there(void)
{
    static struct sent sent;
    assert_int_equal(partition_log_end(first()), 60);
    for (int64_t offset = 0; offset < 60; offset++) {
        struct partition_read read = {.fetch_offset = offset,
                                      .max_bytes = 1,
                                      .current_leader_epoch = -1,
                                      .last_fetched_epoch = -1,
                                      .replica_id = -1};
        read_partition(first(), &read);
        assert_int_equal(read.error, KAFKA_ERROR_NONE);
        assert_true(read.length > 0);
        partition_release_read(&read);
    }
    send_batch(&sent, -1, 9, 57, 3); /* the last one again: known */
    await(&sent);
    assert_int_equal(sent.append.error, KAFKA_ERROR_NONE);
    assert_int_equal(sent.append.base_offset, 57);
    assert_int_equal(partition_log_end(first()), 60);
    assert_int_equal(first()->leader_epoch, 3);
    int32_t epoch;
    int64_t end_offset;
    assert_int_equal(partition_epoch_end(first(), -1, 3, &epoch, &end_offset), KAFKA_ERROR_NONE);
    assert_int_equal(end_offset, 60);
}

static void path_in(char path[400], const char *name)
{
    snprintf(path, 400, "%s/%s", directory, name);
}

static void a_clean_start_looks_into_no_partition(void **state)
{
    write_some(9);
    int segments = log_segment_count(first()->log);
    int64_t bytes = log_size_bytes(first()->log);
    assert_true(segments > 3);
    close_all();
    for (int round = 0; round < 3; round++) {
        start_again();
        assert_int_equal(listings, 0);
        assert_int_equal(opens, 0);
        assert_int_equal(log_segment_count(first()->log), segments);
        assert_int_equal(log_size_bytes(first()->log), bytes);
        all_is_there();
        char path[400];
        path_in(path, "ringmain-manifest");
        assert_int_not_equal(access(path, F_OK), 0); /* gone before anything changes */
        close_all();
    }
    open_all();
    apply(&empty); /* nothing describes a topic that is gone */
    assert_null(first());
}

static void a_partition_whose_directory_was_touched_is_looked_at(void **state)
{
    write_some(9);
    char path[400];
    close_all();
    usleep(2000);
    path_in(path, "orders-0/a-file");
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fclose(file);
    start_again();
    assert_true(listings > 0);
    all_is_there();
}

static void a_file_that_has_another_size_is_looked_at(void **state)
{
    write_some(9);
    char path[400], command[500];
    close_all();
    path_in(path, "orders-0");
    snprintf(command, sizeof(command), "printf junk >>$(ls -d %s/*.log | tail -1)", path);
    assert_int_equal(system(command), 0);
    start_again();
    assert_true(listings > 0);
    assert_int_equal(log_damage_count(first()->log), 1);
}

static void another_checkpoint_than_its_own_makes_it_void(void **state)
{
    write_some(9);
    char path[400];
    close_all();
    path_in(path, "recovery-point-offset-checkpoint");
    FILE *file = fopen(path, "w"); /* as another broker's clean stop writes it */
    assert_non_null(file);
    fprintf(file, "0\n2\norders 1 0\norders 0 60\n");
    fclose(file);
    start_again();
    assert_true(listings > 0);
    all_is_there();
}

static void damaged_it_is_as_if_it_were_not_there(void **state)
{
    write_some(9);
    for (long pos = 0; pos < 300; pos += 23) {
        char path[400];
        close_all();
        path_in(path, "ringmain-manifest");
        FILE *file = fopen(path, "r+");
        assert_non_null(file);
        fseek(file, pos, SEEK_SET);
        int byte = fgetc(file);
        if (byte == EOF) {
            fclose(file);
            start_again();
            break;
        }
        fseek(file, pos, SEEK_SET);
        fputc(byte ^ 0x41, file);
        fclose(file);
        start_again();
        assert_true(listings > 0);
        all_is_there();
    }
}

static void without_the_marker_it_is_not_believed(void **state)
{
    write_some(9);
    char path[400];
    close_all();
    path_in(path, ".kafka_cleanshutdown");
    assert_int_equal(unlink(path), 0);
    start_again();
    assert_true(listings > 0);
    all_is_there();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_DISK(a_clean_start_looks_into_no_partition),
        ON_DISK(a_partition_whose_directory_was_touched_is_looked_at),
        ON_DISK(a_file_that_has_another_size_is_looked_at),
        ON_DISK(another_checkpoint_than_its_own_makes_it_void),
        ON_DISK(damaged_it_is_as_if_it_were_not_there),
        ON_DISK(without_the_marker_it_is_not_believed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
