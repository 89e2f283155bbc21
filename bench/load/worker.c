/* One thread: its share of every group's connections behind one epoll. */
#include "bench/load/load.h"
#include "io/reactor/mem_real.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

enum { EVENTS_MAX = 256, ANSWER_ROOM = 64 * 1024, IDLE_ROOM = 4096 };

_Noreturn void load_fail(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("ringmain bench: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    _exit(1);
}

int64_t load_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

void *load_alloc(size_t size)
{
    void *block = calloc(1, size);
    if (block == NULL)
        load_fail("out of memory");
    return block;
}

static void link_init(struct load_link *link, struct load_worker *worker, int group_index, int number)
{
    const struct load_group *group = &worker->load->groups[group_index];
    const struct load_template *template = &worker->load->templates[group_index];
    const int64_t *starts = worker->load->starts[group_index];
    link->worker = worker;
    link->group = (uint8_t)group_index;
    link->step = group->partitions < group->connections ? group->partitions : group->connections;
    link->first = link->partition = number % link->step;
    int held = (group->partitions - link->first + link->step - 1) / link->step;
    link->offsets = load_alloc(sizeof(int64_t) * (size_t)held);
    for (int i = 0; starts != NULL && i < held; i++)
        link->offsets[i] = starts[link->first + i * link->step];
    memcpy(link->head, template->head, template->head_length);
    if (group->stamped) {
        link->own_batch = load_alloc(template->batch.length);
        memcpy(link->own_batch, template->batch.data, template->batch.length);
    }
    bool reads = group->role == ROLE_FETCH || group->role == ROLE_TAIL;
    link->frame_capacity = group->role == ROLE_IDLE ? IDLE_ROOM : ANSWER_ROOM + (reads ? (size_t)group->read_bytes : 0);
    link->frame = load_alloc(link->frame_capacity);
    if (group->rate > 0) /* evenly over the first period */
        link->next_ns = load_now_ns() + (int64_t)((double)number * 1e9 / group->rate);
}

void worker_init(struct load_worker *worker, struct load *load, int index)
{
    int count = 0;
    worker->load = load;
    worker->poller = epoll_create1(EPOLL_CLOEXEC);
    struct mem *mem = mem_real_open((size_t)256 << 20);
    if (worker->poller < 0 || mem == NULL)
        load_fail("out of memory or descriptors");
    arena_init(&worker->arena, mem, (size_t)64 << 20);
    for (int group = 0; group < load->group_count; group++)
        for (int i = index; i < load->groups[group].connections; i += load->thread_count)
            worker->link_count++;
    worker->links = load_alloc(sizeof(struct load_link) * (size_t)worker->link_count);
    for (int group = 0; group < load->group_count; group++)
        for (int i = index; i < load->groups[group].connections; i += load->thread_count)
            link_init(&worker->links[count++], worker, group, i);
    for (int i = 0; i < worker->link_count; i++)
        link_open(&worker->links[i]);
}

/* Sends what is due; gives the time until the next is, at most 50 ms (the phase must be seen). */
static int64_t send_all_due(struct load_worker *worker)
{
    int64_t now_ns = load_now_ns(), until_ns = 50000000;
    for (int i = 0; i < worker->link_count; i++) {
        struct load_link *link = &worker->links[i];
        const struct load_group *group = link_group(link);
        if (group->rate <= 0 && group->bytes_rate <= 0)
            continue;
        link_send_due(link, now_ns);
        bool may = link->sent == link->to_send && (int)link->flight_count < group->depth;
        if (may && link->next_ns - now_ns < until_ns)
            until_ns = link->next_ns - now_ns;
    }
    return until_ns > 0 ? until_ns : 0;
}

static bool is_drained(const struct load_worker *worker)
{
    for (int i = 0; i < worker->link_count; i++)
        if (worker->links[i].flight_count > 0 && link_group(&worker->links[i])->role != ROLE_TAIL)
            return false;
    return true;
}

static void *run(void *argument)
{
    struct load_worker *worker = argument;
    struct load *load = worker->load;
    struct epoll_event events[EVENTS_MAX];
    prctl(PR_SET_TIMERSLACK, 1000);
    for (int i = 0; i < worker->link_count; i++)
        link_send_due(&worker->links[i], load_now_ns());
    for (;;) {
        int phase = atomic_load_explicit(&load->phase, memory_order_relaxed);
        if (phase == PHASE_OVER || (phase == PHASE_DRAIN && is_drained(worker)))
            return NULL;
        int64_t wait_ns = send_all_due(worker);
        if (load->spin)
            wait_ns = 0;
        struct timespec wait = {wait_ns / 1000000000, wait_ns % 1000000000};
        int count = epoll_pwait2(worker->poller, events, EVENTS_MAX, &wait, NULL);
        if (count < 0 && errno != EINTR)
            load_fail("epoll: %s", strerror(errno));
        for (int i = 0; i < count; i++) {
            struct load_link *link = events[i].data.ptr;
            if (events[i].events & EPOLLOUT) {
                link_flush(link);
                link_send_due(link, load_now_ns());
            }
            if (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR))
                link_receive(link);
        }
    }
}

void worker_run(struct load_worker *worker)
{
    if (pthread_create(&worker->thread, NULL, run, worker) != 0)
        load_fail("no thread");
}
