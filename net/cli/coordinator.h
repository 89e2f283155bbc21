/* net/cli/coordinator.h -- which broker looks after a group or a transactional id, for a command.
 *
 * Core: the one thread of the command. Errors: false, and it has been said why. */
#ifndef RINGMAIN_NET_CLI_COORDINATOR_H
#define RINGMAIN_NET_CLI_COORDINATOR_H

#include "net/cli/cli.h"
#include "net/client/coordinator.h"

bool cli_find_coordinator(struct cli *cli, enum client_coordinator kind, struct slice key, int32_t *node);

#endif
