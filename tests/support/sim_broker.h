/* tests/support/sim_broker.h -- for unit tests of what talks to a broker: a whole one on a simulated
 * node, 10.0.0.1:9092, and a second node for the test's own end of the wire. Everything from one thread and one seed.
 */
#ifndef RINGMAIN_TESTS_SUPPORT_SIM_BROKER_H
#define RINGMAIN_TESTS_SUPPORT_SIM_BROKER_H

#include "io/reactor/sim.h"
#include "net/start/broker.h"

#define SIM_BROKER_ADDRESS "10.0.0.1:9092"

struct sim_broker {
    struct sim *sim;
    struct sim_node *node, *other; /* other: one control shard, the test's */
    struct broker *broker;
    struct broker_events events;
    struct io_msg stop;
    struct mem *mem;
    struct arena arena;
    struct config_settings settings;
    const struct broker_config *config;
    uint64_t turns;
    bool ready;
};

/* settings: "key=value"; runs until the broker is ready. */
void sim_broker_open(struct sim_broker *host, uint64_t seed, const char *const *settings, int count);
struct io *sim_broker_other_io(struct sim_broker *host);
/* Lets something happen, calls made from between events included. */
void sim_broker_turn(struct sim_broker *host);
/* Stops the broker; asserts that it ended cleanly and left nothing behind but its disk. */
void sim_broker_stop(struct sim_broker *host);
/* Starts it again after that, and returns before it is ready. */
void sim_broker_boot(struct sim_broker *host);
/* sim_broker_stop, and the end of everything. The other node is only switched off. */
void sim_broker_close(struct sim_broker *host);

#endif
