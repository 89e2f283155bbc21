/* Goal: messages between shards that are real threads arrive, once, in the order in which they were posted, whether the
 * peers sleep or are busy. Method: each shard sends numbered messages to every other, hands messages back to their
 * owners, and at times lets its peers fall asleep; under SAN=thread this is also the race check of mailbox and slow
 * lane. */
#include "io/reactor/machine.h"
#include "tests/unit/io/reactor/turning.h"

enum { WINDOW = 256, SHARDS_MAX_TEST = 4 };

struct test;

struct letter {
    struct io_msg msg;
    struct test *test;
    int from, to;
    uint64_t number;
};

/* What one shard knows; only its thread touches it. */
struct side {
    struct letter letters[SHARDS_MAX_TEST][WINDOW];
    uint64_t sent[SHARDS_MAX_TEST];
    uint64_t expected[SHARDS_MAX_TEST]; /* next number from that shard */
    uint64_t returned;
    int open; /* targets that have not returned everything */
    struct io_msg stop;
};

struct test {
    struct side sides[SHARDS_MAX_TEST];
    struct machine *machine;
    int shards, finished;
    uint64_t total; /* per pair */
    struct io_msg starts[SHARDS_MAX_TEST];
};

static struct test test;

static void arrive(struct io_msg *msg, struct io *io);

static void send_next(struct letter *letter, struct io *io)
{
    struct side *side = &letter->test->sides[io_shard(io)];
    letter->number = side->sent[letter->to]++;
    letter->msg.run = arrive;
    io_post(io, letter->to, &letter->msg);
}

static void stop_here(struct io_msg *msg, struct io *io)
{
    io_stop(io);
}

/* On shard 0: everybody who has finished says so; the last one ends the machine. */
static void one_finished(struct io_msg *msg, struct io *io)
{
    if (++test.finished < test.shards)
        return;
    for (int i = 0; i < test.shards; i++) {
        test.sides[0].letters[i][0].msg.run = stop_here; /* all are at home again */
        io_post(io, i, &test.sides[0].letters[i][0].msg);
    }
}

static void come_back(struct io_msg *msg, struct io *io)
{
    struct letter *letter = CONTAINER_OF(msg, struct letter, msg);
    struct side *side = &test.sides[io_shard(io)];
    assert_int_equal(letter->from, io_shard(io));
    side->returned++;
    if (side->sent[letter->to] < test.total) {
        send_next(letter, io);
    } else if (side->returned == test.total * (uint64_t)(test.shards - 1)) {
        side->stop.run = one_finished;
        io_post(io, 0, &side->stop);
    }
}

static void arrive(struct io_msg *msg, struct io *io)
{
    struct letter *letter = CONTAINER_OF(msg, struct letter, msg);
    struct side *side = &test.sides[io_shard(io)];
    assert_int_equal(letter->to, io_shard(io));
    assert_int_equal(letter->number, side->expected[letter->from]);
    side->expected[letter->from]++;
    letter->msg.run = come_back;
    io_post(io, letter->from, &letter->msg);
}

static void start_here(struct io_msg *msg, struct io *io)
{
    int self = io_shard(io);
    struct side *side = &test.sides[self];
    for (int i = 0; i < WINDOW; i++) {
        for (int to = 0; to < test.shards; to++) {
            if (to == self || side->sent[to] == test.total)
                continue;
            side->letters[to][i] = (struct letter){.test = &test, .from = self, .to = to};
            send_next(&side->letters[to][i], io);
        }
    }
}

static void exchange(int shards, uint64_t total, int spin_us)
{
    char why[512];
    const struct machine_options options = {
        .data_shards = shards - 1, .memory_limit = (size_t)256 << 20, .spin_us = spin_us, .without = turning_without()};
    memset(&test, 0, sizeof(test));
    test.shards = shards;
    test.total = total;
    assert_int_equal(machine_open(&options, &test.machine, why), ERR_OK);
    for (int i = 0; i < shards; i++) {
        test.starts[i].run = start_here;
        io_post(machine_io(test.machine, i), i, &test.starts[i]);
    }
    machine_run(test.machine);
    for (int a = 0; a < shards; a++)
        for (int b = 0; b < shards; b++)
            assert_int_equal(test.sides[a].expected[b], a == b ? 0 : total);
    machine_close(test.machine);
}

static void a_million_messages_between_two_shards_keep_their_order(void **state)
{
    exchange(2, 500000, 0);
}
static void four_shards_talk_all_to_all(void **state)
{
    exchange(4, 30000, 0);
}
static void it_is_the_same_when_shards_spin_before_they_sleep(void **state)
{
    exchange(2, 50000, 20);
}

/* One message at a time: the peer sleeps before each, so every hop needs the doorbell. */
struct ball {
    struct io_msg msg;
    int hops;
};

static void catch_ball(struct io_msg *msg, struct io *io)
{
    struct ball *ball = CONTAINER_OF(msg, struct ball, msg);
    if (--ball->hops > 0) {
        io_post(io, 1 - io_shard(io), msg);
        return;
    }
    for (int i = 0; i < 2; i++) {
        test.starts[i].run = stop_here;
        io_post(io, i, &test.starts[i]);
    }
}

static void a_sleeping_shard_is_woken_for_every_single_message(void **state)
{
    char why[512];
    struct machine *machine;
    const struct machine_options options = {.data_shards = 1, .memory_limit = (size_t)64 << 20};
    assert_int_equal(machine_open(&options, &machine, why), ERR_OK);
    static struct ball ball;
    ball = (struct ball){.msg = {.run = catch_ball}, .hops = 20000};
    io_post(machine_io(machine, 0), 1, &ball.msg);
    machine_run(machine);
    assert_int_equal(ball.hops, 0);
    assert_true(io_stats(machine_io(machine, 0))->doorbells > 100);
    machine_close(machine);
}

/* Jobs of all shards on the slow lane, each job started again from its done(). */
struct work {
    struct io_job job;
    struct io *io;
    uint64_t input, output;
    int rounds;
    struct io_msg report;
};

static struct work works[SHARDS_MAX_TEST][8];

static void square(struct io_job *job, struct fs *fs)
{
    struct work *work = CONTAINER_OF(job, struct work, job);
    work->output = work->input * work->input;
}

static void report_here(struct io_msg *msg, struct io *io)
{
    if (++test.finished < 3 * 8)
        return;
    for (int i = 0; i < 3; i++) {
        test.starts[i].run = stop_here;
        io_post(io, i, &test.starts[i]);
    }
}

static void squared(struct io_job *job)
{
    struct work *work = CONTAINER_OF(job, struct work, job);
    assert_int_equal(work->output, work->input * work->input);
    work->input++;
    if (--work->rounds > 0) {
        io_job_start(work->io, job);
        return;
    }
    work->report.run = report_here;
    io_post(work->io, 0, &work->report);
}

static void start_jobs(struct io_msg *msg, struct io *io)
{
    for (int i = 0; i < 8; i++) {
        struct work *work = &works[io_shard(io)][i];
        *work = (struct work){.job = {.work = square, .done = squared}, .io = io, .rounds = 500};
        work->input = (uint64_t)i + 1;
        io_job_start(io, &work->job);
    }
}

static void jobs_of_all_shards_come_back_to_their_shard(void **state)
{
    char why[512];
    const struct machine_options options = {.data_shards = 2, .memory_limit = (size_t)64 << 20, .slow_lane_threads = 3};
    memset(&test, 0, sizeof(test));
    assert_int_equal(machine_open(&options, &test.machine, why), ERR_OK);
    for (int i = 0; i < 3; i++) {
        test.starts[i].run = start_jobs;
        io_post(machine_io(test.machine, i), i, &test.starts[i]);
    }
    machine_run(test.machine);
    assert_int_equal(test.finished, 24);
    machine_close(test.machine);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_million_messages_between_two_shards_keep_their_order),
        cmocka_unit_test(four_shards_talk_all_to_all),
        cmocka_unit_test(it_is_the_same_when_shards_spin_before_they_sleep),
        cmocka_unit_test(a_sleeping_shard_is_woken_for_every_single_message),
        cmocka_unit_test(jobs_of_all_shards_come_back_to_their_shard),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
