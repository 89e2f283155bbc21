/* core/wire/varint.h -- zig-zag variable-length numbers of record batches. Readers never pass `end`. */
#ifndef RINGMAIN_CORE_WIRE_VARINT_H
#define RINGMAIN_CORE_WIRE_VARINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Moves *at behind the number. False: it does not end before `end` or is longer than its type allows. */
static inline bool varint_read64(const uint8_t **at, const uint8_t *end, int64_t *value)
{
    uint64_t sum = 0;
    const uint8_t *p = *at;
    for (int shift = 0; shift < 70 && p < end; shift += 7) {
        uint8_t byte = *p++;
        sum |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            *at = p;
            *value = (int64_t)(sum >> 1) ^ -(int64_t)(sum & 1);
            return shift < 63 || byte <= 1;
        }
    }
    return false;
}

static inline bool varint_read32(const uint8_t **at, const uint8_t *end, int32_t *value)
{
    int64_t wide;
    const uint8_t *start = *at;
    if (!varint_read64(at, end, &wide) || *at - start > 5 || wide != (int32_t)wide)
        return false;
    *value = (int32_t)wide;
    return true;
}

/* Writes at most 10 bytes; returns how many. */
static inline size_t varint_write(uint8_t *at, int64_t value)
{
    uint64_t left = (uint64_t)value << 1 ^ (uint64_t)(value >> 63);
    size_t length = 0;
    for (; left >= 0x80; left >>= 7)
        at[length++] = (uint8_t)(left | 0x80);
    at[length++] = (uint8_t)left;
    return length;
}

static inline size_t varint_size(int64_t value)
{
    uint64_t left = (uint64_t)value << 1 ^ (uint64_t)(value >> 63);
    size_t length = 1;
    for (; left >= 0x80; left >>= 7)
        length++;
    return length;
}

#endif
