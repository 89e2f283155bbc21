/* Goal: the machine starts where it may and says why where it may not, sleeps when idle, hears signals, and leaves
 * nothing behind. Method: real threads; what must not touch the test's process (seccomp, limits, signals) is done in a
 * forked child whose exit code is the verdict. */
#include "io/reactor/machine.h"
#include "tests/unit/io/reactor/turning.h"

#include <dirent.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int in_child(int (*body)(void))
{
    fflush(NULL);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        _exit(body());
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

/* ---- where io_uring is not to be had ---------------------------------------------------------------------------- */

static void forbid_io_uring(unsigned error)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_io_uring_setup, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {.len = COUNT_OF(code), .filter = code};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
        _exit(77);
}

static int open_and_expect(enum err expected, const char *words)
{
    struct machine *machine;
    char why[512];
    const struct machine_options options = {.data_shards = 1};
    enum err err = machine_open(&options, &machine, why);
    if (err != expected || machine != NULL || strstr(why, words) == NULL || strchr(why, '\n') != NULL) {
        fprintf(stderr, "%s: %s\n", err_name(err), why);
        return 1;
    }
    return 0;
}

static int start_where_forbidden(void)
{
    forbid_io_uring(EPERM);
    return open_and_expect(ERR_UNSUPPORTED, "io_uring_disabled");
}

static int start_where_missing(void)
{
    forbid_io_uring(ENOSYS);
    return open_and_expect(ERR_UNSUPPORTED, "Linux 6.1 or newer");
}

static int start_where_too_old(void)
{
    forbid_io_uring(EINVAL); /* what an old kernel says to flags it does not know */
    return open_and_expect(ERR_UNSUPPORTED, "too old");
}

static int start_without_descriptors(void)
{
    struct rlimit limit = {4, 4};
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
        return 77;
    return open_and_expect(ERR_LIMIT, "ulimit -n");
}

static void a_machine_without_io_uring_says_what_to_do(void **state)
{
    assert_int_equal(in_child(start_where_forbidden), 0);
    assert_int_equal(in_child(start_where_missing), 0);
    assert_int_equal(in_child(start_where_too_old), 0);
    assert_int_equal(in_child(start_without_descriptors), 0);
}

static void stop_here(struct io_msg *msg, struct io *io)
{
    io_stop(io);
}

static int start_as_nobody(void)
{
    struct rlimit limit = {65536, 65536}; /* the default of many systems */
    if (setrlimit(RLIMIT_MEMLOCK, &limit) != 0 || (getuid() == 0 && setuid(65534) != 0))
        return 77;
    struct machine *machine;
    char why[512];
    const struct machine_options options = {.data_shards = 2, .pin = true, .memory_limit = (size_t)64 << 20};
    if (machine_open(&options, &machine, why) != ERR_OK) {
        fprintf(stderr, "%s\n", why);
        return 1;
    }
    struct io_msg stops[3] = {{.run = stop_here}, {.run = stop_here}, {.run = stop_here}};
    for (int i = 0; i < 3; i++)
        io_post(machine_io(machine, i), i, &stops[i]);
    machine_run(machine);
    machine_close(machine);
    return 0;
}

static void little_locked_memory_and_no_privileges_are_enough(void **state)
{
    assert_int_equal(in_child(start_as_nobody), 0);
}

static void a_budget_below_the_buffers_is_refused(void **state)
{
    struct machine *machine;
    char why[512];
    const struct machine_options small = {.memory_limit = 100000};
    assert_int_equal(machine_open(&small, &machine, why), ERR_NO_MEMORY);
    assert_non_null(strstr(why, "memory limit"));
    const struct machine_options many = {.data_shards = 100000};
    assert_int_equal(machine_open(&many, &machine, why), ERR_INVALID);
}

/* ---- idle -------------------------------------------------------------------------------------------------------- */

struct alarm {
    struct io_timer timer;
    struct io *io;
    struct io_msg stops[3];
    int64_t cpu_ns;
    uint64_t turns[3];
};

static int64_t cpu_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void alarm_fire(struct io_timer *timer)
{
    struct alarm *alarm = CONTAINER_OF(timer, struct alarm, timer);
    alarm->cpu_ns = cpu_now_ns() - alarm->cpu_ns;
    for (int i = 0; i < 3; i++) {
        alarm->stops[i].run = stop_here;
        io_post(alarm->io, i, &alarm->stops[i]);
    }
}

static void alarm_set(struct io_msg *msg, struct io *io)
{
    struct alarm *alarm = CONTAINER_OF(msg, struct alarm, stops[0]);
    alarm->io = io;
    alarm->cpu_ns = cpu_now_ns();
    alarm->timer.fire = alarm_fire;
    assert_int_equal(io_timer_start(io, &alarm->timer, io_now_ns(io) + 300000000 * turning_patience()), ERR_OK);
}

static void an_idle_machine_sleeps(void **state)
{
    struct machine *machine;
    char why[512];
    static struct alarm alarm;
    const struct machine_options options = {.data_shards = 2, .memory_limit = (size_t)64 << 20, .spin_us = 20};
    assert_int_equal(machine_open(&options, &machine, why), ERR_OK);
    alarm.stops[0].run = alarm_set;
    io_post(machine_io(machine, 0), 0, &alarm.stops[0]);
    machine_run(machine);
    assert_true(alarm.cpu_ns < 100000000 * turning_patience()); /* of 300 ms; it is well below one, but machines are shared */
    for (int i = 0; i < 3; i++)
        assert_true(io_stats(machine_io(machine, i))->turns < 20);
    machine_close(machine);
}

/* ---- signals ------------------------------------------------------------------------------------------------------
 */

static void on_signal(struct io *control, int count, void *context)
{
    int *seen = context;
    *seen = count;
    assert_int_equal(io_shard(control), io_shard_count(control) - 1);
    if (count == 1) {
        kill(getpid(), SIGINT);
        return;
    }
    static struct io_msg stops[2] = {{.run = stop_here}, {.run = stop_here}};
    io_post(control, 0, &stops[0]);
    io_post(control, 1, &stops[1]);
}

static void raise_term(struct io_msg *msg, struct io *io)
{
    kill(getpid(), SIGTERM);
}

static int hear_signals(void)
{
    struct machine *machine;
    char why[512];
    int seen = 0;
    const struct machine_options options = {
        .data_shards = 1, .memory_limit = (size_t)64 << 20, .on_signal = on_signal, .context = &seen};
    if (machine_open(&options, &machine, why) != ERR_OK)
        return 1;
    struct io_msg first = {.run = raise_term};
    io_post(machine_io(machine, 0), 0, &first);
    machine_run(machine);
    machine_close(machine);
    return seen == 2 ? 0 : 2;
}

static void signals_are_counted_on_the_control_shard(void **state)
{
    assert_int_equal(in_child(hear_signals), 0);
}

/* ---- leaving -------------------------------------------------------------------------------------------------------
 */

static int descriptors(void)
{
    int count = 0;
    DIR *directory = opendir("/proc/self/fd");
    assert_non_null(directory);
    while (readdir(directory) != NULL)
        count++;
    closedir(directory);
    return count;
}

struct orphan {
    struct io_op op;
    struct io_receiver receiver;
    uint8_t buffer[4096];
};

static void never(struct io_op *op)
{
    fail_msg("completed after the end");
}
static void never_bytes(struct io_receiver *receiver, const uint8_t *data, size_t length, enum err err)
{
    fail_msg("bytes after the end");
}
static void never_stopped(struct io_receiver *receiver)
{
    fail_msg("stopped after the end");
}
static void never_accepted(struct io_listener *listener, io_socket socket, const struct io_address *peer)
{
}
static void never_over(struct io_listener *listener)
{
    fail_msg("over after the end");
}

/* Operations that are still in the ring when the machine ends do not write into memory afterwards, nor call back. */
static void closing_forgets_what_is_in_flight(void **state)
{
    int before = descriptors();
    struct machine *machine;
    char why[512];
    const struct machine_options options = {.memory_limit = (size_t)64 << 20};
    assert_int_equal(machine_open(&options, &machine, why), ERR_OK);
    struct io *io = machine_io(machine, 0);
    struct io_listener listener = {.accepted = never_accepted, .stopped = never_over};
    const struct io_listen_options listen_options = {.backlog = 4};
    struct io_address address;
    struct orphan *orphan = calloc(1, sizeof(*orphan));
    assert_true(io_address_parse("127.0.0.1", 0, &address));
    assert_int_equal(io_listen(io, &listener, &address, &listen_options), ERR_OK);
    int pair[2], other[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, other), 0);
    orphan->op.done = never;
    orphan->receiver = (struct io_receiver){.on_bytes = never_bytes, .stopped = never_stopped};
    machine_turn(machine, false);
    io_receive_into(io, &orphan->op, pair[0], orphan->buffer, sizeof(orphan->buffer));
    io_receive_start(io, &orphan->receiver, other[0]);
    for (int i = 0; i < 3; i++)
        machine_turn(machine, false);
    machine_close(machine);
    free(orphan);
    for (int i = 0; i < 2; i++) {
        close(pair[i]);
        close(other[i]);
    }
    close(listener.socket);
    assert_int_equal(descriptors(), before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_machine_without_io_uring_says_what_to_do),
        cmocka_unit_test(little_locked_memory_and_no_privileges_are_enough),
        cmocka_unit_test(a_budget_below_the_buffers_is_refused),
        cmocka_unit_test(an_idle_machine_sleeps),
        cmocka_unit_test(signals_are_counted_on_the_control_shard),
        cmocka_unit_test(closing_forgets_what_is_in_flight),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
