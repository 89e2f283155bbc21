/* tests/support/wire_random.h -- random messages of any table, and deep comparison, for round-trip tests. */
#ifndef RINGMAIN_TESTS_SUPPORT_WIRE_RANDOM_H
#define RINGMAIN_TESTS_SUPPORT_WIRE_RANDOM_H

#include "core/wire/wire.h"
#include "io/base/prng.h"

/* Fills fields that are there in `version` with random values, the others with their defaults. */
void wire_random_fill(const struct wire_schema *schema, int16_t version, struct prng *prng, struct arena *arena,
                      void *message);
bool wire_random_equal(const struct wire_struct *of, const void *a, const void *b);

#endif
