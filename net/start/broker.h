/* net/start/broker.h -- a whole broker on the shards of a machine, real or simulated.
 *
 *   broker_boot (blocking, before the shards run): directories locked, metadata log replayed, image made
 *     -> shards run: image applied everywhere (logs open) -> listeners bind -> this broker registers -> ready()
 *   broker_stop (control shard): listeners close, requests finish -> logs flushed and closed -> metadata log closed
 *     -> stopped(): every shard's loop has been told to end
 *   broker_free (blocking, after the shards' loops have ended): markers of a clean stop, locks
 *
 * Core: boot and free outside the loops; stop and the callbacks on the control shard.
 * Memory: io_mem of the control shard; shards keep theirs. Errors: one line that says what to do.
 */
#ifndef RINGMAIN_NET_START_BROKER_H
#define RINGMAIN_NET_START_BROKER_H

#include "net/handlers/shard.h"

struct broker_events {
    void (*ready)(struct broker_events *events, struct broker *broker);
    void (*failed)(struct broker_events *events, const char *why); /* before ready; the loops are ending */
};

struct broker_options {
    struct io *const *ios; /* data shards, then the control shard */
    int count;
    const struct config_settings *settings; /* outlive the broker, as config does */
    const struct broker_config *config;
    int64_t dirty_room; /* bytes of all shards that the kernel lets be dirty; 0: not known */
    struct broker_events *events;
};

enum err broker_boot(const struct broker_options *options, struct broker **broker, char why[512]) MUST_CHECK;
/* Before the broker is ready: once it is. Again: ends the loops at once, without waiting for anything. */
void broker_stop(struct broker *broker);
void broker_free(struct broker *broker);
bool broker_stopped_cleanly(const struct broker *broker);

#endif
