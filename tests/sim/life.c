/* The life of a world, whatever happens to it in between: its broker started again and again, its clients, and the end,
 * when everything must come right. */
#include "tests/sim/world.h"

#include "core/wire/error.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    STARTS_WITHIN_MS = 20000, /* with faults that have ended */
    HEALS_WITHIN_MS = 300000,
    FILES_BESIDE = 128, /* beside those of segments */
    WINDOW_MS = 11000,  /* within it descriptors of segments that are gone are closed: two ticks of the log */
};

/* ---- chance and what clients ask
 * -----------------------------------------------------------------------------------------------
 */

int world_between(struct world *world, int low, int high)
{
    return (int)prng_between(world->prng, low, high);
}

bool world_half(struct world *world)
{
    return prng_chance(world->prng, 500000);
}

int64_t world_think_ns(struct world *world)
{
    return prng_between(world->prng, MS / 10, world->limits.think_ms_max * MS);
}

static bool has_faults(const struct world *world)
{
    return world->limits.disk_faults || world->limits.memory_faults;
}

bool world_bears(const struct world *world, int16_t error)
{
    if (error == KAFKA_ERROR_UNKNOWN_SERVER_ERROR && world->limits.memory_faults)
        return true;
    return kafka_error_retriable(error) && error != KAFKA_ERROR_CORRUPT_MESSAGE;
}

void world_new_producer_id(struct world *world, int64_t producer_id)
{
    for (int i = 0; i < world->producer_id_count; i++)
        if (world->producer_ids[i] == producer_id)
            world_fail(world, "K4: producer id %" PRId64 " is given a second time", producer_id);
    world->producer_ids = realloc(world->producer_ids, (size_t)(world->producer_id_count + 1) * sizeof(int64_t));
    world->producer_ids[world->producer_id_count++] = producer_id;
}

static struct sim_node *new_client_node(struct world *world, int index)
{
    struct sim_node_options options = {.wall_offset_ms = world_between(world, -500, 500)};
    struct sim_node *node = world->client_nodes[index] = sim_node_open(world->sim, &options);
    sim_node_start(node, 0);
    return node;
}

void world_open_clients(struct world *world)
{
    int nodes = 0;
    world->admin = client_admin_open(world, new_client_node(world, nodes++));
    for (int i = 0; i < world->limits.producers; i++)
        world->producers[i] = client_producer_open(world, new_client_node(world, nodes++), i);
    for (int i = 0; i < world->limits.consumers; i++)
        world->consumers[i] = client_consumer_open(world, new_client_node(world, nodes++));
    for (int i = 0; i < world->limits.workers; i++)
        world->workers[i] = client_worker_open(world, new_client_node(world, nodes++), i);
}

/* ---- the broker's life
 * ----------------------------------------------------------------------------------------------------- */

/* After a failed write or sync the page cache may show what the device has not, and nobody can tell: an operator starts
 * the machine anew, and so do we. The node is off. */
static void distrust_cache(struct world *world)
{
    if (!world->limits.disk_faults)
        return;
    sim_node_set_disk(world->host.node, sim_disk_after_cut(sim_node_disk(world->host.node), world->prng));
    model_power_cut(world);
}

void world_start_host(struct world *world)
{
    int shards = prng_chance(world->prng, 300000) ? world_between(world, 1, 4) : world->limits.shards;
    world_say(world, "start with %d data shards", shards);
    if (host_start(&world->host, shards))
        return;
    if (!has_faults(world))
        world_fail(world, "the broker does not start: %s", world->host.why);
    distrust_cache(world);
}

static void check_bounds(struct world *world)
{
    const struct host *host = &world->host;
    if (host->state != HOST_READY)
        return;
    int segments = 0;
    for (int i = 0; i < host->broker->data_shards; i++) {
        struct list *all = shard_data_partitions(host->broker->shards[i].data);
        for (struct list *it = all->next; it != all; it = it->next)
            if (PARTITION_OF(it)->log != NULL)
                segments += log_segment_count(PARTITION_OF(it)->log);
    }
    int window = (int)(sim_now_ns(world->sim) / MS / WINDOW_MS);
    if (window != world->window) {
        world->segments_before = window == world->window + 1 ? world->segments_now : 0;
        world->segments_now = 0;
        world->window = window;
    }
    world->segments_now = segments > world->segments_now ? segments : world->segments_now;
    if (segments < world->segments_before)
        segments = world->segments_before;
    if (segments < world->segments_now)
        segments = world->segments_now;
    int files = sim_node_open_files(host->node), sockets = sim_node_open_sockets(host->node);
    if (files > FILES_BESIDE + segments)
        world_fail(world, "K8: %d open files for %d segments", files, segments);
    if (sockets > 40 * CLIENTS_MAX)
        world_fail(world, "K8: %d sockets for %d clients", sockets, CLIENTS_MAX);
}

/* The disk is what it was before the operation; what the node has done in the event since then went with it. */
static void take_cut(struct world *world)
{
    struct host *host = &world->host;
    struct sim_disk_faults faults = *sim_disk_faults(sim_node_disk(host->node));
    struct sim_disk *image = world->cut_image;
    world_say(world, "power cut inside an event");
    world->cut_image = NULL;
    sim_disk_set_watch(sim_node_disk(host->node), NULL);
    if (!sim_node_is_on(host->node)) { /* it has ended by itself in that event */
        sim_disk_free(image);
        return;
    }
    host_crash(host, SIM_POWER_CUT);
    sim_node_set_disk(host->node, image);
    *sim_disk_faults(image) = faults;
    model_power_cut(world);
    world->power_cuts++;
}

/* Some time with the broker in whatever state it is; it is started again when it is off. */
void world_run_ms(struct world *world, int duration_ms)
{
    struct host *host = &world->host;
    for (int ms = 0; ms < duration_ms; ms += TICK_MS) {
        if (world->cut_image == NULL) /* else the power has gone during the boot */
            sim_run_for(world->sim, TICK_MS * MS);
        if (world->cut_image != NULL)
            take_cut(world);
        bool clean;
        struct sim_leaks leaks;
        if (host->state == HOST_FAILED) {
            if (!has_faults(world))
                world_fail(world, "the broker does not start: %s", host->why);
            host_crash(host, SIM_POWER_CUT); /* its page cache is not to be trusted */
            model_power_cut(world);
        } else if (host_finish(host, &clean, &leaks)) {
            if (clean && (leaks.memory_bytes > 0 || leaks.files > 0 || leaks.sockets > 0))
                world_fail(world, "K9: a clean stop leaves %zu bytes, %d files, %d sockets", leaks.memory_bytes,
                           leaks.files, leaks.sockets);
            world->clean_stops += clean;
            if (!clean) { /* as if it had been killed */
                model_kill(world);
                distrust_cache(world);
            }
            world_say(world, "stopped, %s", clean ? "clean" : "not clean");
        }
        if (host->state == HOST_OFF)
            world_start_host(world);
    }
    check_bounds(world);
}

static void before_operation(struct sim_disk_watch *watch, struct sim_disk *disk)
{
    struct world *world = CONTAINER_OF(watch, struct world, cut);
    if (world->cut_image != NULL || world->cut_left-- > 0)
        return;
    world->cut_image = sim_disk_after_cut(disk, world->prng);
    sim_halt(world->sim);
}

/* The power goes before one of the next operations of the disk, be it in the middle of a turn. */
void world_cut_after(struct world *world, uint64_t operations)
{
    world->cut.before = before_operation;
    world->cut_left = operations;
    sim_disk_set_watch(sim_node_disk(world->host.node), &world->cut);
}

void world_unblock_all(struct world *world)
{
    for (int i = 0; i < CLIENTS_MAX && world->client_nodes[i] != NULL; i++) {
        sim_block(world->sim, world->client_nodes[i], world->host.node, false);
        sim_block(world->sim, world->host.node, world->client_nodes[i], false);
    }
}

/* Slowness ends as well: over a road of 20 KB/s the last reads would take longer than the patience of K10. */
void world_heal(struct world *world)
{
    enum { HEALED_DELAY_NS = 200000, HEALED_WINDOW_BYTES = 64 << 10 };
    world_say(world, "faults end");
    world_unblock_all(world);
    sim_disk_set_watch(sim_node_disk(world->host.node), NULL);
    struct sim_network *network = sim_network(world->sim);
    *network = (struct sim_network){
        .delay_min_ns = network->delay_min_ns, .delay_max_ns = HEALED_DELAY_NS, .window_bytes = HEALED_WINDOW_BYTES};
    struct host *host = &world->host;
    if (world->limits.disk_faults) {
        world->limits.disk_faults = false;
        if (sim_node_is_on(host->node))
            host_crash(host, SIM_POWER_CUT); /* a sealed directory comes back with a restart, its page cache does not */
        model_power_cut(world);
    }
    struct sim_disk_faults *faults = sim_disk_faults(sim_node_disk(host->node));
    *faults = (struct sim_disk_faults){.cold_ppm = faults->cold_ppm, .writeback_ppm = faults->writeback_ppm};
}

/* ---- the end
 * -------------------------------------------------------------------------------------------------------------------
 */

static bool all_idle(const struct world *world)
{
    for (int i = 0; i < world->limits.producers; i++)
        if (!client_producer_is_idle(world->producers[i]))
            return false;
    for (int i = 0; i < world->limits.workers; i++)
        if (!client_worker_is_idle(world->workers[i]))
            return false;
    return world->topics_made;
}

void world_audit(struct world *world)
{
    struct consumer *auditor = world->consumers[0];
    client_consumer_audit(auditor);
    int ms = 0;
    for (; ms < HEALS_WITHIN_MS && !client_consumer_audited(auditor); ms += TICK_MS)
        world_run_ms(world, TICK_MS);
    if (!client_consumer_audited(auditor))
        world_fail(world, "K10: the partitions cannot be read to their ends");
    if (!world->rot.on)
        model_check_outputs(world);
}

static void settle(struct world *world)
{
    world->quiet = true;
    int ms = 0;
    for (; ms < HEALS_WITHIN_MS && (!all_idle(world) || world->host.state != HOST_READY); ms += TICK_MS)
        world_run_ms(world, TICK_MS);
    for (int i = 0; i < world->limits.workers && !all_idle(world); i++)
        client_worker_tell(world->workers[i]);
    if (!all_idle(world) && world->host.state == HOST_READY && world->verbose)
        printf("%s\n", fingerprint(&world->host));
    if (!all_idle(world) || world->host.state != HOST_READY)
        world_fail(world, "K10: no progress after the faults have ended (state %d)", world->host.state);
}

static bool retention_goes_on(const struct world *world)
{
    for (int t = 0; t < world->topic_count; t++)
        if (world->topics[t].loses_head)
            return true;
    return false;
}

/* What was on its way when the clients fell silent (acks=0 waits for nothing) has arrived. */
static void stand_still(struct world *world)
{
    enum { STILL_MS = 1000, SESSIONS_END_MS = 12000 };
    world->silent = true; /* the members of the group, whose rebalances are not in the log */
    if (world->limits.workers > 0)
        world_run_ms(world, SESSIONS_END_MS);
    char *before = fingerprint(&world->host);
    for (int ms = 0; ms < HEALS_WITHIN_MS; ms += STILL_MS) {
        world_run_ms(world, STILL_MS);
        char *after = fingerprint(&world->host);
        bool same = strcmp(before, after) == 0;
        free(before);
        before = after;
        if (same)
            break;
    }
    free(before);
}

void world_wait_for(struct world *world, enum host_state state)
{
    for (int ms = 0; ms < STARTS_WITHIN_MS && world->host.state != state; ms += TICK_MS)
        world_run_ms(world, TICK_MS);
    if (world->host.state != state)
        world_fail(world, "K10: the broker is in state %d, not %d, after %d s", world->host.state, state,
                   STARTS_WITHIN_MS / 1000);
}

/* Ready, and everything that it replays has been. */
static void wait_until_whole(struct world *world)
{
    int ms = 0;
    world_wait_for(world, HOST_READY);
    for (; ms < STARTS_WITHIN_MS && !fingerprint_is_whole(&world->host); ms += TICK_MS)
        world_run_ms(world, TICK_MS);
    if (ms >= STARTS_WITHIN_MS)
        world_fail(world, "K10: the coordinators have not loaded after %d s", STARTS_WITHIN_MS / 1000);
}

static void restart_is_the_same(struct world *world)
{
    struct host *host = &world->host;
    if (retention_goes_on(world)) /* nothing stands still to be compared */
        return;
    char *before = fingerprint(host);
    uint64_t stops = world->clean_stops;
    host_stop(host);
    while (world->clean_stops == stops && host->state != HOST_READY)
        world_run_ms(world, TICK_MS);
    if (world->clean_stops == stops)
        world_fail(world, "K9: a stop with nothing to do is not clean");
    wait_until_whole(world);
    char *after = fingerprint(host);
    if (strcmp(before, after) != 0)
        world_fail(world, "K7: a clean restart changes what the broker knows\nbefore: %safter:  %s", before, after);
    host_crash(host, SIM_KILL);
    wait_until_whole(world);
    free(after);
    after = fingerprint(host);
    if (strcmp(before, after) != 0)
        world_fail(world, "K7: a kill changes what the broker knows\nbefore: %safter:  %s", before, after);
    free(before);
    free(after);
}

static bool is_compacting(const struct world *world)
{
    for (int t = 0; t < world->topic_count; t++)
        if (world->topics[t].keys > 0)
            return true;
    return false;
}

/* Any kind of end, in the middle of a compaction perhaps. */
static void end_somehow(struct world *world)
{
    static const char *const names[] = {"stop", "kill", "power cut", "power cut soon"};
    struct host *host = &world->host;
    uint64_t how = prng_below(world->prng, COUNT_OF(names));
    world_say(world, "%s", names[how]);
    switch (how) {
    case 0:
        host_stop(host);
        return;
    case 1:
        host_crash(host, SIM_KILL);
        model_kill(world);
        return;
    case 2:
        host_crash(host, SIM_POWER_CUT);
        model_power_cut(world);
        return;
    default:
        world_cut_after(world, prng_below(world->prng, 60));
    }
}

/* Each restart leaves of every key what it had, and producers go on where they were. */
static void go_on_compacting(struct world *world)
{
    enum { GOES_ON_MS = 400 };
    for (int round = world_between(world, 1, world->limits.rounds_max); round > 0; round--) {
        world_say(world, "another round");
        world->quiet = false;
        world_run_ms(world, world_between(world, TICK_MS, GOES_ON_MS));
        if (world->host.state == HOST_READY)
            end_somehow(world);
        world_run_ms(world, world_between(world, TICK_MS, GOES_ON_MS));
        settle(world);
        sim_disk_set_watch(sim_node_disk(world->host.node), NULL);
        world_audit(world);
    }
}

void world_come_right(struct world *world)
{
    settle(world);
    world_audit(world);
    if (is_compacting(world) && world->limits.rounds_max > 0)
        go_on_compacting(world);
    if (!retention_goes_on(world))
        stand_still(world);
    restart_is_the_same(world);
    world_audit(world);
}

void world_close(struct world *world)
{
    for (int i = 0; i < world->limits.producers; i++)
        client_producer_close(world->producers[i]);
    for (int i = 0; i < world->limits.consumers; i++)
        client_consumer_close(world->consumers[i]);
    for (int i = 0; i < world->limits.workers; i++)
        client_worker_close(world->workers[i]);
    client_admin_close(world->admin);
    for (int t = 0; t < world->topic_count; t++)
        for (int p = 0; p < world->topics[t].partition_count; p++)
            free(world->topics[t].parts[p].known);
    free(world->producer_ids);
    sim_close(world->sim);
    host_close(&world->host);
}
