/* Goal: data directories as Kafka has them: whose they are, what lies in them, checkpoints of all shards together, the
 * clean marker, one failing alone. Method: real directories, written and read as text; one shard turned by the test. */
#include "core/log/log_dirs_internal.h"
#include "tests/unit/core/log/tree.h"

static const char topic_text[] = "8mYqGrmFRqqPzFgHkFGlIQ";
#define EVENTS SLICE_LITERAL("events")

static enum err open_dirs(struct tree *tree, const char *const *names, int count, int32_t node, struct log_dirs **dirs,
                          char why[512])
{
    static char paths[4][FS_PATH_MAX];
    static const char *pointers[4];
    for (int i = 0; i < count; i++)
        pointers[i] = tree_path(tree, names[i], paths[i]);
    const struct log_dirs_options options = {.paths = pointers, .count = count, .node_id = node};
    return log_dirs_open(tree->io, tree->fs, &options, dirs, why);
}

static struct log_dirs *open_ok(struct tree *tree, const char *const *names, int count)
{
    struct log_dirs *dirs = NULL;
    char why[512];
    if (open_dirs(tree, names, count, 1, &dirs, why) != ERR_OK)
        fail_msg("%s", why);
    return dirs;
}

static const char *const one[] = {"a"}, *const two[] = {"a", "b"};

static struct uuid topic_id(void)
{
    struct uuid id;
    assert_true(uuid_parse(topic_text, &id));
    return id;
}

static void add_partition(struct tree *tree, const char *directory)
{
    char text[128], file[256];
    tree_directory(tree, directory);
    snprintf(text, sizeof(text), "version: 0\ntopic_id: %s", topic_text);
    snprintf(file, sizeof(file), "%s/partition.metadata", directory);
    tree_write(tree, file, text);
}

static void an_empty_directory_becomes_this_nodes(void **state)
{
    struct tree *tree = *state;
    struct log_dirs *dirs = open_ok(tree, one, 1);
    char text[256], id[UUID_TEXT_SIZE];
    uuid_format(log_dirs_id(dirs, 0), id);
    snprintf(text, sizeof(text), "version=1\nnode.id=1\ncluster.id=%s\ndirectory.id=%s\n", log_dirs_cluster_id(dirs),
             id);
    tree_expect(tree, "a/meta.properties", text);
    log_dirs_close(dirs, tree->fs, false);
    dirs = open_ok(tree, one, 1); /* and stays the same */
    tree_expect(tree, "a/meta.properties", text);
    log_dirs_close(dirs, tree->fs, false);
}

static void another_nodes_directory_stops_the_start(void **state)
{
    struct tree *tree = *state;
    struct log_dirs *dirs;
    char why[512];
    log_dirs_close(open_ok(tree, one, 1), tree->fs, false);
    assert_int_equal(open_dirs(tree, one, 1, 2, &dirs, why), ERR_INVALID);
    assert_non_null(strstr(why, "node.id 1"));
    tree_directory(tree, "b");
    tree_write(tree, "b/meta.properties", "version=1\nnode.id=1\ncluster.id=elsewhere\n");
    assert_int_equal(open_dirs(tree, two, 2, 1, &dirs, why), ERR_INVALID);
    assert_non_null(strstr(why, "elsewhere"));
    tree_write(tree, "b/meta.properties", "nonsense\n");
    assert_int_equal(open_dirs(tree, two, 2, 1, &dirs, why), ERR_INVALID);
}

static void a_locked_directory_stops_the_start(void **state)
{
    struct tree *tree = *state;
    struct log_dirs *dirs = open_ok(tree, one, 1), *other;
    char why[512];
    assert_int_equal(open_dirs(tree, one, 1, 1, &other, why), ERR_BUSY);
    assert_non_null(strstr(why, "another process"));
    log_dirs_close(dirs, tree->fs, false);
}

static void partitions_are_found_with_their_checkpoints(void **state)
{
    struct tree *tree = *state;
    struct log_dirs_place place;
    add_partition(tree, "a/events-0");
    add_partition(tree, "b/events-12");
    tree_directory(tree, "a/__cluster_metadata-0");
    tree_write(tree, "a/recovery-point-offset-checkpoint", "0\n1\nevents 0 77\n");
    tree_write(tree, "a/log-start-offset-checkpoint", "0\n1\nevents 0 5\n");
    tree_write(tree, "b/recovery-point-offset-checkpoint", "0\n2\nevents 12 9\n"); /* one line short: not used */
    struct log_dirs *dirs = open_ok(tree, two, 2);
    assert_int_equal(log_dirs_find(dirs, EVENTS, 0, topic_id(), false, &place), ERR_OK);
    assert_true(place.exists && place.dir == 0 && !place.clean);
    assert_int_equal(place.recovery_point, 77);
    assert_int_equal(place.start_offset, 5);
    assert_int_equal(log_dirs_find(dirs, EVENTS, 12, topic_id(), false, &place), ERR_OK);
    assert_true(place.exists && place.dir == 1);
    assert_int_equal(place.recovery_point, 0);
    /* Another topic of the same name: the old one is in the way. */
    struct uuid other = topic_id();
    other.bytes[0] ^= 1;
    assert_int_equal(log_dirs_find(dirs, EVENTS, 12, other, true, &place), ERR_OK);
    assert_true(!place.exists && place.occupied && place.dir == 1);
    log_dirs_close(dirs, tree->fs, false);
}

static void a_partition_in_two_directories_stops_the_start(void **state)
{
    struct tree *tree = *state;
    struct log_dirs *dirs;
    char why[512];
    add_partition(tree, "a/events-0");
    add_partition(tree, "b/events-0");
    assert_int_equal(open_dirs(tree, two, 2, 1, &dirs, why), ERR_EXISTS);
    assert_non_null(strstr(why, "events-0 lies in"));
}

static void new_partitions_spread_over_the_directories_that_are_online(void **state)
{
    struct tree *tree = *state;
    struct log_dirs_place place;
    struct log_dirs *dirs = open_ok(tree, two, 2);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(log_dirs_find(dirs, EVENTS, i, topic_id(), true, &place), ERR_OK);
        assert_int_equal(place.dir, i % 2);
        log_dirs_note(dirs, place.dir, 1);
    }
    log_dirs_fail(dirs, 0);
    assert_int_equal(log_dirs_find(dirs, EVENTS, 9, topic_id(), true, &place), ERR_OK);
    assert_int_equal(place.dir, 1);
    log_dirs_fail(dirs, 1);
    assert_int_equal(log_dirs_find(dirs, EVENTS, 9, topic_id(), true, &place), ERR_SEALED);
    log_dirs_close(dirs, tree->fs, true);
    assert_false(tree_has(tree, "a/.kafka_cleanshutdown")); /* it failed: nothing is vouched for */
}

static void an_unusable_directory_goes_offline_alone(void **state)
{
    struct tree *tree = *state;
    struct log_dirs_place place;
    tree_write(tree, "a", "not a directory");
    struct log_dirs *dirs = open_ok(tree, two, 2);
    assert_true(log_dirs_is_offline(dirs, 0));
    assert_false(log_dirs_is_offline(dirs, 1));
    assert_int_equal(log_dirs_find(dirs, EVENTS, 0, topic_id(), true, &place), ERR_OK);
    assert_int_equal(place.dir, 1);
    /* One from before may lie in the offline directory: it must not come to life empty elsewhere. */
    assert_int_equal(log_dirs_find(dirs, EVENTS, 0, topic_id(), false, &place), ERR_SEALED);
    log_dirs_close(dirs, tree->fs, false);
    char why[512];
    assert_int_equal(open_dirs(tree, one, 1, 1, &dirs, why), ERR_IO);
}

static void the_clean_marker_counts_once(void **state)
{
    struct tree *tree = *state;
    struct log_dirs_place place;
    add_partition(tree, "a/events-0");
    log_dirs_close(open_ok(tree, one, 1), tree->fs, true);
    assert_true(tree_has(tree, "a/.kafka_cleanshutdown"));
    struct log_dirs *dirs = open_ok(tree, one, 1);
    assert_false(tree_has(tree, "a/.kafka_cleanshutdown"));
    assert_int_equal(log_dirs_find(dirs, EVENTS, 0, topic_id(), false, &place), ERR_OK);
    assert_true(place.clean);
    log_dirs_close(dirs, tree->fs, false);
    dirs = open_ok(tree, one, 1);
    assert_int_equal(log_dirs_find(dirs, EVENTS, 0, topic_id(), false, &place), ERR_OK);
    assert_false(place.clean);
    log_dirs_close(dirs, tree->fs, false);
}

struct reporting {
    struct log_dirs_report report;
    bool done;
};

static void report_done(struct log_dirs_report *report)
{
    CONTAINER_OF(report, struct reporting, report)->done = true;
}

static void reports_become_checkpoint_files(void **state)
{
    struct tree *tree = *state;
    struct log_dirs *dirs = open_ok(tree, two, 2);
    struct log_dirs_entry entries[] = {{.topic = EVENTS, .recovery_point = 10, .high_watermark = 20},
                                       {.topic = EVENTS,
                                        .partition = 1,
                                        .dir = 1,
                                        .recovery_point = 11,
                                        .start_offset = 3,
                                        .high_watermark = 21,
                                        .cleaned_offset = 9}};
    struct reporting reporting[2] = {{.report = {.done = report_done, .entries = entries, .count = 2}},
                                     {.report = {.done = report_done, .entries = entries, .count = 1}}};
    for (int i = 0; i < 2; i++) {
        log_dirs_report(dirs, tree->io, &reporting[i].report);
        turning_until(tree->machine, &reporting[i].done);
        assert_int_equal(reporting[i].report.err, ERR_OK);
        tree_expect(tree, "a/recovery-point-offset-checkpoint", "0\n1\nevents 0 10\n");
        tree_expect(tree, "a/log-start-offset-checkpoint", "0\n0\n");
        tree_expect(tree, "a/replication-offset-checkpoint", "0\n1\nevents 0 20\n");
        tree_expect(tree, "b/log-start-offset-checkpoint", i == 0 ? "0\n1\nevents 1 3\n" : "0\n0\n");
        tree_expect(tree, "b/cleaner-offset-checkpoint", i == 0 ? "0\n1\nevents 1 9\n" : "0\n0\n");
    }
    log_dirs_close(dirs, tree->fs, false);
}

static void a_deleted_partition_goes_with_its_files(void **state)
{
    struct tree *tree = *state;
    const uint64_t random[2] = {1, 2};
    char path[FS_PATH_MAX], retired[FS_PATH_MAX];
    add_partition(tree, "a/events-0");
    assert_int_equal(log_dirs_retire(tree->fs, tree_path(tree, "a/events-0", path), random, retired), ERR_OK);
    assert_false(tree_has(tree, "a/events-0"));
    assert_true(tree_has(tree, "a/events-0.00000000000000010000000000000002-delete"));
    assert_int_equal(log_dirs_remove(tree->fs, retired), ERR_OK);
    assert_false(tree_has(tree, "a/events-0.00000000000000010000000000000002-delete"));
    assert_int_equal(log_dirs_remove(tree->fs, retired), ERR_OK);
    assert_int_equal(log_dirs_retire(tree->fs, path, random, retired), ERR_OK);
    assert_string_equal(retired, "");
}

struct watching {
    struct log_dirs_unwatch unwatch;
    bool done;
};

static void unwatch_done(struct log_dirs_unwatch *unwatch)
{
    CONTAINER_OF(unwatch, struct watching, unwatch)->done = true;
}

static void partitions_that_nobody_claims_are_put_away_and_kept(void **state)
{
    struct tree *tree = *state;
    char path[FS_PATH_MAX], command[FS_PATH_MAX + 64];
    struct log_dirs_place place;
    add_partition(tree, "a/events-0");
    add_partition(tree, "a/foreign-7");
    struct log_dirs *dirs = open_ok(tree, two, 2);
    struct uuid id = {{0}};
    (void)!log_dirs_find(dirs, EVENTS, 0, id, false, &place); /* whatever it is of: its name is wanted */
    log_dirs_put_away_strays(dirs);
    struct watching watching = {.unwatch.done = unwatch_done};
    log_dirs_unwatch(dirs, &watching.unwatch);
    turning_until(tree->machine, &watching.done);
    assert_true(tree_has(tree, "a/events-0"));
    assert_false(tree_has(tree, "a/foreign-7"));
    snprintf(command, sizeof(command), "ls %s | grep -qE '^foreign-7\\.[0-9a-f]{32}-stray$'",
             tree_path(tree, "a", path));
    assert_int_equal(system(command), 0);
    log_dirs_close(dirs, tree->fs, false);
    dirs = open_ok(tree, two, 2); /* it is nobody's partition from now on */
    assert_null(log_dirs_lookup(dirs, SLICE_LITERAL("foreign"), 7));
    log_dirs_close(dirs, tree->fs, false);
}

static void the_watch_measures_space_and_removes_what_an_earlier_run_left(void **state)
{
    struct tree *tree = *state;
    struct watching watching = {.unwatch = {.done = unwatch_done}};
    int64_t total, left = -1;
    add_partition(tree, "a/events-0.0000-delete");
    struct log_dirs *dirs = open_ok(tree, one, 1);
    log_dirs_space(dirs, 0, &total, &left);
    assert_int_equal(left, -1);
    assert_int_equal(log_dirs_watch(dirs, 60000, INT64_MAX), ERR_OK); /* nobody has that much */
    for (int i = 0; i < 1000 && (left < 0 || tree_has(tree, "a/events-0.0000-delete")); i++) {
        machine_turn(tree->machine, false);
        log_dirs_space(dirs, 0, &total, &left);
    }
    log_dirs_unwatch(dirs, &watching.unwatch);
    turning_until(tree->machine, &watching.done);
    log_dirs_space(dirs, 0, &total, &left);
    assert_true(left > 0 && total >= left);
    assert_true(log_dirs_is_full(dirs, 0));
    assert_false(tree_has(tree, "a/events-0.0000-delete"));
    log_dirs_close(dirs, tree->fs, false);
}

static void damaged_text_is_refused_as_a_whole(void **state)
{
    static const char *const bad[] = {"",
                                      "1\n0\n",
                                      "0\n",
                                      "0\n-1\n",
                                      "0\n1\n",
                                      "0\n0\nx\n",
                                      "0\n1\na 0 1 \n",
                                      "0\n1\na -1 1\n",
                                      "0\n1\na 0 99999999999999999999\n",
                                      "0\n1\n 0 1\n"};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct checkpoint_reader reader;
        struct checkpoint_entry entry;
        enum err err = checkpoint_begin(&reader, slice_from_string(bad[i]));
        while (err == ERR_OK)
            err = checkpoint_next(&reader, &entry);
        assert_int_equal(err, ERR_CORRUPT);
    }
    struct slice topic;
    int32_t partition;
    assert_true(checkpoint_split_name("a-b-7", &topic, &partition) && partition == 7);
    assert_true(slice_equal_string(topic, "a-b"));
    static const char *const names[] = {"-1", "a", "a-", "a-01", "a-x", "a-99999999999"};
    for (size_t i = 0; i < COUNT_OF(names); i++)
        assert_false(checkpoint_split_name(names[i], &topic, &partition));
}

#define IN_TREE(name) cmocka_unit_test_setup_teardown(name, tree_setup, tree_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_TREE(an_empty_directory_becomes_this_nodes),
        IN_TREE(another_nodes_directory_stops_the_start),
        IN_TREE(a_locked_directory_stops_the_start),
        IN_TREE(partitions_are_found_with_their_checkpoints),
        IN_TREE(a_partition_in_two_directories_stops_the_start),
        IN_TREE(new_partitions_spread_over_the_directories_that_are_online),
        IN_TREE(an_unusable_directory_goes_offline_alone),
        IN_TREE(the_clean_marker_counts_once),
        IN_TREE(reports_become_checkpoint_files),
        IN_TREE(a_deleted_partition_goes_with_its_files),
        IN_TREE(partitions_that_nobody_claims_are_put_away_and_kept),
        IN_TREE(the_watch_measures_space_and_removes_what_an_earlier_run_left),
        cmocka_unit_test(damaged_text_is_refused_as_a_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
