/* Goal: an answer of memory and file pieces arrives whole and in order, whatever the sizes, whether the file is in
 * memory, however slowly the peer reads, and however many sends want the few cold buffers. Method: random pieces over
 * a file with a known pattern; the other end of the connection is a plain socket that the test reads as it likes. */
#include "tests/unit/io/reactor/scratch.h"
#include "tests/unit/io/reactor/turning.h"

#include "io/base/prng.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>

enum { FILE_BYTES = 12 << 20, PIECES = 40, STREAMS = 20 };

static uint8_t file_byte(uint64_t pos)
{
    return (uint8_t)(pos * 2654435761u >> 13);
}
static uint8_t memory_byte(uint64_t at)
{
    return (uint8_t)(at * 40503u >> 5);
}

static uint8_t memory[1 << 20];

struct stream {
    struct io_send send;
    struct io_piece pieces[PIECES];
    struct turning_pair pair;
    uint64_t checked; /* bytes of the answer the peer has seen */
    uint64_t total;
    int piece;
    size_t in_piece;
    bool done, all;
};

struct env {
    struct machine *machine;
    struct io *io;
    struct scratch scratch;
    io_file file;
};

static int setup_with(void **state, enum machine_transport transport)
{
    struct env *env = calloc(1, sizeof(*env));
    char path[FS_PATH_MAX];
    env->machine = turning_open_with(transport);
    env->io = machine_io(env->machine, 0);
    scratch_open(&env->scratch);
    scratch_file(&env->scratch, "pieces", path);
    assert_int_equal(io_open_now(env->io, path, FS_READ | FS_WRITE | FS_CREATE, &env->file), ERR_OK);
    uint8_t *bytes = malloc(FILE_BYTES);
    for (uint64_t i = 0; i < FILE_BYTES; i++)
        bytes[i] = file_byte(i);
    assert_int_equal(fs_write(io_fs(env->io), env->file, bytes, FILE_BYTES, 0), ERR_OK);
    assert_int_equal(fs_sync(io_fs(env->io), env->file), ERR_OK);
    free(bytes);
    for (uint64_t i = 0; i < sizeof(memory); i++)
        memory[i] = memory_byte(i);
    *state = env;
    return 0;
}

static int setup(void **state)
{
    return setup_with(state, MACHINE_SENDFILE);
}

static int setup_splice(void **state)
{
    return setup_with(state, MACHINE_SPLICE);
}

static int setup_zero_copy(void **state)
{
    return setup_with(state, MACHINE_ZERO_COPY);
}

static int teardown(void **state)
{
    struct env *env = *state;
    io_close_now(env->io, env->file);
    scratch_close(&env->scratch, io_fs(env->io));
    machine_close(env->machine);
    free(env);
    return 0;
}

static void forget_pages(struct env *env)
{
    assert_int_equal(posix_fadvise(env->file, 0, 0, POSIX_FADV_DONTNEED), 0);
}

static void stream_done(struct io_send *send)
{
    struct stream *stream = CONTAINER_OF(send, struct stream, send);
    assert_false(stream->done);
    stream->done = true;
}

static void stream_open(struct env *env, struct stream *stream)
{
    memset(stream, 0, sizeof(*stream));
    turning_connect(env->machine, &stream->pair);
    fcntl(stream->pair.client, F_SETFL, O_NONBLOCK);
}

static void stream_close(struct env *env, struct stream *stream)
{
    io_close_socket(env->io, stream->pair.client);
    io_close_socket(env->io, stream->pair.server);
}

static void random_pieces(struct env *env, struct stream *stream, struct prng *prng, bool hot)
{
    static const int64_t sizes[] = {0, 1, 100, 4096, 32767, 32768, 32769, 300000, 1048576};
    int count = (int)prng_between(prng, 1, PIECES);
    for (int i = 0; i < count; i++) {
        size_t length = (size_t)sizes[prng_below(prng, COUNT_OF(sizes))];
        bool is_file = prng_chance(prng, 500000);
        int64_t room = (is_file ? FILE_BYTES : (int64_t)sizeof(memory)) - (int64_t)length;
        int64_t pos = prng_between(prng, 0, room);
        stream->pieces[i] = is_file ? (struct io_piece){.file = env->file, .pos = pos, .length = length, .hot = hot}
                                    : (struct io_piece){.data = memory + pos, .length = length};
        stream->total += length;
    }
    stream->send = (struct io_send){.done = stream_done, .pieces = stream->pieces, .count = count};
}

static uint8_t expected_byte(struct stream *stream)
{
    while (stream->in_piece == stream->pieces[stream->piece].length) {
        stream->piece++;
        stream->in_piece = 0;
    }
    const struct io_piece *piece = &stream->pieces[stream->piece];
    size_t at = stream->in_piece++;
    return piece->data != NULL ? piece->data[at] : file_byte((uint64_t)piece->pos + at);
}

/* Reads at most `limit` bytes of what has come. */
static void peer_reads(struct stream *stream, size_t limit)
{
    static uint8_t buffer[256 * 1024];
    while (limit > 0) {
        ssize_t n = recv(stream->pair.client, buffer, size_min(limit, sizeof(buffer)), 0);
        if (n < 0 && errno == EAGAIN)
            break;
        assert_true(n > 0);
        for (ssize_t i = 0; i < n; i++)
            if (buffer[i] != expected_byte(stream))
                fail_msg("byte %llu of the answer differs", (unsigned long long)(stream->checked + (uint64_t)i));
        stream->checked += (uint64_t)n;
        limit -= (size_t)n;
    }
    stream->all = stream->done && stream->checked == stream->total;
}

/* Turns without sleeping while the peer reads `limit` bytes a turn. */
static void pump(struct env *env, struct stream *stream, size_t limit)
{
    int64_t give_up_ns = io_now_ns(env->io) + 20000000000;
    while (!stream->all) {
        machine_turn(env->machine, false);
        peer_reads(stream, limit);
        assert_true(io_now_ns(env->io) < give_up_ns);
    }
    assert_int_equal(stream->send.err, ERR_OK);
}

static void run_random(struct env *env, uint64_t seed, bool hot, bool cold)
{
    struct stream *stream = malloc(sizeof(*stream));
    struct prng prng;
    prng_seed(&prng, seed);
    stream_open(env, stream);
    random_pieces(env, stream, &prng, hot);
    /* Not below the loopback's segments of 64 KiB: those wait for delayed acknowledgements. */
    if (prng_chance(&prng, 500000))
        assert_int_equal(io_socket_buffers(env->io, stream->pair.server, 100000, -1), ERR_OK);
    if (cold)
        forget_pages(env);
    io_send(env->io, &stream->send, stream->pair.server);
    assert_false(stream->done); /* never inside the call */
    pump(env, stream, prng_chance(&prng, 500000) ? 40000 : SIZE_MAX);
    stream_close(env, stream);
    free(stream);
}

static void mixed_pieces_in_memory_arrive_whole(void **state)
{
    for (uint64_t seed = 1; seed <= 25; seed++)
        run_random(*state, seed, seed % 2 == 0, false);
    const struct io_stats *stats = io_stats(((struct env *)*state)->io);
    bool sends_files = !turning_lacks(FEATURE_SENDFILE), reads_now = !turning_lacks(FEATURE_NOWAIT_READ);
    if (!sends_files)
        assert_int_equal(stats->sendfile_calls, 0);
    else if (reads_now)
        assert_true(stats->sendfile_calls > 0);
    assert_int_equal(stats->copy_sends > 0, reads_now);
    assert_true((sends_files && reads_now) || stats->cold_reads > 0);
}

static void mixed_pieces_that_are_not_in_memory_arrive_whole(void **state)
{
    struct env *env = *state;
    for (uint64_t seed = 100; seed <= 115; seed++)
        run_random(env, seed, false, true);
    assert_true(io_stats(env->io)->cold_reads > 0);
}

static void more_cold_sends_than_buffers_wait_their_turn(void **state)
{
    struct env *env = *state;
    struct stream *streams = calloc(STREAMS, sizeof(*streams));
    for (int i = 0; i < STREAMS; i++) {
        stream_open(env, &streams[i]);
        streams[i].total = 500000;
        streams[i].pieces[0] = (struct io_piece){.file = env->file, .pos = i * 500000, .length = 500000};
        streams[i].send = (struct io_send){.done = stream_done, .pieces = streams[i].pieces, .count = 1};
    }
    forget_pages(env);
    size_t used = io_mem(env->io)->used;
    for (int i = 0; i < STREAMS; i++)
        io_send(env->io, &streams[i].send, streams[i].pair.server);
    assert_true(io_mem(env->io)->used - used <= 8 * 256 * 1024); /* the budget */
    /* The last ones first: peers that do not read keep nobody waiting. */
    for (int i = STREAMS; i-- > 0;) {
        pump(env, &streams[i], SIZE_MAX);
        stream_close(env, &streams[i]);
    }
    /* The kernel gives a buffer of zero copy back when nobody can need it any more, which may be later. */
    int64_t give_up_ns = io_now_ns(env->io) + turning_limit_ns();
    while (io_mem(env->io)->used != used && io_now_ns(env->io) < give_up_ns)
        machine_turn(env->machine, false);
    assert_int_equal(io_mem(env->io)->used, used);
    free(streams);
}

static void a_peer_that_goes_away_fails_the_send(void **state)
{
    struct env *env = *state;
    struct stream *stream = malloc(sizeof(*stream));
    stream_open(env, stream);
    stream->pieces[0] = (struct io_piece){.data = memory, .length = sizeof(memory)};
    stream->pieces[1] = (struct io_piece){.file = env->file, .length = FILE_BYTES, .hot = true};
    stream->send = (struct io_send){.done = stream_done, .pieces = stream->pieces, .count = 2};
    io_send(env->io, &stream->send, stream->pair.server);
    machine_turn(env->machine, false);
    assert_false(stream->done); /* larger than the socket's buffer, and nobody reads */
    io_close_socket(env->io, stream->pair.client);
    turning_until(env->machine, &stream->done);
    assert_true(stream->send.err == ERR_RESET || stream->send.err == ERR_CLOSED);
    io_close_socket(env->io, stream->pair.server);
    free(stream);
}

static void shutdown_fails_a_send_that_waits(void **state)
{
    struct env *env = *state;
    struct stream *stream = malloc(sizeof(*stream));
    stream_open(env, stream);
    stream->pieces[0] = (struct io_piece){.file = env->file, .length = FILE_BYTES, .hot = true};
    stream->send = (struct io_send){.done = stream_done, .pieces = stream->pieces, .count = 1};
    io_send(env->io, &stream->send, stream->pair.server);
    for (int i = 0; i < 20; i++)
        machine_turn(env->machine, false);
    assert_false(stream->done);
    io_shutdown(env->io, stream->pair.server);
    turning_until(env->machine, &stream->done);
    assert_int_equal(stream->send.err, ERR_CLOSED);
    stream_close(env, stream);
    free(stream);
}

static void a_piece_beyond_the_end_of_its_file_fails_the_send(void **state)
{
    struct env *env = *state;
    static const size_t lengths[] = {1000, 100000};
    for (size_t i = 0; i < COUNT_OF(lengths); i++) {
        struct stream *stream = malloc(sizeof(*stream));
        stream_open(env, stream);
        stream->pieces[0] = (struct io_piece){.file = env->file, .pos = FILE_BYTES - 500, .length = lengths[i]};
        stream->send = (struct io_send){.done = stream_done, .pieces = stream->pieces, .count = 1};
        io_send(env->io, &stream->send, stream->pair.server);
        turning_until(env->machine, &stream->done);
        assert_int_equal(stream->send.err, ERR_IO);
        stream_close(env, stream);
        free(stream);
    }
}

static void an_empty_answer_completes(void **state)
{
    struct env *env = *state;
    struct stream *stream = malloc(sizeof(*stream));
    stream_open(env, stream);
    stream->pieces[0] = (struct io_piece){.data = memory, .length = 0};
    stream->send = (struct io_send){.done = stream_done, .pieces = stream->pieces, .count = 1};
    io_send(env->io, &stream->send, stream->pair.server);
    assert_false(stream->done);
    turning_until(env->machine, &stream->done);
    assert_int_equal(stream->send.err, ERR_OK);
    stream_close(env, stream);
    free(stream);
}

/* While one connection takes as much as it is given, another one's small answer leaves within a few turns. */
static void a_greedy_peer_does_not_starve_the_others(void **state)
{
    struct env *env = *state;
    struct stream *greedy = malloc(sizeof(*greedy)), *modest = malloc(sizeof(*modest));
    stream_open(env, greedy);
    stream_open(env, modest);
    for (int i = 0; i < PIECES; i++)
        greedy->pieces[i] = (struct io_piece){.file = env->file, .length = FILE_BYTES, .hot = true};
    greedy->send = (struct io_send){.done = stream_done, .pieces = greedy->pieces, .count = PIECES};
    greedy->total = (uint64_t)FILE_BYTES * PIECES;
    io_send(env->io, &greedy->send, greedy->pair.server);
    for (int round = 0; round < 20; round++) {
        uint64_t before = greedy->checked;
        modest->total += 100;
        modest->pieces[0] = (struct io_piece){.data = memory, .length = 100};
        modest->send = (struct io_send){.done = stream_done, .pieces = modest->pieces, .count = 1};
        modest->done = modest->all = false;
        modest->in_piece = 0;
        io_send(env->io, &modest->send, modest->pair.server);
        for (int turn = 0; turn < 3 && !modest->all; turn++) {
            machine_turn(env->machine, false);
            peer_reads(greedy, SIZE_MAX);
            peer_reads(modest, SIZE_MAX);
        }
        assert_true(modest->all);
        assert_true(greedy->checked - before < 64 << 20);
    }
    stream_close(env, modest);
    io_shutdown(env->io, greedy->pair.server);
    turning_until(env->machine, &greedy->done);
    stream_close(env, greedy);
    free(greedy);
    free(modest);
}

/* The same must hold whichever way large pieces take. */
#define ON_EVERY_TRANSPORT(test)                                                                                       \
    cmocka_unit_test_setup_teardown(test, setup, teardown), {"splice: " #test, test, setup_splice, teardown, NULL},    \
    {                                                                                                                  \
        "zero copy: " #test, test, setup_zero_copy, teardown, NULL                                                     \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_EVERY_TRANSPORT(mixed_pieces_in_memory_arrive_whole),
        ON_EVERY_TRANSPORT(mixed_pieces_that_are_not_in_memory_arrive_whole),
        ON_EVERY_TRANSPORT(more_cold_sends_than_buffers_wait_their_turn),
        ON_EVERY_TRANSPORT(a_peer_that_goes_away_fails_the_send),
        ON_EVERY_TRANSPORT(shutdown_fails_a_send_that_waits),
        ON_EVERY_TRANSPORT(a_piece_beyond_the_end_of_its_file_fails_the_send),
        ON_EVERY_TRANSPORT(an_empty_answer_completes),
        ON_EVERY_TRANSPORT(a_greedy_peer_does_not_starve_the_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
