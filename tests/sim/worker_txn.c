/* What a member does with its partitions: offsets, reading, and the transaction around them. */
#include "tests/sim/worker.h"

#include "core/wire/batch.h"
#include "core/wire/error.h"

#include <inttypes.h>
#include <stdlib.h>

enum { ISOLATION_COMMITTED = 1 };

static struct topic *input_of(struct worker *worker)
{
    return &worker->world->topics[worker->group->input];
}

static struct topic *output_of(struct worker *worker)
{
    return &worker->world->topics[worker->group->output];
}

static int partition_now(const struct worker *worker)
{
    return worker->partitions[worker->next];
}

static int output_partition(struct worker *worker)
{
    return partition_now(worker) % output_of(worker)->partition_count;
}

static bool check(struct worker *worker, const char *what, bool well_formed, int16_t error)
{
    if (!well_formed)
        world_fail(worker->world, "%s answers something else than was asked", what);
    return worker_bears(worker, what, error);
}

/* ---- begin: a producer id, and the end of what an earlier life left open
 * ------------------------------------------------- */

static void send_begin(struct worker *worker)
{
    struct init_producer_id_request request;
    WIRE_DEFAULTS(init_producer_id_request_schema, &request);
    request.transactional_id = slice_from_string(worker->transactional_id);
    request.transaction_timeout_ms = worker->world->limits.transaction_ms;
    worker_call(worker, API_INIT_PRODUCER_ID, (int16_t)world_between(worker->world, 0, 5), &request);
}

static void take_begin(struct worker *worker, const struct init_producer_id_response *response)
{
    if (!worker_bears(worker, "InitProducerId", response->error_code))
        return;
    if (response->producer_id == worker->producer_id && response->producer_epoch <= worker->epoch)
        world_fail(worker->world, "K6: worker %d gets epoch %d after %d", worker->number, response->producer_epoch,
                   worker->epoch);
    worker->producer_id = response->producer_id;
    worker->epoch = response->producer_epoch;
    memset(worker->sequences, 0, sizeof worker->sequences);
    worker_go(worker, WORKER_OFFSETS);
}

/* ---- committed offsets
 * ------------------------------------------------------------------------------------------------------ */

static void send_offsets(struct worker *worker)
{
    struct offset_fetch_request_offset_fetch_request_topic topic;
    struct offset_fetch_request request;
    if (worker->partition_count == 0) {
        worker_go(worker, WORKER_READ);
        return;
    }
    wire_set_defaults(&offset_fetch_request_offset_fetch_request_topic_struct, &topic);
    WIRE_DEFAULTS(offset_fetch_request_schema, &request);
    topic.name = slice_from_string(input_of(worker)->name);
    topic.partition_indexes.items = worker->partitions;
    topic.partition_indexes.count = worker->partition_count;
    request.group_id = slice_from_string(worker->group->name);
    request.topics.items = &topic;
    request.topics.count = 1;
    request.require_stable = true;
    for (int i = 0; i < worker->partition_count; i++)
        worker->asked_committed[i] = worker->group->committed[worker->partitions[i]];
    worker_call(worker, API_OFFSET_FETCH, 7, &request);
}

static void take_offsets(struct worker *worker, const struct offset_fetch_response *response)
{
    if (!worker_bears(worker, "OffsetFetch", response->error_code))
        return;
    if (response->topics.count != 1 || response->topics.items[0].partitions.count != worker->partition_count)
        world_fail(worker->world, "OffsetFetch answers other partitions than were asked for");
    for (int i = 0; i < worker->partition_count; i++)
        if (!worker_bears(worker, "OffsetFetch", response->topics.items[0].partitions.items[i].error_code))
            return;
    for (int i = 0; i < worker->partition_count; i++) {
        int64_t offset = response->topics.items[0].partitions.items[i].committed_offset;
        int64_t *committed = &worker->group->committed[worker->partitions[i]];
        if (offset < 0)
            offset = 0;
        if (offset < worker->asked_committed[i])
            world_fail(worker->world, "K5: the committed offset of partition %d went back from %" PRId64 " to %" PRId64,
                       worker->partitions[i], worker->asked_committed[i], offset);
        world_say(worker->world, "worker %d: partition %d is committed to %" PRId64, worker->number,
                  worker->partitions[i], offset);
        worker->positions[i] = offset;
        worker->at_end[i] = false;
        if (offset > *committed)
            *committed = offset;
    }
    worker_go(worker, WORKER_READ);
}

/* ---- reading
 * -------------------------------------------------------------------------------------------------------------------
 */

static void seen(struct model_visit *visit, int64_t offset, uint64_t id)
{
    struct worker *worker = CONTAINER_OF(visit, struct worker, visit);
    int partition = partition_now(worker);
    model_note(worker->world, worker->group->input, partition, offset, id, LEVEL_SEEN);
    int record_bytes = worker->world->limits.value_bytes_max + BATCH_RECORD_OVERHEAD;
    if (worker->read_count == READ_MAX || worker->read_count * record_bytes > READ_BYTES_MAX)
        return;
    worker->read[worker->read_count++] = model_output_key(partition, offset);
    worker->read_end = offset + 1;
}

static void send_read(struct worker *worker)
{
    struct fetch_request_fetch_partition partition;
    struct fetch_request_fetch_topic topic;
    struct fetch_request request;
    if (worker->partition_count == 0)
        return;
    worker->next = (worker->next + 1) % worker->partition_count;
    wire_set_defaults(&fetch_request_fetch_partition_struct, &partition);
    wire_set_defaults(&fetch_request_fetch_topic_struct, &topic);
    WIRE_DEFAULTS(fetch_request_schema, &request);
    partition.partition = partition_now(worker);
    partition.fetch_offset = worker->positions[worker->next];
    partition.partition_max_bytes = worker->world->quiet ? 1 << 20 : world_between(worker->world, 1, 32 << 10);
    topic.topic = slice_from_string(input_of(worker)->name);
    topic.partitions.items = &partition;
    topic.partitions.count = 1;
    request.max_wait_ms = 1;
    request.isolation_level = ISOLATION_COMMITTED;
    request.topics.items = &topic;
    request.topics.count = 1;
    worker_call(worker, API_FETCH, 12, &request);
}

static void take_read(struct worker *worker, const struct fetch_response *response)
{
    bool well_formed = response->responses.count == 1 && response->responses.items[0].partitions.count == 1;
    int16_t error = response->error_code;
    if (well_formed && error == KAFKA_ERROR_NONE)
        error = response->responses.items[0].partitions.items[0].error_code;
    if (error == KAFKA_ERROR_OFFSET_OUT_OF_RANGE) { /* a power cut took what was committed beyond: it comes again */
        worker->at_end[worker->next] = true;
        return;
    }
    if (!check(worker, "Fetch", well_formed, error))
        return;
    worker->read_count = 0;
    worker->visit.record = seen;
    worker->visit.batch = NULL;
    model_read(worker->world, worker->group->input, partition_now(worker), worker->positions[worker->next],
               response->responses.items[0].partitions.items[0].records.data, &worker->visit);
    worker->at_end[worker->next] = worker->read_count == 0;
    if (worker->read_count == 0)
        return;
    worker->commits = !prng_chance(worker->world->prng, 200000);
    worker_go(worker, !worker->group->transactional ? WORKER_COMMIT
                      : worker->new_protocol        ? WORKER_WRITE
                                                    : WORKER_ADD_PARTITIONS);
}

/* ---- the transaction
 * -------------------------------------------------------------------------------------------------------------- */

static void send_add_partitions(struct worker *worker)
{
    int32_t partition = output_partition(worker);
    struct add_partitions_to_txn_request_add_partitions_to_txn_topic topic;
    struct add_partitions_to_txn_request request;
    wire_set_defaults(&add_partitions_to_txn_request_add_partitions_to_txn_topic_struct, &topic);
    WIRE_DEFAULTS(add_partitions_to_txn_request_schema, &request);
    topic.name = slice_from_string(output_of(worker)->name);
    topic.partitions.items = &partition;
    topic.partitions.count = 1;
    request.v3_and_below_transactional_id = slice_from_string(worker->transactional_id);
    request.v3_and_below_producer_id = worker->producer_id;
    request.v3_and_below_producer_epoch = worker->epoch;
    request.v3_and_below_topics.items = &topic;
    request.v3_and_below_topics.count = 1;
    worker_call(worker, API_ADD_PARTITIONS_TO_TXN, (int16_t)world_between(worker->world, 0, 3), &request);
}

static void take_add_partitions(struct worker *worker, const struct add_partitions_to_txn_response *response)
{
    bool well_formed = response->results_by_topic_v3_and_below.count == 1 &&
                       response->results_by_topic_v3_and_below.items[0].results_by_partition.count == 1;
    if (check(
            worker, "AddPartitionsToTxn", well_formed,
            !well_formed
                ? 0
                : response->results_by_topic_v3_and_below.items[0].results_by_partition.items[0].partition_error_code))
        worker_go(worker, WORKER_ADD_OFFSETS);
}

static void send_add_offsets(struct worker *worker)
{
    struct add_offsets_to_txn_request request;
    WIRE_DEFAULTS(add_offsets_to_txn_request_schema, &request);
    request.transactional_id = slice_from_string(worker->transactional_id);
    request.producer_id = worker->producer_id;
    request.producer_epoch = worker->epoch;
    request.group_id = slice_from_string(worker->group->name);
    worker_call(worker, API_ADD_OFFSETS_TO_TXN, (int16_t)world_between(worker->world, 0, 3), &request);
}

static void send_write(struct worker *worker)
{
    size_t capacity = model_batch_capacity(worker->world, worker->read_count);
    uint8_t *bytes = malloc(capacity);
    struct produce_request_partition_produce_data data;
    struct produce_request_topic_produce_data topic;
    struct produce_request request;
    struct batch_header header = {.producer_id = worker->producer_id,
                                  .producer_epoch = worker->epoch,
                                  .base_sequence = worker->sequences[output_partition(worker)],
                                  .attributes = BATCH_TRANSACTIONAL};
    wire_set_defaults(&produce_request_partition_produce_data_struct, &data);
    wire_set_defaults(&produce_request_topic_produce_data_struct, &topic);
    WIRE_DEFAULTS(produce_request_schema, &request);
    data.index = output_partition(worker);
    data.records.data =
        model_batch_of(worker->world, output_of(worker), worker->read, worker->read_count, &header, bytes, capacity);
    topic.name = slice_from_string(output_of(worker)->name);
    topic.partition_data.items = &data;
    topic.partition_data.count = 1;
    request.transactional_id = slice_from_string(worker->transactional_id);
    request.acks = -1;
    request.timeout_ms = 10000;
    request.topic_data.items = &topic;
    request.topic_data.count = 1;
    worker_call(worker, API_PRODUCE, worker->new_protocol ? 12 : 11, &request);
    free(bytes);
}

static void take_write(struct worker *worker, const struct produce_response *response)
{
    bool well_formed = response->responses.count == 1 && response->responses.items[0].partition_responses.count == 1;
    int16_t error = well_formed ? response->responses.items[0].partition_responses.items[0].error_code : 0;
    if (error == KAFKA_ERROR_REQUEST_TIMED_OUT) { /* it may be there: only a new epoch knows that it does not count */
        worker_start_over(worker);
        return;
    }
    if (!check(worker, "Produce", well_formed, error))
        return;
    worker->sequences[output_partition(worker)] += worker->read_count;
    worker->written_offset = response->responses.items[0].partition_responses.items[0].base_offset;
    worker_go(worker, WORKER_COMMIT);
}

static void send_commit(struct worker *worker)
{
    struct offset_commit_request_offset_commit_request_partition partition;
    struct offset_commit_request_offset_commit_request_topic topic;
    struct offset_commit_request request;
    wire_set_defaults(&offset_commit_request_offset_commit_request_partition_struct, &partition);
    wire_set_defaults(&offset_commit_request_offset_commit_request_topic_struct, &topic);
    WIRE_DEFAULTS(offset_commit_request_schema, &request);
    partition.partition_index = partition_now(worker);
    partition.committed_offset = worker->read_end;
    topic.name = slice_from_string(input_of(worker)->name);
    topic.topic_id = input_of(worker)->id;
    topic.partitions.items = &partition;
    topic.partitions.count = 1;
    request.group_id = slice_from_string(worker->group->name);
    request.generation_id_or_member_epoch = worker->generation;
    request.member_id = slice_of(worker->member_id, worker->member_id_length);
    request.topics.items = &topic;
    request.topics.count = 1;
    worker_call(worker, API_OFFSET_COMMIT, (int16_t)world_between(worker->world, 2, 10), &request);
}

static void send_txn_commit(struct worker *worker)
{
    struct txn_offset_commit_request_txn_offset_commit_request_partition partition;
    struct txn_offset_commit_request_txn_offset_commit_request_topic topic;
    struct txn_offset_commit_request request;
    wire_set_defaults(&txn_offset_commit_request_txn_offset_commit_request_partition_struct, &partition);
    wire_set_defaults(&txn_offset_commit_request_txn_offset_commit_request_topic_struct, &topic);
    WIRE_DEFAULTS(txn_offset_commit_request_schema, &request);
    partition.partition_index = partition_now(worker);
    partition.committed_offset = worker->read_end;
    topic.name = slice_from_string(input_of(worker)->name);
    topic.partitions.items = &partition;
    topic.partitions.count = 1;
    request.transactional_id = slice_from_string(worker->transactional_id);
    request.group_id = slice_from_string(worker->group->name);
    request.producer_id = worker->producer_id;
    request.producer_epoch = worker->epoch;
    request.generation_id_or_member_epoch = worker->generation;
    request.member_id = slice_of(worker->member_id, worker->member_id_length);
    request.topics.items = &topic;
    request.topics.count = 1;
    worker_call(worker, API_TXN_OFFSET_COMMIT, worker->new_protocol ? 5 : 3, &request);
}

/* It is done: the position moves, and what the group has committed with it. */
static void moved(struct worker *worker)
{
    int64_t *committed = &worker->group->committed[partition_now(worker)];
    world_say(worker->world, "worker %d: partition %d committed to %" PRId64, worker->number, partition_now(worker),
              worker->read_end);
    worker->positions[worker->next] = worker->read_end;
    if (worker->read_end > *committed)
        *committed = worker->read_end;
    worker->world->acked += (uint64_t)worker->read_count;
    worker->world->commits++;
    worker->read_count = 0;
    worker_go(worker, WORKER_READ);
}

static void take_commit(struct worker *worker, const struct offset_commit_response *response)
{
    bool well_formed = response->topics.count == 1 && response->topics.items[0].partitions.count == 1;
    if (check(worker, "OffsetCommit", well_formed,
              well_formed ? response->topics.items[0].partitions.items[0].error_code : 0))
        moved(worker);
}

static void take_txn_commit(struct worker *worker, const struct txn_offset_commit_response *response)
{
    bool well_formed = response->topics.count == 1 && response->topics.items[0].partitions.count == 1;
    if (check(worker, "TxnOffsetCommit", well_formed,
              well_formed ? response->topics.items[0].partitions.items[0].error_code : 0))
        worker_go(worker, WORKER_END);
    world_say(worker->world, "worker %d: partition %d to be committed to %" PRId64 ", producer %" PRId64 "/%d, %s",
              worker->number, partition_now(worker), worker->read_end, worker->producer_id, worker->epoch,
              worker->commits ? "commits" : "aborts");
}

static void send_end(struct worker *worker)
{
    struct end_txn_request request;
    WIRE_DEFAULTS(end_txn_request_schema, &request);
    request.transactional_id = slice_from_string(worker->transactional_id);
    request.producer_id = worker->producer_id;
    request.producer_epoch = worker->epoch;
    request.committed = worker->commits;
    worker_call(worker, API_END_TXN, worker->new_protocol ? 5 : 3, &request);
}

static void take_end(struct worker *worker, const struct end_txn_response *response)
{
    if (!worker_bears(worker, "EndTxn", response->error_code))
        return;
    if (worker->new_protocol) {
        bool next = response->producer_id == worker->producer_id && response->producer_epoch == worker->epoch + 1;
        if (!next && response->producer_id == worker->producer_id)
            world_fail(worker->world, "K6: EndTxn moves worker %d from epoch %d to %d", worker->number, worker->epoch,
                       response->producer_epoch);
        worker->producer_id = response->producer_id;
        worker->epoch = response->producer_epoch;
        memset(worker->sequences, 0, sizeof worker->sequences);
    }
    if (worker->commits) {
        for (int i = 0; i < worker->read_count; i++)
            model_note(worker->world, worker->group->output, output_partition(worker), worker->written_offset + i,
                       worker->read[i], LEVEL_FLUSHED);
        moved(worker);
    } else {
        worker->world->aborts++;
        worker->read_count = 0;
        worker_go(worker, WORKER_OFFSETS);
    }
}

/* ---- steps
 * -------------------------------------------------------------------------------------------------------------------------
 */

void worker_send_work(struct worker *worker)
{
    static void (*const send[])(struct worker *) = {
        [WORKER_BEGIN] = send_begin,
        [WORKER_OFFSETS] = send_offsets,
        [WORKER_READ] = send_read,
        [WORKER_ADD_PARTITIONS] = send_add_partitions,
        [WORKER_ADD_OFFSETS] = send_add_offsets,
        [WORKER_WRITE] = send_write,
        [WORKER_END] = send_end,
    };
    if (worker->step == WORKER_COMMIT)
        (worker->group->transactional ? send_txn_commit : send_commit)(worker);
    else
        send[worker->step](worker);
}

void worker_take_work(struct worker *worker, struct call *call, struct slice body, struct arena *arena)
{
    union {
        struct init_producer_id_response begin;
        struct offset_fetch_response offsets;
        struct fetch_response read;
        struct add_partitions_to_txn_response add_partitions;
        struct add_offsets_to_txn_response add_offsets;
        struct produce_response write;
        struct offset_commit_response commit;
        struct txn_offset_commit_response txn_commit;
        struct end_txn_response end;
    } response;
    if (!link_decode(call, body, arena, &response))
        world_fail(worker->world, "an answer of api %d that cannot be decoded", call->api_key);
    switch (call->api_key) {
    case API_INIT_PRODUCER_ID:
        take_begin(worker, &response.begin);
        return;
    case API_OFFSET_FETCH:
        take_offsets(worker, &response.offsets);
        return;
    case API_FETCH:
        take_read(worker, &response.read);
        return;
    case API_ADD_PARTITIONS_TO_TXN:
        take_add_partitions(worker, &response.add_partitions);
        return;
    case API_ADD_OFFSETS_TO_TXN:
        if (worker_bears(worker, "AddOffsetsToTxn", response.add_offsets.error_code))
            worker_go(worker, WORKER_WRITE);
        return;
    case API_PRODUCE:
        take_write(worker, &response.write);
        return;
    case API_OFFSET_COMMIT:
        take_commit(worker, &response.commit);
        return;
    case API_TXN_OFFSET_COMMIT:
        take_txn_commit(worker, &response.txn_commit);
        return;
    default:
        take_end(worker, &response.end);
    }
}
