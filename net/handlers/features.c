#include "net/handlers/features.h"

#include "core/controller/controller.h"
#include "io/base/check.h"

static const struct feature table[] = {
    /* 3.3-IV3 to 4.2-IV1; tools read it as the release of the cluster. The next one has cordoned log directories. */
    {"metadata.version", 7, 29, 29},
    /* KIP-890: 2 bumps a producer's epoch with every transaction; older clients are served all the same. */
    {"transaction.version", 0, 2, 2},
    /* KIP-966: the only replica is always in sync, so nobody else is ever eligible. */
    {CONTROLLER_ELR_FEATURE, 0, 1, 1},
};

const struct feature *features(int *count)
{
    *count = (int)COUNT_OF(table);
    return table;
}
