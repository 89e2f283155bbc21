/* Timers: a binary heap of (deadline, timer); a timer knows its place, so that moving and stopping are O(log n). Equal
 * deadlines fire in an order that depends on the history of the heap only. */
#include "io/reactor/backend.h"

enum { TIMERS_FIRST_CAPACITY = 64 };

static void place(struct io *io, uint32_t at, struct io_timer_entry entry)
{
    io->timers[at] = entry;
    entry.timer->_index = at + 1;
}

static void sift_up(struct io *io, uint32_t at, struct io_timer_entry entry)
{
    while (at > 0) {
        uint32_t parent = (at - 1) / 2;
        if (io->timers[parent].deadline_ns <= entry.deadline_ns)
            break;
        place(io, at, io->timers[parent]);
        at = parent;
    }
    place(io, at, entry);
}

static void sift_down(struct io *io, uint32_t at, struct io_timer_entry entry)
{
    for (;;) {
        uint32_t child = 2 * at + 1;
        if (child >= io->timer_count)
            break;
        if (child + 1 < io->timer_count && io->timers[child + 1].deadline_ns < io->timers[child].deadline_ns)
            child++;
        if (entry.deadline_ns <= io->timers[child].deadline_ns)
            break;
        place(io, at, io->timers[child]);
        at = child;
    }
    place(io, at, entry);
}

static void put(struct io *io, uint32_t at, struct io_timer_entry entry)
{
    if (at > 0 && entry.deadline_ns < io->timers[(at - 1) / 2].deadline_ns)
        sift_up(io, at, entry);
    else
        sift_down(io, at, entry);
}

static bool grow(struct io *io)
{
    uint32_t capacity = io->timer_capacity == 0 ? TIMERS_FIRST_CAPACITY : io->timer_capacity * 2;
    struct io_timer_entry *timers =
        mem_resize(io->mem, io->timers, io->timer_capacity * sizeof(*timers), capacity * sizeof(*timers));
    if (timers == NULL)
        return false;
    io->timers = timers;
    io->timer_capacity = capacity;
    return true;
}

bool io_timer_running(const struct io_timer *timer)
{
    return timer->_index != 0;
}

enum err io_timer_start(struct io *io, struct io_timer *timer, int64_t deadline_ns)
{
    ASSERT(timer->fire != NULL);
    if (timer->_index == 0 && io->timer_count == io->timer_capacity && !grow(io))
        return ERR_NO_MEMORY;
    uint32_t at = timer->_index == 0 ? io->timer_count++ : timer->_index - 1;
    ASSERT(at < io->timer_count);
    timer->deadline_ns = deadline_ns;
    put(io, at, (struct io_timer_entry){deadline_ns, timer});
    return ERR_OK;
}

void io_timer_stop(struct io *io, struct io_timer *timer)
{
    if (timer->_index == 0)
        return;
    uint32_t at = timer->_index - 1;
    ASSERT(at < io->timer_count && io->timers[at].timer == timer);
    timer->_index = 0;
    struct io_timer_entry last = io->timers[--io->timer_count];
    if (at < io->timer_count)
        put(io, at, last);
}

void io_run_timers(struct io *io)
{
    for (uint32_t left = io->timer_count; left > 0 && io->timer_count > 0; left--) {
        struct io_timer *timer = io->timers[0].timer;
        if (io->timers[0].deadline_ns > io->now_ns)
            break;
        io_timer_stop(io, timer);
        timer->fire(timer);
    }
}
