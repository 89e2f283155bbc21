#include "net/conn/gate.h"

enum { SECOND_NS = 1000000000 };

struct ip_count {
    struct io_address address; /* the port is not part of it */
    int count;
};

static void serve_queue(struct conn_gate *gate);

static void on_turn(struct io_timer *timer)
{
    serve_queue(CONTAINER_OF(timer, struct conn_gate, _timer));
}

void conn_gate_init(struct conn_gate *gate, struct io *control, const struct broker_config *config)
{
    *gate = (struct conn_gate){.io = control, .config = config, ._timer.fire = on_turn};
    map_init(&gate->_by_ip, io_mem(control));
    list_init(&gate->_queue);
}

void conn_gate_fini(struct conn_gate *gate)
{
    if (gate->io == NULL)
        return;
    io_timer_stop(gate->io, &gate->_timer);
    MAP_EACH(i, &gate->_by_ip) /* of connections that an unclean stop has left */
    MEM_DELETE(io_mem(gate->io), (struct ip_count *)gate->_by_ip.entries[i].value);
    map_fini(&gate->_by_ip);
}

bool conn_gate_is_free(const struct broker_config *config)
{
    const char *overrides = config->max_connections_per_ip_overrides;
    return config->max_connections == INT32_MAX && config->max_connections_per_ip == INT32_MAX &&
           config->max_connection_creation_rate == INT32_MAX && (overrides == NULL || overrides[0] == '\0');
}

/* ---- per address --------------------------------------------------------------------------------------------------
 */

static bool same_address(const void *value, const void *key)
{
    const struct ip_count *ip = value;
    const struct io_address *address = key;
    return ip->address.is_ipv6 == address->is_ipv6 && memcmp(ip->address.bytes, address->bytes, 16) == 0;
}

/* "address:limit,address:limit" of max.connections.per.ip.overrides. */
static int32_t ip_limit(const struct conn_gate *gate, const struct io_address *peer)
{
    const char *at = gate->config->max_connections_per_ip_overrides;
    char text[IO_ADDRESS_TEXT_SIZE];
    io_address_format(peer, text);
    size_t length = strlen(text);
    while (at != NULL && *at != '\0') {
        const char *end = strchr(at, ','), *colon = NULL;
        end = end == NULL ? at + strlen(at) : end;
        for (const char *p = at; p < end; p++)
            colon = *p == ':' ? p : colon;
        if (colon != NULL && (size_t)(colon - at) == length && memcmp(at, text, length) == 0) {
            int32_t limit = 0;
            for (const char *p = colon + 1; p < end && *p >= '0' && *p <= '9' && limit < 100000000; p++)
                limit = limit * 10 + (*p - '0');
            return limit;
        }
        at = *end == ',' ? end + 1 : end;
    }
    return gate->config->max_connections_per_ip;
}

static uint64_t hash_of(const struct io_address *peer)
{
    return hash_bytes(peer->bytes, 16, 0);
}

static struct ip_count *find_ip(struct conn_gate *gate, const struct io_address *peer)
{
    struct mem *mem = io_mem(gate->io);
    struct ip_count *ip = map_find(&gate->_by_ip, hash_of(peer), same_address, peer);
    if (ip != NULL)
        return ip;
    ip = MEM_NEW(mem, struct ip_count);
    if (ip != NULL)
        ip->address = *peer;
    if (ip != NULL && !map_put(&gate->_by_ip, hash_of(peer), ip)) {
        MEM_DELETE(mem, ip);
        ip = NULL;
    }
    return ip;
}

static void give_ip(struct conn_gate *gate, struct ip_count *ip)
{
    if (ip == NULL || --ip->count > 0)
        return;
    map_remove(&gate->_by_ip, hash_of(&ip->address), same_address, &ip->address);
    MEM_DELETE(io_mem(gate->io), ip);
}

/* ---- decisions ----------------------------------------------------------------------------------------------------
 */

static void on_decided(struct io_msg *msg, struct io *io)
{
    struct conn_pass *pass = CONTAINER_OF(msg, struct conn_pass, _msg);
    pass->decided(pass, pass->_granted);
}

static void send_home(struct conn_gate *gate, struct conn_pass *pass, bool granted)
{
    pass->_granted = granted;
    if (!granted) {
        give_ip(gate, pass->_ip);
        pass->_ip = NULL;
    }
    gate->count += granted;
    pass->_msg.run = on_decided;
    io_post(gate->io, pass->_home, &pass->_msg);
}

/* Connections may come in a burst of one second's worth, then one after the other. */
static bool rate_allows(struct conn_gate *gate, int64_t now_ns)
{
    int32_t rate = gate->config->max_connection_creation_rate;
    if (rate == INT32_MAX)
        return true;
    if (rate <= 0)
        return false;
    if (gate->_turn_ns < now_ns - SECOND_NS)
        gate->_turn_ns = now_ns - SECOND_NS;
    if (gate->_turn_ns + SECOND_NS / rate > now_ns)
        return false;
    gate->_turn_ns += SECOND_NS / rate;
    return true;
}

static void serve_queue(struct conn_gate *gate)
{
    int64_t now_ns = io_now_ns(gate->io);
    if (!gate->_open && !gate->_stopping)
        return;
    while (!list_empty(&gate->_queue)) {
        bool refused = gate->_stopping;
        if (!refused && gate->count >= gate->config->max_connections)
            return; /* the next one that ends comes here again */
        if (!refused && !rate_allows(gate, now_ns)) {
            int32_t rate = gate->config->max_connection_creation_rate;
            int64_t at_ns = rate <= 0 ? INT64_MAX : gate->_turn_ns + SECOND_NS / rate;
            if (at_ns == INT64_MAX || io_timer_start(gate->io, &gate->_timer, at_ns) == ERR_OK)
                return;
            refused = true; /* nobody would wake it again */
        }
        struct list *link = list_pop_front(&gate->_queue);
        gate->_queue_length--;
        send_home(gate, CONTAINER_OF(link, struct conn_pass, _link), !refused);
    }
}

static void on_asked(struct io_msg *msg, struct io *io)
{
    struct conn_pass *pass = CONTAINER_OF(msg, struct conn_pass, _msg);
    struct conn_gate *gate = pass->_gate;
    pass->_ip = find_ip(gate, &pass->peer);
    if (pass->_ip != NULL)
        pass->_ip->count++;
    if (pass->only_count) {
        send_home(gate, pass, true);
        return;
    }
    if (pass->_ip == NULL || pass->_ip->count > ip_limit(gate, &pass->peer) || gate->_stopping ||
        gate->_queue_length == GATE_WAITING_MAX) {
        send_home(gate, pass, false);
        return;
    }
    list_push_back(&gate->_queue, &pass->_link);
    gate->_queue_length++;
    serve_queue(gate);
}

static void on_gone(struct io_msg *msg, struct io *io)
{
    struct conn_pass *pass = CONTAINER_OF(msg, struct conn_pass, _msg);
    pass->gone(pass);
}

static void on_returned(struct io_msg *msg, struct io *io)
{
    struct conn_pass *pass = CONTAINER_OF(msg, struct conn_pass, _msg);
    struct conn_gate *gate = pass->_gate;
    ASSERT(gate->count > 0);
    gate->count--;
    give_ip(gate, pass->_ip);
    pass->_msg.run = on_gone;
    io_post(gate->io, pass->_home, &pass->_msg);
    serve_queue(gate);
}

void conn_gate_configure(struct conn_gate *gate, const struct broker_config *config)
{
    gate->config = config;
    serve_queue(gate);
}

void conn_gate_open(struct conn_gate *gate)
{
    gate->_open = true;
    serve_queue(gate);
}

void conn_gate_stop(struct conn_gate *gate)
{
    gate->_stopping = true;
    serve_queue(gate);
}

void conn_pass_ask(struct conn_pass *pass, struct io *io, struct conn_gate *gate)
{
    pass->_gate = gate;
    pass->_home = io_shard(io);
    list_init(&pass->_link);
    pass->_msg.run = on_asked;
    io_post(io, io_shard_count(io) - 1, &pass->_msg);
}

void conn_pass_return(struct conn_pass *pass, struct io *io)
{
    ASSERT(pass->_granted);
    pass->_msg.run = on_returned;
    io_post(io, io_shard_count(io) - 1, &pass->_msg);
}
