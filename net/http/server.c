#include "net/http/server.h"

#include "net/http/scrape.h"

#include <microhttpd.h>
#include <netinet/in.h>

struct http {
    struct io *io;
    struct scrape *scrape;
    struct MHD_Daemon *daemon;
    int epoll;
    uint16_t port;
    struct io_op watch;
    struct io_timer timer; /* what libmicrohttpd wants to do at a time, or has left over */
    bool watching, running;
    struct list requests; /* that wait for a scrape: suspended connections */
};

/* One request, from its header to its answer. */
struct http_request {
    struct http *http;
    struct MHD_Connection *connection;
    struct scrape_request scrape;
    struct list waiting; /* in http->requests */
    bool asked, scraped;
};

/* ---- the loop ---------------------------------------------------------------------------------------------------- */

static void run(struct http *http);

static void readable(struct io_op *op)
{
    struct http *http = CONTAINER_OF(op, struct http, watch);
    http->watching = false;
    if (op->err == ERR_OK)
        run(http);
}

static void fired(struct io_timer *timer)
{
    run(CONTAINER_OF(timer, struct http, timer));
}

static unsigned connections(const struct http *http)
{
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(http->daemon, MHD_DAEMON_INFO_CURRENT_CONNECTIONS);
    return info == NULL ? 0 : info->num_connections;
}

/* At its limit of connections libmicrohttpd takes the listener out of its descriptor, and puts it back where the run
 * after the one begins in which a connection has ended; nothing would wake us for that run. */
static void run_daemon(struct http *http)
{
    enum { RUNS_MAX = 16 };
    unsigned before, after = connections(http);
    int runs = 0;
    do {
        before = after;
        enum MHD_Result good = MHD_run(http->daemon);
        MAYBE(good ==
              MHD_NO); /* out of descriptors or memory: a connection is lost, the next try is at the next event */
        after = connections(http);
    } while (++runs < RUNS_MAX && (runs < 2 || after < before));
}

/* What can be done without waiting; then to sleep until its descriptor or its clock says so. */
static void run(struct http *http)
{
    MHD_UNSIGNED_LONG_LONG wait_ms = 0;
    if (http->running) /* a resumed request: whoever is at work goes on with it */
        return;
    http->running = true;
    run_daemon(http);
    http->running = false;
    if (!http->watching) {
        http->watching = true;
        http->watch.done = readable;
        io_watch(http->io, &http->watch, http->epoll);
    }
    io_timer_stop(http->io, &http->timer);
    /* Without memory for the timer an idle connection stays until something happens. */
    if (MHD_get_timeout(http->daemon, &wait_ms) == MHD_YES)
        (void)!io_timer_start(http->io, &http->timer, io_now_ns(http->io) + (int64_t)wait_ms * 1000000);
}

/* ---- answers ----------------------------------------------------------------------------------------------------- */

static enum MHD_Result answer(struct MHD_Connection *connection, unsigned status, struct MHD_Response *response,
                              const char *type)
{
    if (response == NULL)
        return MHD_NO;
    enum MHD_Result queued = MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    if (queued == MHD_YES)
        queued = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return queued;
}

static enum MHD_Result answer_text(struct MHD_Connection *connection, unsigned status, const char *text)
{
    struct MHD_Response *response =
        MHD_create_response_from_buffer(strlen(text), (void *)(uintptr_t)text, MHD_RESPMEM_PERSISTENT); /* constants */
    return answer(connection, status, response, "text/plain; charset=utf-8");
}

static void text_is_sent(void *context)
{
    scrape_text_release(context);
}

static void scraped(struct scrape_request *scrape)
{
    struct http_request *request = CONTAINER_OF(scrape, struct http_request, scrape);
    list_remove(&request->waiting);
    request->scraped = true;
    MHD_resume_connection(request->connection);
    run(request->http);
}

static enum MHD_Result answer_metrics(struct http_request *request)
{
    if (!request->asked) {
        request->asked = true;
        request->scrape.done = scraped;
        list_push_back(&request->http->requests, &request->waiting);
        MHD_suspend_connection(request->connection);
        scrape_start(request->http->scrape, &request->scrape);
        return MHD_YES;
    }
    if (!request->scraped)
        return MHD_YES;
    struct scrape_text *text = request->scrape.text;
    if (text == NULL)
        return answer_text(request->connection, MHD_HTTP_SERVICE_UNAVAILABLE, "no memory\n");
    request->scrape.text = NULL; /* the response's */
    struct MHD_Response *response =
        MHD_create_response_from_buffer_with_free_callback_cls(text->length, text->data, text_is_sent, text);
    if (response == NULL)
        scrape_text_release(text);
    return answer(request->connection, MHD_HTTP_OK, response, "text/plain; version=0.0.4; charset=utf-8");
}

static enum MHD_Result on_request(void *context, struct MHD_Connection *connection, const char *url, const char *method,
                                  const char *version, const char *upload, size_t *upload_bytes, void **state)
{
    struct http *http = context;
    if (*state == NULL) { /* the header is there; the answer is for when the body is, too */
        struct http_request *request = MEM_NEW(io_mem(http->io), struct http_request);
        if (request == NULL)
            return MHD_NO;
        request->http = http;
        request->connection = connection;
        list_init(&request->waiting);
        *state = request;
        return MHD_YES;
    }
    if (*upload_bytes > 0) { /* a body is read and forgotten; the answer comes behind it */
        *upload_bytes = 0;
        return MHD_YES;
    }
    if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
        return answer_text(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "only GET and HEAD are served\n");
    if (strcmp(url, "/metrics") == 0)
        return answer_metrics(*state);
    if (strcmp(url, "/health") == 0)
        return answer_text(connection, MHD_HTTP_OK, "ok\n");
    return answer_text(connection, MHD_HTTP_NOT_FOUND, "there are /metrics and /health\n");
}

static void on_completed(void *context, struct MHD_Connection *connection, void **state,
                         enum MHD_RequestTerminationCode why)
{
    struct http *http = context;
    struct http_request *request = *state;
    if (request == NULL)
        return;
    *state = NULL;
    if (!list_empty(&request->waiting)) {
        list_remove(&request->waiting);
        scrape_cancel(&request->scrape);
    }
    scrape_text_release(request->scrape.text);
    MEM_DELETE(io_mem(http->io), request);
}

/* ---- life -------------------------------------------------------------------------------------------------------- */

union http_address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

static void to_socket_address(const struct io_address *from, union http_address *to)
{
    *to = (union http_address){0};
    if (from->is_ipv6) {
        to->v6.sin6_family = AF_INET6;
        to->v6.sin6_port = htons(from->port);
        memcpy(&to->v6.sin6_addr, from->bytes, sizeof to->v6.sin6_addr);
    } else {
        to->v4.sin_family = AF_INET;
        to->v4.sin_port = htons(from->port);
        memcpy(&to->v4.sin_addr, from->bytes, sizeof to->v4.sin_addr);
    }
}

static struct MHD_Daemon *start_daemon(struct http *http, const struct io_address *address)
{
    union http_address bound;
    unsigned flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | (address->is_ipv6 ? MHD_USE_IPv6 : 0);
    to_socket_address(address, &bound);
    return MHD_start_daemon(flags, address->port, NULL, NULL, on_request, http, MHD_OPTION_SOCK_ADDR, &bound.any,
                            MHD_OPTION_NOTIFY_COMPLETED, on_completed, http, MHD_OPTION_CONNECTION_LIMIT,
                            (unsigned)HTTP_CONNECTIONS, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
                            (size_t)HTTP_CONNECTION_BYTES, MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)HTTP_IDLE_SECONDS,
                            MHD_OPTION_END);
}

static bool look_at(struct http *http)
{
    const union MHD_DaemonInfo *epoll = MHD_get_daemon_info(http->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    const union MHD_DaemonInfo *port = MHD_get_daemon_info(http->daemon, MHD_DAEMON_INFO_BIND_PORT);
    if (epoll == NULL || epoll->epoll_fd < 0 || port == NULL)
        return false;
    http->epoll = epoll->epoll_fd;
    http->port = port->port;
    return true;
}

enum err http_open(struct control *control, const struct broker_config *config, struct http **opened)
{
    struct io *io = control->shard->io;
    struct io_address address;
    enum err err = io_resolve(io, config->ringmain_metrics_host, (uint16_t)config->ringmain_metrics_port, &address);
    if (err != ERR_OK)
        return err;
    struct http *http = MEM_NEW(io_mem(io), struct http);
    if (http == NULL)
        return ERR_NO_MEMORY;
    http->io = io;
    http->timer.fire = fired;
    list_init(&http->requests);
    err = scrape_open(control, &http->scrape);
    if (err != ERR_OK) {
        MEM_DELETE(io_mem(io), http);
        return err;
    }
    http->daemon = start_daemon(http, &address);
    if (http->daemon == NULL || !look_at(http)) {
        http_close(http);
        return ERR_BUSY; /* libmicrohttpd does not say: most likely somebody has the port */
    }
    run(http);
    *opened = http;
    return ERR_OK;
}

uint16_t http_port(const struct http *http)
{
    return http->port;
}

void http_close(struct http *http)
{
    if (http == NULL)
        return;
    if (http->daemon != NULL) {
        for (struct list *link; (link = list_pop_front(&http->requests)) != NULL;) {
            struct http_request *request = CONTAINER_OF(link, struct http_request, waiting);
            scrape_cancel(&request->scrape);
            MHD_resume_connection(request->connection);
        }
        MHD_stop_daemon(http->daemon);
    }
    scrape_close(http->scrape);
    MEM_DELETE(io_mem(http->io), http);
}
