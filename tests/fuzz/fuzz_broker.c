/* A whole broker on the simulated machine, and one connection that sends it requests: valid headers, any bodies. It may
 * answer, refuse or hang up, but it serves others afterwards, and when it is stopped nothing is left behind.
 * The input is a row of requests: api key, version, flags, length (u16, big-endian), body. */
#include "tests/fuzz/fuzz.h"
#include "tests/sim/host.h"

enum { INPUTS = 400, REQUESTS_MAX = 16, OUT_MAX = 1 << 20, MS = 1000000, SECOND_MS = 1000 };

static struct sim *sim;
static struct sim_node *other;
static struct host host;
static int inputs;

struct caller {
    struct io_op connect, receive;
    struct io_send send;
    struct io_piece piece;
    io_socket socket;
    bool connected, ended, sending;
    size_t received;
    uint8_t in[65536];
};

static void run_ms(int64_t ms)
{
    sim_node_wake(other);
    sim_run_for(sim, ms * MS);
}

static void until(const bool *flag, int64_t limit_ms)
{
    for (int64_t i = 0; i < limit_ms && !*flag; i += 10)
        run_ms(10);
}

static void boot(void)
{
    static const char *const settings[] = {
        "auto.create.topics.enable=true",     "ringmain.durability=os",
        "offsets.topic.num.partitions=2",     "transaction.state.log.num.partitions=2",
        "offsets.topic.replication.factor=1", "transaction.state.log.replication.factor=1"};
    struct sim_node_options room = {.data_shards = 2, .memory_bytes = 256 << 20}, alone = {0};
    sim = sim_open(&(struct sim_options){.seed = 1});
    host_open(&host, sim, &room, settings, COUNT_OF(settings));
    other = sim_node_open(sim, &alone);
    sim_node_start(other, 0);
    ASSERT(host_start(&host, 2));
    for (int i = 0; host.state != HOST_READY; i++) {
        ASSERT(i < 1000);
        run_ms(10);
    }
}

static void halt(void)
{
    bool clean = false;
    struct sim_leaks leaks;
    host_stop(&host);
    for (int i = 0; !host_finish(&host, &clean, &leaks); i++) {
        ASSERT(i < 6000);
        run_ms(10);
    }
    ASSERT(!clean || (leaks.memory_bytes == 0 && leaks.files == 0 && leaks.sockets == 0));
    sim_node_crash(other, SIM_KILL);
    sim_close(sim);
    host_close(&host);
}

/* ---- one end of a connection ---------------------------------------------------------------------------------------
 */

static void on_connected(struct io_op *op)
{
    struct caller *caller = CONTAINER_OF(op, struct caller, connect);
    ASSERT(op->err == ERR_OK);
    caller->socket = (io_socket)op->result;
    caller->connected = true;
}

static void on_received(struct io_op *op)
{
    struct caller *caller = CONTAINER_OF(op, struct caller, receive);
    if (op->err != ERR_OK || op->result == 0) {
        caller->ended = true;
        return;
    }
    caller->received += (size_t)op->result;
    io_receive_into(sim_node_io(other, 0), &caller->receive, caller->socket, caller->in, sizeof caller->in);
}

static void on_sent(struct io_send *send)
{
    CONTAINER_OF(send, struct caller, send)->sending = false;
}

static void call(struct caller *caller, const uint8_t *bytes, size_t length)
{
    struct io_address address;
    struct io *io = sim_node_io(other, 0);
    *caller = (struct caller){.connect.done = on_connected, .receive.done = on_received, .send.done = on_sent};
    sim_node_address(host.node, HOST_PORT, &address);
    io_connect(io, &caller->connect, &address);
    until(&caller->connected, 10 * SECOND_MS);
    ASSERT(caller->connected);
    caller->piece = (struct io_piece){.data = bytes, .length = length};
    caller->send.pieces = &caller->piece;
    caller->send.count = 1;
    caller->sending = true;
    io_send(io, &caller->send, caller->socket);
    io_receive_into(io, &caller->receive, caller->socket, caller->in, sizeof caller->in);
}

static void hang_up(struct caller *caller)
{
    struct io *io = sim_node_io(other, 0);
    io_shutdown(io, caller->socket);
    until(&caller->ended, 10 * SECOND_MS);
    for (int i = 0; caller->sending && i < 1000; i++)
        run_ms(10);
    ASSERT(caller->ended && !caller->sending);
    io_close_socket(io, caller->socket);
}

static void serves_others(void)
{
    static const uint8_t versions[] = {0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 7, 255, 255};
    static struct caller caller;
    call(&caller, versions, sizeof versions);
    for (int i = 0; caller.received == 0; i++) {
        ASSERT(i < 1000 && !caller.ended);
        run_ms(10);
    }
    hang_up(&caller);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t out[OUT_MAX];
    static struct caller caller;
    size_t length = 0;
    for (int i = 0; i < REQUESTS_MAX && size >= 5; i++) {
        size_t body = size_min((size_t)data[3] << 8 | data[4], size - 5);
        const struct wire_api *api = wire_api_find(data[0]);
        bool flexible = api != NULL && data[1] >= api->request->flexible_from;
        if (length + 16 + body > OUT_MAX)
            break;
        put_i32(out + length, (int32_t)(10 + flexible + body));
        put_i16(out + length + 4, data[0]);
        put_i16(out + length + 6, data[1]);
        put_i32(out + length + 8, i);
        put_i16(out + length + 12, -1);
        out[length + 14] = 0;
        memcpy(out + length + 14 + flexible, data + 5, body);
        length += 14 + flexible + body;
        data += 5 + body;
        size -= 5 + body;
    }
    if (length == 0)
        return 0;
    if (inputs == 0)
        boot();
    call(&caller, out, length);
    until(&caller.ended, 300);
    hang_up(&caller);
    serves_others();
    if (++inputs == INPUTS) {
        halt();
        inputs = 0;
    }
    return 0;
}
