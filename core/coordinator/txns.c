#include "core/coordinator/txns.h"

#include "core/controller/controller.h"
#include "core/coordinator/groups.h"
#include "core/coordinator/txns_internal.h"

static const int64_t NEVER_NS = INT64_MAX / 2;

static struct txns_host *host_of(struct coordinator_machine *base)
{
    return CONTAINER_OF(base, struct txns_host, base);
}

static struct io *io_of(struct txns_host *host)
{
    return host->txns->io;
}

static void set_clock(struct txns_host *host)
{
    struct io *io = io_of(host);
    txn_clock(&host->machine, io_now_ns(io) / 1000000, io_wall_ms(io));
}

/* ---- what a machine gives out ------------------------------------------------------------------------------------ */

static void set_timer(struct txns_host *host)
{
    struct io *io = io_of(host);
    int64_t deadline_ms = txn_next_deadline(&host->machine);
    int64_t at_ns = deadline_ms > NEVER_NS / 1000000 ? NEVER_NS : deadline_ms * 1000000;
    enum err err = io_timer_start(io, &host->timer, at_ns); /* without memory: the next input tries again */
    MAYBE(err == ERR_OK);
}

void txns_drain(struct txns_host *host)
{
    struct txn_machine *machine = &host->machine;
    if (host->draining) /* a group has answered inside */
        return;
    host->draining = true;
    do {
        for (struct list *link; (link = list_pop_front(&machine->to_mark)) != NULL;)
            txns_mark(host, CONTAINER_OF(link, struct txn, mark_link));
        for (struct list *link; (link = list_pop_front(&machine->appends)) != NULL;)
            coordinator_append(&host->base, CONTAINER_OF(link, struct machine_append, link));
        for (struct list *link; (link = list_pop_front(&machine->answers)) != NULL;) {
            struct txn_call *call = CONTAINER_OF(link, struct txn_call, link);
            call->answered(call);
        }
    } while (!list_empty(&machine->to_mark) || !list_empty(&machine->appends) || !list_empty(&machine->answers));
    host->draining = false;
    txns_send_marks(host->txns);
    if (host->active)
        set_timer(host);
}

static void on_timer(struct io_timer *timer)
{
    struct txns_host *host = CONTAINER_OF(timer, struct txns_host, timer);
    set_clock(host);
    txn_tick(&host->machine);
    txns_drain(host);
}

/* ---- the runtime's calls ----------------------------------------------------------------------------------------- */

static enum err replay(struct coordinator_machine *base, const struct machine_replay *record)
{
    return txn_replay(&host_of(base)->machine, record);
}

/* Nobody writes transactions into this topic. */
static enum err replay_marker(struct coordinator_machine *base, const struct machine_marker *marker)
{
    return ERR_CORRUPT;
}

static void loaded(struct coordinator_machine *base)
{
    struct txns_host *host = host_of(base);
    txn_configure(&host->machine, &host->txns->settings);
    set_clock(host);
    txn_loaded(&host->machine);
    host->active = true;
    txns_drain(host);
}

static void appended(struct coordinator_machine *base, struct machine_append *append)
{
    struct txns_host *host = host_of(base);
    set_clock(host);
    txn_appended(&host->machine, append);
    txns_drain(host);
}

static void resign(struct coordinator_machine *base)
{
    struct txns_host *host = host_of(base);
    set_clock(host);
    host->active = false;
    io_timer_stop(io_of(host), &host->timer);
    txn_resign(&host->machine);
    txns_drain(host);
}

void txns_host_free(struct txns_host *host)
{
    list_remove(&host->link);
    MEM_DELETE(io_mem(io_of(host)), host);
}

static void close_host(struct coordinator_machine *base)
{
    struct txns_host *host = host_of(base);
    io_timer_stop(io_of(host), &host->timer);
    txn_fini(&host->machine);
    host->closed = true;
    if (host->marks_out == 0)
        txns_host_free(host); /* else with the last marker that comes back */
}

static struct coordinator_machine *open_host(struct coordinator *coordinator, int32_t partition)
{
    struct io *io = coordinator_io(coordinator);
    struct txns_host *host = MEM_NEW(io_mem(io), struct txns_host);
    if (host == NULL)
        return NULL;
    host->txns = CONTAINER_OF(coordinator_kind_of(coordinator), struct txns, kind);
    host->timer.fire = on_timer;
    list_push_back(&host->txns->hosts, &host->link);
    txn_init(&host->machine, io_mem(io), &host->txns->ids, io_random(io));
    txn_clock(&host->machine, io_now_ns(io) / 1000000, io_wall_ms(io));
    return &host->base;
}

/* ---- the coordinator of a node ----------------------------------------------------------------------------------- */

enum err txns_open(struct io *io, const struct txns_options *options, struct txns **out)
{
    struct mem *mem = io_mem(io);
    struct txns *txns = MEM_NEW(mem, struct txns);
    if (txns == NULL)
        return ERR_NO_MEMORY;
    txns->io = io;
    txns->options = *options;
    txns->kind = (struct coordinator_kind){.topic = CONTROLLER_TRANSACTION_TOPIC,
                                           .open = open_host,
                                           .replay = replay,
                                           .replay_marker = replay_marker,
                                           .loaded = loaded,
                                           .appended = appended,
                                           .resign = resign,
                                           .close = close_host};
    list_init(&txns->hosts);
    list_init(&txns->waiting);
    struct coordinator_options coordinator = {
        .kind = &txns->kind, .datas = options->datas, .data_shards = options->data_shards, .node_id = options->node_id};
    txns->flights = mem_alloc_zero(mem, (size_t)options->data_shards * sizeof(*txns->flights));
    enum err err = txns->flights == NULL ? ERR_NO_MEMORY : coordinator_open(io, &coordinator, &txns->coordinator);
    if (err != ERR_OK) {
        mem_free(mem, txns->flights, (size_t)options->data_shards * sizeof(*txns->flights));
        MEM_DELETE(mem, txns);
        return err;
    }
    *out = txns;
    return ERR_OK;
}

bool txns_is_idle(const struct txns *txns)
{
    return txns->marks_out == 0 && list_empty(&txns->waiting) && coordinator_is_idle(txns->coordinator);
}

void txns_close(struct txns *txns)
{
    struct mem *mem = io_mem(txns->io);
    ASSERT(txns->marks_out == 0);
    coordinator_close(txns->coordinator);
    ASSERT(list_empty(&txns->hosts));
    image_release(mem, (struct image *)(uintptr_t)txns->image);
    mem_free(mem, txns->flights, (size_t)txns->options.data_shards * sizeof(*txns->flights));
    MEM_DELETE(mem, txns);
}

void txns_stop(struct txns *txns)
{
    txns->stopping = true;
    coordinator_stop(txns->coordinator);
    txns_give_ids(txns, 0, 0); /* who waits for them */
}

static struct txn_settings settings_of(const struct image *image)
{
    const struct broker_config *config = image->config;
    struct txn_settings settings = {
        .max_timeout_ms = config->transaction_max_timeout_ms,
        .id_expiration_ms = config->transactional_id_expiration_ms,
        .abort_interval_ms = config->transaction_abort_timed_out_transaction_cleanup_interval_ms,
        .expire_interval_ms = config->transaction_remove_expired_transaction_cleanup_interval_ms};
    for (int i = 0; i < image->feature_count; i++)
        if (strcmp(image->features[i].name, "transaction.version") == 0)
            settings.version = image->features[i].level;
    return settings;
}

void txns_apply(struct txns *txns, const struct image *image)
{
    const struct image *before = txns->image;
    txns->settings = settings_of(image);
    txns->image = image_retain((struct image *)(uintptr_t)image);
    LIST_EACH(link, &txns->hosts)
    {
        struct txns_host *host = CONTAINER_OF(link, struct txns_host, link);
        if (!host->closed)
            txn_configure(&host->machine, &txns->settings);
    }
    coordinator_apply(txns->coordinator, image);
    image_release(io_mem(txns->io), (struct image *)(uintptr_t)before);
}

/* ---- calls ------------------------------------------------------------------------------------------------------- */

static int16_t enter(int16_t error, struct coordinator_machine *base, struct txn_machine **machine)
{
    if (error != KAFKA_ERROR_NONE)
        return error;
    struct txns_host *host = host_of(base);
    set_clock(host);
    *machine = &host->machine;
    return KAFKA_ERROR_NONE;
}

int16_t txns_enter(struct txns *txns, struct slice transactional_id, struct txn_machine **machine)
{
    struct coordinator_machine *base = NULL;
    int16_t error = coordinator_find(txns->coordinator, transactional_id, &base);
    return enter(error, base, machine);
}

int16_t txns_enter_at(struct txns *txns, int32_t partition, struct txn_machine **machine)
{
    struct coordinator_machine *base = NULL;
    int16_t error = coordinator_at(txns->coordinator, partition, &base);
    return enter(error, base, machine);
}

int32_t txns_partition_count(const struct txns *txns)
{
    return coordinator_partition_count(txns->coordinator);
}

void txns_leave(struct txn_machine *machine)
{
    txns_drain(CONTAINER_OF(machine, struct txns_host, machine));
}

int64_t txns_longest_load_ms(const struct txns *txns)
{
    return coordinator_longest_load_ms(txns->coordinator);
}

uint64_t txns_skipped_count(const struct txns *txns)
{
    return coordinator_skipped_count(txns->coordinator);
}

/* ---- producer ids ------------------------------------------------------------------------------------------------ */

enum { IDS_AT_LEAST = 2 }; /* one request takes no more */

static void want_ids(struct txns *txns)
{
    if (txns->wants_ids)
        return;
    txns->wants_ids = true;
    txns->options.needs->want_ids(txns->options.needs);
}

void txns_with_ids(struct txns *txns, struct txns_wait *wait)
{
    if (txns->stopping || txns->ids.end - txns->ids.next >= IDS_AT_LEAST) {
        wait->go(wait, !txns->stopping);
        return;
    }
    list_push_back(&txns->waiting, &wait->_link);
    want_ids(txns);
}

void txns_give_ids(struct txns *txns, int64_t first, int64_t count)
{
    struct list waiting;
    if (count > 0) { /* the rest of the block before is not used */
        txns->ids.next = first;
        txns->ids.end = first + count;
    }
    txns->wants_ids = false;
    list_init(&waiting);
    list_splice(&waiting, &txns->waiting);
    for (struct list *link; (link = list_pop_front(&waiting)) != NULL;) {
        struct txns_wait *wait = CONTAINER_OF(link, struct txns_wait, _link);
        if (count > 0)
            txns_with_ids(txns, wait);
        else
            wait->go(wait, false);
    }
}
