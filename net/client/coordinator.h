/* net/client/coordinator.h -- which broker looks after a group or a transactional id.
 *
 * Core: the one thread of its client. Memory: the arena's. Errors: ERR_INVALID: *error says how it was refused; others:
 * client->why. */
#ifndef RINGMAIN_NET_CLIENT_COORDINATOR_H
#define RINGMAIN_NET_CLIENT_COORDINATOR_H

#include "net/client/client.h"

enum client_coordinator { CLIENT_COORDINATOR_GROUP = 0, CLIENT_COORDINATOR_TRANSACTION = 1 };

/* Waits while there is none yet, at most the client's timeout; the broker is made known to the client. */
enum err client_find_coordinator(struct client *client, enum client_coordinator kind, struct slice key,
                                 struct arena *arena, int32_t *node, int16_t *error) MUST_CHECK;

#endif
