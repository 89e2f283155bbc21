/* net/handlers/group_call.h -- a request that a group's machine answers, now or much later (a join waits for others).
 *
 * The handler embeds a struct group_request in its state, begins with GROUP_REQUEST_BEGIN (or
 * group_request_init for each of many), and calls the machine between
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
/* Decodes the request and makes the call ready. False: there is nothing more to do, it was answered or its connection
 * is closed. state: NULL (no memory), or the handler's struct with `base` and `asked`. */
#define GROUP_REQUEST_BEGIN(state, request, answered)                                                                  \
    ((state) == NULL ? group_request_refuse(request)                                                                   \
                     : group_request_begin(&(state)->base, (request), &(state)->asked, (answered)))
bool group_request_begin(struct group_request *group_request, struct request *request, void *asked,
                         void (*answered)(struct group_call *call)) MUST_CHECK;
bool group_request_refuse(struct request *request) MUST_CHECK; /* false */
static inline struct group_request *group_request_of(struct group_call *call)
{
    return CONTAINER_OF(call, struct group_request, call);
}
static inline struct groups *request_groups(const struct request *request)
{
    return request->shard->control->groups;
}

#endif
