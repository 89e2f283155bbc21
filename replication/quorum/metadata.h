/* replication/quorum/metadata.h -- the road of a metadata change on the control shard.
 *
 *   decide (core/controller, on metadata_latest) --> metadata_change --> fold --> quorum --> commit
 *        --> publish to every shard --> all have applied it (metadata_published) --> done()
 *
 * `latest` is the image with everything proposed in it: decisions are made on it, so that two requests of one turn see
 * each other. `published` is the newest one that every shard has been given; both are the same most of the time.
 *
 * Invariants: images are published in order of offset, one publication in flight; done() of a change comes after every
 * shard has applied an image that contains it. An image is released when a newer one has been applied everywhere.
 * Core: control shard. Memory: io_mem of that shard. Errors: a change fails as a whole; then latest falls back.
 */
#ifndef RINGMAIN_REPLICATION_QUORUM_METADATA_H
#define RINGMAIN_REPLICATION_QUORUM_METADATA_H

#include "io/base/histogram.h"
#include "replication/quorum/quorum.h"

struct metadata;

/* Hands an image to every shard; when all have applied it, metadata_published must be called (not inside). */
struct metadata_publisher {
    void (*publish)(struct metadata_publisher *publisher, struct metadata *metadata, const struct image *image);
};

struct metadata_options {
    const char *directory;
    struct image_node node;
    const struct broker_config *config;   /* of the node's own settings */
    struct metadata_publisher *publisher; /* outlives the metadata */
};

/* Blocking. Afterwards metadata_latest holds everything committed; the first publication is started by
 * metadata_start. */
enum err metadata_open(struct io *io, struct fs *fs, const struct metadata_options *options, struct metadata **metadata,
                       char why[512]) MUST_CHECK;
void metadata_start(struct metadata *metadata);
void metadata_note_committed(struct metadata *metadata, struct fs *fs); /* quorum_note_committed */
void metadata_close(struct metadata *metadata);                         /* no change open */

const struct image *metadata_latest(const struct metadata *metadata);
const struct image *metadata_current(const struct metadata *metadata); /* the newest applied everywhere */
struct quorum *metadata_quorum(const struct metadata *metadata);
void metadata_published(struct metadata *metadata, const struct image *image);
/* How long changes took, from their proposal until every shard had applied them. */
const struct histogram *metadata_change_times(const struct metadata *metadata);
int64_t metadata_lag_ms(const struct metadata *metadata); /* since the oldest open one was proposed; 0: none is */
bool metadata_is_idle(const struct metadata *metadata);   /* nothing proposed, published or being snapshotted */

struct metadata_change {
    void (*done)(struct metadata_change *change); /* never inside metadata_change */
    const struct meta_record *records;            /* may go when metadata_change returns */
    int count;                                    /* 0: done() comes when what is proposed now is published */
    enum err err;
    struct metadata *_metadata;
    struct image *_image;
    int64_t _offset, _proposed_ns;
    struct list _link;
    struct quorum_proposal _proposal;
};
/* On error nothing was proposed and done() will not come. ERR_INVALID: the records cannot follow the latest image. */
enum err metadata_change(struct metadata *metadata, struct metadata_change *change) MUST_CHECK;

#endif
