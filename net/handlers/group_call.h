/* net/handlers/group_call.h -- a request that a group's machine answers, now or much later (a join waits for others).
 *
 * The handler embeds a struct group_request in its state, sets call.answered, and calls the machine between
 * groups_enter and groups_leave. Core: control shard. Memory: the request's arena, also for the answer. */
#ifndef RINGMAIN_NET_HANDLERS_GROUP_CALL_H
#define RINGMAIN_NET_HANDLERS_GROUP_CALL_H

#include "core/coordinator/groups.h"
#include "core/wire/error.h"
#include "net/conn/request.h"
#include "net/handlers/control.h"

struct group_request {
    struct group_call call;
    struct request *request;
    char host[IO_ADDRESS_TEXT_SIZE + 1]; /* "/127.0.0.1", as Kafka writes it down */
};

void group_request_init(struct group_request *group_request, struct request *request,
                        void (*answered)(struct group_call *call));
static inline struct group_request *group_request_of(struct group_call *call)
{
    return CONTAINER_OF(call, struct group_request, call);
}
static inline struct groups *request_groups(const struct request *request)
{
    return request->shard->control->groups;
}

#endif
