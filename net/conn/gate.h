/* net/conn/gate.h -- who may connect: the node's limits, counted in one place, the control shard.
 *
 *   data shard                        control shard
 *   accepted -> conn_pass_ask    ->   counted, judged, perhaps made to wait
 *   decided(granted)             <-
 *   closed   -> conn_pass_return ->   counted
 *   gone()                       <-
 *
 * max.connections.per.ip and its overrides: one too many is refused. max.connections: one too many waits until another
 * one ends, max.connection.creation.rate: one too early waits for its time, both in order of arrival, as Kafka's
 * acceptor makes them wait (its users then see a slow connection and not a broken one). At most GATE_WAITING_MAX wait;
 * more are refused. Both limits stand for the node and for each listener (listener.name.x.*), so each listener has a
 * queue of its own: one that is full does not stop the others. The listener between brokers, where it is not the only
 * one, minds its own limits alone.
 *
 * Invariants: a granted pass is counted until it is returned; every pass comes back from each of its two journeys.
 * Core: the gate belongs to the control shard; other shards only keep its address. A pass belongs to its shard but
 * while it travels. Memory: of the control shard. Without it a connection is refused. Source: Kafka's ConnectionQuotas,
 * KIP-402, KIP-612.
 */
#ifndef RINGMAIN_NET_CONN_GATE_H
#define RINGMAIN_NET_CONN_GATE_H

#include "core/config/config.h"
#include "io/base/hash.h"
#include "io/reactor/io.h"

enum { GATE_WAITING_MAX = 4096 };

struct gate_listener {
    int count;
    struct list queue; /* passes that wait, oldest first */
    int64_t turn_ns;   /* when its rate has last allowed one, or earlier */
};

struct conn_gate {
    struct io *io;
    const struct broker_config *config;
    int count;         /* connections of the node */
    struct map _by_ip; /* struct ip_count */
    struct gate_listener *_listeners;
    int _listener_count;
    int _waiting_count;
    int64_t _turn_ns; /* as a listener's, of the node */
    struct io_timer _timer;
    bool _open, _stopping;
};

struct ip_count;

struct conn_pass {
    void (*decided)(struct conn_pass *pass, bool granted); /* on its shard, never inside conn_pass_ask */
    void (*gone)(struct conn_pass *pass);                  /* on its shard: the pass may be freed */
    struct io_address peer;
    int listener;    /* its place in the configuration */
    bool only_count; /* it is let in already, there was no limit: always granted */
    bool _granted;
    struct conn_gate *_gate;
    int _home;
    struct ip_count *_ip;
    struct io_msg _msg;
    struct list _link;
};

enum err conn_gate_init(struct conn_gate *gate, struct io *control, const struct broker_config *config) MUST_CHECK;
void conn_gate_fini(struct conn_gate *gate); /* every pass is back */
void conn_gate_configure(struct conn_gate *gate, const struct broker_config *config);
/* The broker is ready: until then everybody waits, so that the first request finds a broker that is registered. */
void conn_gate_open(struct conn_gate *gate);
void conn_gate_stop(struct conn_gate *gate); /* who waits is refused, who comes too */
/* There is no limit at all for this listener: only_count will do. */
bool conn_gate_is_free(const struct broker_config *config, int listener);

void conn_pass_ask(struct conn_pass *pass, struct io *io, struct conn_gate *gate);
void conn_pass_return(struct conn_pass *pass, struct io *io); /* one that was granted, after decided() */

#endif
