/* core/wire/produce_codec.h -- Produce by hand: the request and the answer as they usually are, without the tables.
 *
 * Both say false for anything unusual (errors, tags, nulls): then the table's codec decides, and what it
 * says holds. Where they say true they have done exactly what the table's codec does; tests/fuzz/fuzz_produce.c and
 * tests/unit/core/wire/produce_codec_test.c compare the two.
 *
 * Pure; any core. Memory: the message is in the arena and points into `in`; a false may leave some of the arena used.
 */
#ifndef RINGMAIN_CORE_WIRE_PRODUCE_CODEC_H
#define RINGMAIN_CORE_WIRE_PRODUCE_CODEC_H

#include "core/wire/schema/produce.h"

bool produce_codec_decode(int16_t version, struct slice in, struct arena *arena, struct produce_request *message,
                          size_t *consumed) MUST_CHECK;
/* False leaves the writer as it was, apart from its capacity. */
bool produce_codec_encode(int16_t version, const struct produce_response *message,
                          struct wire_writer *writer) MUST_CHECK;

#endif
