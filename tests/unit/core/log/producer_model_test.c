/* Goal:   the window of idempotent producers answers as a naive model does, whatever happens to it.
 * Method: seeded random producers send next batches, repetitions, gaps, overlaps, old and new epochs, with sequences
 * that go round; writes fail and are undone; the state is rebuilt by replay, or from a snapshot; producers expire. The
 * model keeps every record of a producer's epoch with its own sequence, written with plain arithmetic. */
#include "core/log/producer_state.h"
#include "core/wire/error.h"
#include "io/base/prng.h"
#include "tests/support/test.h"

enum { PRODUCERS = 4, LOG_MAX = 4000, STEPS = 3000, SEEDS = 60, RECORDS_MAX = 6 };

/* A batch as the model remembers it: the sequence of each of its records, and where it went. */
struct model_batch {
    int64_t sequences[RECORDS_MAX];
    int count;
    int64_t base_offset;
};

struct model_producer {
    bool known;
    int epoch;
    struct model_batch window[5]; /* newest last */
    int window_count;
    int64_t used_ms;
};

struct model {
    struct model_producer producers[PRODUCERS];
    struct batch_header log[LOG_MAX]; /* what was written, for the replay */
    int log_count;
    int64_t end_offset, now_ms;
    bool lost_beginning; /* a first batch failed: those behind it are not let in until the next expiry or restart */
};

static int64_t sequence_after(int64_t sequence)
{
    return sequence == 2147483647 ? 0 : sequence + 1;
}

static struct model_batch model_batch_of(const struct batch_header *header)
{
    struct model_batch batch = {.count = header->record_count};
    int64_t sequence = header->base_sequence;
    for (int i = 0; i < batch.count; i++, sequence = sequence_after(sequence))
        batch.sequences[i] = sequence;
    return batch;
}

static bool same_records(const struct model_batch *a, const struct model_batch *b)
{
    return a->count == b->count && memcmp(a->sequences, b->sequences, sizeof(int64_t) * (size_t)a->count) == 0;
}

static int16_t model_check(const struct model *model, const struct batch_header *header, int64_t *duplicate_offset)
{
    const struct model_producer *producer = &model->producers[header->producer_id];
    struct model_batch batch = model_batch_of(header);
    *duplicate_offset = -1;
    if (!producer->known)
        return model->lost_beginning && header->base_sequence > 0 ? KAFKA_ERROR_OUT_OF_ORDER_SEQUENCE_NUMBER
                                                                  : KAFKA_ERROR_NONE;
    if (header->producer_epoch < producer->epoch)
        return KAFKA_ERROR_INVALID_PRODUCER_EPOCH;
    if (header->producer_epoch > producer->epoch)
        return header->base_sequence == 0 ? KAFKA_ERROR_NONE : KAFKA_ERROR_OUT_OF_ORDER_SEQUENCE_NUMBER;
    for (int i = 0; i < producer->window_count; i++)
        if (same_records(&producer->window[i], &batch)) {
            *duplicate_offset = producer->window[i].base_offset;
            return KAFKA_ERROR_NONE;
        }
    const struct model_batch *newest = &producer->window[producer->window_count - 1];
    return batch.sequences[0] == sequence_after(newest->sequences[newest->count - 1])
               ? KAFKA_ERROR_NONE
               : KAFKA_ERROR_OUT_OF_ORDER_SEQUENCE_NUMBER;
}

static void model_write(struct model *model, const struct batch_header *header)
{
    struct model_producer *producer = &model->producers[header->producer_id];
    if (!producer->known || header->producer_epoch != producer->epoch)
        producer->window_count = 0;
    producer->known = true;
    producer->epoch = header->producer_epoch;
    producer->used_ms = model->now_ms;
    if (producer->window_count == 5) {
        memmove(producer->window, producer->window + 1, 4 * sizeof(producer->window[0]));
        producer->window_count = 4;
    }
    struct model_batch batch = model_batch_of(header);
    batch.base_offset = header->base_offset;
    producer->window[producer->window_count++] = batch;
    model->log[model->log_count++] = *header;
    model->end_offset += header->record_count;
}

/* A batch near what the producer would send next: the answer should be anything but always the same. */
static struct batch_header draw(struct prng *prng, const struct model *model)
{
    struct batch_header header = {.producer_id = (int64_t)prng_below(prng, PRODUCERS)};
    const struct model_producer *producer = &model->producers[header.producer_id];
    int64_t sequence = prng_below(prng, 8) == 0 ? 2147483640 : 0;
    header.record_count = 1 + (int32_t)prng_below(prng, RECORDS_MAX);
    if (producer->known) {
        const struct model_batch *pick = &producer->window[prng_below(prng, (uint64_t)producer->window_count)];
        const struct model_batch *newest = &producer->window[producer->window_count - 1];
        header.producer_epoch = (int16_t)producer->epoch;
        sequence = sequence_after(newest->sequences[newest->count - 1]);
        switch (prng_below(prng, 10)) {
        case 0: /* a repetition, sometimes of another length */
            sequence = pick->sequences[0];
            header.record_count = prng_below(prng, 4) == 0 ? header.record_count : pick->count;
            break;
        case 1: /* a gap or an overlap */
            sequence = (sequence + 2147483648 + (int64_t)prng_below(prng, 9) - 4) % 2147483648;
            break;
        case 2:
            header.producer_epoch += (int16_t)prng_below(prng, 3) - 1;
            header.producer_epoch = header.producer_epoch < 0 ? 0 : header.producer_epoch;
            sequence = prng_below(prng, 2) == 0 ? 0 : sequence;
            break;
        default:
            break;
        }
    }
    header.base_sequence = (int32_t)sequence;
    header.last_offset_delta = header.record_count - 1;
    header.base_offset = model->end_offset;
    header.max_timestamp = model->now_ms;
    return header;
}

static void send(struct prng *prng, struct model *model, struct producer_state *state)
{
    struct batch_header header = draw(prng, model);
    const struct producer_batch *duplicate;
    int64_t expected;
    int16_t error = model_check(model, &header, &expected);
    assert_int_equal(producer_state_check(state, &header, &duplicate), error);
    assert_int_equal(duplicate == NULL ? -1 : duplicate->last_offset - duplicate->offset_delta, expected);
    if (error != KAFKA_ERROR_NONE || expected >= 0)
        return;
    struct producer_entry *entry = producer_state_prepare(state, header.producer_id);
    struct producer_entry before = *entry;
    producer_entry_update(entry, &header, header.base_offset, header.max_timestamp, model->now_ms);
    if (prng_below(prng, 20) == 0) { /* the write failed */
        producer_state_undo(state, &before);
        model->lost_beginning = model->lost_beginning || !model->producers[header.producer_id].known;
    } else {
        model_write(model, &header);
    }
}

/* A crash: nothing but the log is left, and it knows all five batches. */
static void rebuild(struct model *model, struct producer_state *state)
{
    struct mem *mem = state->mem;
    producer_state_fini(state);
    producer_state_init(state, mem);
    model->lost_beginning = false;
    for (int i = 0; i < model->log_count; i++)
        assert_int_equal(producer_state_replay(state, &model->log[i], model->now_ms), ERR_OK);
}

/* A clean stop: the snapshot keeps the whole window of each producer. */
static void snapshot(struct model *model, struct producer_state *state)
{
    struct mem *mem = state->mem;
    size_t size = producer_snapshot_size(state);
    uint8_t *bytes = malloc(size);
    producer_snapshot_write(state, bytes);
    producer_state_fini(state);
    producer_state_init(state, mem);
    assert_int_equal(producer_snapshot_read(state, slice_of(bytes, size)), ERR_OK);
    free(bytes);
    model->log_count = 0;
    model->lost_beginning = false;
}

static void expire(struct model *model, struct producer_state *state)
{
    int expected = 0;
    for (int i = 0; i < PRODUCERS; i++)
        if (model->producers[i].known && model->now_ms - model->producers[i].used_ms >= 500) {
            model->producers[i] = (struct model_producer){0};
            expected++;
        }
    assert_int_equal(producer_state_expire(state, model->now_ms, 500), expected);
    model->lost_beginning = false;
    if (expected > 0)
        snapshot(model, state);
}

static void run_seed(uint64_t seed)
{
    struct model *model = calloc(1, sizeof(*model));
    struct mem *mem = test_mem();
    struct producer_state state;
    struct prng prng;
    prng_seed(&prng, seed);
    producer_state_init(&state, mem);
    bool snapshotted = false;
    for (int step = 0; step < STEPS; step++) {
        uint64_t what = prng_below(&prng, 200);
        model->now_ms += (int64_t)prng_below(&prng, 20);
        if (what == 0 && !snapshotted) {
            rebuild(model, &state);
        } else if (what == 1) {
            snapshot(model, &state);
            snapshotted = true; /* from here on the log alone is not the whole truth */
        } else if (what == 2) {
            expire(model, &state);
            snapshotted = true;
        } else {
            send(&prng, model, &state);
        }
    }
    producer_state_fini(&state);
    assert_int_equal(mem->used, 0);
    free(model);
}

static void the_window_answers_as_a_naive_model_does(void **state)
{
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        print_message("seed %llu\n", (unsigned long long)seed);
        run_seed(seed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_window_answers_as_a_naive_model_does)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
