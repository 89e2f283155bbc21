/* net/handlers/features.h -- feature levels (KIP-584) that this program can do, and those of a fresh cluster.
 * Only what is truly served: a client acts on transaction.version 2, so it appears when transactions do. */
#ifndef RINGMAIN_NET_HANDLERS_FEATURES_H
#define RINGMAIN_NET_HANDLERS_FEATURES_H

#include <stdint.h>

struct feature {
    const char *name;
    int16_t min, max;
    int16_t fresh; /* the level a new cluster finalizes; 0: none */
};

const struct feature *features(int *count);

#endif
