/* core/wire/varint.h -- Kafka's variable-length numbers: unsigned LEB128, and zigzag for signed ones (KIP-482, KIP-98).
 *
 * Readers take bytes from *at up to end and move *at; false when the bytes run out or the number does not fit: input is
 * never trusted. Pure; any core.
 */
#ifndef RINGMAIN_CORE_WIRE_VARINT_H
#define RINGMAIN_CORE_WIRE_VARINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { VARINT_MAX_SIZE = 5, VARLONG_MAX_SIZE = 10 };

static inline bool varint_read_u64(const uint8_t **at, const uint8_t *end, uint64_t *value)
{
    uint64_t result = 0;
    for (unsigned shift = 0; shift < 70 && *at < end; shift += 7) {
        uint8_t byte = *(*at)++;
        if (shift == 63 && byte > 1)
            return false;
        result |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            *value = result;
            return true;
        }
    }
    return false;
}

static inline bool varint_read_u32(const uint8_t **at, const uint8_t *end, uint32_t *value)
{
    uint64_t wide;
    const uint8_t *limit = end - *at > VARINT_MAX_SIZE ? *at + VARINT_MAX_SIZE : end;
    if (!varint_read_u64(at, limit, &wide) || wide > UINT32_MAX)
        return false;
    *value = (uint32_t)wide;
    return true;
}

static inline bool varint_read_i64(const uint8_t **at, const uint8_t *end, int64_t *value)
{
    uint64_t raw;
    if (!varint_read_u64(at, end, &raw))
        return false;
    *value = (int64_t)(raw >> 1) ^ -(int64_t)(raw & 1);
    return true;
}

static inline bool varint_read_i32(const uint8_t **at, const uint8_t *end, int32_t *value)
{
    uint32_t raw;
    if (!varint_read_u32(at, end, &raw))
        return false;
    *value = (int32_t)(raw >> 1) ^ -(int32_t)(raw & 1);
    return true;
}

/* Bytes written; at most VARLONG_MAX_SIZE (VARINT_MAX_SIZE for values of 32 bits). */
static inline size_t varint_write_u64(uint8_t *to, uint64_t value)
{
    size_t length = 0;
    for (; value >= 0x80; value >>= 7)
        to[length++] = (uint8_t)(value | 0x80);
    to[length++] = (uint8_t)value;
    return length;
}

static inline size_t varint_write_i64(uint8_t *to, int64_t value)
{
    return varint_write_u64(to, ((uint64_t)value << 1) ^ (uint64_t)(value >> 63));
}

#endif
