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

bool group_request_refuse(struct request *request)
{
    request_close(request);
    return false;
}

bool group_request_begin(struct group_request *group_request, struct request *request, void *asked,
                         void (*answered)(struct group_call *call))
{
    if (!request_decode(request, asked))
        return false;
    group_request_init(group_request, request, answered);
    return true;
}
