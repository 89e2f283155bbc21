/* One seed: its draws, its faults, and the end of it, when everything must come right. */
#include "tests/sim/world.h"

#include "core/wire/compress.h"
#include "core/wire/error.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define MS ((int64_t)1000000)

enum {
    STARTS_WITHIN_MS = 20000, /* with faults that have ended */
    HEALS_WITHIN_MS = 120000,
    FILES_BESIDE = 32, /* beside those of segments */
    WINDOW_MS = 3000,  /* within it descriptors of segments that are gone are closed */
};

/* ---- what clients ask -----------------------------------------------------------------------------------------------
 */

int64_t world_think_ns(struct world *world)
{
    return prng_between(world->prng, MS / 10, world->limits.think_ms_max * MS);
}

bool world_bears(const struct world *world, int16_t error)
{
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

/* ---- draws
 * -------------------------------------------------------------------------------------------------------------- */

static int between(struct world *world, int low, int high)
{
    return (int)prng_between(world->prng, low, high);
}

static bool half(struct world *world)
{
    return prng_chance(world->prng, 500000);
}

static void draw_limits(struct world *world)
{
    world->limits = (struct limits){
        .topics = between(world, 1, TOPICS_MAX),
        .producers = between(world, 1, 3),
        .consumers = between(world, 1, 3),
        .shards = between(world, 1, 4),
        .duration_ms = between(world, 300, 4000),
        .batch_records_max = between(world, 1, 20),
        .value_bytes_max = half(world) ? between(world, 0, 100) : between(world, 0, 3000),
        .think_ms_max = between(world, 2, 60),
        .client_timeout_ms = between(world, 50, 1500),
        .crash_every_ms = half(world) ? between(world, 100, 2000) : 0,
        .kills = half(world),
        .cuts = half(world),
        .clean_restarts = half(world),
        .cut_inside = half(world),
        .block_every_ms = half(world) ? between(world, 50, 1000) : 0,
        .stall_every_ms = half(world) ? between(world, 50, 1000) : 0,
        .clock_every_ms = half(world) ? between(world, 50, 1000) : 0,
        .admin_busy = half(world),
        .disk_faults = prng_chance(world->prng, 200000),
    };
}

static void draw_topics(struct world *world)
{
    static const char *const codecs[] = {"uncompressed", "gzip", "snappy", "lz4", "zstd"};
    for (int t = 0; t < world->limits.topics; t++) {
        struct topic *topic = &world->topics[t];
        snprintf(topic->name, sizeof topic->name, "topic-%d", t);
        topic->partition_count = between(world, 1, PARTITIONS_MAX);
        topic->flushed = half(world);
        topic->loses_head = prng_chance(world->prng, 300000);
        topic->codec = prng_chance(world->prng, 300000) ? between(world, 0, 4) : -1;
        world->has_zstd |= topic->codec == COMPRESS_ZSTD;
        world_say(world, "%s: %d partitions, %s%s, %s", topic->name, topic->partition_count,
                  topic->flushed ? "flushed" : "os", topic->loses_head ? ", retention" : "",
                  topic->codec < 0 ? "codec of the producer" : codecs[topic->codec]);
    }
}

static void draw_network(struct world *world)
{
    bool breaks = half(world), dribbles = half(world), slow = half(world);
    *sim_network(world->sim) = (struct sim_network){
        .delay_min_ns = 10000,
        .delay_max_ns = slow ? between(world, 1, 50) * MS : 200000,
        .break_ppm = breaks ? (uint32_t)between(world, 0, 3000) : 0,
        .dribble_ppm = dribbles ? (uint32_t)between(world, 0, 300000) : 0,
        .window_bytes = (size_t)between(world, 1024, 256 << 10),
    };
}

static void draw_disk(struct world *world)
{
    struct sim_disk_faults *faults = sim_disk_faults(sim_node_disk(world->host.node));
    *faults = (struct sim_disk_faults){
        .cold_ppm = half(world) ? (uint32_t)between(world, 0, 500000) : 0,
        .slow_ppm = half(world) ? (uint32_t)between(world, 0, 20000) : 0,
        .slow_ns = between(world, 1, 500) * MS,
        .writeback_ppm = half(world) ? (uint32_t)between(world, 0, 300000) : 0,
    };
    if (!world->limits.disk_faults)
        return;
    faults->write_ppm = (uint32_t)between(world, 0, 2000);
    faults->sync_ppm = (uint32_t)between(world, 0, 5000);
    faults->full_ppm = (uint32_t)between(world, 0, 2000);
    faults->name_ppm = (uint32_t)between(world, 0, 2000);
}

static void open_host(struct world *world)
{
    struct sim_node_options node = {
        .memory_bytes = (size_t)between(world, 48, 256) << 20,
        .slow_lane_workers = between(world, 1, 4),
        .stall_ppm = half(world) ? (uint32_t)between(world, 0, 2000) : 0,
        .stall_max_ns = between(world, 1, 100) * MS,
    };
    char drawn[8][80];
    const char *settings[9] = {"log.dirs=/data0"};
    int count = 0;
    snprintf(drawn[count++], 80, "log.retention.check.interval.ms=%d", between(world, 20, 2000));
    snprintf(drawn[count++], 80, "log.flush.offset.checkpoint.interval.ms=%d", between(world, 20, 5000));
    snprintf(drawn[count++], 80, "log.flush.start.offset.checkpoint.interval.ms=%d", between(world, 20, 5000));
    snprintf(drawn[count++], 80, "max.incremental.fetch.session.cache.slots=%d", between(world, 0, 8));
    for (int i = 0; i < count; i++)
        settings[i + 1] = drawn[i];
    host_open(&world->host, world->sim, &node, settings, count + 1);
}

static struct sim_node *new_client_node(struct world *world, int index)
{
    struct sim_node_options options = {.wall_offset_ms = between(world, -500, 500)};
    struct sim_node *node = world->client_nodes[index] = sim_node_open(world->sim, &options);
    sim_node_start(node, 0);
    return node;
}

static void open_clients(struct world *world)
{
    int nodes = 0;
    world->admin = client_admin_open(world, new_client_node(world, nodes++));
    for (int i = 0; i < world->limits.producers; i++)
        world->producers[i] = client_producer_open(world, new_client_node(world, nodes++), i);
    for (int i = 0; i < world->limits.consumers; i++)
        world->consumers[i] = client_consumer_open(world, new_client_node(world, nodes++), i);
}

/* ---- the broker's life
 * ----------------------------------------------------------------------------------------------------- */

static void start_host(struct world *world)
{
    int shards = prng_chance(world->prng, 300000) ? between(world, 1, 4) : world->limits.shards;
    if (!host_start(&world->host, shards) && !world->limits.disk_faults)
        world_fail(world, "the broker does not start: %s", world->host.why);
    world_say(world, "start with %d data shards", shards);
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

/* Some time with the broker in whatever state it is; it is started again when it is off. */
static void run_ms(struct world *world, int duration_ms)
{
    struct host *host = &world->host;
    for (int ms = 0; ms < duration_ms; ms += TICK_MS) {
        sim_run_for(world->sim, TICK_MS * MS);
        bool clean;
        struct sim_leaks leaks;
        if (host->state == HOST_FAILED) {
            if (!world->limits.disk_faults)
                world_fail(world, "the broker does not start: %s", host->why);
            host_crash(host, SIM_POWER_CUT); /* its page cache is not to be trusted */
            model_power_cut(world);
        } else if (host_finish(host, &clean, &leaks)) {
            if (clean && (leaks.memory_bytes > 0 || leaks.files > 0 || leaks.sockets > 0))
                world_fail(world, "K9: a clean stop leaves %zu bytes, %d files, %d sockets", leaks.memory_bytes,
                           leaks.files, leaks.sockets);
            world->clean_stops += clean;
            world_say(world, "stopped, %s", clean ? "clean" : "not clean");
        }
        if (host->state == HOST_OFF)
            start_host(world);
    }
    check_bounds(world);
}

struct cut_watch {
    struct sim_disk_watch watch;
    struct prng *prng;
    uint64_t left;
    struct sim_disk *image;
};

static void before_operation(struct sim_disk_watch *watch, struct sim_disk *disk)
{
    struct cut_watch *cut = CONTAINER_OF(watch, struct cut_watch, watch);
    if (cut->image == NULL && cut->left-- == 0)
        cut->image = sim_disk_after_cut(disk, cut->prng);
}

/* The power goes before one of the next operations of the disk, be it in the middle of a turn. */
static void cut_inside(struct world *world)
{
    struct sim_disk *disk = sim_node_disk(world->host.node);
    struct cut_watch cut = {.watch.before = before_operation, .prng = world->prng, .left = prng_below(world->prng, 60)};
    sim_disk_set_watch(disk, &cut.watch);
    for (int i = 0; i < 100000 && cut.image == NULL; i++)
        sim_step(world->sim);
    sim_disk_set_watch(disk, NULL);
    if (cut.image == NULL)
        return;
    world_say(world, "power cut inside an event");
    struct sim_disk_faults faults = *sim_disk_faults(disk);
    host_crash(&world->host, SIM_POWER_CUT);
    sim_node_set_disk(world->host.node, cut.image);
    *sim_disk_faults(cut.image) = faults;
    model_power_cut(world);
    world->power_cuts++;
}

static void crash(struct world *world)
{
    struct host *host = &world->host;
    const struct limits *limits = &world->limits;
    if (!sim_node_is_on(host->node))
        return;
    int how = between(world, 0, 3);
    if (how == 0 && limits->kills && !limits->disk_faults) {
        world_say(world, "kill");
        host_crash(host, SIM_KILL);
        model_kill(world);
        world->kills++;
    } else if (how == 1 && limits->cuts) {
        world_say(world, "power cut");
        host_crash(host, SIM_POWER_CUT);
        model_power_cut(world);
        world->power_cuts++;
    } else if (how == 2 && limits->cut_inside) {
        cut_inside(world);
    } else if (how == 3 && limits->clean_restarts && host->state == HOST_READY && !limits->disk_faults) {
        world_say(world, "stop");
        host_stop(host);
        return;
    } else {
        return;
    }
    sim_run_for(world->sim, between(world, 0, 300) * MS);
}

/* ---- faults
 * ------------------------------------------------------------------------------------------------------------------ */

static bool is_time(struct world *world, int every_ms)
{
    return every_ms > 0 && prng_below(world->prng, (uint64_t)every_ms) < TICK_MS;
}

static void block_somebody(struct world *world, bool blocked)
{
    struct sim_node *client = world->client_nodes[between(world, 0, world->limits.producers + world->limits.consumers)];
    if (half(world))
        sim_block(world->sim, client, world->host.node, blocked);
    else
        sim_block(world->sim, world->host.node, client, blocked);
}

static void unblock_all(struct world *world)
{
    for (int i = 0; i < CLIENTS_MAX && world->client_nodes[i] != NULL; i++) {
        sim_block(world->sim, world->client_nodes[i], world->host.node, false);
        sim_block(world->sim, world->host.node, world->client_nodes[i], false);
    }
}

static void make_trouble(struct world *world)
{
    if (is_time(world, world->limits.crash_every_ms))
        crash(world);
    if (is_time(world, world->limits.block_every_ms))
        block_somebody(world, true);
    if (is_time(world, 300))
        unblock_all(world);
    if (is_time(world, world->limits.stall_every_ms) && sim_node_is_on(world->host.node))
        sim_node_stall(world->host.node, between(world, 1, 300) * MS);
    if (is_time(world, world->limits.clock_every_ms))
        sim_node_jump_clock(world->host.node, between(world, -5000, 5000));
}

static void heal(struct world *world)
{
    world_say(world, "faults end");
    unblock_all(world);
    sim_network(world->sim)->break_ppm = 0;
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
    return world->topics_made;
}

static void audit(struct world *world)
{
    struct consumer *auditor = world->consumers[0];
    client_consumer_audit(auditor);
    int ms = 0;
    for (; ms < HEALS_WITHIN_MS && !client_consumer_audited(auditor); ms += TICK_MS)
        run_ms(world, TICK_MS);
    if (!client_consumer_audited(auditor))
        world_fail(world, "K10: the partitions cannot be read to their ends");
}

static void settle(struct world *world)
{
    world->quiet = true;
    int ms = 0;
    for (; ms < HEALS_WITHIN_MS && (!all_idle(world) || world->host.state != HOST_READY); ms += TICK_MS)
        run_ms(world, TICK_MS);
    if (!all_idle(world) || world->host.state != HOST_READY)
        world_fail(world, "K10: no progress after the faults have ended (state %d)", world->host.state);
}

static bool retention_goes_on(const struct world *world)
{
    for (int t = 0; t < world->limits.topics; t++)
        if (world->topics[t].loses_head)
            return true;
    return false;
}

/* What was on its way when the clients fell silent (acks=0 waits for nothing) has arrived. */
static void stand_still(struct world *world)
{
    enum { STILL_MS = 1000 };
    char *before = fingerprint(&world->host);
    for (int ms = 0; ms < HEALS_WITHIN_MS; ms += STILL_MS) {
        run_ms(world, STILL_MS);
        char *after = fingerprint(&world->host);
        bool same = strcmp(before, after) == 0;
        free(before);
        before = after;
        if (same)
            break;
    }
    free(before);
}

static void wait_for(struct world *world, enum host_state state)
{
    for (int ms = 0; ms < STARTS_WITHIN_MS && world->host.state != state; ms += TICK_MS)
        run_ms(world, TICK_MS);
    if (world->host.state != state)
        world_fail(world, "K10: the broker is in state %d, not %d, after %d s", world->host.state, state,
                   STARTS_WITHIN_MS / 1000);
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
        run_ms(world, TICK_MS);
    if (world->clean_stops == stops)
        world_fail(world, "K9: a stop with nothing to do is not clean");
    wait_for(world, HOST_READY);
    char *after = fingerprint(host);
    if (strcmp(before, after) != 0)
        world_fail(world, "K7: a clean restart changes what the broker knows\nbefore: %safter:  %s", before, after);
    host_crash(host, SIM_KILL);
    wait_for(world, HOST_READY);
    free(after);
    after = fingerprint(host);
    if (strcmp(before, after) != 0)
        world_fail(world, "K7: a kill changes what the broker knows\nbefore: %safter:  %s", before, after);
    free(before);
    free(after);
}

static void close_world(struct world *world)
{
    for (int i = 0; i < world->limits.producers; i++)
        client_producer_close(world->producers[i]);
    for (int i = 0; i < world->limits.consumers; i++)
        client_consumer_close(world->consumers[i]);
    client_admin_close(world->admin);
    for (int t = 0; t < world->limits.topics; t++)
        for (int p = 0; p < world->topics[t].partition_count; p++)
            free(world->topics[t].parts[p].known);
    free(world->producer_ids);
    sim_close(world->sim);
    host_close(&world->host);
}

uint64_t scenario_run(uint64_t seed, bool verbose, char *report, size_t report_size)
{
    struct world *world = calloc(1, sizeof *world);
    world->seed = seed;
    world->verbose = verbose;
    world->sim = sim_open(&(struct sim_options){.seed = seed});
    world->prng = sim_prng(world->sim);
    draw_limits(world);
    draw_topics(world);
    open_host(world);
    start_host(world);
    wait_for(world, HOST_READY);
    open_clients(world);
    draw_network(world);
    draw_disk(world);
    for (int ms = 0; ms < world->limits.duration_ms; ms += TICK_MS) {
        make_trouble(world);
        run_ms(world, TICK_MS);
    }
    heal(world);
    settle(world);
    if (!retention_goes_on(world))
        stand_still(world);
    audit(world);
    restart_is_the_same(world);
    audit(world);
    uint64_t trace = sim_trace_hash(world->sim);
    snprintf(report, report_size,
             "trace %016" PRIx64 " events %" PRIu64 " virtual %" PRId64 " ms acked %" PRIu64 " read %" PRIu64
             " resent %" PRIu64 " kills %" PRIu64 " cuts %" PRIu64 " stops %" PRIu64,
             trace, sim_event_count(world->sim), sim_now_ns(world->sim) / MS, world->acked, world->read, world->resent,
             world->kills, world->power_cuts, world->clean_stops);
    close_world(world);
    free(world);
    return trace;
}
