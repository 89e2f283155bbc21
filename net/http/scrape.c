#include "net/http/scrape.h"

#include "core/coordinator/groups.h"
#include "core/wire/api.h"
#include "core/wire/error.h"
#include "net/http/gauges.h"

#include <stdio.h>
#include <stdlib.h>

enum { TEXT_FIRST_BYTES = 256 * 1024, ROUNDS_MAX = 4, WALKS_MAX = 3 };
#define WINDOW_NS ((int64_t)60000000000)

/* A partition of the reading, to be found by topic and index. */
struct partition_place {
    int32_t topic, index;
    int32_t at;
};

struct scrape {
    struct control *control;
    struct io *io;
    int64_t started_ns;
    struct list waiting; /* struct scrape_request: for the next round */
    struct list served;  /* for this one */
    bool running;

    /* The round, and where it is. Written by the shard that has the message. */
    struct io_msg msg;
    int at, rounds;
    struct list *next; /* partition to go on with; NULL: a shard's first */
    int32_t first;     /* place of the shard's first partition in the reading */
    int walks;
    uint64_t removals;
    struct metrics_reading reading;

    /* Made from it. */
    struct io_job job;
    struct scrape_text *text;
    size_t length; /* that the text wants */
    struct metrics_view view;
    struct arena names;
    struct metrics_group *groups; /* in it, like all of the view */
    struct metrics_lag *lags;
    struct partition_place *places;
    struct metrics_base bases[2]; /* the newer one first */
    int64_t base_ns;
    int64_t idle_ns; /* of the last look at the loops, and what they had worked by then */
    uint64_t idle_busy_ns;
};

/* ---- who asks ---------------------------------------------------------------------------------------------------- */

void scrape_text_release(struct scrape_text *text)
{
    if (text != NULL && --text->references == 0)
        mem_free(text->mem, text, sizeof *text + text->capacity);
}

static void begin_round(struct scrape *scrape);

void scrape_start(struct scrape *scrape, struct scrape_request *request)
{
    request->text = NULL;
    list_push_back(&scrape->waiting, &request->_link);
    if (scrape->running)
        return;
    scrape->running = true;
    scrape->rounds = 0;
    list_splice(&scrape->served, &scrape->waiting);
    begin_round(scrape);
}

void scrape_cancel(struct scrape_request *request)
{
    list_remove(&request->_link);
}

bool scrape_is_idle(const struct scrape *scrape)
{
    return !scrape->running;
}

/* text NULL: there is no memory for it. */
static void serve(struct scrape *scrape, struct scrape_text *text)
{
    arena_fini(&scrape->names);
    scrape->running = false;
    if (text != NULL)
        text->references = 1; /* ours, until all are told */
    for (struct list *link; (link = list_pop_front(&scrape->served)) != NULL;) {
        struct scrape_request *request = CONTAINER_OF(link, struct scrape_request, _link);
        request->text = text;
        if (text != NULL)
            text->references++;
        request->done(request);
    }
    scrape_text_release(text);
    if (scrape->running || list_empty(&scrape->waiting))
        return;
    scrape->running = true;
    scrape->rounds = 0;
    list_splice(&scrape->served, &scrape->waiting);
    begin_round(scrape);
}

/* ---- the round --------------------------------------------------------------------------------------------------- */

static void visit(struct io_msg *msg, struct io *io);
static void home(struct io_msg *msg, struct io *io);

static void begin_round(struct scrape *scrape)
{
    metrics_reading_clear(&scrape->reading);
    scrape->rounds++;
    scrape->at = 0;
    scrape->next = NULL;
    scrape->walks = 0;
    scrape->msg.run = visit;
    io_post(scrape->io, 0, &scrape->msg);
}

static void add_partition(struct scrape *scrape, struct shard *shard, const struct partition *partition)
{
    gauges_of_partition(partition, &shard->metrics);
    if (!shard->image->config->ringmain_metrics_partitions || partition->log == NULL)
        return;
    struct metrics_partition *to = metrics_reading_partition(&scrape->reading);
    if (to == NULL)
        return;
    to->topic_id = partition->topic_id;
    to->index = partition->index;
    to->bytes_in = partition->bytes_in;
    to->records_in = partition->records_in;
    to->bytes_out = partition->bytes_out;
    to->high_watermark = partition->high_watermark;
    to->durable_offset = log_durable_offset(partition->log);
    to->start_offset = log_start_offset(partition->log);
    to->end_offset = log_end_offset(partition->log);
    to->size_bytes = log_size_bytes(partition->log);
    to->segments = log_segment_count(partition->log);
}

/* A slice of the shard's partitions. False: there are more, in a later turn. When one has left the list meanwhile the
 * walk begins anew; the last one is made in one go. */
static bool walk(struct scrape *scrape, struct shard *shard)
{
    struct list *all = shard_data_partitions(shard->data);
    bool fresh = scrape->next == NULL;
    if (!fresh && scrape->removals != shard_data_removals(shard->data)) {
        scrape->reading.partition_count = scrape->first;
        fresh = true;
    }
    if (fresh) {
        gauges_begin_partitions(&shard->metrics);
        scrape->walks++;
        scrape->first = scrape->reading.partition_count;
        scrape->removals = shard_data_removals(shard->data);
        scrape->next = all->next;
    }
    for (int left = SCRAPE_SLICE; scrape->next != all; scrape->next = scrape->next->next, left--) {
        if (left <= 0 && scrape->walks < WALKS_MAX)
            return false;
        add_partition(scrape, shard, PARTITION_OF(scrape->next));
    }
    return true;
}

static void visit(struct io_msg *msg, struct io *io)
{
    struct scrape *scrape = CONTAINER_OF(msg, struct scrape, msg);
    struct broker *broker = scrape->control->shard->broker;
    struct shard *shard = broker_shard(broker, io);
    if (!walk(scrape, shard)) {
        io_post(io, shard->index, msg);
        return;
    }
    gauges_of_shard(shard);
    metrics_read(&shard->metrics, &scrape->reading, shard->index);
    int listeners = scrape->reading.listener_count;
    gauges_of_listeners(shard, scrape->reading.listeners + shard->index * listeners, listeners);
    scrape->next = NULL;
    scrape->walks = 0;
    scrape->at++;
    if (scrape->at == broker->data_shards)
        scrape->msg.run = home;
    io_post(io, scrape->at, msg);
}

/* ---- the text ---------------------------------------------------------------------------------------------------- */

static const char *error_name(int16_t code)
{
    const char *name = kafka_error_name(code);
    return name == NULL ? "UNKNOWN" : name;
}

/* Part of their time that the data shards had nothing to do, since the last look, in millionths. */
static uint64_t idle_ppm(struct scrape *scrape)
{
    uint64_t busy_ns = 0;
    int shards = scrape->reading.shard_count - 1;
    for (int i = 0; i < shards; i++)
        busy_ns += scrape->reading.shards[i].values[METRIC_BUSY];
    int64_t now_ns = io_now_ns(scrape->io);
    double span = (double)(now_ns - scrape->idle_ns) * shards;
    double busy = (double)(busy_ns - scrape->idle_busy_ns);
    scrape->idle_ns = now_ns;
    scrape->idle_busy_ns = busy_ns;
    return span <= 0 || busy >= span ? 0 : (uint64_t)((1 - busy / span) * 1e6);
}

/* The names belong to the image, which may go while the job runs. False: no memory. */
static bool copy_names(struct scrape *scrape, const struct image *image)
{
    struct arena *arena = &scrape->names;
    scrape->view.topic_count = image->topic_count;
    scrape->view.topics = ARENA_ARRAY(arena, struct metrics_topic, (size_t)image->topic_count + 1);
    const struct broker_config *config = image->config;
    const char **listeners = ARENA_ARRAY(arena, const char *, (size_t)scrape->reading.listener_count + 1);
    scrape->view.listener_names = listeners;
    if (scrape->view.topics == NULL || listeners == NULL)
        return false;
    for (int i = 0; i < scrape->reading.listener_count; i++) {
        const char *name = config->listeners_parsed[i].name;
        listeners[i] = arena_copy(arena, name, strlen(name) + 1);
        if (listeners[i] == NULL)
            return false;
    }
    for (int32_t i = 0; i < image->topic_count; i++) {
        scrape->view.topics[i].name = arena_copy(arena, image->topics[i]->name, image->topics[i]->name_length + 1);
        if (scrape->view.topics[i].name == NULL)
            return false;
    }
    return true;
}

static int32_t topic_place(const struct image *image, const struct image_topic *topic)
{
    int32_t low = 0, high = image->topic_count - 1;
    while (low < high) {
        int32_t middle = (low + high) / 2;
        if (strcmp(image->topics[middle]->name, topic->name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void place_partitions(struct scrape *scrape, const struct image *image)
{
    for (int32_t i = 0; i < scrape->reading.partition_count; i++) {
        struct metrics_partition *partition = &scrape->reading.partitions[i];
        const struct image_topic *topic = image_topic_by_id(image, partition->topic_id);
        partition->topic = topic == NULL ? -1 : topic_place(image, topic);
    }
}

/* ---- groups ------------------------------------------------------------------------------------------------------ */

/* -1: the cluster does not have it, or has another one of that name. */
static int32_t place_of_offset(const struct image *image, const struct group_offset *offset)
{
    const struct image_topic *topic = image_topic_by_name(image, offset->topic);
    bool same = topic != NULL && (uuid_is_zero(offset->topic_id) || uuid_equal(offset->topic_id, topic->id));
    return same ? topic_place(image, topic) : -1;
}

/* What is committed, as of now; with how much memory: as the gauges have just counted. */
static bool copy_group(struct scrape *scrape, const struct image *image, const struct group *group, struct slice id,
                       int64_t most)
{
    struct group_offset_cursor cursor = {0};
    struct group_offset offset;
    uint8_t *copy = arena_copy(&scrape->names, id.data, id.length);
    if (copy == NULL)
        return false;
    scrape->groups[scrape->view.group_count++] =
        (struct metrics_group){.id = slice_of(copy, id.length), .member_count = group_member_count(group)};
    while (scrape->view.lag_count < most && group_next_offset(group, &cursor, &offset))
        scrape->lags[scrape->view.lag_count++] = (struct metrics_lag){.group = slice_of(copy, id.length),
                                                                      .topic = place_of_offset(image, &offset),
                                                                      .partition = offset.partition,
                                                                      .offset = offset.offset,
                                                                      .lag = -1};
    return true;
}

/* False: no memory. The text stands without the groups then. */
static bool copy_groups(struct scrape *scrape, const struct image *image, const uint64_t *values)
{
    struct groups *groups = scrape->control->groups;
    int64_t most = (int64_t)values[METRIC_GROUP_OFFSETS], most_groups = (int64_t)values[METRIC_GROUPS];
    struct arena *arena = &scrape->names;
    scrape->groups = ARENA_ARRAY(arena, struct metrics_group, (size_t)most_groups + 1);
    scrape->lags = ARENA_ARRAY(arena, struct metrics_lag, (size_t)most + 1);
    scrape->places = ARENA_ARRAY(arena, struct partition_place, (size_t)scrape->reading.partition_count + 1);
    bool whole = scrape->groups != NULL && scrape->lags != NULL && scrape->places != NULL;
    for (int32_t i = 0; whole && i < coordinator_partition_count(groups_coordinator(groups)); i++) {
        struct group_machine *machine;
        struct group_listing listing;
        if (groups_enter_at(groups, i, &machine) != KAFKA_ERROR_NONE)
            continue;
        struct group *group = group_list_next(machine, NULL, &listing);
        for (; whole && group != NULL && scrape->view.group_count < most_groups;
             group = group_list_next(machine, group, &listing))
            whole = copy_group(scrape, image, group, listing.id, most);
        groups_leave(machine);
    }
    return whole;
}

static int by_place(const void *one, const void *other)
{
    const struct partition_place *a = one, *b = other;
    if (a->topic != b->topic)
        return (a->topic > b->topic) - (a->topic < b->topic);
    return (a->index > b->index) - (a->index < b->index);
}

/* In the job: what groups have committed meets where the partitions end. */
static void find_lags(struct scrape *scrape)
{
    const struct metrics_reading *reading = &scrape->reading;
    if (scrape->view.lag_count == 0)
        return;
    for (int32_t i = 0; i < reading->partition_count; i++)
        scrape->places[i] = (struct partition_place){reading->partitions[i].topic, reading->partitions[i].index, i};
    qsort(scrape->places, (size_t)reading->partition_count, sizeof *scrape->places, by_place);
    for (int32_t i = 0; i < scrape->view.lag_count; i++) {
        struct metrics_lag *lag = &scrape->lags[i];
        const struct partition_place wanted = {lag->topic, lag->partition, 0};
        const struct partition_place *found =
            bsearch(&wanted, scrape->places, (size_t)reading->partition_count, sizeof *scrape->places, by_place);
        if (found == NULL || lag->topic < 0)
            continue;
        /* The partition was looked at before the group: it may have read further. */
        int64_t behind = reading->partitions[found->at].high_watermark - lag->offset;
        lag->lag = behind < 0 ? 0 : behind;
    }
}

/* In the job: touches the scrape only, which waits for it. */
static void write_text(struct io_job *job, struct fs *fs)
{
    struct scrape *scrape = CONTAINER_OF(job, struct scrape, job);
    find_lags(scrape);
    scrape->length = metrics_text(&scrape->view, scrape->text->data, scrape->text->capacity);
}

static bool make_text(struct scrape *scrape, size_t capacity)
{
    struct mem *mem = io_mem(scrape->io);
    scrape->text = mem_alloc(mem, sizeof *scrape->text + capacity);
    if (scrape->text == NULL)
        return false;
    *scrape->text = (struct scrape_text){.mem = mem, .capacity = capacity};
    return true;
}

/* Kafka's percentiles are of the time since the older of two marks, one window or more ago. */
static void move_bases(struct scrape *scrape)
{
    int64_t now_ns = io_now_ns(scrape->io);
    struct metrics_base *newer = &scrape->bases[0], *older = &scrape->bases[1];
    if (now_ns - scrape->base_ns < WINDOW_NS)
        return;
    scrape->base_ns = now_ns;
    struct metrics_base recycled = *older;
    *older = *newer;
    *newer = recycled;
    memset(&newer->flush, 0, sizeof newer->flush);
    memset(&newer->metadata, 0, sizeof newer->metadata);
    for (int i = 0; i < scrape->reading.shard_count; i++) {
        histogram_merge(&newer->flush, &scrape->reading.shards[i].times[METRIC_TIME_FLUSH]);
        histogram_merge(&newer->metadata, &scrape->reading.shards[i].times[METRIC_TIME_METADATA]);
    }
    for (int key = 0; key < METRICS_API_KEYS; key++) {
        if (scrape->reading.apis[key] == NULL)
            continue;
        if (newer->apis[key] == NULL)
            newer->apis[key] = mem_alloc(io_mem(scrape->io), sizeof *newer->apis[key]);
        if (newer->apis[key] != NULL) /* without memory the percentiles are of all the time */
            *newer->apis[key] = *scrape->reading.apis[key];
    }
}

static void written(struct io_job *job)
{
    struct scrape *scrape = CONTAINER_OF(job, struct scrape, job);
    struct scrape_text *text = scrape->text;
    scrape->text = NULL;
    if (scrape->length <= text->capacity) {
        text->length = scrape->length;
        move_bases(scrape);
        serve(scrape, text);
        return;
    }
    mem_free(text->mem, text, sizeof *text + text->capacity);
    if (make_text(scrape, scrape->length + scrape->length / 8))
        io_job_start(scrape->io, &scrape->job);
    else
        serve(scrape, NULL);
}

static void home(struct io_msg *msg, struct io *io)
{
    struct scrape *scrape = CONTAINER_OF(msg, struct scrape, msg);
    struct shard *shard = scrape->control->shard;
    const struct image *image = metadata_current(scrape->control->metadata);
    uint64_t *values = shard->metrics.values;
    bool no_memory;
    gauges_of_shard(shard);
    gauges_of_node(scrape->control);
    values[METRIC_UPTIME] = (uint64_t)(io_now_ns(io) - scrape->started_ns) / 1000000;
    metrics_read(&shard->metrics, &scrape->reading, shard->index);
    if (!metrics_reading_grow(&scrape->reading, &no_memory) && !no_memory && scrape->rounds < ROUNDS_MAX) {
        begin_round(scrape);
        return;
    }
    uint64_t *shown = scrape->reading.shards[shard->index].values;
    shown[METRIC_LOOP_IDLE] = shown[METRIC_NETWORK_IDLE] = idle_ppm(scrape);
    scrape->view.before = scrape->base_ns == 0 ? NULL : &scrape->bases[1];
    arena_init(&scrape->names, io_mem(scrape->io), 64 << 20);
    place_partitions(scrape, image);
    scrape->job = (struct io_job){.work = write_text, .done = written};
    scrape->view.group_count = scrape->view.lag_count = 0;
    if (image->config->ringmain_metrics_partitions && !copy_groups(scrape, image, values))
        scrape->view.group_count = scrape->view.lag_count = 0;
    scrape->view.groups = scrape->groups;
    scrape->view.lags = scrape->lags;
    size_t capacity = scrape->length + scrape->length / 8;
    if (copy_names(scrape, image) && make_text(scrape, size_max(capacity, TEXT_FIRST_BYTES)))
        io_job_start(scrape->io, &scrape->job);
    else
        serve(scrape, NULL);
}

/* ---- life -------------------------------------------------------------------------------------------------------- */

static void name_apis(struct metrics_view *view)
{
    int count;
    const struct wire_api *apis = wire_apis(&count);
    for (int i = 0; i < count; i++)
        if (apis[i].key >= 0 && apis[i].key < METRICS_API_KEYS)
            view->api_names[apis[i].key] = apis[i].name;
}

enum err scrape_open(struct control *control, struct scrape **opened)
{
    struct io *io = control->shard->io;
    struct scrape *scrape = MEM_NEW(io_mem(io), struct scrape);
    if (scrape == NULL)
        return ERR_NO_MEMORY;
    scrape->control = control;
    scrape->io = io;
    scrape->started_ns = scrape->idle_ns = io_now_ns(io);
    list_init(&scrape->waiting);
    list_init(&scrape->served);
    struct broker *broker = control->shard->broker;
    if (!metrics_reading_init(&scrape->reading, io_mem(io), broker->data_shards + 1,
                              metadata_current(control->metadata)->config->listener_count)) {
        MEM_DELETE(io_mem(io), scrape);
        return ERR_NO_MEMORY;
    }
    scrape->view = (struct metrics_view){.now = &scrape->reading,
                                         .error_name = error_name,
                                         .version = RINGMAIN_VERSION,
                                         .cluster_id = broker->cluster_id_text,
                                         .node_id = broker->node_id};
    name_apis(&scrape->view);
    *opened = scrape;
    return ERR_OK;
}

void scrape_close(struct scrape *scrape)
{
    struct mem *mem = io_mem(scrape->io);
    if (scrape->running) /* a round or its job is half-way: the process ends */
        return;
    for (int i = 0; i < 2; i++)
        for (int key = 0; key < METRICS_API_KEYS; key++)
            if (scrape->bases[i].apis[key] != NULL)
                MEM_DELETE(mem, scrape->bases[i].apis[key]);
    metrics_reading_fini(&scrape->reading);
    MEM_DELETE(mem, scrape);
}
