#include "net/conn/gate.h"

enum { SECOND_NS = 1000000000 };

struct ip_count {
    struct io_address address; /* the port is not part of it */
    int count;
};

static void serve_queues(struct conn_gate *gate);

static void on_turn(struct io_timer *timer)
{
    serve_queues(CONTAINER_OF(timer, struct conn_gate, _timer));
}

enum err conn_gate_init(struct conn_gate *gate, struct io *control, const struct broker_config *config)
{
    size_t bytes = (size_t)config->listener_count * sizeof(struct gate_listener);
    struct gate_listener *listeners = mem_alloc_zero(io_mem(control), bytes);
    if (listeners == NULL)
        return ERR_NO_MEMORY;
    *gate = (struct conn_gate){.io = control,
                               .config = config,
                               ._listeners = listeners,
                               ._listener_count = config->listener_count,
                               ._timer.fire = on_turn};
    map_init(&gate->_by_ip, io_mem(control));
    for (int i = 0; i < gate->_listener_count; i++)
        list_init(&listeners[i].queue);
    return ERR_OK;
}

void conn_gate_fini(struct conn_gate *gate)
{
    if (gate->io == NULL)
        return;
    io_timer_stop(gate->io, &gate->_timer);
    MAP_EACH(i, &gate->_by_ip) /* of connections that an unclean stop has left */
    MEM_DELETE(io_mem(gate->io), (struct ip_count *)gate->_by_ip.entries[i].value);
    map_fini(&gate->_by_ip);
    mem_free(io_mem(gate->io), gate->_listeners, (size_t)gate->_listener_count * sizeof *gate->_listeners);
}

bool conn_gate_is_free(const struct broker_config *config, int listener)
{
    const char *overrides = config->max_connections_per_ip_overrides;
    const struct config_listener *own = &config->listeners_parsed[listener];
    return config->max_connections == INT32_MAX && config->max_connections_per_ip == INT32_MAX &&
           config->max_connection_creation_rate == INT32_MAX && own->max_connections == INT32_MAX &&
           own->max_connection_creation_rate == INT32_MAX && (overrides == NULL || overrides[0] == '\0');
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
    gate->_listeners[pass->listener].count += granted;
    pass->_msg.run = on_decided;
    io_post(gate->io, pass->_home, &pass->_msg);
}

/* When `rate` allows the next one. They may come in a burst of one second's worth, then one after the other. */
static int64_t due_ns(int64_t turn_ns, int32_t rate, int64_t now_ns)
{
    if (rate == INT32_MAX)
        return now_ns;
    if (rate <= 0)
        return INT64_MAX;
    return (turn_ns < now_ns - SECOND_NS ? now_ns - SECOND_NS : turn_ns) + SECOND_NS / rate;
}

static struct conn_pass *take_waiting(struct conn_gate *gate, int index)
{
    struct list *link = list_pop_front(&gate->_listeners[index].queue);
    gate->_waiting_count--;
    return CONTAINER_OF(link, struct conn_pass, _link);
}

/* False: nobody waits, or not now. *wake_ns becomes earlier if only time is missing. */
static bool let_one_in(struct conn_gate *gate, int index, int64_t now_ns, int64_t *wake_ns)
{
    struct gate_listener *from = &gate->_listeners[index];
    const struct broker_config *config = gate->config;
    const struct config_listener *own = &config->listeners_parsed[index];
    bool own_alone = config->inter_broker_listener == index;
    if (list_empty(&from->queue) || from->count >= own->max_connections ||
        (!own_alone && gate->count >= config->max_connections))
        return false; /* the next one that ends comes here again */
    int64_t own_ns = due_ns(from->turn_ns, own->max_connection_creation_rate, now_ns);
    int64_t node_ns = own_alone ? now_ns : due_ns(gate->_turn_ns, config->max_connection_creation_rate, now_ns);
    int64_t at_ns = own_ns > node_ns ? own_ns : node_ns;
    if (at_ns > now_ns) {
        *wake_ns = at_ns < *wake_ns ? at_ns : *wake_ns;
        return false;
    }
    from->turn_ns = own_ns;
    gate->_turn_ns = own_alone ? gate->_turn_ns : node_ns;
    send_home(gate, take_waiting(gate, index), true);
    return true;
}

static void refuse_waiting(struct conn_gate *gate)
{
    for (int i = 0; i < gate->_listener_count; i++)
        while (!list_empty(&gate->_listeners[i].queue))
            send_home(gate, take_waiting(gate, i), false);
}

/* One of each listener in turn, so that none is left out when the node is nearly full. */
static void serve_queues(struct conn_gate *gate)
{
    int64_t now_ns = io_now_ns(gate->io), wake_ns;
    if (gate->_stopping) {
        refuse_waiting(gate);
        return;
    }
    if (!gate->_open)
        return;
    for (bool again = true; again;) {
        again = false;
        wake_ns = INT64_MAX;
        for (int i = 0; i < gate->_listener_count; i++)
            again |= let_one_in(gate, i, now_ns, &wake_ns);
    }
    if (wake_ns != INT64_MAX && io_timer_start(gate->io, &gate->_timer, wake_ns) != ERR_OK)
        refuse_waiting(gate); /* nobody would wake them again */
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
        gate->_waiting_count == GATE_WAITING_MAX) {
        send_home(gate, pass, false);
        return;
    }
    list_push_back(&gate->_listeners[pass->listener].queue, &pass->_link);
    gate->_waiting_count++;
    serve_queues(gate);
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
    struct gate_listener *listener = &gate->_listeners[pass->listener];
    ASSERT(gate->count > 0 && listener->count > 0);
    gate->count--;
    listener->count--;
    give_ip(gate, pass->_ip);
    pass->_msg.run = on_gone;
    io_post(gate->io, pass->_home, &pass->_msg);
    serve_queues(gate);
}

void conn_gate_configure(struct conn_gate *gate, const struct broker_config *config)
{
    gate->config = config;
    serve_queues(gate);
}

void conn_gate_open(struct conn_gate *gate)
{
    gate->_open = true;
    serve_queues(gate);
}

void conn_gate_stop(struct conn_gate *gate)
{
    gate->_stopping = true;
    serve_queues(gate);
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
