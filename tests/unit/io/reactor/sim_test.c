/* Goal: the simulated machine keeps the promises that the real one makes, breaks those that the real one may break, and
 * is the same for the same seed. Method: small programs on nodes of it, and its disk cut, failed and looked at. */
#include "io/reactor/sim.h"
#include "tests/support/test.h"

/* ---- disk: what a cut keeps ---------------------------------------------------------------------------------------
 */

struct disk_fixture {
    struct sim *sim;
    struct sim_node *node;
    struct fs *fs;
};

static struct disk_fixture disk_open(uint64_t seed)
{
    struct disk_fixture f;
    f.sim = sim_open(&(struct sim_options){.seed = seed});
    f.node = sim_node_open(f.sim, &(struct sim_node_options){0});
    sim_node_start(f.node, 0);
    f.fs = io_fs(sim_node_io(f.node, 0));
    return f;
}

static void put_file(struct fs *fs, const char *path, char fill, size_t length, bool sync)
{
    static char block[64 << 10];
    io_file file;
    memset(block, fill, length);
    assert_int_equal(fs_open(fs, path, FS_WRITE | FS_CREATE, &file), ERR_OK);
    assert_int_equal(fs_write(fs, file, block, length, 0), ERR_OK);
    if (sync)
        assert_int_equal(fs_sync(fs, file), ERR_OK);
    fs_close(fs, file);
}

static int64_t size_of(struct fs *fs, const char *path)
{
    struct fs_info info;
    return fs_info(fs, path, &info) == ERR_OK ? info.size : -1;
}

/* How many sectors of the file hold only `fill`; others must hold only zeros. */
static int sectors_with(struct fs *fs, const char *path, char fill)
{
    static char block[64 << 10];
    io_file file;
    size_t got;
    int count = 0;
    assert_int_equal(fs_open(fs, path, FS_READ, &file), ERR_OK);
    assert_int_equal(fs_read(fs, file, block, sizeof block, 0, &got), ERR_OK);
    fs_close(fs, file);
    for (size_t at = 0; at < got; at++) {
        assert_true(block[at] == fill || block[at] == 0);
        count += at % 512 == 0 && block[at] == fill;
    }
    return count;
}

static void a_power_cut_keeps_what_was_synced(void **state)
{
    struct disk_fixture f = disk_open(1);
    assert_int_equal(fs_make_directory(f.fs, "/d"), ERR_OK);
    assert_int_equal(fs_sync_directory(f.fs, "/"), ERR_OK);
    put_file(f.fs, "/d/kept", 'k', 5000, true);
    assert_int_equal(fs_sync_directory(f.fs, "/d"), ERR_OK);
    for (int i = 0; i < 50; i++) {
        struct sim_disk *after = sim_disk_after_cut(sim_node_disk(f.node), sim_prng(f.sim));
        assert_int_equal(size_of(sim_disk_fs(after), "/d/kept"), 5000);
        assert_int_equal(sectors_with(sim_disk_fs(after), "/d/kept", 'k'), 10);
        sim_disk_free(after);
    }
    sim_close(f.sim);
}

static void a_power_cut_keeps_any_subset_of_unsynced_sectors_and_any_size(void **state)
{
    struct disk_fixture f = disk_open(2);
    put_file(f.fs, "/a", 0, 0, true);
    assert_int_equal(fs_sync_directory(f.fs, "/"), ERR_OK);
    put_file(f.fs, "/a", 'u', 8 * 512, false);
    bool none = false, all = false, hole = false;
    for (int i = 0; i < 300; i++) {
        struct sim_disk *after = sim_disk_after_cut(sim_node_disk(f.node), sim_prng(f.sim));
        int64_t size = size_of(sim_disk_fs(after), "/a");
        int sectors = sectors_with(sim_disk_fs(after), "/a", 'u');
        assert_in_range(size, 0, 8 * 512);
        none |= sectors == 0;
        all |= sectors == 8;
        hole |= sectors > 0 && sectors < size / 512;
        sim_disk_free(after);
    }
    assert_true(none && all && hole);
    sim_close(f.sim);
}

static void names_are_durable_only_with_their_directory_and_in_order(void **state)
{
    struct disk_fixture f = disk_open(3);
    put_file(f.fs, "/first", 'x', 10, true);
    put_file(f.fs, "/second", 'x', 10, true);
    assert_int_equal(fs_rename(f.fs, "/first", "/third"), ERR_OK);
    bool seen[4] = {false, false, false, false};
    for (int i = 0; i < 100; i++) {
        struct sim_disk *after = sim_disk_after_cut(sim_node_disk(f.node), sim_prng(f.sim));
        struct fs *fs = sim_disk_fs(after);
        bool first = size_of(fs, "/first") >= 0, second = size_of(fs, "/second") >= 0,
             third = size_of(fs, "/third") >= 0;
        assert_false(first && third); /* a rename happens whole */
        assert_true(!third || second);
        assert_true(!second || first || third);
        seen[third ? 3 : second ? 2 : first ? 1 : 0] = true;
        sim_disk_free(after);
    }
    assert_true(seen[0] && seen[1] && seen[2] && seen[3]);
    sim_close(f.sim);
}

static void a_kill_keeps_the_page_cache(void **state)
{
    struct disk_fixture f = disk_open(4);
    put_file(f.fs, "/a", 'u', 4096, false);
    sim_node_crash(f.node, SIM_KILL);
    sim_node_start(f.node, -1);
    f.fs = io_fs(sim_node_io(f.node, 0));
    assert_int_equal(sectors_with(f.fs, "/a", 'u'), 8);
    sim_close(f.sim);
}

static int sectors_after_failed_sync(uint64_t seed)
{
    struct disk_fixture f = disk_open(seed);
    struct sim_disk *disk = sim_node_disk(f.node);
    char block[4096];
    io_file file;
    memset(block, 'u', sizeof block);
    put_file(f.fs, "/a", 0, 0, true);
    assert_int_equal(fs_sync_directory(f.fs, "/"), ERR_OK);
    assert_int_equal(fs_open(f.fs, "/a", FS_WRITE, &file), ERR_OK);
    sim_disk_fail(disk, 2, ERR_IO, false);
    assert_int_equal(fs_write(f.fs, file, block, sizeof block, 0), ERR_OK);
    assert_int_equal(fs_sync(f.fs, file), ERR_IO);
    assert_int_equal(fs_sync(f.fs, file), ERR_OK);      /* as Linux does: the error is told once */
    assert_int_equal(sectors_with(f.fs, "/a", 'u'), 8); /* and the page cache shows what is not there */
    struct sim_disk *after = sim_disk_after_cut(disk, sim_prng(f.sim));
    int count = sectors_with(sim_disk_fs(after), "/a", 'u');
    sim_disk_free(after);
    sim_close(f.sim);
    return count;
}

static void the_nth_operation_fails_and_a_failed_sync_loses_bytes_for_good(void **state)
{
    bool lost = false;
    for (uint64_t seed = 0; seed < 20; seed++)
        lost |= sectors_after_failed_sync(seed) < 8;
    assert_true(lost);
}

static void rot_is_on_the_device_and_in_memory(void **state)
{
    struct disk_fixture f = disk_open(6);
    struct sim_disk *disk = sim_node_disk(f.node);
    put_file(f.fs, "/a", 'k', 1024, true);
    assert_int_equal(fs_sync_directory(f.fs, "/"), ERR_OK);
    assert_true(sim_disk_rot(disk, "/a", 700, 1));
    assert_false(sim_disk_rot(disk, "/a", 1024, 1));
    assert_false(sim_disk_rot(disk, "/b", 0, 1));
    struct sim_disk *after = sim_disk_after_cut(disk, sim_prng(f.sim));
    struct fs *both[] = {f.fs, sim_disk_fs(after)};
    for (int i = 0; i < 2; i++) {
        char bytes[1024];
        io_file file;
        size_t got;
        assert_int_equal(fs_open(both[i], "/a", FS_READ, &file), ERR_OK);
        assert_int_equal(fs_read(both[i], file, bytes, sizeof bytes, 0, &got), ERR_OK);
        fs_close(both[i], file);
        for (size_t at = 0; at < got; at++)
            assert_int_equal(bytes[at], at == 700 ? 'k' ^ 1 : 'k');
    }
    sim_disk_free(after);
    sim_close(f.sim);
}

/* ---- programs on nodes: an echo over the network -------------------------------------------------------------------
 */

enum { ECHO_PORT = 7, ECHO_BYTES = 40000 };

struct echo_end {
    struct io *io;
    struct io_listener listener;
    struct io_op connect;
    struct io_receiver receiver;
    struct io_send send;
    struct io_piece piece;
    io_socket socket;
    uint8_t bytes[ECHO_BYTES];
    size_t count;
    enum err end;
    bool ended;
};

static void echo_bytes(struct io_receiver *receiver, const uint8_t *data, size_t length, enum err err)
{
    struct echo_end *end = CONTAINER_OF(receiver, struct echo_end, receiver);
    if (length == 0) {
        end->ended = true;
        end->end = err;
        return;
    }
    assert_true(end->count + length <= ECHO_BYTES);
    memcpy(end->bytes + end->count, data, length);
    end->count += length;
}

static void echo_sent(struct io_send *send)
{
    struct echo_end *end = CONTAINER_OF(send, struct echo_end, send);
    if (send->err == ERR_OK)
        io_shutdown(end->io, end->socket);
}

static void echo_stopped(struct io_listener *listener)
{
    fail();
}

static void echo_receive_stopped(struct io_receiver *receiver)
{
    fail();
}

static void echo_begin(struct echo_end *end, io_socket socket)
{
    end->socket = socket;
    end->receiver.on_bytes = echo_bytes;
    end->receiver.stopped = echo_receive_stopped;
    io_receive_start(end->io, &end->receiver, socket);
}

static void echo_accepted(struct io_listener *listener, io_socket socket, const struct io_address *peer)
{
    echo_begin(CONTAINER_OF(listener, struct echo_end, listener), socket);
}

static void echo_connected(struct io_op *op)
{
    struct echo_end *end = CONTAINER_OF(op, struct echo_end, connect);
    assert_int_equal(op->err, ERR_OK);
    echo_begin(end, (io_socket)op->result);
    for (size_t i = 0; i < ECHO_BYTES; i++)
        end->bytes[i] = (uint8_t)(i * 7 ^ i >> 8);
    end->piece = (struct io_piece){.data = end->bytes, .length = ECHO_BYTES};
    end->send = (struct io_send){.done = echo_sent, .pieces = &end->piece, .count = 1};
    io_send(end->io, &end->send, end->socket);
}

static uint64_t run_echo(uint64_t seed, uint32_t break_ppm, struct echo_end *server, struct echo_end *client)
{
    struct sim_options options = {.seed = seed,
                                  .network = {.delay_min_ns = 1000,
                                              .delay_max_ns = 5000000,
                                              .break_ppm = break_ppm,
                                              .dribble_ppm = 300000,
                                              .window_bytes = 4096}};
    struct sim *sim = sim_open(&options);
    struct sim_node *a = sim_node_open(sim, &(struct sim_node_options){0});
    struct sim_node *b = sim_node_open(sim, &(struct sim_node_options){0});
    struct io_address address;
    memset(server, 0, sizeof *server);
    memset(client, 0, sizeof *client);
    sim_node_start(a, 0);
    sim_node_start(b, 0);
    server->io = sim_node_io(a, 0);
    client->io = sim_node_io(b, 0);
    server->listener.accepted = echo_accepted;
    server->listener.stopped = echo_stopped;
    sim_node_address(a, ECHO_PORT, &address);
    assert_int_equal(io_listen(server->io, &server->listener, &address, &(struct io_listen_options){.backlog = 8}),
                     ERR_OK);
    client->connect.done = echo_connected;
    io_connect(client->io, &client->connect, &address);
    sim_node_wake(a);
    sim_node_wake(b);
    sim_run_for(sim, 10000000000);
    uint64_t hash = sim_trace_hash(sim);
    sim_close(sim);
    return hash;
}

static struct echo_end echo_server, echo_client;

static void streams_arrive_whole_and_in_order_through_a_small_window(void **state)
{
    run_echo(11, 0, &echo_server, &echo_client);
    assert_int_equal(echo_server.count, ECHO_BYTES);
    assert_memory_equal(echo_server.bytes, echo_client.bytes, ECHO_BYTES);
    assert_true(echo_server.ended);
}

static void a_broken_stream_has_delivered_a_prefix(void **state)
{
    int broken = 0;
    for (uint64_t seed = 0; seed < 40; seed++) {
        run_echo(seed, 20000, &echo_server, &echo_client);
        assert_memory_equal(echo_server.bytes, echo_client.bytes, echo_server.count);
        broken += echo_server.count < ECHO_BYTES;
    }
    assert_in_range(broken, 1, 40);
}

static void the_same_seed_is_the_same_run_and_another_is_not(void **state)
{
    uint64_t first = run_echo(5, 10000, &echo_server, &echo_client);
    assert_true(first == run_echo(5, 10000, &echo_server, &echo_client));
    assert_true(first != run_echo(6, 10000, &echo_server, &echo_client));
}

/* ---- shards, jobs, memory
 * -------------------------------------------------------------------------------------------- */

struct letter {
    struct io_msg msg;
    struct io_job job;
    struct io *home;
    int *arrived;
    int number;
    bool worked;
};

static void job_done(struct io_job *job)
{
    struct letter *letter = CONTAINER_OF(job, struct letter, job);
    assert_true(letter->worked);
    (*letter->arrived)++;
}

static void job_work(struct io_job *job, struct fs *fs)
{
    CONTAINER_OF(job, struct letter, job)->worked = true;
}

static void letter_run(struct io_msg *msg, struct io *io)
{
    struct letter *letter = CONTAINER_OF(msg, struct letter, msg);
    assert_int_equal(io_shard(io), 1);
    assert_int_equal(letter->number, *letter->arrived); /* kept in order per pair */
    (*letter->arrived)++;
}

static void messages_keep_their_order_and_jobs_finish_once(void **state)
{
    struct sim *sim = sim_open(&(struct sim_options){.seed = 9});
    struct sim_node *node = sim_node_open(sim, &(struct sim_node_options){.data_shards = 1});
    struct letter letters[50] = {{.number = 0}};
    int arrived = 0, finished = 0;
    sim_node_start(node, -1);
    for (int i = 0; i < 50; i++) {
        letters[i] = (struct letter){.number = i, .arrived = &arrived, .msg.run = letter_run};
        io_post(sim_node_io(node, 0), 1, &letters[i].msg);
    }
    sim_run_for(sim, 1000000000);
    assert_int_equal(arrived, 50);
    for (int i = 0; i < 50; i++) {
        letters[i].arrived = &finished;
        letters[i].job = (struct io_job){.work = job_work, .done = job_done};
        io_job_start(sim_node_io(node, 0), &letters[i].job);
    }
    sim_run_for(sim, 1000000000);
    assert_int_equal(finished, 50);
    sim_close(sim);
}

static void the_nth_allocation_fails_and_a_crash_frees_all(void **state)
{
    struct sim *sim = sim_open(&(struct sim_options){.seed = 9});
    struct sim_node *node = sim_node_open(sim, &(struct sim_node_options){.memory_bytes = 1 << 20});
    sim_node_start(node, 0);
    struct mem *mem = io_mem(sim_node_io(node, 0));
    size_t before = sim_node_memory_used(node);
    sim_node_fail_allocation(node, 2, false);
    assert_non_null(mem_alloc(mem, 100));
    assert_null(mem_alloc(mem, 100));
    assert_non_null(mem_alloc(mem, 100));
    assert_null(mem_alloc(mem, 2 << 20)); /* beyond the budget */
    assert_int_equal(sim_node_memory_used(node), before + 200);
    sim_node_crash(node, SIM_KILL);
    assert_int_equal(sim_node_memory_used(node), 0);
    sim_close(sim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_power_cut_keeps_what_was_synced),
        cmocka_unit_test(a_power_cut_keeps_any_subset_of_unsynced_sectors_and_any_size),
        cmocka_unit_test(names_are_durable_only_with_their_directory_and_in_order),
        cmocka_unit_test(a_kill_keeps_the_page_cache),
        cmocka_unit_test(the_nth_operation_fails_and_a_failed_sync_loses_bytes_for_good),
        cmocka_unit_test(rot_is_on_the_device_and_in_memory),
        cmocka_unit_test(streams_arrive_whole_and_in_order_through_a_small_window),
        cmocka_unit_test(a_broken_stream_has_delivered_a_prefix),
        cmocka_unit_test(the_same_seed_is_the_same_run_and_another_is_not),
        cmocka_unit_test(messages_keep_their_order_and_jobs_finish_once),
        cmocka_unit_test(the_nth_allocation_fails_and_a_crash_frees_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
