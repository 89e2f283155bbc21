/* The ring of one shard: set-up, what the kernel has, one turn of the loop. */
#include "io/reactor/fs_posix.h"
#include "io/reactor/uring.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

enum { DRAIN_MS = 5000, RING_TRIES = 25, RING_RETRY_MS = 20 };

static const unsigned ring_flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_SUBMIT_ALL |
                                   IORING_SETUP_TASKRUN_FLAG | IORING_SETUP_CQSIZE;

/* ---- clock and chance -------------------------------------------------------------------------------------------- */

static int64_t clock_of(clockid_t id)
{
    struct timespec now;
    clock_gettime(id, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static int64_t clock_ns(struct io *io)
{
    return clock_of(CLOCK_MONOTONIC);
}
/* Lines of one write do not mix with those of other threads. */
static void print(struct io *io, const char *line, size_t length)
{
    ssize_t written = write(STDERR_FILENO, line, length);
    MAYBE(written == (ssize_t)length);
}

static int64_t wall_ms(struct io *io)
{
    return clock_of(CLOCK_REALTIME) / 1000000;
}

static uint64_t random_u64(struct io *io)
{
    struct uring *uring = uring_of(io);
    if (uring->random_left == 0) {
        /* Up to 256 bytes getrandom neither fails nor comes short once the kernel's pool is ready. */
        ssize_t got;
        do
            got = getrandom(uring->random, sizeof(uring->random), 0);
        while (got < 0 && errno == EINTR);
        ASSERT(got == (ssize_t)sizeof(uring->random));
        uring->random_left = COUNT_OF(uring->random);
    }
    uint64_t value = uring->random[--uring->random_left];
    uring->random[uring->random_left] = 0;
    return value;
}

/* ---- probe --------------------------------------------------------------------------------------------------------
 */

static enum err explain(int error, const char *kernel, char why[512])
{
    switch (error) {
    case EPERM:
    case EACCES:
        snprintf(
            why, 512,
            "io_uring is forbidden here (kernel %s): set sysctl kernel.io_uring_disabled=0, and in a container use "
            "a seccomp profile that allows io_uring_setup, io_uring_enter and io_uring_register "
            "(docker: --security-opt seccomp=unconfined)",
            kernel);
        return ERR_UNSUPPORTED;
    case ENOSYS:
        snprintf(why, 512,
                 "this kernel (%s) has no io_uring, or a sandbox hides it: Linux 6.1 or newer with CONFIG_IO_URING is "
                 "needed",
                 kernel);
        return ERR_UNSUPPORTED;
    case EINVAL:
        snprintf(why, 512, "this kernel (%s) is too old: Linux 6.1 or newer is needed", kernel);
        return ERR_UNSUPPORTED;
    case ENOMEM:
        snprintf(why, 512, "no memory for an io_uring: free memory, or raise the limit of locked memory (ulimit -l)");
        return ERR_NO_MEMORY;
    case EMFILE:
    case ENFILE:
        snprintf(why, 512, "no file descriptor left for an io_uring: raise the limit (ulimit -n)");
        return ERR_LIMIT;
    default:
        snprintf(why, 512, "io_uring cannot be set up: %s", strerror(error));
        return err_from_errno(error);
    }
}

/* 0 or a positive errno. */
static int open_ring(struct io_uring *ring, unsigned entries, unsigned completions, unsigned more_flags)
{
    struct io_uring_params params = {.flags = ring_flags | more_flags, .cq_entries = completions};
    return -io_uring_queue_init_params(entries, ring, &params);
}

/* Rings of a process that has just ended are given back a moment later; until then they count as locked memory of its
 * user. A script that calls the command line again and again would meet that. */
static bool try_again(int error, int *tries)
{
    static const struct timespec pause = {.tv_nsec = RING_RETRY_MS * 1000000};
    if (error != ENOMEM || ++*tries >= RING_TRIES)
        return false;
    nanosleep(&pause, NULL);
    return true;
}

static int open_ring_patiently(struct io_uring *ring, unsigned entries, unsigned completions, unsigned more_flags)
{
    int error, tries = 0;
    do
        error = open_ring(ring, entries, completions, more_flags);
    while (try_again(error, &tries));
    return error;
}

static bool has_operations(struct io_uring *ring)
{
    static const int needed[] = {
        IORING_OP_READ,     IORING_OP_WRITE,        IORING_OP_FSYNC,  IORING_OP_SYNC_FILE_RANGE,
        IORING_OP_ACCEPT,   IORING_OP_CONNECT,      IORING_OP_RECV,   IORING_OP_POLL_ADD,
        IORING_OP_MSG_RING, IORING_OP_ASYNC_CANCEL, IORING_OP_SEND_ZC};
    struct io_uring_probe *probe = io_uring_get_probe_ring(ring);
    bool ok = probe != NULL;
    for (size_t i = 0; ok && i < COUNT_OF(needed); i++)
        ok = io_uring_opcode_supported(probe, needed[i]);
    io_uring_free_probe(probe);
    return ok;
}

/* Can one ring ring another one's doorbell? 6.1.y of Debian can; that it also wakes a sleeper shows mailbox_test. */
static bool doorbell_works(struct io_uring *from, struct io_uring *to)
{
    struct io_uring_sqe *sqe = io_uring_get_sqe(from);
    io_uring_prep_msg_ring(sqe, to->ring_fd, 0, URING_TAG_DOORBELL, 0);
    if (io_uring_submit_and_get_events(from) < 0)
        return false;
    struct io_uring_cqe *sent, *came;
    struct __kernel_timespec limit = {.tv_nsec = 100000000};
    if (io_uring_wait_cqe_timeout(from, &sent, &limit) != 0 || sent->res < 0)
        return false;
    limit = (struct __kernel_timespec){.tv_nsec = 100000000};
    return io_uring_wait_cqe_timeout(to, &came, &limit) == 0 && came->user_data == URING_TAG_DOORBELL;
}

enum err uring_probe(struct uring_features *features, char why[512])
{
    struct utsname system;
    uname(&system);
    snprintf(features->kernel, sizeof(features->kernel), "%.60s", system.release);
    struct io_uring first, second;
    int error = open_ring_patiently(&first, 8, 16, 0);
    if (error != 0)
        return explain(error, features->kernel, why);
    if (!has_operations(&first)) {
        io_uring_queue_exit(&first);
        return explain(EINVAL, features->kernel, why);
    }
    error = open_ring_patiently(&second, 8, 16, 0);
    if (error != 0) {
        io_uring_queue_exit(&first);
        return explain(error, features->kernel, why);
    }
    features->ring_doorbell = (features->without & FEATURE_MSG_RING) == 0 && doorbell_works(&first, &second);
    io_uring_queue_exit(&second);
    io_uring_queue_exit(&first);
    return ERR_OK;
}

/* ---- set-up --------------------------------------------------------------------------------------------------------
 */

static size_t buffer_ring_size(void)
{
    return URING_BUFFERS * sizeof(struct io_uring_buf);
}

static int register_buffers(struct uring *uring)
{
    struct io_uring_buf_reg registration = {
        .ring_addr = (uintptr_t)uring->buffer_ring, .ring_entries = URING_BUFFERS, .bgid = URING_BUFFER_GROUP};
    int result, tries = 0;
    do
        result = io_uring_register_buf_ring(&uring->ring, &registration, 0);
    while (try_again(-result, &tries));
    if (result < 0)
        return -result;
    io_uring_buf_ring_init(uring->buffer_ring);
    for (int i = 0; i < URING_BUFFERS; i++)
        io_uring_buf_ring_add(uring->buffer_ring, uring->buffers + (size_t)i * URING_BUFFER_BYTES, URING_BUFFER_BYTES,
                              (unsigned short)i, io_uring_buf_ring_mask(URING_BUFFERS), i);
    io_uring_buf_ring_advance(uring->buffer_ring, URING_BUFFERS);
    return 0;
}

struct ring_size {
    unsigned submissions, completions;
    size_t locked_bytes; /* what the kernel accounts for it, about */
};

/* Newer kernels count rings as locked memory (RLIMIT_MEMLOCK) of a process without CAP_IPC_LOCK. Where the first size
 * is too much for all shards a smaller ring does, with more system calls under load. */
static int open_fitting_ring(struct uring *uring)
{
    static const struct ring_size sizes[] = {
        {URING_SUBMISSIONS, URING_COMPLETIONS, 112 << 10}, {128, 512, 28 << 10}, {32, 128, 0}};
    struct rlimit limit;
    bool limited = geteuid() != 0 && getrlimit(RLIMIT_MEMLOCK, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY;
    size_t share = limited ? (size_t)limit.rlim_cur / 4 * 3 / (size_t)uring->io.shard_count : SIZE_MAX;
    int error = ENOMEM;
    if (!uring_uses(uring, FEATURE_LARGE_RING))
        share = 0;
    for (size_t i = 0; i < COUNT_OF(sizes) && error == ENOMEM; i++) {
        if (sizes[i].locked_bytes > share)
            continue;
        bool last = i + 1 == COUNT_OF(sizes);
        error = (last ? open_ring_patiently : open_ring)(&uring->ring, sizes[i].submissions, sizes[i].completions,
                                                         IORING_SETUP_R_DISABLED);
        uring->submissions = sizes[i].submissions;
    }
    return error;
}

enum err uring_open(struct uring *uring, char why[512])
{
    struct mem *mem = uring->io.mem;
    list_init(&uring->backlog);
    list_init(&uring->cold_waiters);
    list_init(&uring->zero_copies);
    atomic_init(&uring->sleeping, 0);
    uring->buffer_ring = mem_alloc_pages(mem, buffer_ring_size());
    uring->buffers = mem_alloc_pages(mem, URING_BUFFERS * URING_BUFFER_BYTES);
    uring->scratch = mem_alloc_pages(mem, URING_SCRATCH_BYTES);
    if (uring->buffer_ring == NULL || uring->buffers == NULL || uring->scratch == NULL) {
        snprintf(why, 512, "the memory limit is too small for a shard's buffers (%d KiB)",
                 (URING_BUFFERS * URING_BUFFER_BYTES + URING_SCRATCH_BYTES) / 1024);
        return ERR_NO_MEMORY;
    }
    memset(uring->buffer_ring, 0, buffer_ring_size());
    int error = open_fitting_ring(uring);
    if (error != 0)
        return explain(error, uring->features->kernel, why);
    uring->ring_open = true;
    error = register_buffers(uring);
    if (error != 0)
        return explain(error, uring->features->kernel, why);
    uring->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (uring->wake_fd < 0)
        return explain(errno, uring->features->kernel, why);
    return uring->transport == MACHINE_SPLICE ? uring_open_pipe(uring, why) : ERR_OK;
}

void uring_close(struct uring *uring)
{
    struct mem *mem = uring->io.mem;
    if (uring->ring_open)
        io_uring_queue_exit(&uring->ring);
    if (uring->wake_fd >= 0)
        close(uring->wake_fd);
    uring_close_transport(uring);
    mem_free(mem, uring->buffer_ring, buffer_ring_size());
    mem_free(mem, uring->buffers, URING_BUFFERS * URING_BUFFER_BYTES);
    mem_free(mem, uring->scratch, URING_SCRATCH_BYTES);
}

/* io-wq is the slow lane of the ring: few threads, away from the data shards. Failure costs only their placement. */
static void bound_workers(struct uring *uring)
{
    unsigned limits[2] = {URING_WORKERS_BOUNDED, URING_WORKERS_UNBOUNDED};
    int result = io_uring_register_iowq_max_workers(&uring->ring, limits);
    MAYBE(result < 0);
    if (uring->worker_cpu >= 0) {
        cpu_set_t cpus;
        CPU_ZERO(&cpus);
        CPU_SET((size_t)uring->worker_cpu, &cpus);
        result = io_uring_register_iowq_aff(&uring->ring, sizeof(cpus), &cpus);
        MAYBE(result < 0);
    }
}

void uring_enable(struct uring *uring)
{
    ASSERT(!uring->running);
    /* Makes this thread the ring's only issuer. Debian's liburing declares the call but does not export it. */
    int result = io_uring_register((unsigned)uring->ring.ring_fd, IORING_REGISTER_ENABLE_RINGS, NULL, 0);
    ASSERT(result == 0);
    uring->running = true;
    if (uring_uses(uring, FEATURE_REGISTERED_RING)) {
        result = io_uring_register_ring_fd(&uring->ring);
        MAYBE(result < 0);
    }
    if (uring_uses(uring, FEATURE_WORKER_LIMITS))
        bound_workers(uring);
    uring_submit(uring, &uring->wake_op, URING_WAKE);
    if (uring->signal_fd >= 0)
        uring_submit(uring, &uring->signal_op, URING_SIGNAL);
}

/* ---- operations ----------------------------------------------------------------------------------------------------
 */

/* Submits, and makes the kernel post what has completed. */
static void enter(struct uring *uring)
{
    int result = io_uring_submit_and_get_events(&uring->ring);
    ASSERT(result >= 0 || result == -EAGAIN || result == -EBUSY || result == -EINTR);
}

struct io_uring_sqe *uring_sqe(struct uring *uring)
{
    struct io_uring_sqe *sqe = io_uring_get_sqe(&uring->ring);
    while (sqe == NULL && uring->running) {
        enter(uring);
        sqe = io_uring_get_sqe(&uring->ring);
    }
    uring->io.stats.submissions += sqe != NULL;
    return sqe;
}

static void prepare(struct io_uring_sqe *sqe, struct io_op *op, struct uring *uring)
{
    switch ((enum uring_kind)op->_kind) {
    case URING_READ:
    case URING_WRITE:
    case URING_SYNC:
    case URING_WRITEBACK:
        uring_file_prepare(sqe, op);
        break;
    case URING_ACCEPT:
    case URING_CONNECT:
    case URING_RECEIVE:
    case URING_RECEIVE_INTO:
        uring_socket_prepare(sqe, op);
        break;
    case URING_SEND_POLL:
    case URING_SEND_READ:
        uring_send_prepare(sqe, op);
        break;
    case URING_SEND_ZERO_COPY:
        uring_zero_copy_prepare(sqe, op);
        break;
    case URING_WAKE:
        io_uring_prep_poll_multishot(sqe, uring->wake_fd, POLLIN);
        break;
    case URING_SIGNAL:
        io_uring_prep_poll_multishot(sqe, uring->signal_fd, POLLIN);
        break;
    case URING_WATCH:
        io_uring_prep_poll_add(sqe, (int)op->_private[0], POLLIN);
        break;
    }
    io_uring_sqe_set_data(sqe, op);
}

void uring_submit(struct uring *uring, struct io_op *op, enum uring_kind kind)
{
    op->_kind = (uint8_t)kind;
    struct io_uring_sqe *sqe = uring_sqe(uring);
    uring->in_flight++;
    if (sqe == NULL)
        list_push_back(&uring->backlog, &op->_link); /* set-up before the thread runs: nobody may enter the ring yet */
    else
        prepare(sqe, op, uring);
}

static void submit_backlog(struct uring *uring)
{
    for (struct list *link; (link = list_pop_front(&uring->backlog)) != NULL;)
        prepare(uring_sqe(uring), CONTAINER_OF(link, struct io_op, _link), uring);
}

void uring_cancel(struct uring *uring, struct io_op *op)
{
    struct io_uring_sqe *sqe = uring_sqe(uring);
    ASSERT(sqe != NULL);
    io_uring_prep_cancel64(sqe, (uintptr_t)op, 0);
    io_uring_sqe_set_data64(sqe, URING_TAG_IGNORE);
}

/* ---- waking --------------------------------------------------------------------------------------------------------
 */

void uring_wake(struct uring *uring)
{
    if (atomic_load(&uring->sleeping) != 0 && atomic_exchange(&uring->sleeping, 0) != 0)
        eventfd_write(uring->wake_fd, 1);
}

static void ring_doorbell(struct uring *uring, struct uring *peer)
{
    if (atomic_load(&peer->sleeping) == 0 || atomic_exchange(&peer->sleeping, 0) == 0)
        return;
    uring->io.stats.doorbells++;
    if (!uring->features->ring_doorbell) {
        eventfd_write(peer->wake_fd, 1);
        return;
    }
    struct io_uring_sqe *sqe = uring_sqe(uring);
    io_uring_prep_msg_ring(sqe, peer->ring.ring_fd, 0, URING_TAG_DOORBELL, 0);
    sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
    io_uring_sqe_set_data64(sqe, URING_TAG_RANG | ((uint64_t)peer->io.shard << URING_TAG_SHARD_SHIFT));
}

static void publish_messages(struct uring *uring)
{
    for (int to = 0; to < uring->io.shard_count; to++) {
        if (!mailbox_pending(uring->mailbox, uring->io.shard, to))
            continue;
        mailbox_publish(uring->mailbox, uring->io.shard, to);
        ring_doorbell(uring, uring->peers[to]);
    }
}

static void post(struct io *io, int target_shard, struct io_msg *msg)
{
    mailbox_put(uring_of(io)->mailbox, io->shard, target_shard, msg);
}

static void watch(struct io *io, struct io_op *op, int descriptor)
{
    op->_private[0] = (uint64_t)descriptor;
    uring_submit(uring_of(io), op, URING_WATCH);
}

static void job_start(struct io *io, struct io_job *job)
{
    slow_lane_submit(uring_of(io)->slow_lane, job);
}

static void drain_eventfd(struct uring *uring, bool more)
{
    eventfd_t ignored;
    eventfd_read(uring->wake_fd, &ignored);
    if (!more)
        uring_submit(uring, &uring->wake_op, URING_WAKE);
}

static void take_signals(struct uring *uring, bool more)
{
    struct signalfd_siginfo info;
    while (read(uring->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
        uring->on_signal(&uring->io, ++uring->signal_count, uring->signal_context);
    if (!more)
        uring_submit(uring, &uring->signal_op, URING_SIGNAL);
}

/* ---- completions ---------------------------------------------------------------------------------------------------
 */

static void complete_tag(struct uring *uring, uint64_t tag, int result)
{
    if ((tag & 0xff) == URING_TAG_RANG && result < 0) /* for instance: no memory for the peer's completion */
        eventfd_write(uring->peers[tag >> URING_TAG_SHARD_SHIFT]->wake_fd, 1);
}

static void complete(struct uring *uring, const struct io_uring_cqe *cqe)
{
    if (cqe->user_data < URING_TAG_MAX) {
        complete_tag(uring, cqe->user_data, cqe->res);
        return;
    }
    struct io_op *op = (struct io_op *)(uintptr_t)cqe->user_data;
    bool more = (cqe->flags & IORING_CQE_F_MORE) != 0;
    uring->io.stats.completions++;
    if (!more)
        uring->in_flight--;
    switch ((enum uring_kind)op->_kind) {
    case URING_READ:
    case URING_WRITE:
    case URING_SYNC:
    case URING_WRITEBACK:
        uring_file_done(uring, op, cqe->res);
        break;
    case URING_ACCEPT:
    case URING_CONNECT:
    case URING_RECEIVE:
    case URING_RECEIVE_INTO:
        uring_socket_done(uring, op, cqe->res, cqe->flags);
        break;
    case URING_SEND_POLL:
    case URING_SEND_READ:
        uring_send_done(uring, op, cqe->res);
        break;
    case URING_SEND_ZERO_COPY:
        uring_zero_copy_done(uring, op, cqe->res, cqe->flags);
        break;
    case URING_WAKE:
        drain_eventfd(uring, more);
        break;
    case URING_SIGNAL:
        take_signals(uring, more);
        break;
    case URING_WATCH:
        op->err = cqe->res < 0 ? err_from_errno(-cqe->res) : ERR_OK;
        op->result = 0;
        op->done(op);
        break;
    }
}

/* Those that are there now: what they start completes in a later turn. */
static void reap(struct uring *uring)
{
    unsigned left = io_uring_cq_ready(&uring->ring);
    struct io_uring_cqe *cqe;
    while (left-- > 0 && io_uring_peek_cqe(&uring->ring, &cqe) == 0 && cqe != NULL) {
        struct io_uring_cqe copy = *cqe;
        io_uring_cqe_seen(&uring->ring, cqe);
        complete(uring, &copy);
    }
}

static void run_finished_jobs(struct uring *uring)
{
    struct list jobs;
    list_init(&jobs);
    slow_lane_take(uring->slow_lane, uring->io.shard, &jobs);
    for (struct list *link; (link = list_pop_front(&jobs)) != NULL;) {
        struct io_job *job = CONTAINER_OF(link, struct io_job, _link);
        io_job_finish(&uring->io, job);
    }
}

/* ---- turn ----------------------------------------------------------------------------------------------------------
 */

static bool something_came(struct uring *uring)
{
    return mailbox_waiting(uring->mailbox, uring->io.shard) || slow_lane_waiting(uring->slow_lane, uring->io.shard) ||
           io_uring_cq_ready(&uring->ring) > 0;
}

/* Looks without a system call whether work has come, for a short while. */
static bool spin(struct uring *uring, int64_t until_ns)
{
    while (clock_of(CLOCK_MONOTONIC) < until_ns) {
        unsigned flags = __atomic_load_n(uring->ring.sq.kflags, __ATOMIC_RELAXED);
        if ((flags & (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW)) != 0 || something_came(uring))
            return true;
        __builtin_ia32_pause();
    }
    return false;
}

static void sleep_until(struct uring *uring, int64_t deadline_ns)
{
    atomic_store(&uring->sleeping, 1); /* from here on senders ring; see mailbox.h */
    if (something_came(uring)) {
        atomic_store(&uring->sleeping, 0);
        enter(uring);
        return;
    }
    int64_t left_ns = deadline_ns == INT64_MAX ? 0 : deadline_ns - clock_of(CLOCK_MONOTONIC);
    left_ns = left_ns > 0 ? left_ns : 0;
    struct __kernel_timespec limit = {.tv_sec = left_ns / 1000000000, .tv_nsec = left_ns % 1000000000};
    struct io_uring_cqe *cqe;
    uring->io.stats.sleeps++;
    int result =
        io_uring_submit_and_wait_timeout(&uring->ring, &cqe, 1, deadline_ns == INT64_MAX ? NULL : &limit, NULL);
    ASSERT(result >= 0 || result == -ETIME || result == -EINTR || result == -EAGAIN || result == -EBUSY);
    atomic_store(&uring->sleeping, 0);
    uring->io.stats.wakeups++;
}

static void wait_for_work(struct uring *uring)
{
    int64_t deadline_ns = io_next_deadline(&uring->io);
    int64_t now_ns = uring->io.turn_end_ns;
    if (deadline_ns <= now_ns) {
        enter(uring);
        return;
    }
    if (uring->spin_us > 0) {
        enter(uring);
        int64_t until_ns = now_ns + (int64_t)uring->spin_us * 1000;
        if (something_came(uring) || spin(uring, until_ns < deadline_ns ? until_ns : deadline_ns)) {
            enter(uring);
            return;
        }
    }
    sleep_until(uring, deadline_ns);
}

void uring_turn(struct uring *uring, bool wait)
{
    ASSERT(uring->running);
    submit_backlog(uring);
    publish_messages(uring);
    if (wait)
        wait_for_work(uring);
    else
        enter(uring);
    io_turn_begin(&uring->io);
    reap(uring);
    struct io_chain messages = {NULL, NULL};
    mailbox_take(uring->mailbox, uring->io.shard, &messages);
    io_run_messages(&uring->io, &messages);
    run_finished_jobs(uring);
    io_run_ready(&uring->io);
    io_run_timers(&uring->io);
    io_run_hooks(&uring->io);
    publish_messages(uring);
    io_turn_end(&uring->io);
}

/* The kernel must not write into memory that is about to be freed. */
void uring_drain(struct uring *uring)
{
    submit_backlog(uring);
    int64_t give_up_ns = clock_of(CLOCK_MONOTONIC) + DRAIN_MS * (int64_t)1000000;
    struct io_uring_sqe *sqe = uring_sqe(uring);
    io_uring_prep_cancel64(sqe, 0, IORING_ASYNC_CANCEL_ANY | IORING_ASYNC_CANCEL_ALL);
    io_uring_sqe_set_data64(sqe, URING_TAG_IGNORE);
    while (uring->in_flight > 0 && clock_of(CLOCK_MONOTONIC) < give_up_ns) {
        struct __kernel_timespec limit = {.tv_nsec = 50000000};
        struct io_uring_cqe *cqe;
        int result = io_uring_submit_and_wait_timeout(&uring->ring, &cqe, 1, &limit, NULL);
        MAYBE(result < 0);
        while (io_uring_peek_cqe(&uring->ring, &cqe) == 0 && cqe != NULL) {
            if (cqe->user_data >= URING_TAG_MAX && (cqe->flags & IORING_CQE_F_MORE) == 0)
                uring->in_flight--;
            io_uring_cqe_seen(&uring->ring, cqe);
        }
    }
    uring->running = false;
}

const struct io_backend uring_backend = {
    .clock_ns = clock_ns,
    .wall_ms = wall_ms,
    .print = print,
    .random = random_u64,
    .post = post,
    .job_start = job_start,
    .write_now = uring_write_now,
    .read_now = uring_read_now,
    .allocate_now = uring_allocate_now,
    .open_now = uring_open_now,
    .close_now = uring_close_now,
    .read = uring_read,
    .write = uring_write,
    .sync = uring_sync,
    .writeback = uring_writeback,
    .watch = watch,
    .resolve = uring_resolve,
    .listen = uring_listen,
    .listen_stop = uring_listen_stop,
    .connect = uring_connect,
    .socket_buffers = uring_socket_buffers,
    .receive_start = uring_receive_start,
    .receive_stop = uring_receive_stop,
    .receive_into = uring_receive_into,
    .send = uring_send,
    .shutdown = uring_shutdown,
    .close_socket = uring_close_socket,
};
