#include "net/handlers/txn_ids.h"

#include "core/controller/controller.h"
#include "net/handlers/control.h"

enum { ARENA_LIMIT = 1 << 20 };

static void none_now(struct io_hook *hook)
{
    struct txn_id_source *source = CONTAINER_OF(hook, struct txn_id_source, hook);
    txns_give_ids(source->control->txns, 0, 0);
}

static void committed(struct metadata_change *change)
{
    struct txn_id_source *source = CONTAINER_OF(change, struct txn_id_source, change);
    bool good = change->err == ERR_OK;
    arena_fini(&source->arena);
    txns_give_ids(source->control->txns, good ? source->first : 0, good ? CONTROLLER_PRODUCER_IDS : 0);
}

static void want_ids(struct txns_needs *needs)
{
    struct txn_id_source *source = CONTAINER_OF(needs, struct txn_id_source, needs);
    struct metadata *metadata = source->control->metadata;
    struct io *io = source->control->shard->io;
    arena_init(&source->arena, io_mem(io), ARENA_LIMIT);
    struct controller controller = {.image = metadata_latest(metadata), .arena = &source->arena};
    enum err err = controller_producer_ids(&controller, &source->first);
    if (err == ERR_OK) {
        source->change = (struct metadata_change){
            .done = committed, .records = controller.records.items, .count = controller.records.count};
        err = metadata_change(metadata, &source->change);
    }
    if (err == ERR_OK)
        return;
    arena_fini(&source->arena);
    io_at_turn_end(io, &source->hook);
}

void txn_id_source_init(struct txn_id_source *source, struct control *control)
{
    *source = (struct txn_id_source){.needs.want_ids = want_ids, .control = control, .hook.run = none_now};
}
