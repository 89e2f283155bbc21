#include "net/client/transaction.h"

#include "core/wire/error.h"
#include "net/client/coordinator.h"

enum { PAUSE_MS = 100, PRODUCE_ADDS_PARTITIONS = 12 };

/* ERR_OK: the coordinator's answer is transaction->error. */
typedef enum err transaction_ask(struct transaction *transaction, struct client *client, struct arena *arena,
                                 const void *request);

/* Until the coordinator has done it, refused it for good, or the client's timeout has passed. An answer that was lost
 * is asked for again: the coordinator knows a second try. */
static enum err insist(struct transaction *transaction, struct client *client, struct arena *arena,
                       transaction_ask *ask, const void *request)
{
    int64_t until_ns = io_now_ns(client->io) + (int64_t)client->timeout_ms * 1000000;
    for (;;) {
        enum err err = ERR_OK;
        arena_reset(arena);
        if (transaction->coordinator == CLIENT_ANY_BROKER)
            err = client_find_coordinator(client, CLIENT_COORDINATOR_TRANSACTION, transaction->id, arena,
                                          &transaction->coordinator, &transaction->error);
        if (err == ERR_OK)
            err = ask(transaction, client, arena, request);
        if (err == ERR_OK && transaction->error == KAFKA_ERROR_NONE)
            return ERR_OK;
        bool fatal = err == ERR_INVALID || err == ERR_UNSUPPORTED || err == ERR_NO_MEMORY;
        bool again = err == ERR_OK ? kafka_error_retriable(transaction->error) : !fatal;
        if (!again || client_gives_up(client, until_ns))
            return err == ERR_OK ? ERR_INVALID : err;
        if (err != ERR_OK || transaction->error != KAFKA_ERROR_CONCURRENT_TRANSACTIONS)
            transaction->coordinator = CLIENT_ANY_BROKER;
        client_pause(client, PAUSE_MS);
    }
}

static enum err ask_producer_id(struct transaction *transaction, struct client *client, struct arena *arena,
                                const void *request)
{
    struct init_producer_id_response response;
    int version = client_version(client, transaction->coordinator, API_PRODUCE);
    if (version >= 0 && version < PRODUCE_ADDS_PARTITIONS)
        return ERR_UNSUPPORTED;
    enum err err = client_call(client, transaction->coordinator, API_INIT_PRODUCER_ID, request, &response, arena);
    if (err != ERR_OK)
        return err;
    transaction->error = response.error_code;
    transaction->producer_id = response.producer_id;
    transaction->producer_epoch = response.producer_epoch;
    return ERR_OK;
}

enum err transaction_open(struct transaction *transaction, struct client *client, struct arena *arena, struct slice id,
                          int32_t timeout_ms)
{
    *transaction =
        (struct transaction){.id = id, .producer_id = -1, .producer_epoch = -1, .coordinator = CLIENT_ANY_BROKER};
    struct init_producer_id_request request;
    WIRE_DEFAULTS(init_producer_id_request_schema, &request);
    request.transactional_id = id;
    request.transaction_timeout_ms = timeout_ms;
    return insist(transaction, client, arena, ask_producer_id, &request);
}

static enum err ask_end(struct transaction *transaction, struct client *client, struct arena *arena,
                        const void *request)
{
    struct end_txn_response response;
    enum err err = client_call(client, transaction->coordinator, API_END_TXN, request, &response, arena);
    if (err == ERR_OK)
        transaction->error = response.error_code;
    return err;
}

enum err transaction_end(struct transaction *transaction, struct client *client, struct arena *arena, bool commit)
{
    struct end_txn_request request;
    WIRE_DEFAULTS(end_txn_request_schema, &request);
    request.transactional_id = transaction->id;
    request.producer_id = transaction->producer_id;
    request.producer_epoch = transaction->producer_epoch;
    request.committed = commit;
    return insist(transaction, client, arena, ask_end, &request);
}
