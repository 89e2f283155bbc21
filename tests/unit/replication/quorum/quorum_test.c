/* Goal: what was committed is there after a restart, with and without snapshots, and shards hear of it in order.
 * Method: the metadata on the real machine in a directory of its own; publications are acknowledged by the test. */
#include "io/reactor/machine.h"
#include "replication/quorum/metadata.h"

#include "tests/support/test.h"

#include <dirent.h>
#include <stdio.h>
#include <unistd.h>

static char directory[256];
static struct machine *machine;
static struct io *io;
static struct arena arena;
static struct config_settings settings;
static const struct broker_config *config;

struct shards {
    struct metadata_publisher publisher;
    const struct image *pending;
    int64_t last_offset;
    int count;
};

static void publish(struct metadata_publisher *publisher, struct metadata *metadata, const struct image *image)
{
    struct shards *shards = CONTAINER_OF(publisher, struct shards, publisher);
    assert_null(shards->pending);
    assert_true(image->offset >= shards->last_offset);
    shards->pending = image;
    shards->last_offset = image->offset;
    shards->count++;
}

static int set_up(void **state)
{
    char why[512];
    struct config_problems problems = {0};
    snprintf(directory, sizeof directory, "/tmp/ringmain-quorum-test-%d-%ld", (int)getpid(), random());
    struct machine_options options = {.data_shards = 0};
    if (machine_open(&options, &machine, why) != ERR_OK) {
        print_error("%s\n", why);
        return -1;
    }
    io = machine_io(machine, 0);
    arena_init(&arena, io_mem(io), 1 << 24);
    settings = (struct config_settings){0};
    struct config_layers layers = {.node = &settings};
    assert_int_equal(
        config_add_override("metadata.log.max.record.bytes.between.snapshots=3000", &arena, &settings, &problems),
        ERR_OK);
    assert_int_equal(config_load(&layers, &arena, &problems, &config), ERR_OK);
    return 0;
}

static int tear_down(void **state)
{
    char command[300];
    arena_fini(&arena);
    machine_close(machine);
    snprintf(command, sizeof command, "rm -rf '%s'", directory);
    return system(command);
}

static struct metadata *open_metadata(struct shards *shards)
{
    char why[512];
    struct metadata *metadata;
    *shards = (struct shards){.publisher.publish = publish, .last_offset = -1};
    struct metadata_options options = {.directory = directory,
                                       .node = {.node_id = 1, .settings = &settings},
                                       .config = config,
                                       .publisher = &shards->publisher};
    enum err err = metadata_open(io, io_fs(io), &options, &metadata, why);
    if (err != ERR_OK)
        fail_msg("%s", why);
    return metadata;
}

/* Turns the loop until nothing is under way, acknowledging what is published. */
static void settle(struct metadata *metadata, struct shards *shards)
{
    for (int turns = 0; turns < 20000; turns++) {
        machine_turn(machine, false);
        if (shards->pending != NULL) {
            const struct image *image = shards->pending;
            shards->pending = NULL;
            metadata_published(metadata, image);
        } else if (metadata_is_idle(metadata) && turns > 5) {
            return;
        } else {
            usleep(50);
        }
    }
    fail_msg("the metadata does not come to rest");
}

struct change {
    struct metadata_change change;
    int done_count;
};

static void count_done(struct metadata_change *change)
{
    CONTAINER_OF(change, struct change, change)->done_count++;
}

static void topic_records(struct meta_record records[2], const char *name, uint8_t id, int32_t *one)
{
    meta_record_init(&records[0], META_TOPIC);
    records[0].topic.name = slice_from_string(name);
    records[0].topic.topic_id.bytes[0] = id;
    meta_record_init(&records[1], META_PARTITION);
    records[1].partition.partition_id = 0;
    records[1].partition.topic_id.bytes[0] = id;
    records[1].partition.replicas.items = records[1].partition.isr.items = one;
    records[1].partition.replicas.count = records[1].partition.isr.count = 1;
    records[1].partition.leader = 1;
}

static enum err create(struct metadata *metadata, struct change *change, const char *name, uint8_t id)
{
    int32_t one = 1;
    struct meta_record records[2];
    topic_records(records, name, id, &one);
    *change = (struct change){.change = {.done = count_done, .records = records, .count = 2}};
    enum err err = metadata_change(metadata, &change->change);
    memset(records, 0xee, sizeof records); /* they may go when the call returns */
    return err;
}

static int count_files(const char *ending)
{
    char path[300];
    int count = 0;
    snprintf(path, sizeof path, "%s/__cluster_metadata-0", directory);
    DIR *dir = opendir(path);
    assert_non_null(dir);
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        size_t length = strlen(entry->d_name);
        count += length > strlen(ending) && strcmp(entry->d_name + length - strlen(ending), ending) == 0;
    }
    closedir(dir);
    return count;
}

static void changes_of_one_turn_see_each_other_and_survive_a_restart(void **state)
{
    struct shards shards;
    struct change a, b, clash, after;
    struct metadata *metadata = open_metadata(&shards);
    assert_int_equal(metadata_latest(metadata)->offset, -1);
    metadata_start(metadata);
    settle(metadata, &shards);
    int64_t epoch = quorum_epoch(metadata_quorum(metadata));
    assert_int_equal(create(metadata, &a, "a", 1), ERR_OK);
    assert_int_equal(create(metadata, &b, "b", 2), ERR_OK);
    assert_int_equal(create(metadata, &clash, "a", 3), ERR_INVALID); /* not yet committed, but decided */
    after = (struct change){.change.done = count_done};
    assert_int_equal(metadata_change(metadata, &after.change), ERR_OK);
    assert_int_equal(a.done_count + b.done_count + after.done_count, 0); /* never inside the call */
    assert_null(image_topic_by_name(metadata_current(metadata), SLICE_LITERAL("a")));
    settle(metadata, &shards);
    assert_int_equal(a.done_count, 1);
    assert_int_equal(b.done_count, 1);
    assert_int_equal(after.done_count, 1);
    assert_int_equal(clash.done_count, 0);
    assert_int_equal(metadata_current(metadata)->topic_count, 2);
    assert_int_equal(quorum_committed_offset(metadata_quorum(metadata)), 3);
    metadata_close(metadata);

    metadata = open_metadata(&shards);
    assert_int_equal(metadata_latest(metadata)->topic_count, 2);
    assert_int_equal(metadata_latest(metadata)->offset, 3);
    assert_int_equal(quorum_epoch(metadata_quorum(metadata)), epoch + 1);
    assert_non_null(image_topic_by_id(metadata_latest(metadata), (struct uuid){{2}}));
    metadata_close(metadata);
}

static void snapshots_bound_what_a_restart_reads(void **state)
{
    struct shards shards;
    struct metadata *metadata = open_metadata(&shards);
    metadata_start(metadata);
    settle(metadata, &shards);
    for (int i = 0; i < 60; i++) {
        char name[32];
        struct change change;
        snprintf(name, sizeof name, "topic-%02d", i);
        assert_int_equal(create(metadata, &change, name, (uint8_t)(i + 1)), ERR_OK);
        settle(metadata, &shards);
        assert_int_equal(change.done_count, 1);
    }
    assert_int_equal(count_files(".checkpoint"), 1); /* each replaces the one before */
    metadata_close(metadata);

    metadata = open_metadata(&shards);
    assert_int_equal(metadata_latest(metadata)->topic_count, 60);
    assert_int_equal(metadata_latest(metadata)->offset, 119);
    assert_int_equal(quorum_end_offset(metadata_quorum(metadata)), 120);
    struct change change;
    metadata_start(metadata);
    settle(metadata, &shards);
    assert_int_equal(create(metadata, &change, "more", 200), ERR_OK);
    settle(metadata, &shards);
    metadata_close(metadata);
    metadata = open_metadata(&shards);
    assert_int_equal(metadata_latest(metadata)->topic_count, 61);
    metadata_close(metadata);
}

/* One bit of the log, `from_end` bytes before its end. */
static void flip(long from_end)
{
    char path[400];
    snprintf(path, sizeof path, "%s/__cluster_metadata-0/%020d.log", directory, 0);
    FILE *file = fopen(path, "r+");
    assert_non_null(file);
    assert_int_equal(fseek(file, -from_end, SEEK_END), 0);
    int byte = fgetc(file);
    assert_int_equal(fseek(file, -from_end, SEEK_END), 0);
    assert_int_equal(fputc(byte ^ 4, file), byte ^ 4);
    fclose(file);
}

static void what_was_committed_is_never_cut_off(void **state)
{
    struct shards shards;
    struct change a, b;
    char path[400], why[512];
    struct metadata *metadata = open_metadata(&shards);
    metadata_start(metadata);
    settle(metadata, &shards);
    assert_int_equal(create(metadata, &a, "a", 1), ERR_OK);
    settle(metadata, &shards);
    metadata_note_committed(metadata, io_fs(io));
    assert_int_equal(create(metadata, &b, "b", 2), ERR_OK);
    settle(metadata, &shards);
    metadata_close(metadata); /* without a note of the second: as in a crash */
    flip(20);
    metadata = open_metadata(&shards); /* a write that was cut short looks like that */
    assert_int_equal(metadata_latest(metadata)->topic_count, 1);
    metadata_close(metadata);
    flip(20);
    struct metadata_options options = {.directory = directory,
                                       .node = {.node_id = 1, .settings = &settings},
                                       .config = config,
                                       .publisher = &shards.publisher};
    assert_int_equal(metadata_open(io, io_fs(io), &options, &metadata, why), ERR_CORRUPT);
    assert_non_null(strstr(why, "is damaged"));
    snprintf(path, sizeof path, "%s/__cluster_metadata-0/recovery-point-offset-checkpoint", directory);
    FILE *file = fopen(path, "w"); /* without a point that can be read all of the log must be whole */
    assert_non_null(file);
    fclose(file);
    assert_int_equal(metadata_open(io, io_fs(io), &options, &metadata, why), ERR_CORRUPT);
    flip(20);
    metadata = open_metadata(&shards);
    assert_int_equal(metadata_latest(metadata)->topic_count, 1);
    metadata_close(metadata);
}

static void a_broken_snapshot_is_named_and_nothing_is_guessed(void **state)
{
    struct shards shards;
    struct change change;
    struct metadata *metadata = open_metadata(&shards);
    metadata_start(metadata);
    settle(metadata, &shards);
    for (int i = 0; i < 30; i++) {
        char name[32];
        snprintf(name, sizeof name, "topic-%02d", i);
        assert_int_equal(create(metadata, &change, name, (uint8_t)(i + 1)), ERR_OK);
        settle(metadata, &shards);
    }
    metadata_close(metadata);
    char command[600], why[512];
    snprintf(command, sizeof command,
             "for f in '%s'/__cluster_metadata-0/*-??????????.checkpoint; do printf X | dd of=\"$f\" bs=1 seek=200 "
             "conv=notrunc status=none; done",
             directory);
    assert_int_equal(system(command), 0);
    struct metadata_options options = {.directory = directory,
                                       .node = {.node_id = 1, .settings = &settings},
                                       .config = config,
                                       .publisher = &shards.publisher};
    assert_int_equal(metadata_open(io, io_fs(io), &options, &metadata, why), ERR_CORRUPT);
    assert_non_null(strstr(why, ".checkpoint"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(changes_of_one_turn_see_each_other_and_survive_a_restart, set_up, tear_down),
        cmocka_unit_test_setup_teardown(snapshots_bound_what_a_restart_reads, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_was_committed_is_never_cut_off, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_broken_snapshot_is_named_and_nothing_is_guessed, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
