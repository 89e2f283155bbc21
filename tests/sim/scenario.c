/* One seed: its draws, its faults, and the end of it, when everything must come right. */
#include "tests/sim/world.h"

#include "core/wire/compress.h"
#include "core/wire/error.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { SETTINGS_DRAWN = 16 };

/* ---- draws
 * -------------------------------------------------------------------------------------------------------------- */

static void draw_limits(struct world *world)
{
    world->limits = (struct limits){
        .topics = world_between(world, 1, TOPICS_MAX),
        .producers = world_between(world, 1, 3),
        .consumers = world_between(world, 1, 3),
        .workers = world_half(world) ? world_between(world, 1, WORKERS_MAX) : 0,
        .session_ms = world_between(world, 300, 3000),
        .transaction_ms = world_between(world, 200, 5000),
        .shards = world_between(world, 1, 4),
        .duration_ms = world_between(world, 300, 4000),
        .rounds_max = 3,
        .batch_records_max = world_between(world, 1, 20),
        .value_bytes_max = world_half(world) ? world_between(world, 0, 100) : world_between(world, 0, 3000),
        .think_ms_max = world_between(world, 2, 60),
        .client_timeout_ms = world_between(world, 50, 1500),
        .crash_every_ms = world_half(world) ? world_between(world, 100, 2000) : 0,
        .kills = world_half(world),
        .cuts = world_half(world),
        .clean_restarts = world_half(world),
        .cut_inside = world_half(world),
        .block_every_ms = world_half(world) ? world_between(world, 50, 1000) : 0,
        .stall_every_ms = world_half(world) ? world_between(world, 50, 1000) : 0,
        .clock_every_ms = world_half(world) ? world_between(world, 50, 1000) : 0,
        .admin_busy = world_half(world),
        .disk_faults = prng_chance(world->prng, 200000),
        .rots = prng_chance(world->prng, 200000),
    };
}

static void draw_compaction(struct world *world, struct topic *topic)
{
    topic->keys = world_between(world, 1, KEYS_MAX);
    topic->delete_retention_ms = world_half(world) ? world_between(world, 0, 300) : world_between(world, 1000, 5000);
}

static void draw_topics(struct world *world)
{
    static const char *const codecs[] = {"uncompressed", "gzip", "snappy", "lz4", "zstd"};
    for (int t = 0; t < world->limits.topics; t++) {
        struct topic *topic = &world->topics[t];
        snprintf(topic->name, sizeof topic->name, "topic-%d", t);
        topic->partition_count = world_between(world, 1, PARTITIONS_MAX);
        topic->flushed = world_half(world);
        topic->loses_head = prng_chance(world->prng, 300000);
        topic->codec = prng_chance(world->prng, 300000) ? world_between(world, 0, 4) : -1;
        world->has_zstd |= topic->codec == COMPRESS_ZSTD;
        if (prng_chance(world->prng, 350000))
            draw_compaction(world, topic);
        world_say(world, "%s: %d partitions, %s%s%s, %s", topic->name, topic->partition_count,
                  topic->flushed ? "flushed" : "os", topic->loses_head ? ", retention" : "",
                  topic->keys > 0 ? ", compacted" : "",
                  topic->codec < 0 ? "codec of the producer" : codecs[topic->codec]);
    }
}

/* The group reads the first topic, from which nothing is deleted. */
static void draw_group(struct world *world)
{
    world->topic_count = world->limits.topics;
    if (world->limits.workers == 0)
        return;
    struct topic *output = &world->topics[world->limits.topics];
    snprintf(world->group.name, sizeof world->group.name, "group");
    world->topics[0].flushed = true;
    world->topics[0].loses_head = false;
    world->topics[0].keys = 0;
    world->group.transactional = prng_chance(world->prng, 700000);
    if (!world->group.transactional)
        return;
    *output = (struct topic){.partition_count = world_between(world, 1, 3), .flushed = true, .codec = -1};
    snprintf(output->name, sizeof output->name, "output");
    if (world_half(world))
        draw_compaction(world, output);
    world->group.output = world->topic_count++;
}

static void draw_network(struct world *world)
{
    bool breaks = world_half(world), dribbles = world_half(world), slow = world_half(world);
    *sim_network(world->sim) = (struct sim_network){
        .delay_min_ns = 10000,
        .delay_max_ns = slow ? world_between(world, 1, 50) * MS : 200000,
        .break_ppm = breaks ? (uint32_t)world_between(world, 0, 3000) : 0,
        .dribble_ppm = dribbles ? (uint32_t)world_between(world, 0, 300000) : 0,
        .window_bytes = (size_t)world_between(world, 1024, 256 << 10),
    };
    const struct sim_network *network = sim_network(world->sim);
    world_say(world, "network: up to %d us, %zu bytes under way, %u ppm dribble", (int)(network->delay_max_ns / 1000),
              network->window_bytes, network->dribble_ppm);
}

static void draw_disk(struct world *world)
{
    struct sim_disk_faults *faults = sim_disk_faults(sim_node_disk(world->host.node));
    *faults = (struct sim_disk_faults){
        .cold_ppm = world_half(world) ? (uint32_t)world_between(world, 0, 500000) : 0,
        .slow_ppm = world_half(world) ? (uint32_t)world_between(world, 0, 20000) : 0,
        .slow_ns = world_between(world, 1, 500) * MS,
        .writeback_ppm = world_half(world) ? (uint32_t)world_between(world, 0, 300000) : 0,
    };
    if (!world->limits.disk_faults)
        return;
    faults->write_ppm = (uint32_t)world_between(world, 0, 2000);
    faults->sync_ppm = (uint32_t)world_between(world, 0, 5000);
    faults->full_ppm = (uint32_t)world_between(world, 0, 2000);
    faults->name_ppm = (uint32_t)world_between(world, 0, 2000);
}

static void open_host(struct world *world)
{
    struct sim_node_options node = {
        .memory_bytes = (size_t)world_between(world, 48, 256) << 20,
        .slow_lane_workers = world_between(world, 1, 4),
        .stall_ppm = world_half(world) ? (uint32_t)world_between(world, 0, 2000) : 0,
        .stall_max_ns = world_between(world, 1, 100) * MS,
    };
    char drawn[SETTINGS_DRAWN][80];
    const char *settings[SETTINGS_DRAWN + 2] = {"log.dirs=/data0", "group.min.session.timeout.ms=100"};
    int count = 0;
    snprintf(drawn[count++], 80, "log.retention.check.interval.ms=%d", world_between(world, 20, 2000));
    snprintf(drawn[count++], 80, "log.flush.offset.checkpoint.interval.ms=%d", world_between(world, 20, 5000));
    snprintf(drawn[count++], 80, "log.flush.start.offset.checkpoint.interval.ms=%d", world_between(world, 20, 5000));
    snprintf(drawn[count++], 80, "max.incremental.fetch.session.cache.slots=%d", world_between(world, 0, 8));
    snprintf(drawn[count++], 80, "offsets.topic.num.partitions=%d", world_between(world, 1, 4));
    snprintf(drawn[count++], 80, "transaction.state.log.num.partitions=%d", world_between(world, 1, 4));
    snprintf(drawn[count++], 80, "group.initial.rebalance.delay.ms=%d", world_between(world, 0, 300));
    snprintf(drawn[count++], 80, "transaction.abort.timed.out.transaction.cleanup.interval.ms=%d",
             world_between(world, 20, 2000));
    snprintf(drawn[count++], 80, "log.cleaner.backoff.ms=%d", world_between(world, 5, 500));
    snprintf(drawn[count++], 80, "log.cleaner.delete.retention.ms=%d", world_between(world, 0, 5000));
    snprintf(drawn[count++], 80, "log.cleaner.min.cleanable.ratio=0.%02d", world_between(world, 0, 50));
    if (world_half(world)) /* so that those of the coordinators are compacted too */
        snprintf(drawn[count++], 80, "log.roll.ms=%d", world_between(world, 20, 2000));
    if (prng_chance(world->prng, 300000))
        snprintf(drawn[count++], 80, "log.cleaner.io.max.bytes.per.second=%d", world_between(world, 20000, 2000000));
    ASSERT(count <= (int)COUNT_OF(drawn));
    for (int i = 0; i < count; i++)
        settings[i + 2] = drawn[i];
    host_open(&world->host, world->sim, &node, settings, count + 2);
}

static void crash(struct world *world)
{
    struct host *host = &world->host;
    const struct limits *limits = &world->limits;
    if (!sim_node_is_on(host->node))
        return;
    int how = world_between(world, 0, 3);
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
        world_cut_after(world, prng_below(world->prng, 60));
        return;
    } else if (how == 3 && limits->clean_restarts && host->state == HOST_READY && !limits->disk_faults) {
        world_say(world, "stop");
        host_stop(host);
        return;
    } else {
        return;
    }
    sim_run_for(world->sim, world_between(world, 0, 300) * MS);
}

/* ---- faults
 * ------------------------------------------------------------------------------------------------------------------ */

static bool is_time(struct world *world, int every_ms)
{
    return every_ms > 0 && prng_below(world->prng, (uint64_t)every_ms) < TICK_MS;
}

static void block_somebody(struct world *world, bool blocked)
{
    struct sim_node *client = world->client_nodes[world_between(
        world, 0, world->limits.producers + world->limits.consumers + world->limits.workers)];
    if (world_half(world))
        sim_block(world->sim, client, world->host.node, blocked);
    else
        sim_block(world->sim, world->host.node, client, blocked);
}

static void make_trouble(struct world *world)
{
    if (is_time(world, world->limits.crash_every_ms))
        crash(world);
    if (is_time(world, world->limits.block_every_ms))
        block_somebody(world, true);
    if (is_time(world, 300))
        world_unblock_all(world);
    if (is_time(world, world->limits.stall_every_ms) && sim_node_is_on(world->host.node))
        sim_node_stall(world->host.node, world_between(world, 1, 300) * MS);
    if (is_time(world, world->limits.clock_every_ms))
        sim_node_jump_clock(world->host.node, world_between(world, -5000, 5000));
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
    draw_group(world);
    open_host(world);
    world_start_host(world);
    world_wait_for(world, HOST_READY);
    world_open_clients(world);
    draw_network(world);
    draw_disk(world);
    for (int ms = 0; ms < world->limits.duration_ms; ms += TICK_MS) {
        make_trouble(world);
        world_run_ms(world, TICK_MS);
    }
    world_heal(world);
    world_come_right(world);
    if (world->limits.rots)
        world_rot(world);
    uint64_t trace = sim_trace_hash(world->sim);
    snprintf(report, report_size,
             "trace %016" PRIx64 " events %" PRIu64 " virtual %" PRId64 " ms acked %" PRIu64 " read %" PRIu64
             " cleaned %" PRIu64 " commits %" PRIu64 " aborts %" PRIu64 " resent %" PRIu64 " kills %" PRIu64
             " cuts %" PRIu64 " stops %" PRIu64,
             trace, sim_event_count(world->sim), sim_now_ns(world->sim) / MS, world->acked, world->read, world->cleaned,
             world->commits, world->aborts, world->resent, world->kills, world->power_cuts, world->clean_stops);
    world_close(world);
    free(world);
    return trace;
}
