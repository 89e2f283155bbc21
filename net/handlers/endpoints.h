/* net/handlers/endpoints.h -- the address of a broker as a client of one listener is told (KIP-103), and where to go
 * instead when a partition is led elsewhere (KIP-951). */
#ifndef RINGMAIN_NET_HANDLERS_ENDPOINTS_H
#define RINGMAIN_NET_HANDLERS_ENDPOINTS_H

#include "core/meta/image.h"
#include "net/conn/request.h"

/* False: the broker does not have the listener that the request came in on. The text belongs to the image. */
bool endpoint_of(const struct request *request, const struct image_broker *broker, struct slice *host, int32_t *port);

struct leader_hint { /* a node endpoint of Produce and Fetch answers */
    int32_t node_id, port;
    struct slice host, rack;
};
struct leader_hints { /* zero-initialise; each leader's address once */
    struct leader_hint *items;
    int32_t count;
};
/* Names the partition's leader (left alone when there is none) and its address. False: no memory. */
bool leader_hint(struct request *request, struct uuid topic_id, int32_t index, struct leader_hints *hints,
                 int32_t *leader_id, int32_t *leader_epoch) MUST_CHECK;
/* The same as the endpoints of an answer: `type` is its struct. */
#define LEADER_HINTS_INTO(request, hints, type, endpoints)                                                             \
    do {                                                                                                               \
        (endpoints)->items = ARENA_ARRAY(&(request)->arena, type, (size_t)(hints)->count + 1);                         \
        (endpoints)->count = (endpoints)->items == NULL ? 0 : (hints)->count;                                          \
        for (int32_t i_ = 0; i_ < (endpoints)->count; i_++)                                                            \
            (endpoints)->items[i_] = (type){.node_id = (hints)->items[i_].node_id,                                     \
                                            .host = (hints)->items[i_].host,                                           \
                                            .port = (hints)->items[i_].port,                                           \
                                            .rack = (hints)->items[i_].rack};                                          \
    } while (0)

#endif
