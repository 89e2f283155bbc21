/* Which partitions are ours, and what state each of them is in. */
#include "core/coordinator/internal.h"
#include "io/reactor/diag.h"

enum { RETRY_MS = 1000 }; /* between two tries to load */

struct io *coordinator_io(struct coordinator *coordinator)
{
    return coordinator->io;
}

const struct coordinator_kind *coordinator_kind_of(const struct coordinator *coordinator)
{
    return coordinator->options.kind;
}

enum err coordinator_open(struct io *io, const struct coordinator_options *options, struct coordinator **out)
{
    struct coordinator *coordinator = MEM_NEW(io_mem(io), struct coordinator);
    if (coordinator == NULL)
        return ERR_NO_MEMORY;
    coordinator->io = io;
    coordinator->options = *options;
    coordinator->hook.run = coordinator_append_turn;
    list_init(&coordinator->queued);
    list_init(&coordinator->load_line);
    *out = coordinator;
    return ERR_OK;
}

bool coordinator_is_idle(const struct coordinator *coordinator)
{
    for (int32_t i = 0; i < coordinator->partition_capacity; i++) {
        const struct coordinator_partition *partition = coordinator->partitions[i];
        if (partition != NULL &&
            (!list_empty(&partition->flights) || !list_empty(&partition->queue) || partition->load != NULL))
            return false;
    }
    return true;
}

void coordinator_close(struct coordinator *coordinator)
{
    struct mem *mem = io_mem(coordinator->io);
    ASSERT(coordinator_is_idle(coordinator));
    io_hook_stop(&coordinator->hook);
    for (int32_t i = 0; i < coordinator->partition_capacity; i++) {
        struct coordinator_partition *partition = coordinator->partitions[i];
        if (partition == NULL)
            continue;
        io_timer_stop(coordinator->io, &partition->retry);
        if (partition->machine != NULL)
            coordinator_machine_close(partition->machine);
        MEM_DELETE(mem, partition);
    }
    mem_free(mem, coordinator->partitions, (size_t)coordinator->partition_capacity * sizeof *coordinator->partitions);
    MEM_DELETE(mem, coordinator);
}

/* ---- the life of one partition ----------------------------------------------------------------------------------- */

static void start_loads(struct coordinator *coordinator)
{
    while (coordinator->loads_running < COORDINATOR_LOADS_MAX && !list_empty(&coordinator->load_line)) {
        struct list *link = list_pop_front(&coordinator->load_line);
        coordinator->loads_running++;
        coordinator_load_start(CONTAINER_OF(link, struct coordinator_partition, load_link));
    }
}

static void retry_later(struct coordinator_partition *partition)
{
    struct io *io = partition->coordinator->io;
    partition->phase = PHASE_FAILED;
    if (io_timer_start(io, &partition->retry, io_now_ns(io) + (int64_t)RETRY_MS * 1000000) != ERR_OK)
        return; /* the next image tries again */
}

static void begin_load(struct coordinator_partition *partition)
{
    struct coordinator *coordinator = partition->coordinator;
    io_timer_stop(coordinator->io, &partition->retry);
    partition->topic_id = coordinator->topic_id;
    partition->machine = coordinator->options.kind->open(coordinator, partition->index);
    if (partition->machine == NULL) {
        retry_later(partition);
        return;
    }
    *partition->machine = (struct coordinator_machine){.coordinator = coordinator,
                                                       ._partition = partition,
                                                       .partition = partition->index,
                                                       .epoch = partition->leader_epoch};
    partition->phase = PHASE_LOADING;
    list_push_back(&coordinator->load_line, &partition->load_link);
    start_loads(coordinator);
}

static void close_machine(struct coordinator_partition *partition)
{
    if (partition->machine != NULL)
        coordinator_machine_close(partition->machine);
    partition->machine = NULL;
    partition->phase = PHASE_IDLE;
}

static void on_retry(struct io_timer *timer)
{
    struct coordinator_partition *partition = CONTAINER_OF(timer, struct coordinator_partition, retry);
    if (partition->phase == PHASE_FAILED && partition->led)
        begin_load(partition);
}

static bool is_wanted(const struct coordinator_partition *partition)
{
    return partition->led && !partition->coordinator->stopping;
}

/* When nothing of a closing partition is on its way any more, its machine goes; then it may be loaded anew. */
void coordinator_partition_settle(struct coordinator_partition *partition)
{
    if (partition->phase != PHASE_CLOSING || !list_empty(&partition->flights) || !list_empty(&partition->queue) ||
        partition->load != NULL)
        return;
    close_machine(partition);
    if (is_wanted(partition))
        begin_load(partition);
}

void coordinator_loaded(struct coordinator_partition *partition, const char *why_not)
{
    struct coordinator *coordinator = partition->coordinator;
    coordinator->loads_running--;
    if (partition->phase == PHASE_CLOSING) {
        coordinator_partition_settle(partition);
    } else if (why_not == NULL) {
        int64_t took_ns = io_now_ns(coordinator->io) - partition->load_ns;
        coordinator->longest_load_ns = took_ns > coordinator->longest_load_ns ? took_ns : coordinator->longest_load_ns;
        partition->phase = PHASE_ACTIVE;
        DIAG(coordinator->io, DIAG_DEBUG, "a coordinator has loaded a partition", "topic=%s partition=%d",
             coordinator->options.kind->topic, partition->index);
        coordinator_machine_loaded(partition->machine);
    } else {
        DIAG(coordinator->io, DIAG_WARN, "a coordinator could not load a partition; it tries again",
             "topic=%s partition=%d why=\"%s\"", coordinator->options.kind->topic, partition->index, why_not);
        close_machine(partition);
        retry_later(partition);
    }
    start_loads(coordinator);
}

static void resign(struct coordinator_partition *partition)
{
    switch (partition->phase) {
    case PHASE_ACTIVE:
        partition->phase = PHASE_CLOSING;
        coordinator_machine_resign(partition->machine);
        break;
    case PHASE_LOADING:
        partition->phase = PHASE_CLOSING;
        list_remove(&partition->load_link);
        break;
    case PHASE_FAILED:
        io_timer_stop(partition->coordinator->io, &partition->retry);
        partition->phase = PHASE_IDLE;
        return;
    case PHASE_IDLE:
    case PHASE_CLOSING:
        return;
    }
    coordinator_partition_settle(partition);
}

static void update(struct coordinator_partition *partition, bool led, int32_t leader_epoch)
{
    struct coordinator *coordinator = partition->coordinator;
    bool other = partition->phase != PHASE_IDLE && !uuid_equal(partition->topic_id, coordinator->topic_id);
    partition->led = led;
    partition->leader_epoch = leader_epoch;
    if (partition->machine != NULL && !other)
        partition->machine->epoch = leader_epoch;
    if (!led || other)
        resign(partition);
    if (is_wanted(partition) && (partition->phase == PHASE_IDLE || partition->phase == PHASE_FAILED))
        begin_load(partition);
}

void coordinator_reload(struct coordinator_partition *partition)
{
    resign(partition);
}

/* ---- images -------------------------------------------------------------------------------------------------------
 */

static bool grow(struct coordinator *coordinator, int32_t count)
{
    struct mem *mem = io_mem(coordinator->io);
    if (count > coordinator->partition_capacity) {
        struct coordinator_partition **partitions =
            mem_resize(mem, coordinator->partitions, (size_t)coordinator->partition_capacity * sizeof *partitions,
                       (size_t)count * sizeof *partitions);
        if (partitions == NULL)
            return false;
        for (int32_t i = coordinator->partition_capacity; i < count; i++)
            partitions[i] = NULL;
        coordinator->partitions = partitions;
        coordinator->partition_capacity = count;
    }
    for (int32_t i = 0; i < count; i++) {
        if (coordinator->partitions[i] != NULL)
            continue;
        struct coordinator_partition *partition = MEM_NEW(mem, struct coordinator_partition);
        if (partition == NULL)
            return false;
        *partition =
            (struct coordinator_partition){.coordinator = coordinator, .index = i, .retry = {.fire = on_retry}};
        list_init(&partition->queue);
        list_init(&partition->queue_link);
        list_init(&partition->flights);
        list_init(&partition->load_link);
        coordinator->partitions[i] = partition;
    }
    return true;
}

void coordinator_apply(struct coordinator *coordinator, const struct image *image)
{
    const struct image_topic *topic = image_topic_by_name(image, slice_from_string(coordinator->options.kind->topic));
    /* Without memory for the structs the topic counts as absent until the next image. */
    if (topic != NULL && !grow(coordinator, topic->partition_count))
        topic = NULL;
    coordinator->topic_id = topic == NULL ? UUID_ZERO : topic->id;
    coordinator->partition_count = topic == NULL ? 0 : topic->partition_count;
    if (topic != NULL)
        coordinator->config = topic->config;
    for (int32_t i = 0; i < coordinator->partition_capacity; i++) {
        struct coordinator_partition *partition = coordinator->partitions[i];
        if (partition == NULL)
            continue;
        bool there = i < coordinator->partition_count;
        update(partition, there && topic->partitions[i].leader == coordinator->options.node_id,
               there ? topic->partitions[i].leader_epoch : -1);
    }
}

void coordinator_stop(struct coordinator *coordinator)
{
    coordinator->stopping = true;
    for (int32_t i = 0; i < coordinator->partition_capacity; i++)
        if (coordinator->partitions[i] != NULL)
            resign(coordinator->partitions[i]);
}

/* ---- finding ------------------------------------------------------------------------------------------------------
 */

int32_t coordinator_partition_in(int32_t partition_count, struct slice key)
{
    int32_t hash = hash_java_string(key);
    return (hash == INT32_MIN ? 0 : hash < 0 ? -hash : hash) % partition_count;
}

int32_t coordinator_partition_of(const struct image *image, const char *name, struct slice key)
{
    const struct image_topic *topic = image_topic_by_name(image, slice_from_string(name));
    return topic == NULL || topic->partition_count == 0 ? -1 : coordinator_partition_in(topic->partition_count, key);
}

int32_t coordinator_partition_count(const struct coordinator *coordinator)
{
    return coordinator->partition_count;
}

int64_t coordinator_longest_load_ms(const struct coordinator *coordinator)
{
    return coordinator->longest_load_ns / 1000000;
}

uint64_t coordinator_skipped_count(const struct coordinator *coordinator)
{
    return coordinator->skipped_count;
}
