#include "net/client/transaction.h"

#include "core/wire/error.h"
#include "net/client/coordinator.h"

enum { PAUSE_MS = 100, PRODUCE_ADDS_PARTITIONS = 12 };

/* What a coordinator is asked; *error is its answer. */
typedef enum err transaction_ask(struct transaction *transaction, struct client *client, struct arena *arena,
                                 const void *request, int16_t *error);

static enum err find(struct transaction *transaction, struct client *client, struct arena *arena)
{
    arena_reset(arena);
    return client_find_coordinator(client, CLIENT_COORDINATOR_TRANSACTION, transaction->id, arena,
                                   &transaction->coordinator, &transaction->error);
}

/* Until the coordinator has done it, refused it for good, or the client's timeout has passed. An answer that was lost
 * is asked for again: the coordinator knows a second try. */
static enum err insist(struct transaction *transaction, struct client *client, struct arena *arena,
                       transaction_ask *ask, const void *request)
{
    int64_t until_ns = io_now_ns(client->io) + (int64_t)client->timeout_ms * 1000000;
    for (;;) {
        transaction->error = KAFKA_ERROR_NONE;
        arena_reset(arena);
        enum err err = ask(transaction, client, arena, request, &transaction->error);
        if (err == ERR_OK && transaction->error == KAFKA_ERROR_NONE)
            return ERR_OK;
        bool again = err != ERR_OK || kafka_error_retriable(transaction->error);
        if (!again || io_now_ns(client->io) >= until_ns)
            return err == ERR_OK ? ERR_INVALID : err;
        client_pause(client, PAUSE_MS);
        if (err != ERR_OK || transaction->error != KAFKA_ERROR_CONCURRENT_TRANSACTIONS)
            err = find(transaction, client, arena);
        if (err == ERR_INVALID || err == ERR_NO_MEMORY || err == ERR_CANCELED)
            return err;
    }
}

static enum err ask_producer_id(struct transaction *transaction, struct client *client, struct arena *arena,
                                const void *request, int16_t *error)
{
    struct init_producer_id_response response;
    enum err err = client_call(client, transaction->coordinator, API_INIT_PRODUCER_ID, request, &response, arena);
    if (err != ERR_OK)
        return err;
    *error = response.error_code;
    transaction->producer_id = response.producer_id;
    transaction->producer_epoch = response.producer_epoch;
    return ERR_OK;
}

enum err transaction_open(struct transaction *transaction, struct client *client, struct arena *arena, struct slice id,
                          int32_t timeout_ms)
{
    *transaction = (struct transaction){.id = id, .producer_id = -1, .producer_epoch = -1};
    int version = client_version(client, CLIENT_ANY_BROKER, API_PRODUCE);
    if (version >= 0 && version < PRODUCE_ADDS_PARTITIONS)
        return ERR_UNSUPPORTED;
    struct init_producer_id_request request;
    WIRE_DEFAULTS(init_producer_id_request_schema, &request);
    request.transactional_id = id;
    request.transaction_timeout_ms = timeout_ms;
    enum err err = find(transaction, client, arena);
    return err == ERR_OK ? insist(transaction, client, arena, ask_producer_id, &request) : err;
}

static enum err ask_end(struct transaction *transaction, struct client *client, struct arena *arena,
                        const void *request, int16_t *error)
{
    struct end_txn_response response;
    enum err err = client_call(client, transaction->coordinator, API_END_TXN, request, &response, arena);
    if (err == ERR_OK)
        *error = response.error_code;
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
