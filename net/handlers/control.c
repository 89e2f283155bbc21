#include "net/handlers/control.h"

#include "core/coordinator/groups.h"
#include "core/coordinator/txns.h"
#include "io/reactor/diag.h"

/* The image on its way to one data shard and back. */
struct publication {
    struct io_msg msg;
    struct control *control;
    struct shard *shard;
    const struct image *image;
    struct shard_data_apply apply;
};

/* What an image changes, for those who read the broker's lines. Names of topics were checked when they were made. */
struct say_changes {
    struct image_differ differ;
    struct io *io;
};

/* Settings that are kept for the day somebody reads them: whoever sets one should know. */
static void say_idle(struct io *io, const struct image_topic *before, const struct image_topic *after)
{
    for (int i = 0; i < after->override_count; i++) {
        const struct config_setting *setting = &after->overrides[i];
        const struct config_key *key = config_topic_key(slice_from_string(setting->name));
        bool had = false;
        for (int k = 0; before != NULL && k < before->override_count; k++)
            had = had || strcmp(before->overrides[k].name, setting->name) == 0;
        if (!had && key != NULL && config_topic_key_idle(key))
            DIAG(io, DIAG_WARN, "a topic's setting has no effect yet", "topic=%s key=%s", after->name, key->name);
    }
}

static bool say_topic(struct image_differ *differ, const struct image_topic *before, const struct image_topic *after)
{
    struct io *io = CONTAINER_OF(differ, struct say_changes, differ)->io;
    char id[UUID_TEXT_SIZE];
    uuid_format((after != NULL ? after : before)->id, id);
    if (before == NULL)
        DIAG(io, DIAG_INFO, "a topic was created", "topic=%s id=%s partitions=%d", after->name, id,
             (int)after->partition_count);
    else if (after == NULL)
        DIAG(io, DIAG_INFO, "a topic was deleted", "topic=%s id=%s partitions=%d", before->name, id,
             (int)before->partition_count);
    else if (after->partition_count != before->partition_count)
        DIAG(io, DIAG_INFO, "a topic has more partitions", "topic=%s id=%s partitions=%d before=%d", after->name, id,
             (int)after->partition_count, (int)before->partition_count);
    else if (after->overrides != before->overrides)
        DIAG(io, DIAG_INFO, "a topic's settings or replicas have changed", "topic=%s id=%s", after->name, id);
    if (after != NULL)
        say_idle(io, before, after);
    return true;
}

static void say_changes(struct control *control, const struct image *image)
{
    struct say_changes say = {.differ.topic = say_topic, .io = control->shard->io};
    const struct image *before = metadata_current(control->metadata);
    if (before != NULL && before != image)
        image_diff(before, image, &say.differ);
}

static void acknowledged(struct io_msg *msg, struct io *io)
{
    struct publication *publication = CONTAINER_OF(msg, struct publication, msg);
    struct control *control = publication->control;
    ASSERT(publication->image == control->publishing && control->waiting_count > 0);
    if (--control->waiting_count > 0)
        return;
    const struct image *image = control->publishing;
    control->publishing = NULL;
    say_changes(control, image);
    groups_apply(control->groups, image);
    txns_apply(control->txns, image);
    conn_gate_configure(&control->gate, image->config);
    metadata_published(control->metadata, image);
}

static void applied(struct shard_data_apply *apply)
{
    struct publication *publication = CONTAINER_OF(apply, struct publication, apply);
    struct shard *shard = publication->shard;
    shard->image = publication->image; /* only now: what handlers see is there */
    conn_server_configure(&shard->server, shard->image->config);
    publication->msg.run = acknowledged;
    io_post(shard->io, shard->broker->data_shards, &publication->msg);
}

static void arrived(struct io_msg *msg, struct io *io)
{
    struct publication *publication = CONTAINER_OF(msg, struct publication, msg);
    struct shard *shard = publication->shard;
    if (shard_data_is_stopping(shard->data)) /* nobody will need it: what is here stays as it is */
        return;
    shard_data_configure(shard->data, publication->image->config);
    publication->apply = (struct shard_data_apply){.done = applied, .image = publication->image};
    shard_data_apply(shard->data, &publication->apply);
}

static void publish(struct metadata_publisher *publisher, struct metadata *metadata, const struct image *image)
{
    struct control *control = CONTAINER_OF(publisher, struct control, publisher);
    struct broker *broker = control->shard->broker;
    ASSERT(control->publishing == NULL);
    control->publishing = image;
    control->shard->image = image;
    control->waiting_count = broker->data_shards;
    for (int i = 0; i < broker->data_shards; i++) {
        struct publication *publication = &control->publications[i];
        publication->image = image;
        publication->msg.run = arrived;
        io_post(control->shard->io, i, &publication->msg);
    }
}

enum err control_init(struct control *control, struct shard *shard)
{
    struct broker *broker = shard->broker;
    *control = (struct control){.shard = shard, .publisher.publish = publish};
    control->publications =
        mem_alloc_zero(io_mem(shard->io), (size_t)broker->data_shards * sizeof *control->publications);
    if (control->publications == NULL)
        return ERR_NO_MEMORY;
    for (int i = 0; i < broker->data_shards; i++) {
        control->publications[i].control = control;
        control->publications[i].shard = &broker->shards[i];
    }
    return ERR_OK;
}

void control_fini(struct control *control)
{
    conn_gate_fini(&control->gate);
    mem_free(io_mem(control->shard->io), control->publications,
             (size_t)control->shard->broker->data_shards * sizeof *control->publications);
    control->publications = NULL;
}
