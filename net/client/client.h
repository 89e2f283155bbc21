/* net/client/client.h -- a Kafka client for the command line: any broker of a cluster, one call at a time or several
 * requests on their way (client_send, client_receive).
 *
 * Runs a machine of one shard in the calling thread: a call starts its operations and turns the loop until they are
 * done or the timeout has passed. Versions are agreed per connection (ApiVersions), each call uses the highest that
 * both know. An error closes the connection it happened on; what was on its way there has no answer any more.
 *
 * Core: the one thread that opened it. Memory: answers in the arena given, slices of the received frame included.
 * Errors: client->why says in one line what went wrong, and with whom.
 */
#ifndef RINGMAIN_NET_CLIENT_CLIENT_H
#define RINGMAIN_NET_CLIENT_CLIENT_H

#include "core/wire/api.h"
#include "core/wire/messages.h"
#include "io/reactor/fs.h"
#include "io/reactor/machine.h"

enum { CLIENT_ANY_BROKER = -1, CLIENT_LINKS_MAX = 64, CLIENT_IN_FLIGHT_MAX = 8 };

struct client_link;
struct wait;

struct client {
    struct machine *machine;             /* NULL: somebody else's */
    void (*turn)(struct client *client); /* lets the loop run until something has happened */
    struct io *io;
    struct mem *mem;
    int timeout_ms; /* of connecting and of each call */
    int interrupts; /* client_open_catching: signals that have come since client_go_on */
    char why[512];
    struct wait *_wait; /* the operation that is waited for */
    const char *_bootstrap;
    struct client_link *_links[CLIENT_LINKS_MAX];
    int _link_count;
};

/* bootstrap: "host:port[,host:port]", used as long as the client lives. Connects to nothing yet. */
enum err client_open(struct client *client, const char *bootstrap, int timeout_ms) MUST_CHECK;
/* The same; SIGINT and SIGTERM do not end the process, but the call that is waiting (its connection is closed) and all
 * later ones, with ERR_CANCELED, until client_go_on. */
enum err client_open_catching(struct client *client, const char *bootstrap, int timeout_ms) MUST_CHECK;
/* The same as client_open on a loop that somebody else turns (the simulation). */
enum err client_open_on(struct client *client, struct io *io, void (*turn)(struct client *client),
                        const char *bootstrap, int timeout_ms) MUST_CHECK;
void client_close(struct client *client);
/* Tells where a broker is, as Metadata answers it. */
enum err client_know(struct client *client, int32_t node, struct slice host, int32_t port) MUST_CHECK;
/* node: CLIENT_ANY_BROKER or one that was made known. request and response are the API's structs. */
enum err client_call(struct client *client, int32_t node, int16_t api_key, const void *request, void *response,
                     struct arena *arena) MUST_CHECK;
/* Sends and does not wait for the answer; at most CLIENT_IN_FLIGHT_MAX to one node, and no client_call to it meanwhile.
 */
enum err client_send(struct client *client, int32_t node, int16_t api_key, const void *request) MUST_CHECK;
/* The answer to the oldest request on its way to the node; ERR_CLOSED when there is none (any more). */
enum err client_receive(struct client *client, int32_t node, void *response, struct arena *arena) MUST_CHECK;
/* The version that a call would use; -1: the broker does not have the API. Connects when needed. */
int client_version(struct client *client, int32_t node, int16_t api_key);
/* Lets time pass, between tries; a signal ends it. */
void client_pause(struct client *client, int ms);
/* No more tries: a signal has come, or it is later than until_ns. */
bool client_gives_up(const struct client *client, int64_t until_ns);
/* For whoever does other things than calls for long: has a signal come? */
bool client_is_interrupted(struct client *client);
/* What follows is the answer to the signals that have come; another one ends it. */
void client_go_on(struct client *client);
/* Metadata of the named topics (count -1: all), brokers made known on the way. */
enum err client_metadata(struct client *client, const struct slice *names, int count, bool create,
                         struct metadata_response *response, struct arena *arena) MUST_CHECK;

#endif
