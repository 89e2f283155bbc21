#include "net/cli/coordinator.h"

bool cli_find_coordinator(struct cli *cli, enum client_coordinator kind, struct slice key, int32_t *node)
{
    int16_t error;
    enum err err = client_find_coordinator(&cli->client, kind, key, &cli->arena, node, &error);
    if (err == ERR_INVALID)
        return cli_refused("no coordinator for", key, error, SLICE_NULL);
    if (err != ERR_OK && cli->client.interrupts == 0)
        fprintf(stderr, "ringmain: %s\n", err == ERR_NO_MEMORY ? "out of memory" : cli->client.why);
    return err == ERR_OK;
}
