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
    struct io_timer timer; /* always running, so that moving it needs no memory */
    bool active;
};

static const int64_t NEVER_NS = INT64_MAX / 2;

static struct host *host_of(struct coordinator_machine *base)
{
    return CONTAINER_OF(base, struct host, base);
}

static struct io *io_of(struct host *host)
{
    return coordinator_io(host->groups->coordinator);
}

static void set_clock(struct host *host)
{
    struct io *io = io_of(host);
    group_clock(&host->machine, io_now_ns(io) / 1000000, io_wall_ms(io));
}

/* ---- what a machine gives out ------------------------------------------------------------------------------------ */

/* Without memory at open there is no timer yet: the next input tries again. */
static void set_timer(struct host *host)
{
    struct io *io = io_of(host);
    int64_t deadline_ms = group_next_deadline(&host->machine);
    int64_t at_ns = deadline_ms > NEVER_NS / 1000000 ? NEVER_NS : deadline_ms * 1000000;
    if (host->machine.broken)
        at_ns = io_now_ns(io); /* not here: an append may be on its way up the stack */
    enum err err = io_timer_start(io, &host->timer, at_ns);
    MAYBE(err == ERR_OK);
}

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

static void drain(struct host *host)
{
    struct group_machine *machine = &host->machine;
    for (int32_t i = 0; i < machine->news_count; i++)
        say(io_of(host), &machine->news[i]);
    machine->news_count = 0;
    for (struct list *link; (link = list_pop_front(&machine->appends)) != NULL;)
        coordinator_append(&host->base, CONTAINER_OF(link, struct machine_append, link));
    for (struct list *link; (link = list_pop_front(&machine->answers)) != NULL;) {
        struct group_call *call = CONTAINER_OF(link, struct group_call, link);
        call->answered(call);
    }
    if (host->active)
        set_timer(host);
}

static void on_timer(struct io_timer *timer)
{
    struct host *host = CONTAINER_OF(timer, struct host, timer);
    if (host->machine.broken) {
        coordinator_reload(&host->base);
        return;
    }
    set_clock(host);
    group_tick(&host->machine);
    drain(host);
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

static void loaded(struct coordinator_machine *base)
{
    struct host *host = host_of(base);
    group_configure(&host->machine, &host->groups->settings);
    set_clock(host);
    group_loaded(&host->machine);
    host->active = true;
    drain(host);
}

static void appended(struct coordinator_machine *base, struct machine_append *append)
{
    struct host *host = host_of(base);
    set_clock(host);
    group_appended(&host->machine, append);
    drain(host);
}

static void resign(struct coordinator_machine *base)
{
    struct host *host = host_of(base);
    set_clock(host);
    host->active = false;
    io_timer_stop(io_of(host), &host->timer);
    group_resign(&host->machine);
    drain(host);
}

static void close_host(struct coordinator_machine *base)
{
    struct host *host = host_of(base);
    io_timer_stop(io_of(host), &host->timer);
    group_fini(&host->machine);
    MEM_DELETE(io_mem(io_of(host)), host);
}

static struct coordinator_machine *open_host(struct coordinator *coordinator, int32_t partition)
{
    struct io *io = coordinator_io(coordinator);
    struct host *host = MEM_NEW(io_mem(io), struct host);
    if (host == NULL)
        return NULL;
    host->groups = CONTAINER_OF(coordinator_kind_of(coordinator), struct groups, kind);
    host->timer.fire = on_timer;
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
                                             .loaded = loaded,
                                             .appended = appended,
                                             .resign = resign,
                                             .close = close_host};
    groups->differ.topic = on_topic;
    struct coordinator_options coordinator = {.kind = &groups->kind,
                                              .datas = options->datas,
                                              .data_shards = options->data_shards,
                                              .node_id = options->node_id};
    enum err err = coordinator_open(io, &coordinator, &groups->coordinator);
    if (err != ERR_OK) {
        MEM_DELETE(io_mem(io), groups);
        return err;
    }
    *out = groups;
    return ERR_OK;
}

bool groups_is_idle(const struct groups *groups)
{
    return coordinator_is_idle(groups->coordinator);
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

static int16_t enter(int16_t error, struct coordinator_machine *base, struct group_machine **machine)
{
    if (error != KAFKA_ERROR_NONE)
        return error;
    struct host *host = host_of(base);
    if (host->machine.broken)
        return KAFKA_ERROR_COORDINATOR_LOAD_IN_PROGRESS; /* as good as */
    set_clock(host);
    *machine = &host->machine;
    return KAFKA_ERROR_NONE;
}

int16_t groups_enter(struct groups *groups, struct slice group_id, struct group_machine **machine)
{
    struct coordinator_machine *base = NULL;
    int16_t error = coordinator_find(groups->coordinator, group_id, &base);
    return enter(error, base, machine);
}

int16_t groups_enter_at(struct groups *groups, int32_t partition, struct group_machine **machine)
{
    struct coordinator_machine *base = NULL;
    int16_t error = coordinator_at(groups->coordinator, partition, &base);
    return enter(error, base, machine);
}

int32_t groups_partition_count(const struct groups *groups)
{
    return coordinator_partition_count(groups->coordinator);
}

void groups_leave(struct group_machine *machine)
{
    drain(CONTAINER_OF(machine, struct host, machine));
}

int64_t groups_longest_load_ms(const struct groups *groups)
{
    return coordinator_longest_load_ms(groups->coordinator);
}

uint64_t groups_skipped_count(const struct groups *groups)
{
    return coordinator_skipped_count(groups->coordinator);
}
