#include "net/handlers/on_partitions.h"

struct on_partitions_slice {
    struct io_msg msg;
    struct on_partitions *all;
    struct on_partition *parts, **last;
    int shard;
    int32_t pending;
};

bool on_partitions_init(struct on_partitions *all, struct request *request)
{
    int shards = request->shard->broker->data_shards;
    all->request = request;
    all->_slices = ARENA_ARRAY(&request->arena, struct on_partitions_slice, (size_t)shards);
    if (all->_slices == NULL)
        return false;
    for (int i = 0; i < shards; i++) {
        all->_slices[i].all = all;
        all->_slices[i].shard = i;
        all->_slices[i].last = &all->_slices[i].parts;
    }
    return true;
}

void on_partitions_add(struct on_partitions *all, struct on_partition *part)
{
    int shards = all->request->shard->broker->data_shards;
    struct on_partitions_slice *slice = &all->_slices[partition_shard(part->topic_id, part->index, shards)];
    part->_slice = slice;
    part->_next = NULL;
    *slice->last = part;
    slice->last = &part->_next;
}

static void home(struct io_msg *msg, struct io *io)
{
    struct on_partitions *all = CONTAINER_OF(msg, struct on_partitions_slice, msg)->all;
    if (--all->_away == 0)
        all->done(all);
}

static void leave(struct on_partitions_slice *slice)
{
    if (--slice->pending > 0)
        return;
    struct request *request = slice->all->request;
    slice->msg.run = home;
    io_post(request->shard->broker->shards[slice->shard].io, request->shard->index, &slice->msg);
}

void on_partition_done(struct on_partition *part)
{
    leave(part->_slice);
}

static void arrived(struct io_msg *msg, struct io *io)
{
    struct on_partitions_slice *slice = CONTAINER_OF(msg, struct on_partitions_slice, msg);
    struct shard *shard = broker_shard(slice->all->request->shard->broker, io);
    slice->pending = 1; /* until all have been started */
    for (struct on_partition *part = slice->parts; part != NULL; part = part->_next) {
        slice->pending++;
        slice->all->run(part, shard_data_find(shard->data, part->topic_id, part->index));
    }
    leave(slice);
}

void on_partitions_send(struct on_partitions *all)
{
    struct request *request = all->request;
    int shards = request->shard->broker->data_shards;
    all->_away = 1; /* ourselves, until all have left */
    for (int i = 0; i < shards; i++) {
        struct on_partitions_slice *slice = &all->_slices[i];
        if (slice->parts == NULL)
            continue;
        all->_away++;
        slice->msg.run = arrived;
        io_post(request->io, i, &slice->msg);
    }
    if (--all->_away == 0)
        all->done(all);
}

void on_partitions_run(struct on_partitions *all, struct request *request, int32_t count,
                       bool (*add_topic)(struct on_partitions *all, int32_t topic))
{
    bool made = on_partitions_init(all, request);
    for (int32_t i = 0; made && i < count; i++)
        made = add_topic(all, i);
    if (made)
        on_partitions_send(all);
    else
        request_close(request);
}
