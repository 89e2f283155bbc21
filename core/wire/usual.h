/* core/wire/usual.h -- what the codecs written by hand share: reading that stops at the first unusual thing, counts,
 * and a topic's name or id.
 *
 *     struct usual r = usual_of(in, flexible);      all reads may be made without asking; what is read after
 *     int32_t count = usual_count(&r, least);       r.good became false is nothing, and a count is then 0
 *     return r.good;
 *
 * What is good here the table's codec reads in the same way; what is not it may still know how to read.
 * Pure; any core. Memory: names point into `in`.
 */
#ifndef RINGMAIN_CORE_WIRE_USUAL_H
#define RINGMAIN_CORE_WIRE_USUAL_H

#include "core/wire/varint.h"
#include "core/wire/wire.h"

struct usual {
    const uint8_t *at, *end;
    bool flexible;
    bool good; /* sticks when it becomes false */
};

static inline struct usual usual_of(struct slice in, bool flexible)
{
    return (struct usual){in.data, in.data + in.length, flexible, true};
}

static inline size_t usual_left(const struct usual *r)
{
    return (size_t)(r->end - r->at);
}

/* When the bytes run out: zeroes instead, at most 16 of which may be read. */
static inline const uint8_t *usual_take(struct usual *r, size_t length)
{
    static const uint8_t nothing[16];
    if (length > usual_left(r)) {
        r->good = false;
        return nothing;
    }
    const uint8_t *at = r->at;
    r->at += length;
    return at;
}

/* A length or a count of a flexible version; -1: null. */
static inline int64_t usual_compact(struct usual *r)
{
    uint32_t plus_one = 0;
    if (r->at < r->end && *r->at < 0x80)
        return (int64_t)*r->at++ - 1;
    r->good = varint_read_u32(&r->at, r->end, &plus_one) && r->good;
    return (int64_t)plus_one - 1;
}

/* A string that may not be null. */
static inline struct slice usual_name(struct usual *r)
{
    int64_t length = r->flexible ? usual_compact(r) : get_i16(usual_take(r, 2));
    r->good = r->good && length >= 0 && length <= INT16_MAX && (uint64_t)length <= usual_left(r);
    return r->good ? slice_of(usual_take(r, (size_t)length), (size_t)length) : SLICE_LITERAL("");
}

static inline struct slice usual_nullable(struct usual *r)
{
    size_t width = r->flexible ? 1 : 2;
    if (usual_left(r) < width || (r->flexible ? r->at[0] != 0 : get_i16(r->at) != -1))
        return usual_name(r);
    r->at += width;
    return SLICE_NULL;
}

/* How many items follow, each of at least `least` bytes. */
static inline int32_t usual_count(struct usual *r, size_t least)
{
    int64_t count = r->flexible ? usual_compact(r) : get_i32(usual_take(r, 4));
    r->good = r->good && count >= 0 && count <= WIRE_ARRAY_MAX && (size_t)count * least <= usual_left(r);
    return r->good ? (int32_t)count : 0;
}

static inline struct uuid usual_uuid(struct usual *r)
{
    struct uuid id;
    memcpy(&id, usual_take(r, sizeof(id)), sizeof(id));
    return id;
}

static inline void usual_no_tags(struct usual *r)
{
    if (r->flexible && *usual_take(r, 1) != 0)
        r->good = false;
}

/* ---- writing: into memory that was reserved; what follows what was written is returned ----------------------------
 */

enum { USUAL_COUNT_MOST = VARINT_MAX_SIZE };

/* -1: null. */
static inline uint8_t *usual_put_count(uint8_t *at, bool flexible, int32_t count)
{
    if (flexible)
        return at + varint_write_u64(at, (uint64_t)((int64_t)count + 1));
    put_i32(at, count);
    return at + 4;
}

/* The most bytes that the next two take. */
static inline size_t usual_name_most(struct slice name)
{
    return size_max(3 + name.length, sizeof(struct uuid));
}

/* At most INT16_MAX bytes, not null. */
static inline uint8_t *usual_put_name(uint8_t *at, bool flexible, struct slice name)
{
    if (flexible) {
        at += varint_write_u64(at, name.length + 1);
    } else {
        put_i16(at, (int16_t)name.length);
        at += 2;
    }
    memcpy(at, name.data, name.length);
    return at + name.length;
}

static inline uint8_t *usual_put_uuid(uint8_t *at, struct uuid id)
{
    memcpy(at, &id, sizeof(id));
    return at + sizeof(id);
}

#endif
