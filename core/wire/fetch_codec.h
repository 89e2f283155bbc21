/* core/wire/fetch_codec.h -- Fetch by hand: the request and the answer as they usually are, without the tables.
 *
 * Both say false for anything unusual (tagged fields, nulls, requests above 64 KiB; aborted transactions, records in
 * memory, hints to other leaders): then the table's codec decides, and what it says holds. Where they say true they
 * have done exactly what the table's codec does; tests/fuzz/fuzz_fetch.c and tests/unit/core/wire/fetch_codec_test.c
 * compare the two.
 *
 * Pure; any core. Memory: the message is in the arena and points into `in`; a false may leave some of the arena used.
 */
#ifndef RINGMAIN_CORE_WIRE_FETCH_CODEC_H
#define RINGMAIN_CORE_WIRE_FETCH_CODEC_H

#include "core/wire/schema/fetch.h"

bool fetch_codec_decode(int16_t version, struct slice in, struct arena *arena, struct fetch_request *message,
                        size_t *consumed) MUST_CHECK;
/* False leaves the writer as it was, apart from its capacity. */
bool fetch_codec_encode(int16_t version, const struct fetch_response *message, struct wire_writer *writer) MUST_CHECK;

#endif
