/* net/handlers/auto_create.h -- topics that a Metadata request names and that are not there
 * (auto.create.topics.enable).
 *
 * The control shard makes them with the broker's defaults; done() runs on the asking shard when this shard has applied
 * them or when they could not be made: the caller looks at its image again, what is still missing is unknown.
 * Memory: names and struct are the caller's until done(). */
#ifndef RINGMAIN_NET_HANDLERS_AUTO_CREATE_H
#define RINGMAIN_NET_HANDLERS_AUTO_CREATE_H

#include "io/reactor/io.h"

struct shard;

struct auto_create {
    void (*done)(struct auto_create *create);
    const struct slice *names;
    int count;
    struct shard *shard;
    struct io_msg _msg;
};

void auto_create_topics(struct shard *shard, struct auto_create *create);

#endif
