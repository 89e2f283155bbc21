/* A binary heap; a deadline knows its place, so that moving and stopping are O(log n). */
#include "core/machine/machine.h"

enum { FIRST_CAPACITY = 16 };

void machine_deadlines_init(struct machine_deadlines *deadlines, struct mem *mem)
{
    *deadlines = (struct machine_deadlines){.mem = mem};
}

void machine_deadlines_fini(struct machine_deadlines *deadlines)
{
    mem_free(deadlines->mem, deadlines->heap, deadlines->capacity * sizeof *deadlines->heap);
    deadlines->heap = NULL;
    deadlines->count = deadlines->capacity = 0;
}

enum err machine_deadlines_reserve(struct machine_deadlines *deadlines, uint32_t more)
{
    uint32_t capacity = deadlines->capacity == 0 ? FIRST_CAPACITY : deadlines->capacity;
    while (capacity - deadlines->count < more)
        capacity *= 2;
    if (capacity == deadlines->capacity)
        return ERR_OK;
    struct machine_deadline **heap = mem_resize(deadlines->mem, deadlines->heap,
                                                deadlines->capacity * sizeof *deadlines->heap, capacity * sizeof *heap);
    if (heap == NULL)
        return ERR_NO_MEMORY;
    deadlines->heap = heap;
    deadlines->capacity = capacity;
    return ERR_OK;
}

static void place(struct machine_deadlines *deadlines, uint32_t at, struct machine_deadline *deadline)
{
    deadlines->heap[at] = deadline;
    deadline->_index = at + 1;
}

static void sift_up(struct machine_deadlines *deadlines, uint32_t at, struct machine_deadline *deadline)
{
    for (; at > 0 && deadlines->heap[(at - 1) / 2]->at_ms > deadline->at_ms; at = (at - 1) / 2)
        place(deadlines, at, deadlines->heap[(at - 1) / 2]);
    place(deadlines, at, deadline);
}

static void sift_down(struct machine_deadlines *deadlines, uint32_t at, struct machine_deadline *deadline)
{
    for (uint32_t child; (child = 2 * at + 1) < deadlines->count; at = child) {
        if (child + 1 < deadlines->count && deadlines->heap[child + 1]->at_ms < deadlines->heap[child]->at_ms)
            child++;
        if (deadline->at_ms <= deadlines->heap[child]->at_ms)
            break;
        place(deadlines, at, deadlines->heap[child]);
    }
    place(deadlines, at, deadline);
}

static void put(struct machine_deadlines *deadlines, uint32_t at, struct machine_deadline *deadline)
{
    if (at > 0 && deadline->at_ms < deadlines->heap[(at - 1) / 2]->at_ms)
        sift_up(deadlines, at, deadline);
    else
        sift_down(deadlines, at, deadline);
}

void machine_deadline_start(struct machine_deadlines *deadlines, struct machine_deadline *deadline, int64_t at_ms)
{
    ASSERT(deadline->_index != 0 || deadlines->count < deadlines->capacity);
    uint32_t at = deadline->_index != 0 ? deadline->_index - 1 : deadlines->count++;
    deadline->at_ms = at_ms;
    put(deadlines, at, deadline);
}

void machine_deadline_stop(struct machine_deadlines *deadlines, struct machine_deadline *deadline)
{
    if (deadline->_index == 0)
        return;
    uint32_t at = deadline->_index - 1;
    ASSERT(at < deadlines->count && deadlines->heap[at] == deadline);
    deadline->_index = 0;
    struct machine_deadline *last = deadlines->heap[--deadlines->count];
    if (last != deadline)
        put(deadlines, at, last);
}

int64_t machine_deadlines_next(const struct machine_deadlines *deadlines)
{
    return deadlines->count == 0 ? INT64_MAX : deadlines->heap[0]->at_ms;
}

struct machine_deadline *machine_deadlines_take(struct machine_deadlines *deadlines, int64_t now_ms)
{
    if (deadlines->count == 0 || deadlines->heap[0]->at_ms > now_ms)
        return NULL;
    struct machine_deadline *deadline = deadlines->heap[0];
    machine_deadline_stop(deadlines, deadline);
    return deadline;
}
