#include "core/partition/wait.h"

static void waker_run(struct io_hook *hook)
{
    struct wait_waker *waker = CONTAINER_OF(hook, struct wait_waker, hook);
    struct list woken; /* a group woken anew by one of these waits for the next turn */
    list_init(&woken);
    list_splice(&woken, &waker->woken);
    for (struct list *link; (link = list_pop_front(&woken)) != NULL;) {
        struct wait_group *group = CONTAINER_OF(link, struct wait_group, _link);
        group->wake(group);
    }
}

void wait_waker_init(struct wait_waker *waker, struct io *io)
{
    *waker = (struct wait_waker){.io = io, .hook = {.run = waker_run}};
    list_init(&waker->woken);
}

void wait_waker_fini(struct wait_waker *waker)
{
    ASSERT(list_empty(&waker->woken));
    io_hook_stop(&waker->hook);
}

void wait_queue_init(struct wait_queue *queue, struct wait_waker *waker)
{
    *queue = (struct wait_queue){.waker = waker};
    list_init(&queue->waiters);
}

struct wait_seen wait_queue_seen(const struct wait_queue *queue)
{
    return (struct wait_seen){queue->bytes, queue->moves};
}

void wait_group_init(struct wait_group *group, struct wait_waiter *waiters, int32_t count, uint64_t missing_bytes)
{
    ASSERT(count > 0 && missing_bytes > 0);
    group->_waiters = waiters;
    group->_count = count;
    group->_missing_bytes = missing_bytes;
    list_init(&group->_link);
    for (int32_t i = 0; i < count; i++) {
        waiters[i]._group = group;
        list_init(&waiters[i]._link);
    }
}

static bool group_is_woken(const struct wait_group *group)
{
    return !list_empty(&group->_link);
}

void wait_group_stop(struct wait_group *group)
{
    for (int32_t i = 0; i < group->_count; i++)
        list_remove(&group->_waiters[i]._link);
    list_remove(&group->_link);
}

void wait_group_wake(struct wait_group *group, struct wait_waker *waker)
{
    if (group_is_woken(group))
        return;
    wait_group_stop(group);
    list_push_back(&waker->woken, &group->_link);
    io_at_turn_end(waker->io, &waker->hook);
}

static void group_add(struct wait_group *group, struct wait_waker *waker, uint64_t bytes)
{
    if (bytes >= group->_missing_bytes)
        wait_group_wake(group, waker);
    else
        group->_missing_bytes -= bytes;
}

void wait_start(struct wait_queue *queue, struct wait_group *group, int32_t index, struct wait_seen seen)
{
    ASSERT(index >= 0 && index < group->_count);
    ASSERT(seen.bytes <= queue->bytes);
    if (group_is_woken(group))
        return;
    if (seen.moves != queue->moves) {
        wait_group_wake(group, queue->waker);
        return;
    }
    list_push_back(&queue->waiters, &group->_waiters[index]._link);
    group_add(group, queue->waker, queue->bytes - seen.bytes);
}

/* Waking a group takes all its waiters out, of this queue too: each is moved to `counted` before it is looked at, so
 * that none is counted twice and none lost. */
void wait_queue_add(struct wait_queue *queue, uint64_t bytes)
{
    queue->bytes += bytes;
    if (bytes == 0 || list_empty(&queue->waiters))
        return;
    struct list counted;
    list_init(&counted);
    for (struct list *link; (link = list_pop_front(&queue->waiters)) != NULL;) {
        list_push_back(&counted, link);
        group_add(CONTAINER_OF(link, struct wait_waiter, _link)->_group, queue->waker, bytes);
    }
    list_splice(&queue->waiters, &counted);
}

void wait_queue_move(struct wait_queue *queue)
{
    queue->moves++;
    while (!list_empty(&queue->waiters))
        wait_group_wake(CONTAINER_OF(queue->waiters.next, struct wait_waiter, _link)->_group, queue->waker);
}
