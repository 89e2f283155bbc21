#include "tests/sim/host.h"

#include "io/reactor/mem_real.h"

#include <stdio.h>

enum { CONFIG_BYTES = 4 << 20 };

static void on_ready(struct broker_events *events, struct broker *broker)
{
    struct host *host = CONTAINER_OF(events, struct host, events);
    host->state = HOST_READY;
}

static void on_failed(struct broker_events *events, const char *why)
{
    struct host *host = CONTAINER_OF(events, struct host, events);
    host->state = HOST_FAILED;
    snprintf(host->why, sizeof host->why, "%s", why);
}

static void add(struct host *host, const char *setting, struct config_problems *problems)
{
    enum err err = config_add_override(setting, &host->arena, &host->settings, problems);
    ASSERT(err == ERR_OK);
}

void host_open(struct host *host, struct sim *sim, const struct sim_node_options *options, const char *const *settings,
               int count)
{
    struct config_problems problems = {0};
    *host = (struct host){.sim = sim};
    host->node = sim_node_open(sim, options);
    host->mem = mem_real_open(CONFIG_BYTES);
    ASSERT(host->mem != NULL);
    arena_init(&host->arena, host->mem, CONFIG_BYTES);
    add(host, "process.roles=broker,controller", &problems);
    add(host, "node.id=1", &problems);
    add(host, "listeners=PLAINTEXT://0.0.0.0:9092", &problems);
    add(host, "advertised.listeners=PLAINTEXT://10.0.0.1:9092", &problems);
    for (int i = 0; i < count; i++)
        add(host, settings[i], &problems);
    struct config_layers layers = {.node = &host->settings};
    enum err err = config_load(&layers, &host->arena, &problems, &host->config);
    for (int i = 0; i < problems.count; i++)
        if (problems.items[i].is_error)
            fprintf(stderr, "%s\n", problems.items[i].text);
    ASSERT(err == ERR_OK);
    host->events = (struct broker_events){.ready = on_ready, .failed = on_failed};
}

void host_close(struct host *host)
{
    arena_fini(&host->arena);
    mem_real_close(host->mem);
}

bool host_start(struct host *host, int data_shards)
{
    ASSERT(host->state == HOST_OFF);
    sim_node_start(host->node, data_shards);
    struct io *ios[SIM_SHARDS_MAX];
    int count = sim_node_shards(host->node);
    for (int i = 0; i < count; i++)
        ios[i] = sim_node_io(host->node, i);
    struct broker_options options = {
        .ios = ios, .count = count, .settings = &host->settings, .config = host->config, .events = &host->events};
    host->state = HOST_STARTING;
    if (broker_boot(&options, &host->broker, host->why) != ERR_OK) {
        host_crash(host, SIM_KILL);
        return false;
    }
    sim_node_wake(host->node);
    return true;
}

static void stop_now(struct io_msg *msg, struct io *io)
{
    broker_stop(CONTAINER_OF(msg, struct host, stop)->broker);
}

void host_stop(struct host *host)
{
    ASSERT(host->state == HOST_READY);
    host->state = HOST_STOPPING;
    int control = sim_node_shards(host->node) - 1;
    host->stop.run = stop_now;
    io_post(sim_node_io(host->node, control), control, &host->stop);
    sim_node_wake(host->node);
}

bool host_finish(struct host *host, bool *clean, struct sim_leaks *leaks)
{
    if (host->state == HOST_OFF || !sim_node_ended(host->node))
        return false;
    *clean = broker_stopped_cleanly(host->broker);
    broker_free(host->broker);
    host->broker = NULL;
    *leaks = sim_node_off(host->node);
    host->state = HOST_OFF;
    return true;
}

void host_crash(struct host *host, enum sim_crash how)
{
    sim_node_crash(host->node, how);
    host->broker = NULL;
    host->state = HOST_OFF;
}
