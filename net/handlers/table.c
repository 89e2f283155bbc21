#include "net/handlers/api.h"
#include "net/handlers/shard.h"

/* In rising order of key, as ApiVersions lists them. */
static const struct handler table[] = {
    {API_VERSIONS, false, handle_api_versions},
    {API_METADATA, false, handle_metadata},
    {API_DESCRIBE_CLUSTER, false, handle_describe_cluster},
};

const struct handler *handlers(int *count)
{
    *count = (int)COUNT_OF(table);
    return table;
}

const struct handler *handler_find(int16_t api_key)
{
    for (size_t i = 0; i < COUNT_OF(table); i++)
        if (table[i].api_key == api_key)
            return &table[i];
    return NULL;
}

void dispatch(struct request *request)
{
    const struct handler *handler = handler_find(request->header.api_key);
    int16_t version = request->header.version;
    /* ApiVersions answers even a version that it does not know: how else would a client learn the others? */
    bool served = handler != NULL && ((version >= request->api->lowest && version <= request->api->highest) ||
                                      request->header.api_key == API_VERSIONS);
    if (!served)
        request_close(request);
    else if (handler->on_control)
        request_move(request, broker_control(request->shard->broker), request->shard->broker->data_shards,
                     handler->handle);
    else
        handler->handle(request);
}
