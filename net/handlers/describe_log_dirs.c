/* DescribeLogDirs (KIP-113, KIP-827, KIP-1066): what lies where. Every data shard lists its partitions; the
 * connection's shard puts the lists together by directory. */
#include "core/log/log.h"
#include "core/log/log_dirs.h"
#include "core/wire/error.h"
#include "core/wire/messages.h"
#include "net/handlers/api.h"
#include "net/handlers/shard.h"

typedef struct describe_log_dirs_response_describe_log_dirs_result dir_answer;
typedef struct describe_log_dirs_response_describe_log_dirs_topic topic_answer;
typedef struct describe_log_dirs_response_describe_log_dirs_partition partition_answer;

struct found {
    struct slice topic;
    int32_t partition;
    int dir;
    int64_t size_bytes;
};

/* One shard's list, in that shard's memory; it goes there, comes back, and goes there again to be freed. */
struct listing {
    struct io_msg msg;
    struct gather *gather;
    struct arena arena;
    struct found *items;
    int32_t count;
    bool failed;
};

struct gather {
    struct request *request;
    struct describe_log_dirs_request asked;
    struct listing *listings; /* one per data shard, in the request's arena */
    int waiting_count;
};

enum { LISTING_LIMIT = 64 << 20 };

static bool is_asked(const struct describe_log_dirs_request *asked, struct slice topic, int32_t partition)
{
    if (asked->topics.count < 0)
        return true;
    for (int32_t i = 0; i < asked->topics.count; i++) {
        if (!slice_equal(asked->topics.items[i].topic, topic))
            continue;
        for (int32_t k = 0; k < asked->topics.items[i].partitions.count; k++)
            if (asked->topics.items[i].partitions.items[k] == partition)
                return true;
    }
    return false;
}

static int dir_of(const struct log_dirs *dirs, const char *path)
{
    for (int i = 0; i < log_dirs_count(dirs); i++) {
        size_t length = strlen(log_dirs_path(dirs, i));
        if (strncmp(path, log_dirs_path(dirs, i), length) == 0 && path[length] == '/')
            return i;
    }
    return -1;
}

static void answer(struct gather *gather);

static void freed(struct io_msg *msg, struct io *io)
{
    struct gather *gather = CONTAINER_OF(msg, struct listing, msg)->gather;
    if (--gather->waiting_count == 0)
        answer(gather);
}

static void free_here(struct io_msg *msg, struct io *io)
{
    struct listing *listing = CONTAINER_OF(msg, struct listing, msg);
    arena_fini(&listing->arena);
    msg->run = freed;
    io_post(io, io_shard(listing->gather->request->io), msg);
}

static void returned(struct io_msg *msg, struct io *io);

static void list_here(struct io_msg *msg, struct io *io)
{
    struct listing *listing = CONTAINER_OF(msg, struct listing, msg);
    struct gather *gather = listing->gather;
    struct broker *broker = gather->request->shard->broker;
    struct list *all = shard_data_partitions(broker_shard(broker, io)->data);
    int32_t most = 0;
    arena_init(&listing->arena, io_mem(io), LISTING_LIMIT);
    LIST_EACH(link, all)
    most++;
    listing->items = ARENA_ARRAY(&listing->arena, struct found, (size_t)most);
    listing->failed = listing->items == NULL;
    LIST_EACH(link, all)
    {
        const struct partition *partition = PARTITION_OF(link);
        struct slice topic = slice_from_string(partition->topic);
        if (listing->failed || partition->log == NULL || !is_asked(&gather->asked, topic, partition->index))
            continue;
        struct found *found = &listing->items[listing->count++];
        *found = (struct found){.partition = partition->index,
                                .dir = dir_of(broker->dirs, log_directory(partition->log)),
                                .size_bytes = log_size_bytes(partition->log)};
        uint8_t *name = arena_copy(&listing->arena, topic.data, topic.length);
        found->topic = slice_of(name, topic.length);
        listing->failed = name == NULL;
    }
    msg->run = returned;
    io_post(io, io_shard(gather->request->io), msg);
}

/* ---- putting it together
 * ------------------------------------------------------------------------------------------------ */

static topic_answer *topic_of(struct request *request, dir_answer *dir, struct slice name, int32_t most)
{
    for (int32_t i = dir->topics.count - 1; i >= 0; i--) /* a topic's partitions mostly follow one another */
        if (slice_equal(dir->topics.items[i].name, name))
            return &dir->topics.items[i];
    topic_answer *topic = &dir->topics.items[dir->topics.count++];
    topic->name = name;
    topic->partitions.items = ARENA_ARRAY(&request->arena, partition_answer, (size_t)most);
    return topic->partitions.items == NULL ? NULL : topic;
}

static int32_t partitions_of(const struct image *image, struct slice name)
{
    const struct image_topic *topic = image_topic_by_name(image, name);
    return topic == NULL ? 0 : topic->partition_count;
}

static bool fill_dir(struct gather *gather, dir_answer *dir, int index)
{
    struct request *request = gather->request;
    const struct log_dirs *dirs = request->shard->broker->dirs;
    const struct image *image = request->shard->image;
    wire_set_defaults(&describe_log_dirs_response_describe_log_dirs_result_struct, dir);
    dir->log_dir = slice_from_string(log_dirs_path(dirs, index));
    if (log_dirs_is_offline(dirs, index)) {
        dir->error_code = KAFKA_ERROR_KAFKA_STORAGE_ERROR;
        return true;
    }
    log_dirs_space(dirs, index, &dir->total_bytes, &dir->usable_bytes);
    dir->topics.items = ARENA_ARRAY(&request->arena, topic_answer, (size_t)image->topic_count);
    if (dir->topics.items == NULL)
        return false;
    for (int s = 0; s < request->shard->broker->data_shards; s++) {
        const struct listing *listing = &gather->listings[s];
        for (int32_t i = 0; i < listing->count; i++) {
            const struct found *found = &listing->items[i];
            int32_t most = partitions_of(image, found->topic);
            if (found->dir != index || found->partition >= most)
                continue; /* elsewhere, or deleted or grown meanwhile */
            topic_answer *topic = topic_of(request, dir, found->topic, most);
            if (topic == NULL)
                return false;
            topic->partitions.items[topic->partitions.count++] =
                (partition_answer){.partition_index = found->partition, .partition_size = found->size_bytes};
        }
    }
    return true;
}

static void answer(struct gather *gather)
{
    /* The answer is encoded already: the lists it was made from are free now. */
    if (gather->request->out.failed)
        request_close(gather->request);
    else
        request_done(gather->request);
}

static void encode(struct gather *gather)
{
    struct request *request = gather->request;
    int count = log_dirs_count(request->shard->broker->dirs);
    struct describe_log_dirs_response response;
    WIRE_DEFAULTS(describe_log_dirs_response_schema, &response);
    response.results.items = ARENA_ARRAY(&request->arena, dir_answer, (size_t)count);
    bool ok = response.results.items != NULL;
    for (int s = 0; s < request->shard->broker->data_shards; s++)
        ok &= !gather->listings[s].failed;
    for (int i = 0; ok && i < count; i++)
        ok = fill_dir(gather, &response.results.items[i], i);
    response.results.count = count;
    if (!ok || wire_encode(request->api->response, request->header.version, &response, &request->out) != ERR_OK)
        request->out.failed = true;
}

static void returned(struct io_msg *msg, struct io *io)
{
    struct gather *gather = CONTAINER_OF(msg, struct listing, msg)->gather;
    int shards = gather->request->shard->broker->data_shards;
    if (--gather->waiting_count > 0)
        return;
    encode(gather);
    gather->waiting_count = shards;
    for (int s = 0; s < shards; s++) {
        gather->listings[s].msg.run = free_here;
        io_post(io, s, &gather->listings[s].msg);
    }
}

void handle_describe_log_dirs(struct request *request)
{
    int shards = request->shard->broker->data_shards;
    struct gather *gather = ARENA_NEW(&request->arena, struct gather);
    struct listing *listings = ARENA_ARRAY(&request->arena, struct listing, (size_t)shards);
    if (gather == NULL || listings == NULL) {
        request_close(request);
        return;
    }
    if (!request_decode(request, &gather->asked))
        return;
    gather->request = request;
    gather->listings = listings;
    gather->waiting_count = shards;
    for (int s = 0; s < shards; s++) {
        listings[s].gather = gather;
        listings[s].msg.run = list_here;
        io_post(request->io, s, &listings[s].msg);
    }
}
