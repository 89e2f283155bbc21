/* net/cli/coordinator.h -- which broker looks after a group or a transactional id.
 *
 * Core: the one thread of the command. Errors: false, and it has been said why. */
#ifndef RINGMAIN_NET_CLI_COORDINATOR_H
#define RINGMAIN_NET_CLI_COORDINATOR_H

#include "net/cli/cli.h"

enum cli_coordinator_kind { CLI_COORDINATOR_GROUP = 0, CLI_COORDINATOR_TRANSACTION = 1 };

/* Waits while there is none yet; the broker is made known to the client. */
bool cli_find_coordinator(struct cli *cli, enum cli_coordinator_kind kind, struct slice key, int32_t *node);

#endif
