#include "net/handlers/control_change.h"

#include "net/handlers/control.h"

/* Only what was to be changed is refused: items with an error of their own keep it (see the callers' refuse_all). */
static void answer(struct control_change *change, enum err err)
{
    if (err == ERR_SEALED || err == ERR_IO || err == ERR_NO_SPACE)
        change->refuse_all(change, KAFKA_ERROR_KAFKA_STORAGE_ERROR,
                           SLICE_LITERAL("The metadata log cannot be written."));
    else if (err == ERR_LIMIT)
        change->refuse_all(change, KAFKA_ERROR_POLICY_VIOLATION,
                           SLICE_LITERAL("The request changes too much at once."));
    else if (err != ERR_OK)
        change->refuse_all(change, KAFKA_ERROR_UNKNOWN_SERVER_ERROR, slice_from_string(err_text(err)));
    request_answer(change->request, change->answer);
}

static void applied(struct metadata_change *done)
{
    struct control_change *change = CONTAINER_OF(done, struct control_change, change);
    answer(change, done->err);
}

void control_change_run(struct control_change *change, enum err err, const struct meta_records *records)
{
    struct request *request = change->request;
    if (err != ERR_OK) {
        request_close(request); /* no memory to decide: nothing can be said either */
        return;
    }
    if (records->count == 0) {
        request_answer(request, change->answer);
        return;
    }
    change->change = (struct metadata_change){.done = applied, .records = records->items, .count = records->count};
    err = metadata_change(request->shard->control->metadata, &change->change);
    if (err != ERR_OK)
        answer(change, err);
}
