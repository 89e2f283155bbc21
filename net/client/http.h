/* net/client/http.h -- one GET over HTTP/1.1, for the command line's look at a broker's metrics.
 *
 * Asks for a connection of its own and reads until the other end closes it (no chunks: Connection: close and a length).
 * Core: the client's thread. Memory: the body in the arena given, HTTP_BODY_MAX at most. Errors: client->why.
 */
#ifndef RINGMAIN_NET_CLIENT_HTTP_H
#define RINGMAIN_NET_CLIENT_HTTP_H

#include "net/client/client.h"

enum { HTTP_BODY_MAX = 256 << 20 };

/* place: "host:port". ERR_NOT_FOUND: answered, but not with 200. ERR_CANCELED: client->interrupts. */
enum err http_get(struct client *client, const char *place, const char *path, struct arena *arena,
                  struct slice *body) MUST_CHECK;
/* The body of an answer that is whole; ERR_CORRUPT: it is none, ERR_NOT_FOUND: its status is not 200. */
enum err http_parse(struct slice answer, struct slice *body) MUST_CHECK;

#endif
