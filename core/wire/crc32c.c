#include "core/wire/crc32c.h"

#include <string.h>

#if defined(__x86_64__)
#include <nmmintrin.h>
#endif

#define POLYNOMIAL 0x82f63b78u /* reflected */

/* One nibble at a time over 16 entries: short, and only for machines without the instruction. */
uint32_t crc32c_portable(uint32_t crc, const void *data, size_t length)
{
    static const uint32_t nibbles[16] = {
        0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3, 0x61c69362, 0x7198540d,
        0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9, 0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75,
    };
    const uint8_t *bytes = data;
    crc = ~crc;
    for (size_t i = 0; i < length; i++) {
        crc ^= bytes[i];
        crc = (crc >> 4) ^ nibbles[crc & 15];
        crc = (crc >> 4) ^ nibbles[crc & 15];
    }
    return ~crc;
}

/* ---- joining --------------------------------------------------------------------------------------------------------
 */

/* Polynomials modulo the CRC's, reflected: bit 31 is x^0. */
static uint32_t multiply(uint32_t a, uint32_t b)
{
    uint32_t product = 0;
    for (; b != 0; b <<= 1) {
        if (b & 0x80000000u)
            product ^= a;
        a = (a >> 1) ^ (a & 1 ? POLYNOMIAL : 0);
    }
    return product;
}

/* x^(8 * length): squares of x^8. */
static uint32_t shift_of(size_t length)
{
    uint32_t power = 0x80000000u >> 8, result = 0x80000000u;
    for (; length != 0; length >>= 1) {
        if (length & 1)
            result = multiply(result, power);
        power = multiply(power, power);
    }
    return result;
}

uint32_t crc32c_join(uint32_t first, uint32_t second, size_t second_length)
{
    return multiply(first, shift_of(second_length)) ^ second;
}

/* ---- SSE4.2 ---------------------------------------------------------------------------------------------------------
 */

#if defined(__x86_64__)
enum { LANE = 1024 };

__attribute__((target("sse4.2"))) static uint64_t step(uint64_t crc, const uint8_t *bytes)
{
    uint64_t word;
    memcpy(&word, bytes, sizeof(word));
    return _mm_crc32_u64(crc, word);
}

/* The instruction takes three cycles and starts every cycle: three lanes keep it busy. */
__attribute__((target("sse4.2"))) static uint32_t crc32c_sse42(uint32_t crc, const uint8_t *bytes, size_t length)
{
    uint64_t a = (uint32_t)~crc;
    if (length >= 3 * LANE) {
        const uint32_t one = shift_of(LANE), two = multiply(one, one);
        for (; length >= 3 * LANE; bytes += 3 * LANE, length -= 3 * LANE) {
            uint64_t b = 0, c = 0;
            for (size_t i = 0; i < LANE; i += 8) {
                a = step(a, bytes + i);
                b = step(b, bytes + LANE + i);
                c = step(c, bytes + 2 * LANE + i);
            }
            a = multiply((uint32_t)a, two) ^ multiply((uint32_t)b, one) ^ (uint32_t)c;
        }
    }
    for (; length >= 8; bytes += 8, length -= 8)
        a = step(a, bytes);
    for (; length > 0; bytes++, length--)
        a = _mm_crc32_u8((uint32_t)a, *bytes);
    return ~(uint32_t)a;
}
#endif

uint32_t crc32c(uint32_t crc, const void *data, size_t length)
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("sse4.2"))
        return crc32c_sse42(crc, data, length);
#endif
    return crc32c_portable(crc, data, length);
}
