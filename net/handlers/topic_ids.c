#include "net/handlers/topic_ids.h"

static struct uuid next(struct controller_ids *ids)
{
    struct io *io = CONTAINER_OF(ids, struct topic_ids, ids)->io;
    uint64_t high = io_random(io);
    return uuid_from_random(high, io_random(io));
}

struct controller_ids *topic_ids_init(struct topic_ids *ids, struct io *io)
{
    *ids = (struct topic_ids){.ids.next = next, .io = io};
    return &ids->ids;
}
