/* tests/sim/host.h -- a whole broker on a simulated node: the one of net/start, with nothing replaced. */
#ifndef RINGMAIN_TESTS_SIM_HOST_H
#define RINGMAIN_TESTS_SIM_HOST_H

#include "io/reactor/sim.h"
#include "net/start/broker.h"

enum { HOST_PORT = 9092, HOST_SETTINGS_MAX = 48 };

enum host_state { HOST_OFF, HOST_STARTING, HOST_READY, HOST_FAILED, HOST_STOPPING };

struct host {
    struct sim *sim;
    struct sim_node *node;
    enum host_state state;
    struct broker *broker;
    struct broker_events events;
    struct io_msg stop;
    struct mem *mem;
    struct arena arena;
    struct config_settings settings;
    const struct broker_config *config;
    char why[512];
};

/* settings: "key=value", beside the listener, the log directory /data0 and the node id. */
void host_open(struct host *host, struct sim *sim, const struct sim_node_options *options, const char *const *settings,
               int count);
void host_close(struct host *host);
/* Off -> starting; false: a fault of the disk stopped the boot (the node is off again by a kill). */
bool host_start(struct host *host, int data_shards);
void host_stop(struct host *host); /* ready -> stopping */
/* Once its loops have ended: frees it and switches the node off. False: not yet. leaks.memory_bytes is 0 after a stop
 * that was not clean, since then nothing is freed on purpose. */
bool host_finish(struct host *host, bool *clean, struct sim_leaks *leaks);
void host_crash(struct host *host, enum sim_crash how);

#endif
