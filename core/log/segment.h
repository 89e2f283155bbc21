/* core/log/segment.h -- inside of core/log: one segment's files and what is known of them.
 *
 * The offset and time index of the growing segment are in memory and written when it is sealed; those of sealed
 * segments are read when first needed. Both are caches: whatever is missing or does not fit is made again from the
 * batches. Index entries are in Kafka's format: .index (relative offset u32, position u32), .timeindex (timestamp i64,
 * relative offset u32), big-endian.
 */
#ifndef RINGMAIN_CORE_LOG_SEGMENT_H
#define RINGMAIN_CORE_LOG_SEGMENT_H

#include "core/log/log.h"

/* The batch whose last offset this is begins at pos; as in Kafka, whose tools check it. */
struct index_entry {
    uint32_t relative_offset, pos;
};

/* Up to the offset entry made with it nothing is newer; relative_offset is the last of the batch that has it. */
struct time_entry {
    int64_t timestamp;
    uint32_t relative_offset;
};

struct log_ref {
    struct log *log;
    int32_t count;
};

struct segment {
    struct log_ref ref; /* readers and flushes in flight */
    struct list link;
    int64_t base_offset, end_offset;
    int64_t size;
    int64_t max_timestamp;        /* -1: none */
    int64_t max_timestamp_offset; /* the last one of the first batch that has it */
    int64_t first_timestamp;      /* -1: none; decides when to roll */
    int64_t settled_pos;          /* the device has been told of what lies below */
    int64_t allocated_pos;        /* blocks were asked for below; 0: never */
    int64_t unindexed_bytes;
    struct index_entry *index;
    struct time_entry *times;
    int32_t index_count, index_capacity, time_count, time_capacity;
    int32_t index_written_count; /* entries in the file, of the growing segment */
    bool index_loaded;
    bool index_dirty;                  /* says more than its files */
    struct log_index_load *index_load; /* it is being read; NULL: not */
    /* Aborted transactions whose marker is in here (log_aborted.c), in order of last offset. */
    struct log_aborted *aborted;
    int32_t aborted_count, aborted_capacity;
    int32_t aborted_saved_count; /* of them durable in .txnindex */
    bool aborted_loaded, aborted_dirty;
    bool swapping;     /* made by compaction: its files may still be named .swap */
    bool replaced;     /* by compaction: its name belongs to another segment now */
    bool settling;     /* it is being told of more */
    bool dirty;        /* has bytes that are not durable */
    bool named;        /* its name is durable */
    int64_t remove_ms; /* when taken out of the log: its files go then */
    int64_t used_ns;
    io_file file; /* IO_NONE: not open */
};
#define SEGMENT_OF(node) CONTAINER_OF(node, struct segment, link)

enum { SEGMENT_PATH_MAX = FS_PATH_MAX };
/* False: longer than FS_PATH_MAX. */
bool segment_path(const char *directory, int64_t base_offset, const char *suffix, char path[SEGMENT_PATH_MAX]);

struct segment *segment_new(struct mem *mem, struct log *log, int64_t base_offset);
void segment_free(struct mem *mem, struct segment *segment); /* closes nothing */
/* Notes a batch that begins at pos; false: no memory for the index (the batch is found all the same, slower). */
bool segment_note(struct mem *mem, struct segment *segment, const struct batch_header *header, int64_t base_offset,
                  int64_t pos, int32_t interval_bytes);
void segment_drop_index(struct mem *mem, struct segment *segment);   /* until it is needed again */
void segment_drop_aborted(struct mem *mem, struct segment *segment); /* likewise; all of it is saved */
/* Where to begin to look for an offset. */
int64_t segment_floor(const struct segment *segment, int64_t offset);
/* Where the batch that holds it begins, if every batch from there on is indexed (they are larger than the interval): to
 * be compared with the header that is there. -1: no guess. */
int64_t segment_guess(const struct segment *segment, int64_t offset);
/* Blocking: writes both index files; reads them back (ERR_CORRUPT: not there or not fitting the segment). */
struct segment_image { /* both index files as bytes */
    int64_t base_offset;
    uint8_t *bytes;
    size_t size, index_bytes, time_bytes; /* the time index follows the offset index */
};
enum err segment_make_image(struct mem *mem, const struct segment *segment, struct segment_image *image) MUST_CHECK;
enum err segment_write_image(struct fs *fs, const char *directory, const struct segment_image *image) MUST_CHECK;
/* Keeps what the entries say of batches below an offset; a scan from the last entry kept finds the rest again. */
void segment_cut_index(struct segment *segment, int64_t below_offset);
enum err segment_write_index(struct fs *fs, struct mem *mem, const char *directory, const struct segment *segment);
enum err segment_read_index(struct fs *fs, struct mem *mem, const char *directory, struct segment *segment);

#endif
