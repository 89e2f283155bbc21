#include "net/client/client.h"

#include "core/wire/api.h"
#include "core/wire/error.h"

#include <stdio.h>
#include <stdlib.h>

enum { FRAME_MAX = 256 << 20, HOST_MAX = 256 };

struct sent {
    const struct wire_api *api;
    int32_t correlation_id;
    int16_t version;
};

struct client_link {
    int32_t node;
    char host[HOST_MAX];
    uint16_t port;
    io_socket socket;
    int32_t correlation_id;
    struct sent sent[CLIENT_IN_FLIGHT_MAX]; /* a ring: requests that wait for their answers */
    uint32_t first, in_flight;
    int16_t lowest[96], highest[96]; /* by api key; highest -1: not offered */
};

static enum err complain(struct client *client, const struct client_link *link, enum err err, const char *what)
{
    snprintf(client->why, sizeof client->why, "%s:%u: %s: %s", link->host, (unsigned)link->port, what, err_text(err));
    return err;
}

/* ---- one operation at a time ---------------------------------------------------------------------------------------
 */

struct wait {
    struct io_op op;
    struct io_send send;
    struct io_timer timer;
    struct client *client;
    io_socket socket;
    bool done, timed_out, interrupted;
};

static void op_done(struct io_op *op)
{
    CONTAINER_OF(op, struct wait, op)->done = true;
}

static void send_done(struct io_send *send)
{
    CONTAINER_OF(send, struct wait, send)->done = true;
}

static void wait_over(struct io_timer *timer)
{
    struct wait *wait = CONTAINER_OF(timer, struct wait, timer);
    wait->timed_out = true;
    if (wait->socket != IO_NONE)
        io_shutdown(wait->client->io, wait->socket); /* makes the operation end */
}

/* Turns the loop until the operation is done. */
static enum err wait_for(struct client *client, struct wait *wait)
{
    wait->client = client;
    wait->timer.fire = wait_over;
    client->_wait = wait;
    int64_t deadline = io_now_ns(client->io) + (int64_t)client->timeout_ms * 1000000;
    enum err err = io_timer_start(client->io, &wait->timer, deadline);
    while (!wait->done)
        client->turn(client);
    client->_wait = NULL;
    io_timer_stop(client->io, &wait->timer);
    if (err == ERR_OK && wait->interrupted)
        return ERR_CANCELED;
    return err == ERR_OK && wait->timed_out ? ERR_TIMEOUT : err;
}

void client_pause(struct client *client, int ms)
{
    struct wait wait = {.client = client, .socket = IO_NONE, .timer.fire = wait_over};
    if (io_timer_start(client->io, &wait.timer, io_now_ns(client->io) + (int64_t)ms * 1000000) != ERR_OK)
        return;
    while (!wait.timed_out && client->interrupts == 0)
        client->turn(client);
    io_timer_stop(client->io, &wait.timer);
}

static enum err link_connect(struct client *client, struct client_link *link)
{
    struct io_address address;
    enum err err = ERR_OK;
    if (!io_address_parse(link->host, link->port, &address))
        err = io_resolve(client->io, link->host, link->port, &address);
    if (err != ERR_OK)
        return complain(client, link, err, "cannot find the host");
    struct wait wait = {.op.done = op_done, .socket = IO_NONE};
    io_connect(client->io, &wait.op, &address);
    err = wait_for(client, &wait);
    if (err == ERR_OK)
        err = wait.op.err;
    if (err != ERR_OK)
        return complain(client, link, err, "cannot connect");
    link->socket = (io_socket)wait.op.result;
    return ERR_OK;
}

static void link_drop(struct client *client, struct client_link *link)
{
    if (link->socket != IO_NONE)
        io_close_socket(client->io, link->socket);
    link->socket = IO_NONE;
    link->in_flight = 0;
}

bool client_gives_up(const struct client *client, int64_t until_ns)
{
    return client->interrupts > 0 || io_now_ns(client->io) >= until_ns;
}

bool client_is_interrupted(struct client *client)
{
    if (client->machine != NULL)
        machine_turn(client->machine, false);
    return client->interrupts > 0;
}

void client_go_on(struct client *client)
{
    client->interrupts = 0;
    for (int i = 0; i < client->_link_count; i++)
        if (client->_links[i]->in_flight > 0) /* nobody will take these answers */
            link_drop(client, client->_links[i]);
}

static enum err link_send(struct client *client, struct client_link *link, const struct wire_writer *out)
{
    struct io_piece piece = {.data = out->data, .length = out->length};
    struct wait wait = {.send = {.done = send_done, .pieces = &piece, .count = 1}, .socket = link->socket};
    io_send(client->io, &wait.send, link->socket);
    enum err err = wait_for(client, &wait);
    return err != ERR_OK ? err : wait.send.err;
}

static enum err link_receive(struct client *client, struct client_link *link, uint8_t *data, size_t length)
{
    for (size_t at = 0; at < length;) {
        struct wait wait = {.op.done = op_done, .socket = link->socket};
        io_receive_into(client->io, &wait.op, link->socket, data + at, length - at);
        enum err err = wait_for(client, &wait);
        if (err == ERR_OK)
            err = wait.op.err;
        if (err == ERR_OK && wait.op.result == 0)
            err = ERR_CLOSED;
        if (err != ERR_OK)
            return err;
        at += (size_t)wait.op.result;
    }
    return ERR_OK;
}

/* ---- requests
 * ---------------------------------------------------------------------------------------------------------- */

static enum err read_answer(struct client *client, struct client_link *link, const struct sent *sent, void *response,
                            struct arena *arena)
{
    uint8_t size_bytes[4];
    enum err err = link_receive(client, link, size_bytes, 4);
    int32_t size = err == ERR_OK ? get_i32(size_bytes) : 0;
    if (err == ERR_OK && (size < 4 || size > FRAME_MAX))
        err = ERR_CORRUPT;
    uint8_t *frame = err == ERR_OK ? arena_alloc(arena, (size_t)size) : NULL;
    if (err == ERR_OK && frame == NULL)
        err = ERR_NO_MEMORY;
    if (err == ERR_OK)
        err = link_receive(client, link, frame, (size_t)size);
    if (err != ERR_OK)
        return err;
    const struct wire_schema *schema = sent->api->response;
    bool tagged = sent->api->key != API_VERSIONS && sent->version >= schema->flexible_from;
    size_t header = tagged ? 5 : 4, consumed;
    if (get_i32(frame) != sent->correlation_id || (size_t)size < header || (tagged && frame[4] != 0))
        return ERR_CORRUPT;
    return wire_decode(schema, sent->version, slice_of(frame + header, (size_t)size - header), arena, response,
                       &consumed);
}

static bool expects_no_answer(const struct wire_api *api, const void *request)
{
    return api->key == API_PRODUCE && ((const struct produce_request *)request)->acks == 0;
}

static enum err link_failed(struct client *client, struct client_link *link, enum err err, const char *what)
{
    link_drop(client, link);
    return complain(client, link, err, what);
}

static enum err link_put(struct client *client, struct client_link *link, int16_t api_key, int16_t version,
                         const void *request)
{
    const struct wire_api *api = wire_api_find(api_key);
    struct wire_writer out;
    struct wire_request_header header = {.api_key = api_key,
                                         .version = version,
                                         .correlation_id = ++link->correlation_id,
                                         .client_id = SLICE_LITERAL("ringmain")};
    wire_writer_init(&out, client->mem);
    wire_put_i32(&out, 0);
    wire_put_request_header(&out, &header);
    enum err err = wire_encode(api->request, version, request, &out);
    if (err == ERR_OK) {
        put_i32(out.data, (int32_t)(out.length - 4));
        err = link_send(client, link, &out);
    }
    wire_writer_fini(&out);
    if (err != ERR_OK)
        return link_failed(client, link, err, api->name);
    if (!expects_no_answer(api, request)) {
        ASSERT(link->in_flight < CLIENT_IN_FLIGHT_MAX);
        link->sent[(link->first + link->in_flight++) % CLIENT_IN_FLIGHT_MAX] =
            (struct sent){.api = api, .correlation_id = header.correlation_id, .version = version};
    }
    return ERR_OK;
}

/* The answer to the oldest request. */
static enum err link_take(struct client *client, struct client_link *link, void *response, struct arena *arena)
{
    const struct sent sent = link->sent[link->first % CLIENT_IN_FLIGHT_MAX];
    link->first++;
    link->in_flight--;
    enum err err = read_answer(client, link, &sent, response, arena);
    return err == ERR_OK ? ERR_OK : link_failed(client, link, err, sent.api->name);
}

static enum err link_call(struct client *client, struct client_link *link, int16_t api_key, int16_t version,
                          const void *request, void *response, struct arena *arena)
{
    ASSERT(link->in_flight == 0);
    enum err err = link_put(client, link, api_key, version, request);
    return err == ERR_OK && link->in_flight > 0 ? link_take(client, link, response, arena) : err;
}

/* Which versions the broker has. Asks as a modern client; one that does not know that version says so in the oldest. */
static enum err link_agree(struct client *client, struct client_link *link)
{
    struct arena arena;
    struct api_versions_request request;
    struct api_versions_response response;
    arena_init(&arena, client->mem, 1 << 20);
    WIRE_DEFAULTS(api_versions_request_schema, &request);
    request.client_software_name = SLICE_LITERAL("ringmain");
    request.client_software_version = SLICE_LITERAL(RINGMAIN_VERSION);
    enum err err = link_call(client, link, API_VERSIONS, 3, &request, &response, &arena);
    if (err != ERR_OK || response.error_code == KAFKA_ERROR_UNSUPPORTED_VERSION) {
        link_drop(client, link);
        err = link_connect(client, link);
        if (err == ERR_OK)
            err = link_call(client, link, API_VERSIONS, 0, &request, &response, &arena);
    }
    memset(link->highest, 0xff, sizeof link->highest);
    for (int32_t i = 0; err == ERR_OK && i < response.api_keys.count; i++) {
        const struct api_versions_response_api_version *range = &response.api_keys.items[i];
        if (range->api_key >= 0 && range->api_key < (int)COUNT_OF(link->highest)) {
            link->lowest[range->api_key] = range->min_version;
            link->highest[range->api_key] = range->max_version;
        }
    }
    arena_fini(&arena);
    return err;
}

static enum err link_ready(struct client *client, struct client_link *link)
{
    if (link->socket != IO_NONE)
        return ERR_OK;
    enum err err = link_connect(client, link);
    return err == ERR_OK ? link_agree(client, link) : err;
}

/* ---- the cluster
 * ----------------------------------------------------------------------------------------------------------- */

static struct client_link *add_link(struct client *client, int32_t node, struct slice host, uint16_t port)
{
    if (client->_link_count == CLIENT_LINKS_MAX || host.length >= HOST_MAX)
        return NULL;
    struct client_link *link = MEM_NEW(client->mem, struct client_link);
    if (link == NULL)
        return NULL;
    *link = (struct client_link){.node = node, .port = port, .socket = IO_NONE};
    memcpy(link->host, host.data, host.length);
    client->_links[client->_link_count++] = link;
    return link;
}

/* "host:port,[::1]:port" into links that stand for any broker. */
static enum err add_bootstrap(struct client *client, const char *text)
{
    while (*text != '\0') {
        size_t length = strcspn(text, ",");
        const char *colon = NULL;
        for (size_t i = 0; i < length; i++)
            colon = text[i] == ':' ? text + i : colon;
        long port = colon == NULL ? 0 : strtol(colon + 1, NULL, 10);
        size_t host = colon == NULL ? 0 : (size_t)(colon - text);
        bool bracketed = host >= 2 && text[0] == '[' && text[host - 1] == ']';
        if (port < 1 || port > 65535 || host == 0) {
            snprintf(client->why, sizeof client->why, "'%.*s' is not HOST:PORT", (int)length, text);
            return ERR_INVALID;
        }
        if (add_link(client, CLIENT_ANY_BROKER, slice_of(text + bracketed, host - 2 * (size_t)bracketed),
                     (uint16_t)port) == NULL)
            return ERR_NO_MEMORY;
        text += length + (text[length] == ',');
    }
    return client->_link_count > 0 ? ERR_OK : ERR_INVALID;
}

static void turn_own(struct client *client)
{
    machine_turn(client->machine, true);
}

static void on_signal(struct io *control, int count, void *context)
{
    struct client *client = context;
    client->interrupts++;
    if (client->_wait == NULL)
        return;
    client->_wait->interrupted = true;
    if (client->_wait->socket != IO_NONE)
        io_shutdown(client->io, client->_wait->socket);
}

static enum err open_own(struct client *client, const char *bootstrap, int timeout_ms, bool catching)
{
    struct machine *machine;
    struct machine_options options = {
        .data_shards = 0, .on_signal = catching ? on_signal : NULL, .context = catching ? client : NULL};
    *client = (struct client){0};
    enum err err = machine_open(&options, &machine, client->why);
    if (err != ERR_OK)
        return err;
    err = client_open_on(client, machine_io(machine, 0), turn_own, bootstrap, timeout_ms);
    client->machine = machine;
    return err;
}

enum err client_open(struct client *client, const char *bootstrap, int timeout_ms)
{
    return open_own(client, bootstrap, timeout_ms, false);
}

enum err client_open_catching(struct client *client, const char *bootstrap, int timeout_ms)
{
    return open_own(client, bootstrap, timeout_ms, true);
}

enum err client_open_on(struct client *client, struct io *io, void (*turn)(struct client *client),
                        const char *bootstrap, int timeout_ms)
{
    *client =
        (struct client){.io = io, .mem = io_mem(io), .turn = turn, .timeout_ms = timeout_ms, ._bootstrap = bootstrap};
    return add_bootstrap(client, bootstrap);
}

void client_close(struct client *client)
{
    for (int i = 0; i < client->_link_count; i++) {
        link_drop(client, client->_links[i]);
        MEM_DELETE(client->mem, client->_links[i]);
    }
    if (client->machine != NULL)
        machine_close(client->machine);
    *client = (struct client){0};
}

enum err client_know(struct client *client, int32_t node, struct slice host, int32_t port)
{
    for (int i = 0; i < client->_link_count; i++)
        if (client->_links[i]->node == node)
            return ERR_OK;
    return add_link(client, node, host, (uint16_t)port) == NULL ? ERR_NO_MEMORY : ERR_OK;
}

static struct client_link *find_link(struct client *client, int32_t node)
{
    bool is_known = false;
    for (int i = 0; i < client->_link_count; i++) {
        struct client_link *link = client->_links[i];
        if (link->node != node)
            continue;
        is_known = true;
        if (link_ready(client, link) == ERR_OK)
            return link;
    }
    if (!is_known)
        snprintf(client->why, sizeof client->why, "broker %d is not known", node);
    return NULL;
}

static int common_version(const struct client_link *link, const struct wire_api *api)
{
    int highest = link->highest[api->key], version = highest < api->highest ? highest : api->highest;
    return highest < 0 || version < api->lowest || version < link->lowest[api->key] ? -1 : version;
}

int client_version(struct client *client, int32_t node, int16_t api_key)
{
    struct client_link *link = find_link(client, node);
    return link == NULL ? -1 : common_version(link, wire_api_find(api_key));
}

/* The link to the node, connected, and the version to speak there. */
static enum err link_for(struct client *client, int32_t node, int16_t api_key, struct client_link **link,
                         int16_t *version)
{
    *link = find_link(client, node);
    if (*link == NULL)
        return ERR_CLOSED;
    const struct wire_api *api = wire_api_find(api_key);
    int common = common_version(*link, api);
    *version = (int16_t)common;
    return common < 0 ? complain(client, *link, ERR_UNSUPPORTED, api->name) : ERR_OK;
}

enum err client_call(struct client *client, int32_t node, int16_t api_key, const void *request, void *response,
                     struct arena *arena)
{
    struct client_link *link;
    int16_t version;
    if (client->interrupts > 0)
        return ERR_CANCELED;
    enum err err = link_for(client, node, api_key, &link, &version);
    return err == ERR_OK ? link_call(client, link, api_key, version, request, response, arena) : err;
}

enum err client_send(struct client *client, int32_t node, int16_t api_key, const void *request)
{
    struct client_link *link;
    int16_t version;
    enum err err = link_for(client, node, api_key, &link, &version);
    return err == ERR_OK ? link_put(client, link, api_key, version, request) : err;
}

enum err client_receive(struct client *client, int32_t node, void *response, struct arena *arena)
{
    for (int i = 0; i < client->_link_count; i++) {
        struct client_link *link = client->_links[i];
        if (link->node == node && link->in_flight > 0)
            return link_take(client, link, response, arena);
    }
    return ERR_CLOSED;
}

enum err client_metadata(struct client *client, const struct slice *names, int count, bool create,
                         struct metadata_response *response, struct arena *arena)
{
    struct metadata_request request;
    WIRE_DEFAULTS(metadata_request_schema, &request);
    request.topics.count = count;
    request.allow_auto_topic_creation = create;
    if (count > 0) {
        request.topics.items = ARENA_ARRAY(arena, struct metadata_request_metadata_request_topic, (size_t)count);
        if (request.topics.items == NULL)
            return ERR_NO_MEMORY;
        for (int i = 0; i < count; i++)
            request.topics.items[i].name = names[i];
    }
    enum err err = client_call(client, CLIENT_ANY_BROKER, API_METADATA, &request, response, arena);
    for (int32_t i = 0; err == ERR_OK && i < response->brokers.count; i++)
        err = client_know(client, response->brokers.items[i].node_id, response->brokers.items[i].host,
                          response->brokers.items[i].port);
    return err;
}
