/* The shards' side of a fetch: one slice for each shard that owns some of the partitions. */
#include "net/handlers/fetch.h"

static bool is_local(const struct fetch_slice *slice)
{
    return slice->shard == slice->fetch->request->shard->index;
}

/* ---- slices
 * --------------------------------------------------------------------------------------------------------------- */

static void release_freed(struct io_msg *msg, struct io *io)
{
    struct fetch_release *release = CONTAINER_OF(msg, struct fetch_release, msg);
    mem_free(io_mem(io), release, sizeof(*release) + (size_t)release->capacity * sizeof(release->held[0]));
}

static void release_arrived(struct io_msg *msg, struct io *io)
{
    struct fetch_release *release = CONTAINER_OF(msg, struct fetch_release, msg);
    for (int32_t i = 0; i < release->count; i++) {
        partition_taken(release->held[i].partition, release->held[i].bytes);
        log_ref_release(release->held[i].ref);
    }
    release->msg.run = release_freed;
    io_post(io, release->home, &release->msg);
}

bool fetch_make_slices(struct fetch *fetch)
{
    struct request *request = fetch->request;
    int shards = request->shard->broker->data_shards;
    fetch->slices = ARENA_ARRAY(&request->arena, struct fetch_slice, (size_t)shards);
    if (fetch->slices == NULL)
        return false;
    for (int i = 0; i < shards; i++) {
        fetch->slices[i].fetch = fetch;
        fetch->slices[i].shard = i;
        fetch->slices[i].last = &fetch->slices[i].parts;
    }
    for (int32_t i = 0; i < fetch->count; i++) {
        struct fetch_part *part = &fetch->parts[i];
        if (uuid_is_zero(part->topic_id))
            continue;
        struct fetch_slice *slice = &fetch->slices[partition_shard(part->topic_id, part->position.partition, shards)];
        part->slice = slice;
        *slice->last = part;
        slice->last = &part->next;
        slice->count++;
    }
    for (int i = 0; i < shards; i++) {
        struct fetch_slice *slice = &fetch->slices[i];
        if (slice->count == 0)
            continue;
        slice->waiters = ARENA_ARRAY(&request->arena, struct wait_waiter, (size_t)slice->count);
        if (slice->waiters == NULL)
            return false;
        if (is_local(slice))
            continue;
        slice->release = mem_alloc(io_mem(request->io),
                                   sizeof(*slice->release) + (size_t)slice->count * sizeof(slice->release->held[0]));
        if (slice->release == NULL)
            return false;
        *slice->release = (struct fetch_release){
            .msg = {.run = release_arrived}, .home = request->shard->index, .capacity = slice->count};
    }
    return true;
}

void fetch_release_all(struct fetch *fetch)
{
    int shards = fetch->slices == NULL ? 0 : fetch->request->shard->broker->data_shards;
    for (int i = 0; i < shards; i++) {
        struct fetch_slice *slice = &fetch->slices[i];
        struct fetch_release *release = slice->release;
        for (struct fetch_part *part = slice->parts; part != NULL; part = part->next) {
            if (part->read.ref == NULL)
                continue;
            if (is_local(slice)) {
                partition_taken(part->read._partition, part->take);
                partition_release_read(&part->read);
            } else {
                release->held[release->count++] =
                    (struct fetch_held){part->read.ref, part->read._partition, part->take};
            }
            part->read.ref = NULL;
        }
        slice->release = NULL;
        if (release == NULL)
            continue;
        if (release->count > 0)
            io_post(fetch->request->io, i, &release->msg);
        else
            release_freed(&release->msg, fetch->request->io);
    }
}

/* ---- going and coming
 * --------------------------------------------------------------------------------------------------------- */

static void home(struct fetch *fetch)
{
    ASSERT(fetch->away_count > 0);
    if (--fetch->away_count == 0)
        fetch->all_home(fetch);
}

static void slice_home(struct io_msg *msg, struct io *io)
{
    struct fetch_slice *slice = CONTAINER_OF(msg, struct fetch_slice, msg);
    slice->away = false;
    if (slice->fetch->timer.fire != NULL && !slice->fetch->stopping && slice->fetch->away_count > 1)
        fetch_stop_waiting(slice->fetch); /* one was woken: the others come too */
    home(slice->fetch);
}

static void go_home(struct fetch_slice *slice, struct io *owner)
{
    slice->msg.run = slice_home;
    if (is_local(slice))
        slice_home(&slice->msg, owner);
    else
        io_post(owner, slice->fetch->request->shard->index, &slice->msg);
}

static void send_all(struct fetch *fetch, void (*run)(struct io_msg *msg, struct io *io))
{
    struct request *request = fetch->request;
    int shards = request->shard->broker->data_shards;
    fetch->away_count = 1; /* ourselves, until all have left */
    for (int i = 0; i < shards; i++) {
        struct fetch_slice *slice = &fetch->slices[i];
        if (slice->count == 0)
            continue;
        fetch->away_count++;
        slice->away = true;
        slice->msg.run = run;
        if (!is_local(slice))
            io_post(request->io, i, &slice->msg);
    }
    struct fetch_slice *own = &fetch->slices[request->shard->index];
    if (own->count > 0)
        run(&own->msg, request->io);
    home(fetch);
}

/* ---- read ------------------------------------------------------------------------------------------------------- */

static void read_leave(struct fetch_slice *slice, struct io *owner)
{
    if (--slice->pending == 0)
        go_home(slice, owner);
}

static void part_read(struct partition_read *read)
{
    struct fetch_part *part = CONTAINER_OF(read, struct fetch_part, read);
    struct fetch_slice *slice = part->slice;
    read_leave(slice, slice->fetch->request->shard->broker->shards[slice->shard].io);
}

static void slice_read(struct io_msg *msg, struct io *io)
{
    struct fetch_slice *slice = CONTAINER_OF(msg, struct fetch_slice, msg);
    struct shard *shard = broker_shard(slice->fetch->request->shard->broker, io);
    slice->pending = 1;
    for (struct fetch_part *part = slice->parts; part != NULL; part = part->next) {
        struct partition *partition = shard_data_find(shard->data, part->topic_id, part->position.partition);
        partition_release_read(&part->read);
        part->read.done = part_read;
        slice->pending++;
        if (partition_read(partition, &part->read))
            slice->pending--;
    }
    read_leave(slice, io);
}

void fetch_read_all(struct fetch *fetch, void (*all_home)(struct fetch *fetch))
{
    fetch->all_home = all_home;
    fetch->timer.fire = NULL;
    send_all(fetch, slice_read);
}

/* ---- wait ------------------------------------------------------------------------------------------------------- */

static void group_woken(struct wait_group *group)
{
    struct fetch_slice *slice = CONTAINER_OF(group, struct fetch_slice, group);
    slice->waiting = false;
    go_home(slice, slice->fetch->request->shard->broker->shards[slice->shard].io);
}

static void slice_wait(struct io_msg *msg, struct io *io)
{
    struct fetch_slice *slice = CONTAINER_OF(msg, struct fetch_slice, msg);
    struct shard *shard = broker_shard(slice->fetch->request->shard->broker, io);
    int32_t index = 0;
    slice->group.wake = group_woken;
    wait_group_init(&slice->group, slice->waiters, slice->count, slice->missing_bytes);
    slice->waiting = true;
    for (struct fetch_part *part = slice->parts; part != NULL; part = part->next, index++) {
        struct partition *partition = shard_data_find(shard->data, part->topic_id, part->position.partition);
        partition_release_read(&part->read);
        if (partition == NULL) {
            wait_group_wake(&slice->group, shard_data_waker(shard->data));
            return;
        }
        wait_start(&partition->waits, &slice->group, index, part->read.seen);
    }
}

/* On the owner's shard. A slice that was woken already is on its way home. */
static void stop_here(struct fetch_slice *slice, struct io *io)
{
    if (!slice->waiting)
        return;
    slice->waiting = false;
    wait_group_stop(&slice->group);
    go_home(slice, io);
}

static void stop_home(struct io_msg *msg, struct io *io)
{
    home(CONTAINER_OF(msg, struct fetch_slice, stop_msg)->fetch);
}

static void stop_arrived(struct io_msg *msg, struct io *io)
{
    struct fetch_slice *slice = CONTAINER_OF(msg, struct fetch_slice, stop_msg);
    stop_here(slice, io);
    slice->stop_msg.run = stop_home;
    io_post(io, slice->fetch->request->shard->index, &slice->stop_msg);
}

void fetch_stop_waiting(struct fetch *fetch)
{
    struct request *request = fetch->request;
    int shards = request->shard->broker->data_shards;
    if (fetch->stopping)
        return;
    fetch->stopping = true;
    fetch->away_count++; /* ourselves */
    for (int i = 0; i < shards; i++) {
        struct fetch_slice *slice = &fetch->slices[i];
        if (!slice->away)
            continue;
        if (is_local(slice)) {
            stop_here(slice, request->io);
            continue;
        }
        fetch->away_count++;
        slice->stop_msg.run = stop_arrived;
        io_post(request->io, i, &slice->stop_msg);
    }
    home(fetch);
}

void fetch_wait_all(struct fetch *fetch, uint64_t missing_bytes, void (*all_home)(struct fetch *fetch))
{
    int shards = fetch->request->shard->broker->data_shards;
    uint64_t waiting = 0;
    for (int i = 0; i < shards; i++)
        waiting += fetch->slices[i].count > 0;
    /* If all together have what is missing, one of them has its share: so none needs to know of the others. */
    for (int i = 0; i < shards; i++)
        fetch->slices[i].missing_bytes = waiting == 0 ? 1 : (missing_bytes + waiting - 1) / waiting;
    fetch->all_home = all_home;
    fetch->stopping = false;
    send_all(fetch, slice_wait);
}
