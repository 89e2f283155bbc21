#include "net/handlers/auto_create.h"

#include "core/controller/controller.h"
#include "net/handlers/control.h"
#include "net/handlers/topic_ids.h"

/* On the control shard, with its memory: the creation that a message asked for. */
struct creation {
    struct auto_create *asked;
    struct control *control;
    struct arena arena;
    struct metadata_change change;
    int next;
};

static void create_next(struct creation *creation);

static void back(struct io_msg *msg, struct io *io)
{
    struct auto_create *create = CONTAINER_OF(msg, struct auto_create, _msg);
    create->done(create);
}

static void finish(struct creation *creation)
{
    struct auto_create *asked = creation->asked;
    struct io *io = creation->control->shard->io;
    arena_fini(&creation->arena);
    MEM_DELETE(io_mem(io), creation);
    asked->_msg.run = back;
    io_post(io, asked->shard->index, &asked->_msg);
}

static void changed(struct metadata_change *change)
{
    create_next(CONTAINER_OF(change, struct creation, change));
}

/* One topic a change: what one request made is seen by the next. Those that exist by now make no records. */
static void create_next(struct creation *creation)
{
    struct control *control = creation->control;
    while (creation->next < creation->asked->count) {
        struct topic_ids ids;
        struct create_topics_response response;
        arena_reset(&creation->arena);
        struct controller controller = {.image = metadata_latest(control->metadata),
                                        .arena = &creation->arena,
                                        .ids = topic_ids_init(&ids, control->shard->io)};
        enum err err = controller_auto_create(&controller, creation->asked->names[creation->next++], &response);
        if (err != ERR_OK || controller.records.count == 0)
            continue;
        creation->change = (struct metadata_change){
            .done = changed, .records = controller.records.items, .count = controller.records.count};
        if (metadata_change(control->metadata, &creation->change) == ERR_OK)
            return;
    }
    finish(creation);
}

static void arrived(struct io_msg *msg, struct io *io)
{
    struct auto_create *asked = CONTAINER_OF(msg, struct auto_create, _msg);
    struct creation *creation = MEM_NEW(io_mem(io), struct creation);
    if (creation == NULL) {
        msg->run = back;
        io_post(io, asked->shard->index, msg);
        return;
    }
    creation->asked = asked;
    creation->control = broker_control(asked->shard->broker)->control;
    arena_init(&creation->arena, io_mem(io), 16 << 20);
    create_next(creation);
}

void auto_create_topics(struct shard *shard, struct auto_create *create)
{
    create->shard = shard;
    create->_msg.run = arrived;
    io_post(shard->io, shard->broker->data_shards, &create->_msg);
}
