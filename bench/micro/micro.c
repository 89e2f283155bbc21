/* The micro-benchmarks: the parts of the hot path that run per request or per batch. */
#include "bench/micro/micro.h"

#include "core/wire/crc32c.h"
#include "io/base/arena.h"
#include "io/base/prng.h"
#include "io/reactor/mailbox.h"
#include "io/reactor/mem_real.h"

#include <stdlib.h>

static struct mem *new_mem(void)
{
    struct mem *mem = mem_real_open((size_t)1 << 30);
    ASSERT(mem != NULL);
    return mem;
}

/* ---- mailbox: size messages put, published and taken on one core; the instructions without the cache misses --------
 */

struct mailbox_state {
    struct mem *mem;
    struct mailbox *mailbox;
    struct io_msg *messages;
    int64_t count;
};

static void *mailbox_setup(int64_t size)
{
    struct mailbox_state *state = calloc(1, sizeof(*state));
    state->mem = new_mem();
    state->mailbox = mailbox_open(state->mem, 2);
    state->messages = calloc((size_t)size, sizeof(*state->messages));
    state->count = size;
    ASSERT(state->mailbox != NULL && state->messages != NULL);
    return state;
}

static void mailbox_run(void *context, uint64_t rounds)
{
    struct mailbox_state *state = context;
    while (rounds-- > 0) {
        for (int64_t i = 0; i < state->count; i++)
            mailbox_put(state->mailbox, 0, 1, &state->messages[i]);
        mailbox_publish(state->mailbox, 0, 1);
        struct io_chain chain = {NULL, NULL};
        mailbox_take(state->mailbox, 1, &chain);
        ASSERT(chain.last == &state->messages[state->count - 1]);
    }
}

static void mailbox_teardown(void *context)
{
    struct mailbox_state *state = context;
    mailbox_close(state->mailbox);
    mem_real_close(state->mem);
    free(state->messages);
    free(state);
}

static const int64_t mailbox_sizes[] = {1, 16, 256, 0};
static const struct micro mailbox_micro = {"mailbox/messages", mailbox_sizes,    mailbox_setup,
                                           mailbox_run,        mailbox_teardown, MICRO_ITEMS};

/* ---- timers: one of size running timers is moved -------------------------------------------------------------------
 */

static int64_t no_clock(struct io *io)
{
    return 0;
}

static const struct io_backend timer_backend = {.clock_ns = no_clock};

struct timer_state {
    struct mem *mem;
    struct io io;
    struct prng prng;
    int64_t count;
    struct io_timer *timers;
};

static void never_fired(struct io_timer *timer)
{
    UNREACHABLE();
}

static void *timer_setup(int64_t size)
{
    struct timer_state *state = calloc(1, sizeof(*state));
    state->mem = new_mem();
    io_init(&state->io, &timer_backend, state->mem, NULL, 0, 1);
    prng_seed(&state->prng, 1);
    state->count = size;
    state->timers = calloc((size_t)size, sizeof(*state->timers));
    for (int64_t i = 0; i < size; i++) {
        state->timers[i].fire = never_fired;
        enum err err = io_timer_start(&state->io, &state->timers[i], (int64_t)(prng_next(&state->prng) >> 20));
        ASSERT(err == ERR_OK);
    }
    return state;
}

static void timer_run(void *context, uint64_t rounds)
{
    struct timer_state *state = context;
    while (rounds-- > 0) {
        uint64_t chance = prng_next(&state->prng);
        struct io_timer *timer = &state->timers[(chance >> 40) % (uint64_t)state->count];
        enum err err = io_timer_start(&state->io, timer, (int64_t)(chance >> 20));
        ASSERT(err == ERR_OK);
    }
}

static void timer_teardown(void *context)
{
    struct timer_state *state = context;
    io_fini(&state->io);
    mem_real_close(state->mem);
    free(state->timers);
    free(state);
}

static const int64_t timer_sizes[] = {100, 5000, 100000, 0};
static const struct micro timer_micro = {"timer/running", timer_sizes,    timer_setup,
                                         timer_run,       timer_teardown, MICRO_ROUNDS};

/* ---- arena: one request's worth of 32 allocations of size bytes, then reset
 * ------------------------------------------ */

enum { ARENA_ALLOCATIONS = 32 };

struct arena_state {
    struct mem *mem;
    struct arena arena;
    size_t size;
};

static void *arena_setup(int64_t size)
{
    struct arena_state *state = calloc(1, sizeof(*state));
    state->mem = new_mem();
    state->size = (size_t)size;
    arena_init(&state->arena, state->mem, (size_t)64 << 20);
    return state;
}

static void arena_run(void *context, uint64_t rounds)
{
    struct arena_state *state = context;
    while (rounds-- > 0) {
        for (int i = 0; i < ARENA_ALLOCATIONS; i++) {
            void *block = arena_alloc(&state->arena, state->size);
            ASSERT(block != NULL);
        }
        arena_reset(&state->arena);
    }
}

static void arena_teardown(void *context)
{
    struct arena_state *state = context;
    arena_fini(&state->arena);
    mem_real_close(state->mem);
    free(state);
}

static const int64_t arena_sizes[] = {16, 64, 512, 0};
static const struct micro arena_micro = {"arena32/bytes", arena_sizes,    arena_setup,
                                         arena_run,       arena_teardown, MICRO_ROUNDS};

/* ---- shard memory against its size
 * ------------------------------------------------------------------------------------ */

struct mem_state {
    struct mem *mem;
    size_t size;
};

static void *mem_setup(int64_t size)
{
    struct mem_state *state = calloc(1, sizeof(*state));
    state->mem = new_mem();
    state->size = (size_t)size;
    return state;
}

static void mem_run(void *context, uint64_t rounds)
{
    struct mem_state *state = context;
    while (rounds-- > 0) {
        void *block = mem_alloc(state->mem, state->size);
        ASSERT(block != NULL);
        *(volatile char *)block = 1;
        mem_free(state->mem, block, state->size);
    }
}

static void mem_teardown(void *context)
{
    struct mem_state *state = context;
    mem_real_close(state->mem);
    free(state);
}

static const int64_t mem_sizes[] = {64, 4096, 65536, 262144, 0};
static const struct micro mem_micro = {"mem/bytes", mem_sizes, mem_setup, mem_run, mem_teardown, MICRO_ROUNDS};

/* ---- crc32c
 * ------------------------------------------------------------------------------------------------------------- */

struct crc_state {
    uint8_t *bytes;
    size_t size;
    uint32_t crc;
};

static void *crc_setup(int64_t size)
{
    struct crc_state *state = calloc(1, sizeof(*state));
    struct prng prng;
    prng_seed(&prng, 2);
    state->size = (size_t)size;
    state->bytes = malloc(state->size);
    for (size_t i = 0; i < state->size; i++)
        state->bytes[i] = (uint8_t)prng_next(&prng);
    return state;
}

static void crc_run(void *context, uint64_t rounds)
{
    struct crc_state *state = context;
    while (rounds-- > 0)
        state->crc = crc32c(state->crc, state->bytes, state->size);
}

static void crc_teardown(void *context)
{
    struct crc_state *state = context;
    free(state->bytes);
    free(state);
}

static const int64_t crc_sizes[] = {100, 1024, 16384, 131072, 1048576, 0};
static const struct micro crc_micro = {"crc32c/bytes", crc_sizes, crc_setup, crc_run, crc_teardown, MICRO_BYTES};

const struct micro *const base_micros[] = {
    &mailbox_micro, &timer_micro, &arena_micro, &mem_micro, &crc_micro, NULL,
};
