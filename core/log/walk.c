#include "core/log/walk.h"

#include "core/wire/crc32c.h"

enum { CRC_FROM = 21, AT_MAGIC = 16 };

/* ---- the window ------------------------------------------------------------------------------------------------- */

/* Makes [pos, pos + need) readable; fewer where the file ends. */
static enum err fill(struct walk *walk, int64_t pos, size_t need, const uint8_t **at, size_t *have)
{
    ASSERT(need <= walk->capacity && pos >= 0);
    if (pos < walk->_at || pos + (int64_t)need > walk->_at + (int64_t)walk->_length) {
        int64_t left = walk->size - pos;
        walk->_at = pos;
        walk->_length = 0;
        if (left > 0) {
            enum err err =
                fs_read(walk->fs, walk->file, walk->bytes, size_min(walk->capacity, (size_t)left), pos, &walk->_length);
            if (err != ERR_OK)
                return err;
        }
    }
    *at = walk->bytes + (pos - walk->_at);
    *have = size_min(walk->_length - (size_t)(pos - walk->_at), need);
    return ERR_OK;
}

static enum err header_at(struct walk *walk, int64_t pos, struct batch_header *header)
{
    const uint8_t *at;
    size_t have;
    enum err err = fill(walk, pos, BATCH_HEADER_BYTES, &at, &have);
    if (err != ERR_OK)
        return err;
    if (batch_read_header(at, have, header) != ERR_OK || header->magic != BATCH_MAGIC ||
        (int64_t)header->size > walk->size - pos || header->last_offset_delta < 0 || header->base_offset < 0 ||
        header->base_offset > INT64_MAX - INT32_MAX - 1)
        return ERR_CORRUPT;
    return ERR_OK;
}

/* Batches larger than the window are read through it. */
static enum err check_crc(struct walk *walk, int64_t pos, const struct batch_header *header)
{
    uint32_t crc = 0;
    int64_t end = pos + (int64_t)header->size;
    for (int64_t from = pos + CRC_FROM; from < end;) {
        const uint8_t *at;
        size_t have, want = size_min((size_t)(end - from), walk->capacity);
        enum err err = fill(walk, from, want, &at, &have);
        if (err != ERR_OK)
            return err;
        if (have == 0)
            return ERR_CORRUPT;
        crc = crc32c(crc, at, have);
        from += (int64_t)have;
    }
    return crc == header->crc ? ERR_OK : ERR_CORRUPT;
}

/* ---- forward ------------------------------------------------------------------------------------------------------
 */

/* The batch leaves offsets out: with a rotten base offset it would reach into what follows, where it would not if it
 * went on from the batch before, or beyond the end. */
static enum err check_gap(struct walk *walk, const struct batch_header *header)
{
    struct batch_header following;
    int64_t end = walk->pos + (int64_t)header->size;
    if (walk->known_end > 0 && batch_last_offset(header) >= walk->known_end)
        return ERR_CORRUPT;
    if (end >= walk->size)
        return ERR_OK;
    enum err err = header_at(walk, end, &following);
    if (err != ERR_OK) /* it is looked at when its turn comes */
        return err == ERR_CORRUPT ? ERR_OK : err;
    bool overlaps = following.base_offset <= batch_last_offset(header);
    return overlaps && following.base_offset > walk->next_offset + header->last_offset_delta ? ERR_CORRUPT : ERR_OK;
}

enum err walk_next(struct walk *walk, struct batch_header *header, int64_t *pos)
{
    if (walk->pos >= walk->size)
        return ERR_NOT_FOUND;
    enum err err = header_at(walk, walk->pos, header);
    if (err == ERR_OK && (header->base_offset < walk->next_offset ||
                          (walk->below_offset > 0 && batch_last_offset(header) >= walk->below_offset)))
        err = ERR_CORRUPT;
    if (err == ERR_OK && walk->crc)
        err = check_crc(walk, walk->pos, header);
    if (err == ERR_OK && header->base_offset > walk->next_offset)
        err = check_gap(walk, header);
    if (err != ERR_OK)
        return err;
    *pos = walk->pos;
    walk->pos += (int64_t)header->size;
    walk->next_offset = batch_last_offset(header) + 1;
    return ERR_OK;
}

enum err walk_bytes(struct walk *walk, int64_t pos, size_t most, struct slice *bytes)
{
    const uint8_t *at;
    size_t have;
    enum err err = fill(walk, pos, size_min(most, walk->capacity), &at, &have);
    if (err == ERR_OK)
        *bytes = slice_of(at, have);
    return err;
}

/* ---- past damage ---------------------------------------------------------------------------------------------------
 */

struct candidate {
    int64_t pos;
    bool must_be_followed;
};

static enum err is_good(struct walk *walk, struct candidate candidate, int64_t below_offset, int64_t *crc_left,
                        int64_t *base_offset)
{
    struct batch_header header, next;
    enum err err = header_at(walk, candidate.pos, &header);
    if (err != ERR_OK)
        return err;
    *crc_left -= (int64_t)header.size;
    if (header.base_offset < walk->next_offset || batch_last_offset(&header) >= below_offset || *crc_left < 0)
        return ERR_CORRUPT;
    int64_t end = candidate.pos + (int64_t)header.size;
    if (candidate.must_be_followed && end < walk->size) {
        err = header_at(walk, end, &next);
        if (err == ERR_OK && next.base_offset <= batch_last_offset(&header))
            err = ERR_CORRUPT;
    }
    if (err == ERR_OK)
        err = check_crc(walk, candidate.pos, &header);
    if (err == ERR_OK)
        *base_offset = header.base_offset;
    return err;
}

/* The next place that has a magic byte where one would be; size: none. */
static enum err next_candidate(struct walk *walk, int64_t from, int64_t *pos)
{
    while (from + BATCH_HEADER_BYTES <= walk->size) {
        const uint8_t *at;
        size_t have;
        enum err err = fill(walk, from, BATCH_HEADER_BYTES, &at, &have);
        if (err != ERR_OK)
            return err;
        size_t look = walk->_length - (size_t)(from - walk->_at);
        if (look < BATCH_HEADER_BYTES)
            break;
        const uint8_t *found = memchr(at + AT_MAGIC, BATCH_MAGIC, look - AT_MAGIC);
        if (found != NULL) {
            *pos = from + (found - at) - AT_MAGIC;
            return ERR_OK;
        }
        from += (int64_t)(look - AT_MAGIC);
    }
    *pos = walk->size;
    return ERR_OK;
}

enum err walk_resync(struct walk *walk, int64_t below_offset)
{
    /* What looks like a header by chance costs its length in CRC: together at most this much. */
    int64_t crc_left = 16 * (walk->size - walk->pos), base_offset = 0;
    struct batch_header header;
    struct candidate candidate = {.pos = walk->pos + 1, .must_be_followed = true};
    enum err err = header_at(walk, walk->pos, &header);
    if (err == ERR_OK) { /* its length may be right although the rest is not */
        struct candidate following = {.pos = walk->pos + (int64_t)header.size};
        err = is_good(walk, following, below_offset, &crc_left, &base_offset);
        if (err == ERR_OK)
            candidate = following;
    }
    while (err == ERR_CORRUPT) {
        err = next_candidate(walk, candidate.pos, &candidate.pos);
        if (err != ERR_OK)
            return err;
        if (candidate.pos + BATCH_HEADER_BYTES > walk->size || crc_left < 0)
            return ERR_NOT_FOUND;
        err = is_good(walk, candidate, below_offset, &crc_left, &base_offset);
        if (err == ERR_CORRUPT)
            candidate.pos++;
    }
    if (err != ERR_OK)
        return err;
    walk->pos = candidate.pos;
    walk->next_offset = base_offset;
    return ERR_OK;
}
