#include "net/cli/dump_beside.h"

#include "core/wire/batch.h"
#include "core/wire/marker.h"

static bool batch_at(struct slice log, size_t pos, struct batch_header *header)
{
    return pos < log.length && batch_read_header(log.data + pos, log.length - pos, header) == ERR_OK &&
           header->size <= log.length - pos;
}

/* The batch that holds the offset, from `*pos` on; false: the log ends, or has a hole there. */
static bool find(struct slice log, size_t *pos, int64_t offset, struct batch_header *header)
{
    while (batch_at(log, *pos, header)) {
        if (batch_last_offset(header) >= offset)
            return header->base_offset <= offset;
        *pos += header->size;
    }
    return false;
}

const char *dump_beside_index(const struct dump_beside *beside, int64_t offset, uint32_t pos)
{
    struct batch_header header;
    if (!batch_at(beside->log, pos, &header))
        return "no batch begins at this position of the log";
    return batch_last_offset(&header) == offset ? NULL
                                                : "the batch at this position of the log has another last offset";
}

const char *dump_beside_time(struct dump_beside *beside, int64_t timestamp, int64_t offset)
{
    struct batch_header header;
    if (!find(beside->log, &beside->pos, offset, &header))
        return "the log has no batch with this offset";
    return header.max_timestamp == timestamp ? NULL : "the batch with this offset has another largest timestamp";
}

const char *dump_beside_aborted(struct dump_beside *beside, int64_t producer_id, int64_t first_offset,
                                int64_t last_offset, int64_t stable_offset)
{
    struct batch_header header;
    struct marker marker;
    if (first_offset < 0 || first_offset > last_offset || stable_offset < 0 || stable_offset > last_offset + 1)
        return "offsets that no transaction can have";
    if (!find(beside->log, &beside->pos, last_offset, &header) || !(header.attributes & BATCH_CONTROL))
        return "the log has no marker at the last offset";
    struct slice rest = slice_of(beside->log.data + beside->pos, beside->log.length - beside->pos);
    if (header.producer_id != producer_id ||
        (header.record_count > 0 && (marker_read(rest, &header, &marker) != ERR_OK || marker.commit)))
        return "the marker at the last offset is another one";
    size_t from = 0;
    if (find(beside->log, &from, first_offset, &header) &&
        (header.base_offset != first_offset || header.producer_id != producer_id ||
         !(header.attributes & BATCH_TRANSACTIONAL)))
        return "at the first offset begins no batch of the transaction";
    return NULL;
}
