#include "net/handlers/group_call.h"

void group_request_init(struct group_request *group_request, struct request *request,
                        void (*answered)(struct group_call *call))
{
    *group_request = (struct group_request){.request = request};
    group_request->host[0] = '/';
    io_address_format(&request->peer, group_request->host + 1);
    struct group_call *call = &group_request->call;
    call->answered = answered;
    call->arena = &request->arena;
    call->version = request->header.version;
    call->client_id = slice_is_null(request->header.client_id) ? SLICE_LITERAL("") : request->header.client_id;
    call->client_host = slice_from_string(group_request->host);
    call->random[0] = io_random(request->io);
    call->random[1] = io_random(request->io);
}
