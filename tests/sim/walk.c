/* Walks: one scripted life of a broker (append, roll, retention, DeleteRecords, changed configurations, a clean
 * restart), and at each of its steps a fork in which something goes wrong there and everything must come right all the
 * same.
 *
 *   cuts         before each operation of the disk the power goes, with several draws of what the device has
 *   io           each operation fails once, as a bad or as a full disk
 *   allocations  each allocation fails once
 */
#include "tests/sim/world.h"

#include "io/base/hash.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CUTS_EACH = 3, FAILURES_EACH = 2, SCRIPT_MS = 350, GOES_ON_MS = 50, HANGS_AFTER_S = 120 };

enum walk_kind { WALK_CUTS, WALK_IO, WALK_ALLOCATIONS };

struct walk {
    struct world world;
    enum walk_kind kind;
    const char *name;
    struct sim_disk_watch disk_watch;
    struct sim_memory_watch memory_watch;
    uint64_t every, step; /* every: of how many steps one is walked to */
    uint64_t only_step;   /* 0: all; else no forks: this run takes that branch, in that variant */
    int only_variant;
    long running, passed, failed, workers;
    bool is_branch; /* in a fork: its trouble has begun */
    int left_ms;    /* of the script, in a branch */
};

/* ---- branches
 * ----------------------------------------------------------------------------------------------------------- */

static void reap(struct walk *walk)
{
    int status;
    if (wait(&status) < 0)
        return;
    walk->running--;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        walk->passed++;
    else
        walk->failed++;
}

static bool is_branch(struct walk *walk, int variant)
{
    if (walk->only_step > 0)
        return variant == walk->only_variant;
    while (walk->running >= walk->workers)
        reap(walk);
    fflush(NULL);
    pid_t pid = fork();
    if (pid > 0)
        walk->running++;
    else
        alarm(HANGS_AFTER_S);
    return pid == 0;
}

/* True in the branch. */
static bool branch(struct walk *walk, const char *what, int variant)
{
    if (!is_branch(walk, variant))
        return false;
    walk->is_branch = true;
    walk->left_ms = GOES_ON_MS;
    prng_seed(walk->world.prng, hash_u64(walk->step, (uint64_t)variant));
    snprintf(walk->world.where, sizeof walk->world.where, "%s, --walk %s --step %" PRIu64 " --variant %d", what,
             walk->name, walk->step, variant);
    world_say(&walk->world, "%s", what);
    return true;
}

static bool is_walked_to(struct walk *walk)
{
    if (walk->is_branch)
        return false;
    walk->step++;
    return walk->only_step > 0 ? walk->step == walk->only_step : hash_u64(walk->step, 7) % walk->every == 0;
}

static void before_operation(struct sim_disk_watch *watch, struct sim_disk *disk)
{
    struct walk *walk = CONTAINER_OF(watch, struct walk, disk_watch);
    if (!is_walked_to(walk))
        return;
    if (walk->kind == WALK_CUTS) {
        for (int i = 0; i < CUTS_EACH; i++)
            if (branch(walk, "cut", i)) {
                walk->left_ms = 0;
                walk->world.cut_image = sim_disk_after_cut(disk, walk->world.prng);
                sim_halt(walk->world.sim);
                return;
            }
        return;
    }
    for (int i = 0; i < FAILURES_EACH; i++)
        if (branch(walk, i == 0 ? "failure" : "full disk", i)) {
            walk->world.limits.disk_faults = true;
            sim_disk_fail(disk, 1, i == 0 ? ERR_IO : ERR_NO_SPACE, false);
            return;
        }
}

static bool allocation_fails(struct sim_memory_watch *watch, struct sim_node *node)
{
    struct walk *walk = CONTAINER_OF(watch, struct walk, memory_watch);
    if (!is_walked_to(walk) || !branch(walk, "allocation", 0))
        return false;
    walk->world.limits.memory_faults = true;
    return true;
}

/* ---- the script
 * ---------------------------------------------------------------------------------------------------------- */

static void set_topic(struct topic *topic, int number, bool flushed, bool loses_head, int codec)
{
    *topic = (struct topic){.partition_count = 2, .flushed = flushed, .loses_head = loses_head, .codec = codec};
    snprintf(topic->name, sizeof topic->name, "topic-%d", number);
}

static void compact(struct topic *topic)
{
    topic->keys = 8;
    topic->delete_retention_ms = 60;
}

static void open_world(struct walk *walk, const struct walk_options *options)
{
    static const char *const settings[] = {
        "log.dirs=/data0",
        "log.retention.check.interval.ms=20",
        "log.flush.offset.checkpoint.interval.ms=30",
        "log.flush.start.offset.checkpoint.interval.ms=40",
        "log.segment.delete.delay.ms=10",
        "group.min.session.timeout.ms=100",
        "group.initial.rebalance.delay.ms=10",
        "offsets.topic.num.partitions=1",
        "transaction.state.log.num.partitions=1",
        "transaction.abort.timed.out.transaction.cleanup.interval.ms=50",
        "log.cleaner.backoff.ms=15",
        "log.roll.ms=40",
    };
    struct world *world = &walk->world;
    world->seed = options->seed;
    world->sim = sim_open(&(struct sim_options){.seed = options->seed});
    world->prng = sim_prng(world->sim);
    world->limits = (struct limits){.topics = 3,
                                    .producers = 2,
                                    .consumers = 1,
                                    .workers = options->workers,
                                    .session_ms = 200,
                                    .transaction_ms = 300,
                                    .shards = 2,
                                    .batch_records_max = 6,
                                    .value_bytes_max = 300,
                                    .think_ms_max = 8,
                                    .client_timeout_ms = 300,
                                    .admin_busy = true};
    set_topic(&world->topics[0], 0, true, false, -1);
    set_topic(&world->topics[1], 1, false, false, -1);
    set_topic(&world->topics[2], 2, true, true, 3);
    world->topic_count = world->limits.topics;
    if (options->compacts)
        compact(&world->topics[1]);
    if (options->compacts)
        compact(&world->topics[2]);
    if (options->workers > 0) {
        world->group =
            (struct group_model){.name = "group", .input = 0, .output = world->topic_count, .transactional = true};
        set_topic(&world->topics[world->topic_count++], 3, true, false, -1);
        if (options->compacts)
            compact(&world->topics[world->group.output]);
    }
    host_open(&world->host, world->sim, &(struct sim_node_options){.memory_bytes = 64 << 20}, settings,
              COUNT_OF(settings));
}

static void run_script(struct walk *walk)
{
    struct world *world = &walk->world;
    bool opened = false;
    world_start_host(world);
    for (int ms = 0; ms < SCRIPT_MS && !(walk->is_branch && walk->left_ms <= 0); ms += TICK_MS) {
        world_run_ms(world, TICK_MS);
        if (!opened && world->host.state == HOST_READY) {
            world_open_clients(world);
            opened = true;
        }
        if (ms == SCRIPT_MS / 2 && world->host.state == HOST_READY)
            host_stop(&world->host);
        walk->left_ms -= TICK_MS;
    }
    if (!opened) {
        world_run_ms(world, TICK_MS); /* what has gone wrong is seen */
        world_wait_for(world, HOST_READY);
        world_open_clients(world);
    }
    sim_node_set_memory_watch(world->host.node, NULL);
    world_heal(world);
    world_come_right(world);
}

int walk_run(const struct walk_options *options)
{
    struct walk *walk = calloc(1, sizeof *walk);
    const char *kind = walk->name = options->kind;
    walk->kind = strcmp(kind, "cuts") == 0 ? WALK_CUTS : strcmp(kind, "io") == 0 ? WALK_IO : WALK_ALLOCATIONS;
    walk->every = options->every > 0 ? options->every : 1;
    walk->only_step = options->step;
    walk->only_variant = options->variant;
    walk->world.verbose = options->step > 0;
    walk->workers = sysconf(_SC_NPROCESSORS_ONLN);
    walk->disk_watch.before = before_operation;
    walk->memory_watch.fails = allocation_fails;
    open_world(walk, options);
    if (walk->kind == WALK_ALLOCATIONS)
        sim_node_set_memory_watch(walk->world.host.node, &walk->memory_watch);
    else
        sim_disk_set_watch(sim_node_disk(walk->world.host.node), &walk->disk_watch);
    run_script(walk);
    if (walk->is_branch && walk->only_step == 0)
        _exit(0);
    while (walk->running > 0)
        reap(walk);
    printf("walk %s: %" PRIu64 " steps, %" PRIu64 " records acknowledged, %" PRIu64
           " compacted away; %ld passed, %ld failed\n",
           kind, walk->step, walk->world.acked, walk->world.cleaned, walk->passed, walk->failed);
    world_close(&walk->world);
    int failed = walk->failed > 0 || (walk->passed == 0 && walk->only_step == 0);
    free(walk);
    return failed;
}
