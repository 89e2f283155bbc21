/* The real machine: a ring, a memory and a thread per shard; signals; the slow lane. */
#include "io/reactor/machine.h"

#include "io/reactor/fs_posix.h"
#include "io/reactor/mem_real.h"
#include "io/reactor/uring.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/sysinfo.h>
#include <unistd.h>

enum {
    SLOW_LANE_THREADS = 2,
    MEMORY_SHARE = 4, /* of the machine's memory a shard's data may take; the rest is for the page cache */
    SHARDS_MAX = 255,
};

struct machine {
    struct machine_options options;
    int shards;
    struct fs fs;
    struct mem *shared; /* what belongs to no shard: mailbox, slow lane */
    struct mem **mems;
    struct uring **shard;
    pthread_t *threads;
    struct mailbox *mailbox;
    struct slow_lane *slow_lane;
    struct uring_features features;
    sigset_t old_mask;
    bool masked;
    int signal_fd;
    char described[256];
};

/* ---- cores ------------------------------------------------------------------------------------------------------- */

int machine_cores(void)
{
    cpu_set_t cpus;
    CPU_ZERO(&cpus);
    return sched_getaffinity(0, sizeof(cpus), &cpus) == 0 ? CPU_COUNT(&cpus) : 1;
}

/* The n-th core that this process may use, -1 if there are fewer. */
static int nth_core(int n)
{
    cpu_set_t cpus;
    CPU_ZERO(&cpus);
    if (sched_getaffinity(0, sizeof(cpus), &cpus) != 0)
        return -1;
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
        if (CPU_ISSET(cpu, &cpus) && n-- == 0)
            return cpu;
    return -1;
}

/* Data shards take the cores from the first on, the control shard, io-wq and the slow lane share the last. With more
 * shards than cores nothing is pinned: the scheduler does better than a queue on one core. */
static void place_shards(struct machine *machine)
{
    int cores = machine_cores();
    bool pin = machine->options.pin && machine->shards <= cores;
    int control = pin ? nth_core(cores - 1) : -1;
    for (int i = 0; i < machine->shards; i++) {
        machine->shard[i]->cpu = !pin ? -1 : i == machine->shards - 1 ? control : nth_core(i);
        machine->shard[i]->worker_cpu = control;
    }
    machine->options.pin = pin;
}

/* ---- open ---------------------------------------------------------------------------------------------------------
 */

/* SIGPIPE: sendfile has no MSG_NOSIGNAL, so the signal stays blocked in every thread and the call says EPIPE. */
static bool mask_signals(struct machine *machine, char why[512])
{
    sigset_t mask;
    sigemptyset(&mask);
    sigaddset(&mask, SIGTERM);
    sigaddset(&mask, SIGINT);
    if (machine->options.on_signal != NULL) {
        machine->signal_fd = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
        if (machine->signal_fd < 0) {
            snprintf(why, 512, "signals cannot be read: %s", strerror(errno));
            return false;
        }
    } else {
        sigemptyset(&mask);
    }
    sigaddset(&mask, SIGPIPE);
    machine->masked = pthread_sigmask(SIG_BLOCK, &mask, &machine->old_mask) == 0;
    return machine->masked;
}

/* A SIGPIPE that is pending for this thread (it may have turned the machine itself) would strike on unblocking. */
static void unmask_signals(struct machine *machine)
{
    sigset_t pipe;
    const struct timespec at_once = {0};
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    if (sigismember(&machine->old_mask, SIGPIPE) == 0)
        while (sigtimedwait(&pipe, NULL, &at_once) > 0)
            continue;
    pthread_sigmask(SIG_SETMASK, &machine->old_mask, NULL);
}

/* Connections and segments need descriptors; the soft limit of many systems, 1024, is there for select(2) only. */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max)
        return;
    limit.rlim_cur = limit.rlim_max;
    int result = setrlimit(RLIMIT_NOFILE, &limit);
    MAYBE(result < 0); /* then accepting and opening say ERR_LIMIT sooner */
}

static unsigned long long descriptor_limit(void)
{
    struct rlimit limit;
    return getrlimit(RLIMIT_NOFILE, &limit) == 0 ? (unsigned long long)limit.rlim_cur : 0;
}

static size_t default_memory(void)
{
    struct sysinfo info;
    if (sysinfo(&info) != 0)
        return (size_t)1 << 30;
    return (size_t)info.totalram * info.mem_unit / MEMORY_SHARE;
}

static enum err open_shard(struct machine *machine, int index, size_t limit, char why[512])
{
    struct mem *mem = mem_real_open(limit);
    if (mem == NULL)
        return ERR_NO_MEMORY;
    machine->mems[index] = mem;
    struct uring *uring = MEM_NEW(mem, struct uring);
    if (uring == NULL)
        return ERR_NO_MEMORY;
    machine->shard[index] = uring;
    bool control = index == machine->shards - 1;
    io_init(&uring->io, &uring_backend, mem, &machine->fs, index, machine->shards);
    uring->features = &machine->features;
    uring->peers = machine->shard;
    uring->mailbox = machine->mailbox;
    uring->spin_us = machine->options.spin_us;
    uring->transport = machine->options.transport;
    uring->wake_fd = uring->pipe[0] = uring->pipe[1] = uring->null_fd = IO_NONE;
    uring->signal_fd = control ? machine->signal_fd : IO_NONE;
    uring->on_signal = machine->options.on_signal;
    uring->signal_context = machine->options.context;
    return uring_open(uring, why);
}

static void wake_shard(struct io *io)
{
    uring_wake(uring_of(io));
}

static enum err open_slow_lane(struct machine *machine)
{
    const struct slow_lane_options options = {
        .mem = machine->shared,
        .fs = &machine->fs,
        .threads = machine->options.slow_lane_threads > 0 ? machine->options.slow_lane_threads : SLOW_LANE_THREADS,
        .cpu = machine->shard[0]->worker_cpu,
        .shards = machine->shards,
        .finished = wake_shard,
    };
    enum err err = slow_lane_open(&options, &machine->slow_lane);
    for (int i = 0; i < machine->shards; i++)
        machine->shard[i]->slow_lane = machine->slow_lane;
    return err;
}

static enum err open_parts(struct machine *machine, char why[512])
{
    snprintf(why, 512, "not enough memory to start");
    machine->features.without = machine->options.without;
    enum err err = uring_probe(&machine->features, why);
    if (err != ERR_OK)
        return err;
    size_t limit = machine->options.memory_limit > 0 ? machine->options.memory_limit : default_memory();
    size_t count = (size_t)machine->shards;
    machine->shared = mem_real_open(SIZE_MAX);
    machine->mems = calloc(count, sizeof(*machine->mems));
    machine->shard = calloc(count, sizeof(struct uring *));
    machine->threads = calloc(count, sizeof(*machine->threads));
    if (machine->shared == NULL || machine->mems == NULL || machine->shard == NULL || machine->threads == NULL)
        return ERR_NO_MEMORY;
    machine->mailbox = mailbox_open(machine->shared, machine->shards);
    if (machine->mailbox == NULL)
        return ERR_NO_MEMORY;
    if (!mask_signals(machine, why))
        return ERR_UNSUPPORTED;
    for (int i = 0; i < machine->shards; i++) {
        err = open_shard(machine, i, limit / count, why);
        if (err != ERR_OK)
            return err;
    }
    place_shards(machine);
    return open_slow_lane(machine);
}

uint32_t machine_features_named(const char *list)
{
    static const char *const names[] = {"msg_ring",    "registered_ring", "large_ring",   "worker_limits",
                                        "nowait_read", "sendfile",        "preallocation"}; /* in order of the bits */
    uint32_t features = 0;
    for (const char *at = list; *at != '\0';) {
        size_t length = strcspn(at, ", ");
        for (size_t i = 0; i < COUNT_OF(names); i++)
            if (strlen(names[i]) == length && memcmp(at, names[i], length) == 0)
                features |= 1u << i;
        at += length + strspn(at + length, ", ");
    }
    return features;
}

enum err machine_open(const struct machine_options *options, struct machine **out, char why[512])
{
    *out = NULL;
    why[0] = '\0';
    if (options->data_shards < 0 || options->data_shards >= SHARDS_MAX) {
        snprintf(why, 512, "the number of shards must be between 0 and %d", SHARDS_MAX - 1);
        return ERR_INVALID;
    }
    struct machine *machine = calloc(1, sizeof(*machine));
    if (machine == NULL) {
        snprintf(why, 512, "not enough memory to start");
        return ERR_NO_MEMORY;
    }
    machine->options = *options;
    machine->shards = options->data_shards + 1;
    machine->fs.backend = &fs_posix_backend;
    machine->signal_fd = IO_NONE;
    raise_descriptor_limit();
    enum err err = open_parts(machine, why);
    if (err != ERR_OK) {
        machine_close(machine);
        return err;
    }
    static const char *const transports[] = {"sendfile", "splice", "zerocopy"};
    snprintf(machine->described, sizeof(machine->described),
             "kernel=%s ring=defer_taskrun entries=%u doorbell=%s shards=%d+1 pinned=%s spin_us=%d transport=%s "
             "descriptors=%llu%s",
             machine->features.kernel, machine->shard[machine->shards - 1]->submissions,
             machine->features.ring_doorbell ? "msg_ring" : "eventfd", options->data_shards,
             machine->options.pin ? "yes" : "no", options->spin_us, transports[options->transport], descriptor_limit(),
             options->without != 0 ? " some_features=unused" : "");
    *out = machine;
    why[0] = '\0';
    return ERR_OK;
}

/* Also of a machine that is half open. */
void machine_close(struct machine *machine)
{
    if (machine->slow_lane != NULL)
        slow_lane_close(machine->slow_lane);
    for (int i = 0; i < machine->shards && machine->mems != NULL; i++) {
        struct uring *uring = machine->shard == NULL ? NULL : machine->shard[i];
        if (uring != NULL) {
            if (uring->running)
                uring_drain(uring); /* this thread's, by machine_turn */
            uring_close(uring);
            io_fini(&uring->io);
            MEM_DELETE(machine->mems[i], uring);
        }
        if (machine->mems[i] != NULL)
            mem_real_close(machine->mems[i]);
    }
    if (machine->mailbox != NULL)
        mailbox_close(machine->mailbox);
    if (machine->shared != NULL)
        mem_real_close(machine->shared);
    if (machine->signal_fd >= 0)
        close(machine->signal_fd);
    if (machine->masked)
        unmask_signals(machine);
    free(machine->mems);
    free(machine->shard);
    free(machine->threads);
    free(machine);
}

/* ---- running --------------------------------------------------------------------------------------------------------
 */

static void *run_shard(void *argument)
{
    struct uring *uring = argument;
    char name[16];
    bool control = uring->io.shard == uring->io.shard_count - 1;
    snprintf(name, sizeof(name), control ? "control" : "shard-%d", uring->io.shard);
    pthread_setname_np(pthread_self(), name);
    uring_enable(uring);
    while (!uring->io.stopping)
        uring_turn(uring, true);
    uring_drain(uring);
    return NULL;
}

static bool start_shard(struct machine *machine, int index)
{
    struct uring *uring = machine->shard[index];
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 1024 * 1024);
    if (uring->cpu >= 0) {
        cpu_set_t cpus;
        CPU_ZERO(&cpus);
        CPU_SET((size_t)uring->cpu, &cpus);
        pthread_attr_setaffinity_np(&attributes, sizeof(cpus), &cpus);
    }
    int result = pthread_create(&machine->threads[index], &attributes, run_shard, uring);
    pthread_attr_destroy(&attributes);
    return result == 0;
}

void machine_run(struct machine *machine)
{
    for (int i = 0; i < machine->shards; i++) {
        bool started = start_shard(machine, i);
        ASSERT(started); /* without its threads the node is nothing; the limit is ulimit -u */
    }
    for (int i = 0; i < machine->shards; i++)
        pthread_join(machine->threads[i], NULL);
}

void machine_turn(struct machine *machine, bool wait)
{
    struct uring *uring = machine->shard[machine->shards - 1];
    if (!uring->running)
        uring_enable(uring);
    uring_turn(uring, wait);
}

struct io *machine_io(struct machine *machine, int shard)
{
    ASSERT(shard >= 0 && shard < machine->shards);
    return &machine->shard[shard]->io;
}

int machine_shards(const struct machine *machine)
{
    return machine->shards;
}
const char *machine_features(const struct machine *machine)
{
    return machine->described;
}
