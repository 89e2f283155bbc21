/* io/base/bytes.h -- a view of bytes that somebody else owns, and numbers in network byte order. */
#ifndef RINGMAIN_IO_BASE_BYTES_H
#define RINGMAIN_IO_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Text or bytes, not NUL-terminated, not owned. NULL data means Kafka's null (length is then 0). */
struct slice {
    const uint8_t *data;
    size_t length;
};

#define SLICE_NULL ((struct slice){NULL, 0})
#define SLICE_LITERAL(text) ((struct slice){(const uint8_t *)(text), sizeof(text) - 1})
/* For printf's "%.*s". */
#define SLICE_ARG(s) (int)(s).length, (const char *)(s).data

static inline struct slice slice_of(const void *data, size_t length)
{
    return (struct slice){(const uint8_t *)data, length};
}

static inline struct slice slice_from_string(const char *text)
{
    return text == NULL ? SLICE_NULL : slice_of(text, strlen(text));
}

static inline bool slice_is_null(struct slice s) { return s.data == NULL; }

/* Null and empty differ. */
static inline bool slice_equal(struct slice a, struct slice b)
{
    return a.length == b.length && (a.data == NULL) == (b.data == NULL) &&
           (a.length == 0 || memcmp(a.data, b.data, a.length) == 0);
}

static inline bool slice_equal_string(struct slice a, const char *text)
{
    return a.data != NULL && a.length == strlen(text) && memcmp(a.data, text, a.length) == 0;
}

static inline int slice_compare(struct slice a, struct slice b)
{
    size_t common = a.length < b.length ? a.length : b.length;
    int order = common == 0 ? 0 : memcmp(a.data, b.data, common);
    return order != 0 ? order : (a.length > b.length) - (a.length < b.length);
}

/* Network order, at any alignment. */
static inline uint16_t get_u16(const void *p) { uint16_t v; memcpy(&v, p, 2); return __builtin_bswap16(v); }
static inline uint32_t get_u32(const void *p) { uint32_t v; memcpy(&v, p, 4); return __builtin_bswap32(v); }
static inline uint64_t get_u64(const void *p) { uint64_t v; memcpy(&v, p, 8); return __builtin_bswap64(v); }
static inline int16_t get_i16(const void *p) { return (int16_t)get_u16(p); }
static inline int32_t get_i32(const void *p) { return (int32_t)get_u32(p); }
static inline int64_t get_i64(const void *p) { return (int64_t)get_u64(p); }
static inline void put_u16(void *p, uint16_t v) { v = __builtin_bswap16(v); memcpy(p, &v, 2); }
static inline void put_u32(void *p, uint32_t v) { v = __builtin_bswap32(v); memcpy(p, &v, 4); }
static inline void put_u64(void *p, uint64_t v) { v = __builtin_bswap64(v); memcpy(p, &v, 8); }
static inline void put_i16(void *p, int16_t v) { put_u16(p, (uint16_t)v); }
static inline void put_i32(void *p, int32_t v) { put_u32(p, (uint32_t)v); }
static inline void put_i64(void *p, int64_t v) { put_u64(p, (uint64_t)v); }

/* A 128-bit Kafka id in wire order. All zero means none. */
struct uuid {
    uint8_t bytes[16];
};

#define UUID_ZERO ((struct uuid){{0}})
enum { UUID_TEXT_SIZE = 23 }; /* 22 characters of url-safe base64 and the NUL */

static inline bool uuid_equal(struct uuid a, struct uuid b) { return memcmp(a.bytes, b.bytes, 16) == 0; }
static inline bool uuid_is_zero(struct uuid a) { return uuid_equal(a, UUID_ZERO); }
void uuid_format(struct uuid id, char text[UUID_TEXT_SIZE]); /* as Kafka prints it */
bool uuid_parse(const char *text, struct uuid *id);          /* false if not 22 valid characters */
struct uuid uuid_from_random(uint64_t high, uint64_t low);   /* version 4; never one whose text begins with '-' */

#endif
