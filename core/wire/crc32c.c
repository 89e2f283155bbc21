#include "core/wire/crc32c.h"

#include "io/base/bytes.h"

/* Four bits at a time: sixteen entries stay in two cache lines; only used without SSE4.2. */
static const uint32_t nibbles[16] = {
    0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3, 0x61c69362, 0x7198540d,
    0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9, 0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75,
};

uint32_t crc32c_table(uint32_t crc, const void *data, size_t length)
{
    const uint8_t *p = data;
    crc = ~crc;
    for (; length > 0; p++, length--) {
        crc ^= *p;
        crc = crc >> 4 ^ nibbles[crc & 15];
        crc = crc >> 4 ^ nibbles[crc & 15];
    }
    return ~crc;
}

#if defined(__x86_64__)
#include <immintrin.h>

bool crc32c_has_hardware(void)
{
    return __builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("pclmul");
}

static inline uint64_t load(const uint8_t *p)
{
    uint64_t v;
    memcpy(&v, p, 8);
    return v;
}

/* crc times x^(8 n - 33), then reduced with another x^33: the checksum moved over n bytes of zeros. */
__attribute__((target("sse4.2,pclmul"))) static inline uint64_t shifted(uint64_t crc, uint32_t factor)
{
    __m128i product = _mm_clmulepi64_si128(_mm_cvtsi64_si128((int64_t)crc), _mm_cvtsi64_si128(factor), 0);
    return _mm_crc32_u64(0, (uint64_t)_mm_cvtsi128_si64(product));
}

/* Three independent streams hide the instruction's latency of three cycles. */
#define CRC_BLOCK(lane, one_lane, two_lanes)                                                                           \
    while (length >= 3 * (lane)) {                                                                                     \
        uint64_t a = crc, b = 0, c = 0;                                                                                \
        for (const uint8_t *end = p + (lane); p < end; p += 8) {                                                       \
            a = _mm_crc32_u64(a, load(p));                                                                             \
            b = _mm_crc32_u64(b, load(p + (lane)));                                                                    \
            c = _mm_crc32_u64(c, load(p + 2 * (lane)));                                                                \
        }                                                                                                              \
        crc = shifted(a, two_lanes) ^ shifted(b, one_lane) ^ c;                                                        \
        p += 2 * (lane);                                                                                               \
        length -= 3 * (lane);                                                                                          \
    }

__attribute__((target("sse4.2,pclmul"))) static uint32_t crc32c_sse(uint32_t start, const uint8_t *p, size_t length)
{
    uint64_t crc = (uint32_t)~start;
    CRC_BLOCK(1024, 0x170076fau, 0xa51b6135u)
    CRC_BLOCK(128, 0x0d3b6092u, 0xb9e02b86u)
    for (; length >= 8; p += 8, length -= 8)
        crc = _mm_crc32_u64(crc, load(p));
    for (; length > 0; p++, length--)
        crc = _mm_crc32_u8((uint32_t)crc, *p);
    return ~(uint32_t)crc;
}

uint32_t crc32c(uint32_t crc, const void *data, size_t length)
{
    return crc32c_has_hardware() ? crc32c_sse(crc, data, length) : crc32c_table(crc, data, length);
}
#else
bool crc32c_has_hardware(void)
{
    return false;
}

uint32_t crc32c(uint32_t crc, const void *data, size_t length)
{
    return crc32c_table(crc, data, length);
}
#endif
