#include "core/coordinator/groups.h"

#include "core/controller/controller.h"
#include "io/reactor/diag.h"

struct groups {
    struct coordinator_kind kind;
    struct coordinator *coordinator;
    struct group_settings settings;
    const struct image *image; /* the last one applied */
    struct image_differ differ;
};

/* One partition's machine, with what it needs of the world. */
struct host {
    struct coordinator_machine base;
    struct group_machine machine;
    struct groups *groups;
};

static struct host *host_of(struct coordinator_machine *base)
{
    return CONTAINER_OF(base, struct host, base);
}

static struct io *io_of(struct host *host)
{
    return coordinator_io(host->groups->coordinator);
}

/* ---- what a machine gives out ------------------------------------------------------------------------------------ */

static void say(struct io *io, const struct group_news *news)
{
    static const char format[] = "group=%s generation=%d members=%d";
    switch (news->kind) {
    case GROUP_NEWS_REBALANCE:
        DIAG(io, DIAG_INFO, "a group rebalances", format, news->group, news->generation, news->member_count);
        break;
    case GROUP_NEWS_STABLE:
        DIAG(io, DIAG_INFO, "a group is stable", format, news->group, news->generation, news->member_count);
        break;
    case GROUP_NEWS_EMPTY:
        DIAG(io, DIAG_INFO, "a group has no members", format, news->group, news->generation, news->member_count);
        break;
    case GROUP_NEWS_MEMBER_SILENT:
        DIAG(io, DIAG_INFO, "a member was silent for its session timeout", format, news->group, news->generation,
             news->member_count);
        break;
    }
}

static void drain(struct coordinator_machine *base)
{
    struct host *host = host_of(base);
    struct group_machine *machine = &host->machine;
    for (int32_t i = 0; i < machine->news_count; i++)
        say(io_of(host), &machine->news[i]);
    machine->news_count = 0;
    if (machine->refused_count > 0)
        DIAG(io_of(host), DIAG_WARN, "no memory for more groups, members or offsets; ringmain.memory.bytes allows more",
             "used=%zu limit=%zu refused=%lld", machine->mem->used, machine->mem->limit,
             (long long)machine->refused_count);
    machine->refused_count = 0;
    for (struct list *link; (link = list_pop_front(&machine->appends)) != NULL;)
        coordinator_append(base, CONTAINER_OF(link, struct machine_append, link));
    for (struct list *link; (link = list_pop_front(&machine->answers)) != NULL;) {
        struct group_call *call = CONTAINER_OF(link, struct group_call, link);
        call->answered(call);
    }
    base->broken = machine->broken;
}

/* ---- the runtime's calls ----------------------------------------------------------------------------------------- */

static enum err replay(struct coordinator_machine *base, const struct machine_replay *record)
{
    return group_replay(&host_of(base)->machine, record);
}

static enum err replay_marker(struct coordinator_machine *base, const struct machine_marker *marker)
{
    return group_replay_marker(&host_of(base)->machine, marker);
}

static void set_clock(struct coordinator_machine *base, int64_t now_ms, int64_t wall_ms)
{
    group_clock(&host_of(base)->machine, now_ms, wall_ms);
}

static void loaded(struct coordinator_machine *base)
{
    struct host *host = host_of(base);
    group_configure(&host->machine, &host->groups->settings);
    group_loaded(&host->machine);
}

static void appended(struct coordinator_machine *base, struct machine_append *append)
{
    group_appended(&host_of(base)->machine, append);
}

static void tick(struct coordinator_machine *base)
{
    group_tick(&host_of(base)->machine);
}

static int64_t next_deadline(const struct coordinator_machine *base)
{
    return group_next_deadline(&CONTAINER_OF(base, const struct host, base)->machine);
}

static void resign(struct coordinator_machine *base)
{
    group_resign(&host_of(base)->machine);
}

static void close_host(struct coordinator_machine *base)
{
    struct host *host = host_of(base);
    struct mem *mem = io_mem(io_of(host));
    group_fini(&host->machine);
    MEM_DELETE(mem, host);
}

static struct coordinator_machine *open_host(struct coordinator *coordinator, int32_t partition)
{
    struct io *io = coordinator_io(coordinator);
    struct host *host = MEM_NEW(io_mem(io), struct host);
    if (host == NULL)
        return NULL;
    host->groups = CONTAINER_OF(coordinator_kind_of(coordinator), struct groups, kind);
    group_init(&host->machine, io_mem(io), io_random(io));
    group_clock(&host->machine, io_now_ns(io) / 1000000, io_wall_ms(io));
    return &host->base;
}

/* ---- the groups of a node ---------------------------------------------------------------------------------------- */

static bool on_topic(struct image_differ *differ, const struct image_topic *before, const struct image_topic *after)
{
    struct groups *groups = CONTAINER_OF(differ, struct groups, differ);
    if (after != NULL)
        return true;
    for (int32_t i = 0; i < coordinator_partition_count(groups->coordinator); i++) {
        struct group_machine *machine;
        if (groups_enter_at(groups, i, &machine) != KAFKA_ERROR_NONE)
            continue;
        group_topic_deleted(machine, slice_of(before->name, before->name_length), before->id);
        groups_leave(machine);
    }
    return true;
}

enum err groups_open(struct io *io, const struct groups_options *options, struct groups **out)
{
    struct groups *groups = MEM_NEW(io_mem(io), struct groups);
    if (groups == NULL)
        return ERR_NO_MEMORY;
    groups->kind = (struct coordinator_kind){.topic = CONTROLLER_GROUP_TOPIC,
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
    groups->differ.topic = on_topic;
    struct coordinator_options coordinator = {.kind = &groups->kind,
                                              .datas = options->datas,
                                              .data_shards = options->data_shards,
                                              .node_id = options->node_id,
                                              .codec = options->codec};
    enum err err = coordinator_open(io, &coordinator, &groups->coordinator);
    if (err != ERR_OK) {
        MEM_DELETE(io_mem(io), groups);
        return err;
    }
    *out = groups;
    return ERR_OK;
}

struct coordinator *groups_coordinator(const struct groups *groups)
{
    return groups->coordinator;
}

void groups_close(struct groups *groups)
{
    struct mem *mem = io_mem(coordinator_io(groups->coordinator));
    coordinator_close(groups->coordinator);
    image_release(mem, (struct image *)(uintptr_t)groups->image);
    MEM_DELETE(mem, groups);
}

void groups_stop(struct groups *groups)
{
    coordinator_stop(groups->coordinator);
}

static struct group_settings settings_of(const struct broker_config *config)
{
    return (struct group_settings){
        .initial_rebalance_delay_ms = config->group_initial_rebalance_delay_ms,
        .min_session_timeout_ms = config->group_min_session_timeout_ms,
        .max_session_timeout_ms = config->group_max_session_timeout_ms,
        .max_size = config->group_max_size,
        .metadata_max_bytes = config->offset_metadata_max_bytes,
        .retention_ms = (int64_t)config->offsets_retention_minutes * 60000,
        .retention_check_interval_ms = config->offsets_retention_check_interval_ms,
    };
}

void groups_apply(struct groups *groups, const struct image *image)
{
    struct mem *mem = io_mem(coordinator_io(groups->coordinator));
    const struct image *before = groups->image;
    groups->settings = settings_of(image->config);
    if (before != NULL)
        image_diff(before, image, &groups->differ);
    coordinator_apply(groups->coordinator, image);
    groups->image = image_retain((struct image *)(uintptr_t)image);
    image_release(mem, (struct image *)(uintptr_t)before);
}

/* ---- calls ------------------------------------------------------------------------------------------------------- */

int16_t groups_enter(struct groups *groups, struct slice group_id, struct group_machine **machine)
{
    struct coordinator_machine *base;
    int16_t error = coordinator_enter(groups->coordinator, group_id, &base);
    *machine = error == KAFKA_ERROR_NONE ? &host_of(base)->machine : NULL;
    return error;
}

int16_t groups_enter_at(struct groups *groups, int32_t partition, struct group_machine **machine)
{
    struct coordinator_machine *base;
    int16_t error = coordinator_enter_at(groups->coordinator, partition, &base);
    *machine = error == KAFKA_ERROR_NONE ? &host_of(base)->machine : NULL;
    return error;
}

void groups_leave(struct group_machine *machine)
{
    coordinator_leave(&CONTAINER_OF(machine, struct host, machine)->base);
}
