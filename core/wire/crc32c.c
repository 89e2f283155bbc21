#include "core/wire/crc32c.h"

#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
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

/* x^bits: squares of x. */
static uint32_t power_of_x(size_t bits)
{
    uint32_t power = 0x80000000u >> 1, result = 0x80000000u;
    for (; bits != 0; bits >>= 1) {
        if (bits & 1)
            result = multiply(result, power);
        power = multiply(power, power);
    }
    return result;
}

static uint32_t shift_of(size_t length)
{
    return power_of_x(8 * length);
}

uint32_t crc32c_join(uint32_t first, uint32_t second, size_t second_length)
{
    return multiply(first, shift_of(second_length)) ^ second;
}

/* ---- SSE4.2 ---------------------------------------------------------------------------------------------------------
 */

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) static uint64_t step(uint64_t crc, const uint8_t *bytes)
{
    uint64_t word;
    memcpy(&word, bytes, sizeof(word));
    return _mm_crc32_u64(crc, word);
}

__attribute__((target("sse4.2"))) static uint32_t crc32c_sse42(uint32_t crc, const uint8_t *bytes, size_t length)
{
    uint64_t a = (uint32_t)~crc;
    for (; length >= 8; bytes += 8, length -= 8)
        a = step(a, bytes);
    for (; length > 0; bytes++, length--)
        a = _mm_crc32_u8((uint32_t)a, *bytes);
    return ~(uint32_t)a;
}

/* ---- carry-less multiplication --------------------------------------------------------------------------------------
 *
 * 36 GB/s with 256-bit words, as with words of 128 bits beside the instruction, which alone makes 12.
 *
 * Four registers run over the bytes; each turn multiplies what they hold by x^(bits of one turn) and adds the next
 * bytes, which keeps the remainder. At the end they are folded into one of 128 bits, whose CRC the instruction makes.
 * Folding a 128-bit word over a distance D: its first half (higher powers) times x^(D + 64), its second times x^D; the
 * reflected product of a 64-bit half and a constant in the low 32 bits carries x^33 more, hence D + 31 and D - 33.
 */

enum { FOLD_MIN = 256 }; /* below, the instruction alone is as fast */

struct fold {
    uint64_t first, second;
};

static const struct fold fold_1024 = {0x6992cea2, 0x0d3b6092}; /* x^1055, x^991 */
static const struct fold fold_512 = {0x740eef02, 0x9e4addf8};  /* x^543, x^479 */
static const struct fold fold_128 = {0xf20c0dfe, 0x493c7d27};  /* x^159, x^95 */

#define UNROLLED   _Pragma("GCC unroll 4") /* so that words stay in registers */
#define TARGET_128 __attribute__((target("sse4.2,pclmul")))
#define TARGET_256 __attribute__((target("sse4.2,pclmul,avx2,vpclmulqdq")))

TARGET_128 static __m128i load_128(const uint8_t *bytes)
{
    return _mm_loadu_si128((const __m128i *)bytes);
}

TARGET_128 static __m128i fold_over_128(__m128i value, struct fold by, __m128i next)
{
    __m128i factor = _mm_set_epi64x((int64_t)by.second, (int64_t)by.first);
    return _mm_xor_si128(_mm_xor_si128(_mm_clmulepi64_si128(value, factor, 0x00), next),
                         _mm_clmulepi64_si128(value, factor, 0x11));
}

/* The CRC of what four neighbouring words stand for, and of the bytes after them. */
TARGET_128 static uint32_t finish_128(const __m128i words[4], const uint8_t *rest, size_t length)
{
    __m128i value = fold_over_128(words[0], fold_128, words[1]);
    value = fold_over_128(value, fold_128, words[2]);
    value = fold_over_128(value, fold_128, words[3]);
    uint64_t crc = _mm_crc32_u64(0, (uint64_t)_mm_extract_epi64(value, 0));
    crc = _mm_crc32_u64(crc, (uint64_t)_mm_extract_epi64(value, 1));
    return crc32c_sse42(~(uint32_t)crc, rest, length);
}

/* length >= 64 */
TARGET_128 static uint32_t crc32c_fold_128(uint32_t crc, const uint8_t *bytes, size_t length)
{
    __m128i words[4];
    for (size_t i = 0; i < 4; i++)
        words[i] = load_128(bytes + 16 * i);
    words[0] = _mm_xor_si128(words[0], _mm_cvtsi32_si128((int32_t)~crc));
    for (bytes += 64, length -= 64; length >= 64; bytes += 64, length -= 64) {
        UNROLLED
        for (size_t i = 0; i < 4; i++)
            words[i] = fold_over_128(words[i], fold_512, load_128(bytes + 16 * i));
    }
    return finish_128(words, bytes, length);
}

/* The instruction and the multiplication have ports of their own: where words of 128 bits are the widest, a block is
 * cut into four parts, three for the instruction, which needs three streams to be busy in spite of its latency, and one
 * for the folding, and all four are walked together. What stands before n bytes counts times x^8n in their CRC; the
 * product of two reflected words carries x more, and the instruction that reduces it x^32. */
enum {
    MIXED_TURNS = 32,
    MIXED_STREAM = 24 * MIXED_TURNS, /* bytes of each of the three */
    MIXED_FOLDED = 64 * MIXED_TURNS,
    MIXED_BLOCK = 3 * MIXED_STREAM + MIXED_FOLDED
};

static const uint32_t before_2_streams = 0x96a1f19b; /* x^(8 * (2 * MIXED_STREAM + MIXED_FOLDED) - 33) */
static const uint32_t before_1_stream = 0x8515c07f;
static const uint32_t before_folded = 0xa51b6135;

TARGET_128 static __m128i product(uint64_t crc, uint32_t factor)
{
    return _mm_clmulepi64_si128(_mm_cvtsi64_si128((int64_t)crc), _mm_cvtsi64_si128(factor), 0x00);
}

TARGET_128 static uint32_t crc32c_mixed_block(uint32_t crc, const uint8_t *bytes)
{
    const uint8_t *folded = bytes + 3 * MIXED_STREAM;
    uint64_t a = (uint32_t)~crc, b = 0, c = 0;
    __m128i words[4];
    for (size_t i = 0; i < 4; i++)
        words[i] = _mm_setzero_si128();
    for (size_t turn = 0; turn < MIXED_TURNS; turn++, bytes += 24, folded += 64) {
        UNROLLED
        for (size_t i = 0; i < 4; i++)
            words[i] = fold_over_128(words[i], fold_512, load_128(folded + 16 * i));
        UNROLLED
        for (size_t i = 0; i < 24; i += 8) {
            a = step(a, bytes + i);
            b = step(b, bytes + MIXED_STREAM + i);
            c = step(c, bytes + 2 * MIXED_STREAM + i);
        }
    }
    __m128i joined = _mm_xor_si128(product(a, before_2_streams), product(b, before_1_stream));
    joined = _mm_xor_si128(joined, product(c, before_folded));
    uint32_t last = ~finish_128(words, NULL, 0);
    return ~((uint32_t)_mm_crc32_u64(0, (uint64_t)_mm_cvtsi128_si64(joined)) ^ last);
}

TARGET_128 static uint32_t crc32c_mixed(uint32_t crc, const uint8_t *bytes, size_t length)
{
    for (; length >= MIXED_BLOCK; bytes += MIXED_BLOCK, length -= MIXED_BLOCK)
        crc = crc32c_mixed_block(crc, bytes);
    return length >= FOLD_MIN ? crc32c_fold_128(crc, bytes, length) : crc32c_sse42(crc, bytes, length);
}

TARGET_256 static __m256i fold_over_256(__m256i value, struct fold by, __m256i next)
{
    __m256i factor = _mm256_broadcastsi128_si256(_mm_set_epi64x((int64_t)by.second, (int64_t)by.first));
    return _mm256_xor_si256(_mm256_xor_si256(_mm256_clmulepi64_epi128(value, factor, 0x00), next),
                            _mm256_clmulepi64_epi128(value, factor, 0x11));
}

/* length >= 128 */
TARGET_256 static uint32_t crc32c_fold_256(uint32_t crc, const uint8_t *bytes, size_t length)
{
    __m256i pairs[4];
    for (size_t i = 0; i < 4; i++)
        pairs[i] = _mm256_loadu_si256((const __m256i *)(bytes + 32 * i));
    pairs[0] = _mm256_xor_si256(pairs[0], _mm256_zextsi128_si256(_mm_cvtsi32_si128((int32_t)~crc)));
    for (bytes += 128, length -= 128; length >= 128; bytes += 128, length -= 128) {
        UNROLLED
        for (size_t i = 0; i < 4; i++)
            pairs[i] = fold_over_256(pairs[i], fold_1024, _mm256_loadu_si256((const __m256i *)(bytes + 32 * i)));
    }
    pairs[2] = fold_over_256(pairs[0], fold_512, pairs[2]);
    pairs[3] = fold_over_256(pairs[1], fold_512, pairs[3]);
    const __m128i words[4] = {_mm256_castsi256_si128(pairs[2]), _mm256_extracti128_si256(pairs[2], 1),
                              _mm256_castsi256_si128(pairs[3]), _mm256_extracti128_si256(pairs[3], 1)};
    return finish_128(words, bytes, length);
}
#endif

uint32_t crc32c(uint32_t crc, const void *data, size_t length)
{
#if defined(__x86_64__)
    if (length >= FOLD_MIN && __builtin_cpu_supports("vpclmulqdq") && __builtin_cpu_supports("avx2"))
        return crc32c_fold_256(crc, data, length);
    if (length >= FOLD_MIN && __builtin_cpu_supports("pclmul") && __builtin_cpu_supports("sse4.2"))
        return crc32c_mixed(crc, data, length);
    if (__builtin_cpu_supports("sse4.2"))
        return crc32c_sse42(crc, data, length);
#endif
    return crc32c_portable(crc, data, length);
}
