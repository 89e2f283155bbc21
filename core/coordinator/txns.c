#include "core/coordinator/txns.h"

#include "core/controller/controller.h"
#include "core/coordinator/groups.h"
#include "core/coordinator/txns_internal.h"
#include "io/reactor/diag.h"

static struct txns_host *host_of(struct coordinator_machine *base)
{
    return CONTAINER_OF(base, struct txns_host, base);
}

static struct io *io_of(struct txns_host *host)
{
    return host->txns->io;
}

/* ---- what a machine gives out ------------------------------------------------------------------------------------ */

static void drain(struct coordinator_machine *base)
{
    struct txns_host *host = host_of(base);
    struct txn_machine *machine = &host->machine;
    if (host->draining) /* a group has answered inside */
        return;
    host->draining = true;
    do {
        for (struct list *link; (link = list_pop_front(&machine->to_mark)) != NULL;)
            txns_mark(host, CONTAINER_OF(link, struct txn, mark_link));
        for (struct list *link; (link = list_pop_front(&machine->appends)) != NULL;)
            coordinator_append(base, CONTAINER_OF(link, struct machine_append, link));
        for (struct list *link; (link = list_pop_front(&machine->answers)) != NULL;) {
            struct txn_call *call = CONTAINER_OF(link, struct txn_call, link);
            call->answered(call);
        }
    } while (!list_empty(&machine->to_mark) || !list_empty(&machine->appends) || !list_empty(&machine->answers));
    host->draining = false;
    if (machine->refused_count > 0)
        DIAG(io_of(host), DIAG_WARN, "no memory for more transactional ids; ringmain.memory.bytes allows more",
             "used=%zu limit=%zu refused=%lld", machine->mem->used, machine->mem->limit,
             (long long)machine->refused_count);
    machine->refused_count = 0;
    txns_send_marks(host->txns);
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

static void set_clock(struct coordinator_machine *base, int64_t now_ms, int64_t wall_ms)
{
    txn_clock(&host_of(base)->machine, now_ms, wall_ms);
}

static void loaded(struct coordinator_machine *base)
{
    struct txns_host *host = host_of(base);
    txn_configure(&host->machine, &host->txns->settings);
    txn_loaded(&host->machine);
}

static void appended(struct coordinator_machine *base, struct machine_append *append)
{
    txn_appended(&host_of(base)->machine, append);
}

static void tick(struct coordinator_machine *base)
{
    txn_tick(&host_of(base)->machine);
}

static int64_t next_deadline(const struct coordinator_machine *base)
{
    return txn_next_deadline(&CONTAINER_OF(base, const struct txns_host, base)->machine);
}

static void resign(struct coordinator_machine *base)
{
    txn_resign(&host_of(base)->machine);
}

void txns_host_free(struct txns_host *host)
{
    list_remove(&host->link);
    MEM_DELETE(io_mem(io_of(host)), host);
}

static void close_host(struct coordinator_machine *base)
{
    struct txns_host *host = host_of(base);
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
                                           .clock = set_clock,
                                           .loaded = loaded,
                                           .appended = appended,
                                           .tick = tick,
                                           .next_deadline = next_deadline,
                                           .drain = drain,
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

struct coordinator *txns_coordinator(const struct txns *txns)
{
    return txns->coordinator;
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

int16_t txns_enter(struct txns *txns, struct slice transactional_id, struct txn_machine **machine)
{
    struct coordinator_machine *base;
    int16_t error = coordinator_enter(txns->coordinator, transactional_id, &base);
    *machine = error == KAFKA_ERROR_NONE ? &host_of(base)->machine : NULL;
    return error;
}

int16_t txns_enter_at(struct txns *txns, int32_t partition, struct txn_machine **machine)
{
    struct coordinator_machine *base;
    int16_t error = coordinator_enter_at(txns->coordinator, partition, &base);
    *machine = error == KAFKA_ERROR_NONE ? &host_of(base)->machine : NULL;
    return error;
}

void txns_leave(struct txn_machine *machine)
{
    coordinator_leave(&CONTAINER_OF(machine, struct txns_host, machine)->base);
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
