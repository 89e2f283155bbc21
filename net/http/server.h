/* net/http/server.h -- metrics and health over HTTP: libmicrohttpd on the control shard's loop.
 *
 *   GET /metrics   all numbers of the broker, Prometheus text (scrape.h)
 *   GET /health    200 as long as the control shard's loop turns
 *
 * libmicrohttpd owns its sockets and no thread: the ring watches its epoll descriptor (io_watch), and a turn lets it do
 * what does not wait. A request that waits for its text is suspended. So nothing here can stop the loop, and the loop
 * formats no text (docs/decisions/metrics.md). Not for the simulated machine.
 *
 * Bounds: HTTP_CONNECTIONS connections, each with HTTP_CONNECTION_BYTES and HTTP_IDLE_SECONDS.
 * Core: control shard; http_close after the loops have ended. Memory: io_mem of the control shard, and libmicrohttpd's
 * own. Errors: http_open says why; a broker runs without.
 */
#ifndef RINGMAIN_NET_HTTP_SERVER_H
#define RINGMAIN_NET_HTTP_SERVER_H

#include "net/handlers/control.h"

enum { HTTP_CONNECTIONS = 32, HTTP_CONNECTION_BYTES = 32 * 1024, HTTP_IDLE_SECONDS = 30 };

struct http;

enum err http_open(struct control *control, const struct broker_config *config, struct http **http) MUST_CHECK;
uint16_t http_port(const struct http *http);
void http_close(struct http *http); /* NULL is allowed */

#endif
