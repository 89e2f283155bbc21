#include "tests/support/sim_broker.h"

#include "tests/support/test.h"

enum { CONFIG_BYTES = 4 << 20, SECOND = 1000000000 };

static void on_ready(struct broker_events *events, struct broker *broker)
{
    CONTAINER_OF(events, struct sim_broker, events)->ready = true;
}

static void on_failed(struct broker_events *events, const char *why)
{
    fail_msg("the broker does not start: %s", why);
}

static void configure(struct sim_broker *host, const char *const *settings, int count)
{
    const char *const always[] = {"process.roles=broker,controller", "node.id=1", "listeners=PLAINTEXT://0.0.0.0:9092",
                                  "log.dirs=/data", "advertised.listeners=PLAINTEXT://" SIM_BROKER_ADDRESS};
    struct config_problems problems = {0};
    host->mem = test_mem();
    arena_init(&host->arena, host->mem, CONFIG_BYTES);
    for (size_t i = 0; i < COUNT_OF(always); i++)
        assert_int_equal(config_add_override(always[i], &host->arena, &host->settings, &problems), ERR_OK);
    for (int i = 0; i < count; i++)
        assert_int_equal(config_add_override(settings[i], &host->arena, &host->settings, &problems), ERR_OK);
    struct config_layers layers = {.node = &host->settings};
    assert_int_equal(config_load(&layers, &host->arena, &problems, &host->config), ERR_OK);
}

void sim_broker_boot(struct sim_broker *host)
{
    struct io *ios[SIM_SHARDS_MAX];
    char why[512];
    sim_node_start(host->node, 2);
    for (int i = 0; i < sim_node_shards(host->node); i++)
        ios[i] = sim_node_io(host->node, i);
    host->ready = false;
    host->events = (struct broker_events){.ready = on_ready, .failed = on_failed};
    struct broker_options start = {.ios = ios,
                                   .count = sim_node_shards(host->node),
                                   .settings = &host->settings,
                                   .config = host->config,
                                   .events = &host->events};
    if (broker_boot(&start, &host->broker, why) != ERR_OK)
        fail_msg("the broker does not boot: %s", why);
    sim_node_wake(host->node);
}

void sim_broker_open(struct sim_broker *host, uint64_t seed, const char *const *settings, int count)
{
    struct sim_options options = {.seed = seed};
    struct sim_node_options shards = {.data_shards = 2}, alone = {0};
    *host = (struct sim_broker){.sim = sim_open(&options)};
    configure(host, settings, count);
    host->node = sim_node_open(host->sim, &shards);
    host->other = sim_node_open(host->sim, &alone);
    sim_node_start(host->other, 0);
    sim_broker_boot(host);
    while (!host->ready)
        assert_true(sim_step(host->sim));
}

struct io *sim_broker_other_io(struct sim_broker *host)
{
    return sim_node_io(host->other, 0);
}

void sim_broker_turn(struct sim_broker *host)
{
    /* Not before every event: a shard that is always woken now would keep time from passing. */
    if (host->turns++ % 2 == 0)
        sim_node_wake(host->other);
    assert_true(sim_step(host->sim));
}

static void stop_now(struct io_msg *msg, struct io *io)
{
    broker_stop(CONTAINER_OF(msg, struct sim_broker, stop)->broker);
}

void sim_broker_stop(struct sim_broker *host)
{
    int control = sim_node_shards(host->node) - 1;
    host->stop.run = stop_now;
    io_post(sim_node_io(host->node, control), control, &host->stop);
    sim_node_wake(host->node);
    for (int64_t until_ns = sim_now_ns(host->sim) + 60 * (int64_t)SECOND; !sim_node_ended(host->node);) {
        assert_true(sim_now_ns(host->sim) < until_ns);
        assert_true(sim_step(host->sim));
    }
    assert_true(broker_stopped_cleanly(host->broker));
    broker_free(host->broker);
    struct sim_leaks leaks = sim_node_off(host->node);
    assert_int_equal(leaks.memory_bytes, 0);
    assert_int_equal(leaks.files, 0);
    assert_int_equal(leaks.sockets, 0);
}

void sim_broker_close(struct sim_broker *host)
{
    sim_broker_stop(host);
    sim_node_crash(host->other, SIM_KILL);
    sim_close(host->sim);
    arena_fini(&host->arena);
    assert_int_equal(host->mem->used, 0);
}
