/* core/wire/crc32c.h -- CRC-32C (Castagnoli), the checksum of record batches. Pure; any core.
 * Dispatches once per call on what the processor has: three interleaved SSE4.2 streams joined by PCLMULQDQ, else a
 * table of nibbles. Both are reachable from tests. */
#ifndef RINGMAIN_CORE_WIRE_CRC32C_H
#define RINGMAIN_CORE_WIRE_CRC32C_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* `crc` is 0, or the result for the bytes before. */
uint32_t crc32c(uint32_t crc, const void *data, size_t length);
uint32_t crc32c_table(uint32_t crc, const void *data, size_t length);
bool crc32c_has_hardware(void);

#endif
