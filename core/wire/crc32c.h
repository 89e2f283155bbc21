/* core/wire/crc32c.h -- CRC-32C (Castagnoli), as record batches carry it.
 *
 * The fastest way this processor has is chosen per call from its feature bits: carry-less multiplication of 256 or 128
 * bits, SSE4.2's instruction, or a table. Pure; any core.
 */
#ifndef RINGMAIN_CORE_WIRE_CRC32C_H
#define RINGMAIN_CORE_WIRE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* crc: 0 to begin, or the value of the bytes before. */
uint32_t crc32c(uint32_t crc, const void *data, size_t length);
/* The table alone; the others are tested against it. */
uint32_t crc32c_portable(uint32_t crc, const void *data, size_t length);
/* The CRC of two pieces joined, from theirs. */
uint32_t crc32c_join(uint32_t first, uint32_t second, size_t second_length);

#endif
