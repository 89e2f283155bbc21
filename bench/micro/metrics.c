/* What counting costs a request: everything that a Produce of one batch makes net/conn, core/partition and
 * net/handlers count and time, the readings of the clock included that nothing else shares. */
#include "bench/micro/micro.h"

#include "core/metrics/metrics.h"
#include "io/base/check.h"
#include "io/reactor/mem_real.h"

#include <stdlib.h>
#include <time.h>

struct metrics_state {
    struct mem *mem;
    struct metrics metrics;
    int64_t clock_ns;
    int readings; /* of the clock, per request */
};

static int64_t read_clock(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void *metrics_setup(int64_t readings)
{
    struct metrics_state *state = calloc(1, sizeof(*state));
    ASSERT(state != NULL);
    state->mem = mem_real_open((size_t)1 << 30);
    ASSERT(state->mem != NULL);
    state->readings = (int)readings;
    metrics_init(&state->metrics, state->mem);
    return state;
}

/* The times differ from round to round, so that not one bucket alone is warm. */
static void count_request(struct metrics_state *state, int64_t spread_ns)
{
    struct metrics *metrics = &state->metrics;
    struct metrics_road road = {.received_ns = 1000, .begun_ns = 1000 + spread_ns};
    for (int i = 0; i < state->readings; i++)
        state->clock_ns += read_clock();
    road.answered_ns = road.begun_ns + 3000 + spread_ns;
    road.sending_ns = road.answered_ns;
    road.sent_ns = road.sending_ns + 2000 + spread_ns;
    metrics_add(metrics, METRIC_REQUESTS_RUNNING, 1);
    metrics_time(metrics, METRIC_TIME_QUEUE, spread_ns);
    metrics_time(metrics, METRIC_TIME_APPEND, 3000 + spread_ns);
    metrics_add(metrics, METRIC_BYTES_IN, 100);
    metrics_add(metrics, METRIC_RECORDS_IN, 1);
    metrics_add(metrics, METRIC_BATCHES_IN, 1);
    metrics_add(metrics, METRIC_APPENDS, 1);
    metrics_add(metrics, METRIC_PRODUCE_PARTS, 1);
    metrics_error(metrics, 0, 0, 1);
    metrics_time(metrics, METRIC_TIME_SEND, 2000 + spread_ns);
    metrics_request(metrics, 0, 11, &road);
    metrics_subtract(metrics, METRIC_REQUESTS_RUNNING, 1);
}

static void metrics_run(void *context, uint64_t rounds)
{
    struct metrics_state *state = context;
    while (rounds-- > 0)
        count_request(state, (int64_t)(rounds * 997 % 20000));
}

static void metrics_teardown(void *context)
{
    struct metrics_state *state = context;
    metrics_fini(&state->metrics);
    mem_real_close(state->mem);
    free(state);
}

/* Readings of the clock that a request may cost: a fraction of one with many requests in a turn; one for its own write
 * of a log; one more when its answer is the only one that leaves in a turn. */
static const int64_t readings[] = {1, 2, 0};
static const struct micro metrics_micro = {"metrics/clock_readings", readings,    metrics_setup, metrics_run,
                                           metrics_teardown,         MICRO_ROUNDS};
const struct micro *const metrics_micros[] = {&metrics_micro, NULL};
