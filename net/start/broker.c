#include "net/start/broker.h"

#include "core/controller/controller.h"
#include "core/coordinator/groups.h"
#include "core/coordinator/txns.h"
#include "core/log/log_dirs.h"
#include "io/reactor/diag.h"
#include "net/handlers/api.h"
#include "net/handlers/control.h"
#include "net/handlers/features.h"
#include "net/handlers/txn_ids.h"

#include <stdio.h>

enum { SPACE_INTERVAL_MS = 30000 }; /* how often free space is measured */

enum boot_stage { BOOT_NEW, BOOT_APPLYING, BOOT_LISTENING, BOOT_REGISTERING, BOOT_READY, BOOT_STOPPING, BOOT_ENDED };

/* A step of start or stop on one data shard, and its way back. */
struct errand {
    struct io_msg msg;
    struct io_msg end; /* of its own: msg may still be on its way when time is up */
    struct boot *boot;
    struct shard *shard;
    struct shard_data_stop stop;
    enum err err;
};

struct boot {
    struct broker broker;
    const struct broker_config *config;
    struct broker_events *events;
    struct control control;
    struct txn_id_source txn_ids;
    struct shard_data_events data_events;
    struct arena arena;
    struct metadata_change change;
    struct shard_data **datas; /* by data shard, for the coordinators */
    struct errand *errands;    /* one per data shard, and one for the control shard */
    struct io_timer deadline;
    struct io_timer patience; /* with what the control shard has under way */
    struct log_dirs_unwatch unwatch;
    enum boot_stage stage;
    int waiting_count;
    bool clean, stop_wanted;
    char why[512];
};

static struct boot *boot_of(struct broker *broker)
{
    return CONTAINER_OF(broker, struct boot, broker);
}

static struct io *control_io(struct boot *boot)
{
    return broker_control(&boot->broker)->io;
}

/* ---- ending the loops -------------------------------------------------------------------------------------------- */

static void end_loop(struct io_msg *msg, struct io *io)
{
    io_stop(io);
}

static void end_loops(struct boot *boot)
{
    if (boot->stage == BOOT_ENDED)
        return;
    boot->stage = BOOT_ENDED;
    io_timer_stop(control_io(boot), &boot->deadline);
    io_timer_stop(control_io(boot), &boot->patience);
    for (int i = 0; i <= boot->broker.data_shards; i++) {
        boot->errands[i].end.run = end_loop;
        io_post(control_io(boot), i, &boot->errands[i].end);
    }
}

static void fail(struct boot *boot, const char *what, enum err err)
{
    snprintf(boot->why, sizeof boot->why, "%s: %s", what, err_text(err));
    boot->events->failed(boot->events, boot->why);
    end_loops(boot);
}

/* ---- start ------------------------------------------------------------------------------------------------------- */

static void listen_next(struct boot *boot);
static void stop_ready(struct boot *boot);

static void registered(struct metadata_change *change)
{
    struct boot *boot = CONTAINER_OF(change, struct boot, change);
    arena_fini(&boot->arena);
    if (boot->stage != BOOT_REGISTERING)
        return;
    if (change->err != ERR_OK) {
        fail(boot, "the broker could not register itself in the metadata log", change->err);
        return;
    }
    boot->stage = BOOT_READY;
    if (boot->stop_wanted) {
        stop_ready(boot);
        return;
    }
    conn_gate_open(&boot->control.gate);
    boot->events->ready(boot->events, &boot->broker);
}

/* The listeners as the cluster is told: what was bound, under the names that clients can reach. */
static struct image_endpoint *endpoints_of(struct boot *boot, int *count)
{
    const struct broker_config *config = boot->config;
    struct image_endpoint *list = ARENA_ARRAY(&boot->arena, struct image_endpoint, (size_t)config->listener_count);
    *count = 0;
    for (int i = 0; list != NULL && i < config->listener_count; i++) {
        const struct config_listener *from = &config->listeners_parsed[i];
        if (from->is_controller)
            continue;
        const char *host = from->advertised_host[0] != '\0' ? from->advertised_host : from->host;
        list[(*count)++] =
            (struct image_endpoint){.name = from->name,
                                    .host = host[0] == '\0' || strcmp(host, "0.0.0.0") == 0 ? "localhost" : host,
                                    .port = from->advertised_port != 0 ? from->advertised_port : boot->broker.ports[i],
                                    .security = (int16_t)from->security};
    }
    return list;
}

/* Fills in what the cluster shall know of this incarnation, and works out its records. */
static enum err registration_records(struct boot *boot, struct controller *controller)
{
    struct broker *broker = &boot->broker;
    int feature_count, dir_count = log_dirs_count(broker->dirs);
    const struct feature *known = features(&feature_count);
    struct controller_registration registration = {.incarnation = broker->incarnation, .epoch = broker->epoch};
    struct uuid *ids = ARENA_ARRAY(&boot->arena, struct uuid, (size_t)dir_count);
    struct controller_feature *levels = ARENA_ARRAY(&boot->arena, struct controller_feature, (size_t)feature_count);
    registration.endpoints = endpoints_of(boot, &registration.endpoint_count);
    if (registration.endpoints == NULL || ids == NULL || levels == NULL)
        return ERR_NO_MEMORY;
    for (int i = 0; i < dir_count; i++)
        if (!log_dirs_is_offline(broker->dirs, i))
            ids[registration.log_dir_count++] = log_dirs_id(broker->dirs, i);
    for (int i = 0; i < feature_count; i++)
        levels[i] = (struct controller_feature){
            .name = known[i].name, .min = known[i].min, .max = known[i].max, .fresh = known[i].fresh};
    registration.log_dirs = ids;
    registration.features = levels;
    registration.feature_count = feature_count;
    return controller_register_broker(controller, &registration);
}

static void register_broker(struct boot *boot)
{
    struct metadata *metadata = boot->control.metadata;
    boot->stage = BOOT_REGISTERING;
    boot->broker.epoch = quorum_end_offset(metadata_quorum(metadata));
    arena_init(&boot->arena, io_mem(control_io(boot)), 1 << 20);
    struct controller controller = {.image = metadata_latest(metadata), .arena = &boot->arena};
    enum err err = registration_records(boot, &controller);
    boot->change = (struct metadata_change){
        .done = registered, .records = controller.records.items, .count = controller.records.count};
    if (err == ERR_OK)
        err = metadata_change(metadata, &boot->change);
    if (err != ERR_OK)
        fail(boot, "the broker could not register itself in the metadata log", err);
}

static void listen_is_back(struct io_msg *msg, struct io *io)
{
    struct errand *errand = CONTAINER_OF(msg, struct errand, msg);
    struct boot *boot = errand->boot;
    if (boot->stage != BOOT_LISTENING)
        return;
    if (errand->err != ERR_OK) {
        const struct config_listener *first = &boot->config->listeners_parsed[0];
        char what[300];
        snprintf(what, sizeof what, "cannot listen on %s:%u (is another broker running? see `listeners`)",
                 first->host[0] == '\0' ? "*" : first->host, (unsigned)first->port);
        fail(boot, what, errand->err);
        return;
    }
    boot->waiting_count--;
    listen_next(boot);
}

static void listen_here(struct io_msg *msg, struct io *io)
{
    struct errand *errand = CONTAINER_OF(msg, struct errand, msg);
    errand->err = conn_server_listen(&errand->shard->server, errand->boot->broker.ports);
    errand->msg.run = listen_is_back;
    io_post(io, errand->boot->broker.data_shards, &errand->msg);
}

/* One shard after the other: the first chooses where a listener asks for any free port. */
static void listen_next(struct boot *boot)
{
    int next = boot->broker.data_shards - boot->waiting_count;
    if (boot->waiting_count == 0) {
        register_broker(boot);
        return;
    }
    boot->errands[next].msg.run = listen_here;
    io_post(control_io(boot), next, &boot->errands[next].msg);
}

/* Nothing of the cluster may be taken for a stray because a shard was short of memory for it. */
static void put_away_strays(struct boot *boot)
{
    const struct image *image = metadata_latest(boot->control.metadata);
    for (int32_t i = 0; i < image->topic_count; i++)
        for (int32_t k = 0; k < image->topics[i]->partition_count; k++)
            log_dirs_claim(boot->broker.dirs, slice_from_string(image->topics[i]->name), k);
    log_dirs_put_away_strays(boot->broker.dirs);
}

static void first_image_applied(struct metadata_change *change)
{
    struct boot *boot = CONTAINER_OF(change, struct boot, change);
    if (boot->stage != BOOT_APPLYING)
        return;
    put_away_strays(boot);
    boot->stage = BOOT_LISTENING;
    boot->waiting_count = boot->broker.data_shards;
    listen_next(boot);
}

static void begin(struct io_msg *msg, struct io *io)
{
    struct errand *errand = CONTAINER_OF(msg, struct errand, msg);
    struct boot *boot = errand->boot;
    if (boot->stage != BOOT_NEW)
        return;
    boot->stage = BOOT_APPLYING;
    enum err err = log_dirs_watch(boot->broker.dirs, SPACE_INTERVAL_MS, boot->config->ringmain_disk_reserve_bytes);
    metadata_start(boot->control.metadata);
    boot->change = (struct metadata_change){.done = first_image_applied};
    if (err == ERR_OK)
        err = metadata_change(boot->control.metadata, &boot->change);
    if (err != ERR_OK)
        fail(boot, "the metadata could not be applied", err);
}

/* ---- boot: everything that blocks
 * ------------------------------------------------------------------------------------- */

static enum err open_dirs(struct boot *boot, struct io *io, char why[512])
{
    const struct broker_config *config = boot->config;
    struct log_dirs_options options = {
        .paths = config->log_dirs_parsed, .count = config->log_dir_count, .node_id = config->node};
    enum err err = log_dirs_open(io, io_fs(io), &options, &boot->broker.dirs, why);
    if (err != ERR_OK)
        return err;
    for (int i = 0; i < log_dirs_count(boot->broker.dirs); i++) {
        if (log_dirs_is_offline(boot->broker.dirs, i))
            DIAG(io, DIAG_ERROR, "a log directory cannot be used: its partitions are offline", "path=%s",
                 log_dirs_path(boot->broker.dirs, i));
        else
            DIAG(io, DIAG_INFO, "log directory", "path=%s", log_dirs_path(boot->broker.dirs, i));
    }
    snprintf(boot->broker.cluster_id_text, sizeof boot->broker.cluster_id_text, "%s",
             log_dirs_cluster_id(boot->broker.dirs));
    return uuid_parse(boot->broker.cluster_id_text, &boot->broker.cluster_id) ? ERR_OK : ERR_CORRUPT;
}

static enum err open_metadata(struct boot *boot, const struct broker_options *options, struct io *io, char why[512])
{
    struct metadata_options metadata = {
        .directory = boot->config->metadata_dir,
        .node = {.node_id = boot->config->node, .cluster_id = boot->broker.cluster_id, .settings = options->settings},
        .config = boot->config,
        .publisher = &boot->control.publisher,
    };
    return metadata_open(io, io_fs(io), &metadata, &boot->control.metadata, why);
}

/* Runs on any data shard: one call, one line. */
static void say_damaged(struct shard_data_events *events, const struct partition *partition,
                        const struct log_damage *damage)
{
    DIAG(shard_data_io(partition->_data), DIAG_ERROR,
         "damaged batches: the rest of the log is served, these offsets are not",
         "topic=%s partition=%d from=%lld below=%lld segment=%020lld position=%lld end_position=%lld", partition->topic,
         partition->index, (long long)damage->offset, (long long)damage->end_offset, (long long)damage->segment_offset,
         (long long)damage->pos, (long long)damage->end_pos);
}

/* Half for whoever else writes, and no more than a device takes in the seconds of a stop. */
static int64_t dirty_share(int64_t room, int data_shards)
{
    enum { MOST = INT32_MAX };
    return (room / 2 < MOST ? room / 2 : MOST) / data_shards;
}

static enum err open_shards(struct boot *boot, const struct broker_options *options)
{
    struct broker *broker = &boot->broker;
    boot->data_events.damaged = say_damaged;
    enum err err = conn_gate_init(&boot->control.gate, control_io(boot), boot->config);
    if (err != ERR_OK)
        return err;
    for (int i = 0; i < broker->data_shards; i++) {
        struct shard *shard = &broker->shards[i];
        *shard = (struct shard){.io = options->ios[i], .broker = broker, .index = i};
        metrics_init(&shard->metrics, io_mem(shard->io));
        struct shard_data_options data = {.dirs = broker->dirs,
                                          .config = boot->config,
                                          .broker_id = broker->node_id,
                                          .data_shards = broker->data_shards,
                                          .dirty_bytes = dirty_share(options->dirty_room, broker->data_shards),
                                          .events = &boot->data_events,
                                          .metrics = &shard->metrics};
        err = shard_data_open(shard->io, &data, &shard->data);
        if (err != ERR_OK)
            return err;
        conn_server_init(&shard->server, shard->io, shard, dispatch, boot->config, &boot->control.gate);
        shard->server.metrics = &shard->metrics;
        shard->image = metadata_latest(boot->control.metadata);
        boot->errands[i] = (struct errand){.boot = boot, .shard = shard};
    }
    for (int i = 0; i < broker->data_shards; i++)
        boot->datas[i] = broker->shards[i].data;
    struct shard *control = broker_control(broker);
    metrics_init(&control->metrics, io_mem(control->io));
    control->image = metadata_latest(boot->control.metadata);
    control->control = &boot->control;
    boot->errands[broker->data_shards] = (struct errand){.boot = boot, .shard = control, .msg.run = begin};
    struct groups_options groups = {.datas = boot->datas,
                                    .data_shards = broker->data_shards,
                                    .node_id = broker->node_id,
                                    .codec = (enum compress_codec)boot->config->offsets_topic_compression_codec};
    err = groups_open(control->io, &groups, &boot->control.groups);
    if (err != ERR_OK)
        return err;
    txn_id_source_init(&boot->txn_ids, &boot->control);
    struct txns_options txns = {.datas = boot->datas,
                                .data_shards = broker->data_shards,
                                .node_id = broker->node_id,
                                .groups = boot->control.groups,
                                .needs = &boot->txn_ids.needs};
    return txns_open(control->io, &txns, &boot->control.txns);
}

static void free_boot(struct boot *boot, struct mem *mem)
{
    struct broker *broker = &boot->broker;
    size_t shards = (size_t)broker->data_shards + 1;
    mem_free(mem, broker->ports, (size_t)boot->config->listener_count * sizeof *broker->ports);
    mem_free(mem, boot->errands, shards * sizeof *boot->errands);
    mem_free(mem, boot->datas, (size_t)broker->data_shards * sizeof *boot->datas);
    if (boot->control.publications != NULL)
        control_fini(&boot->control);
    mem_free(mem, broker->shards, shards * sizeof *broker->shards);
    MEM_DELETE(mem, boot);
}

enum err broker_boot(const struct broker_options *options, struct broker **out, char why[512])
{
    struct io *io = options->ios[options->count - 1];
    struct mem *mem = io_mem(io);
    struct boot *boot = MEM_NEW(mem, struct boot);
    ASSERT(options->count >= 2);
    snprintf(why, 512, "out of memory");
    if (boot == NULL)
        return ERR_NO_MEMORY;
    struct broker *broker = &boot->broker;
    boot->config = options->config;
    boot->events = options->events;
    broker->data_shards = options->count - 1;
    broker->node_id = options->config->node;
    uint64_t high = io_random(io);
    broker->incarnation = uuid_from_random(high, io_random(io));
    broker->shards = mem_alloc_zero(mem, (size_t)options->count * sizeof *broker->shards);
    boot->errands = mem_alloc_zero(mem, (size_t)options->count * sizeof *boot->errands);
    broker->ports = mem_alloc_zero(mem, (size_t)options->config->listener_count * sizeof *broker->ports);
    boot->datas = mem_alloc_zero(mem, (size_t)broker->data_shards * sizeof *boot->datas);
    enum err err = boot->datas == NULL || broker->shards == NULL || boot->errands == NULL || broker->ports == NULL
                       ? ERR_NO_MEMORY
                       : ERR_OK;
    if (err == ERR_OK) {
        *broker_control(broker) = (struct shard){.io = io, .broker = broker, .index = broker->data_shards};
        for (int i = 0; i < options->config->listener_count; i++)
            broker->ports[i] = options->config->listeners_parsed[i].port;
        err = control_init(&boot->control, broker_control(broker));
    }
    if (err == ERR_OK)
        err = open_dirs(boot, io, why);
    if (err == ERR_OK)
        err = open_metadata(boot, options, io, why);
    if (err == ERR_OK)
        err = open_shards(boot, options);
    if (err != ERR_OK) {
        if (boot->control.txns != NULL)
            txns_close(boot->control.txns);
        if (boot->control.groups != NULL)
            groups_close(boot->control.groups);
        if (boot->control.metadata != NULL)
            metadata_close(boot->control.metadata);
        if (broker->dirs != NULL)
            log_dirs_close(broker->dirs, io_fs(io), false);
        for (int i = 0; broker->shards != NULL && i < broker->data_shards; i++)
            if (broker->shards[i].data != NULL)
                shard_data_close(broker->shards[i].data);
        free_boot(boot, mem);
        return err;
    }
    io_post(io, broker->data_shards, &boot->errands[broker->data_shards].msg);
    *out = broker;
    return ERR_OK;
}

/* ---- stop
 * ------------------------------------------------------------------------------------------------------------- */

static void unwatched(struct log_dirs_unwatch *unwatch)
{
    end_loops(CONTAINER_OF(unwatch, struct boot, unwatch));
}

static bool control_is_idle(const struct boot *boot)
{
    return metadata_is_idle(boot->control.metadata) && coordinator_is_idle(groups_coordinator(boot->control.groups)) &&
           txns_is_idle(boot->control.txns);
}

/* A change of the metadata may still be on its way to the device, its proposer gone. Within the deadline. */
static void stop_control(struct boot *boot);

static void look_again(struct io_timer *timer)
{
    stop_control(CONTAINER_OF(timer, struct boot, patience));
}

static void stop_control(struct boot *boot)
{
    enum { LOOK_AGAIN_NS = 1000000 };
    struct io *io = control_io(boot);
    boot->patience.fire = look_again;
    if (!control_is_idle(boot) && !quorum_failed(metadata_quorum(boot->control.metadata)) &&
        io_timer_start(io, &boot->patience, io_now_ns(io) + LOOK_AGAIN_NS) == ERR_OK)
        return;
    boot->clean &= control_is_idle(boot) && !quorum_failed(metadata_quorum(boot->control.metadata));
    boot->unwatch.done = unwatched;
    log_dirs_unwatch(boot->broker.dirs, &boot->unwatch);
}

static void shard_is_stopped(struct io_msg *msg, struct io *io)
{
    struct errand *errand = CONTAINER_OF(msg, struct errand, msg);
    struct boot *boot = errand->boot;
    boot->clean &= errand->err == ERR_OK;
    if (boot->stage != BOOT_STOPPING || --boot->waiting_count > 0)
        return;
    quorum_stop(metadata_quorum(boot->control.metadata));
    stop_control(boot);
}

static void data_stopped(struct shard_data_stop *stop)
{
    struct errand *errand = CONTAINER_OF(stop, struct errand, stop);
    errand->err = stop->err;
    errand->msg.run = shard_is_stopped;
    io_post(errand->shard->io, errand->boot->broker.data_shards, &errand->msg);
}

static void stop_data_here(struct io_msg *msg, struct io *io)
{
    struct errand *errand = CONTAINER_OF(msg, struct errand, msg);
    errand->stop = (struct shard_data_stop){.done = data_stopped};
    shard_data_stop(errand->shard->data, &errand->stop);
}

/* Requests of one shard's connections write to partitions of the others: no log ends before the last connection. */
static void connections_are_stopped(struct io_msg *msg, struct io *io)
{
    struct boot *boot = CONTAINER_OF(msg, struct errand, msg)->boot;
    if (boot->stage != BOOT_STOPPING || --boot->waiting_count > 0)
        return;
    boot->waiting_count = boot->broker.data_shards;
    for (int i = 0; i < boot->broker.data_shards; i++) {
        boot->errands[i].msg.run = stop_data_here;
        io_post(io, i, &boot->errands[i].msg);
    }
}

static void connections_stopped(struct conn_server *server)
{
    struct boot *boot = boot_of(server->shard->broker);
    struct errand *errand = &boot->errands[server->shard->index];
    errand->msg.run = connections_are_stopped;
    io_post(server->io, boot->broker.data_shards, &errand->msg);
}

static void stop_here(struct io_msg *msg, struct io *io)
{
    struct errand *errand = CONTAINER_OF(msg, struct errand, msg);
    conn_server_stop(&errand->shard->server, connections_stopped);
}

static void too_late(struct io_timer *timer)
{
    struct boot *boot = CONTAINER_OF(timer, struct boot, deadline);
    DIAG(control_io(boot), DIAG_WARN, "the stop takes too long and is cut off; what was not flushed is recovered",
         "limit_ms=%lld", (long long)boot->config->ringmain_stop_timeout_ms);
    boot->clean = false;
    end_loops(boot);
}

/* Of a broker that is told while it starts: with the start's last step. */
static void stop_ready(struct boot *boot)
{
    boot->stage = BOOT_STOPPING;
    conn_gate_stop(&boot->control.gate);
    boot->clean = true;
    boot->waiting_count = boot->broker.data_shards;
    txns_stop(boot->control.txns);
    groups_stop(boot->control.groups); /* who waits in a group would keep its connection open */
    for (int i = 0; i < boot->broker.data_shards; i++) {
        boot->errands[i].msg.run = stop_here;
        io_post(control_io(boot), i, &boot->errands[i].msg);
    }
}

void broker_stop(struct broker *broker)
{
    struct boot *boot = boot_of(broker);
    struct io *io = control_io(boot);
    if (boot->stop_wanted || boot->stage == BOOT_ENDED) { /* told a second time, or over already */
        boot->clean = false;
        end_loops(boot);
        return;
    }
    boot->stop_wanted = true;
    boot->deadline.fire = too_late;
    /* What is not flushed by then is recovered at the next start. */
    int64_t limit_ms = boot->config->ringmain_stop_timeout_ms;
    if (io_timer_start(io, &boot->deadline, io_now_ns(io) + limit_ms * 1000000) != ERR_OK) {
        end_loops(boot);
        return;
    }
    if (boot->stage == BOOT_READY)
        stop_ready(boot);
}

bool broker_stopped_cleanly(const struct broker *broker)
{
    return CONTAINER_OF(broker, struct boot, broker)->clean;
}

void broker_free(struct broker *broker)
{
    struct boot *boot = boot_of(broker);
    struct io *io = control_io(boot);
    struct mem *mem = io_mem(io);
    if (boot->clean && control_is_idle(boot)) { /* otherwise recovery finds its way */
        for (int i = 0; i < broker->data_shards; i++) {
            struct shard *shard = &broker->shards[i];
            if (shard->fetch_sessions.mem != NULL)
                fetch_session_cache_fini(&shard->fetch_sessions);
            for (int k = 0; k < API_VERSIONS_ANSWERS; k++)
                if (shard->api_versions[k].body.data != NULL)
                    wire_writer_fini(&shard->api_versions[k].body);
            shard_data_close(shard->data);
            metrics_fini(&shard->metrics);
        }
        metrics_fini(&broker_control(broker)->metrics);
        txns_close(boot->control.txns);
        groups_close(boot->control.groups);
        metadata_note_committed(boot->control.metadata, io_fs(io));
        metadata_close(boot->control.metadata);
        log_dirs_close(broker->dirs, io_fs(io), true);
        free_boot(boot, mem);
    }
}
