#include "replication/quorum/metadata.h"

#include <stdio.h>

struct metadata {
    struct io *io;
    struct mem *mem;
    struct quorum *quorum;
    struct metadata_publisher *publisher;
    struct image *committed;  /* the newest that is committed */
    struct image *publishing; /* on its way to the shards; NULL: none */
    struct image *current;    /* applied everywhere; NULL before the first publication */
    struct list changes;      /* in order of offset: proposed, committed or being published */
    struct list failed;       /* their done() is due at the end of the turn */
    struct io_hook at_turn_end;
    bool started;
    bool is_writing_snapshot;
    struct image *snapshot_image;
    struct quorum_snapshot snapshot;
    struct histogram change_times;
};

/* ---- images
 * ------------------------------------------------------------------------------------------------------------ */

static void replace(struct metadata *metadata, struct image **place, struct image *image)
{
    struct image *old = *place;
    *place = image == NULL ? NULL : image_retain(image);
    image_release(metadata->mem, old);
}

/* With everything in it that is proposed: the image of the last change that has one. */
static struct image *latest_image(const struct metadata *metadata)
{
    for (struct list *link = metadata->changes.prev; link != &metadata->changes; link = link->prev) {
        struct metadata_change *change = CONTAINER_OF(link, struct metadata_change, _link);
        if (change->_image != NULL)
            return change->_image;
    }
    return metadata->committed;
}

const struct image *metadata_latest(const struct metadata *metadata)
{
    return latest_image(metadata);
}

const struct image *metadata_current(const struct metadata *metadata)
{
    return metadata->current != NULL ? metadata->current : metadata->committed;
}

struct quorum *metadata_quorum(const struct metadata *metadata)
{
    return metadata->quorum;
}

const struct histogram *metadata_change_times(const struct metadata *metadata)
{
    return &metadata->change_times;
}

int64_t metadata_lag_ms(const struct metadata *metadata)
{
    if (list_empty(&metadata->changes))
        return 0;
    const struct metadata_change *oldest = CONTAINER_OF(metadata->changes.next, struct metadata_change, _link);
    return (io_now_ns(metadata->io) - oldest->_proposed_ns) / 1000000;
}

bool metadata_is_idle(const struct metadata *metadata)
{
    return list_empty(&metadata->changes) && list_empty(&metadata->failed) && metadata->publishing == NULL &&
           !metadata->is_writing_snapshot && quorum_is_idle(metadata->quorum);
}

/* ---- publication
 * ------------------------------------------------------------------------------------------------------- */

static void snapshot_written(struct quorum_snapshot *snapshot)
{
    struct metadata *metadata = CONTAINER_OF(snapshot, struct metadata, snapshot);
    metadata->is_writing_snapshot = false;
    replace(metadata, &metadata->snapshot_image, NULL);
}

static void maybe_write_snapshot(struct metadata *metadata)
{
    if (metadata->is_writing_snapshot || !quorum_wants_snapshot(metadata->quorum))
        return;
    metadata->is_writing_snapshot = true;
    replace(metadata, &metadata->snapshot_image, metadata->current);
    metadata->snapshot = (struct quorum_snapshot){.done = snapshot_written, .image = metadata->current};
    quorum_write_snapshot(metadata->quorum, &metadata->snapshot);
}

/* Changes that every shard has applied are done; a new one may be proposed in a done(). */
static void finish_applied(struct metadata *metadata)
{
    while (!list_empty(&metadata->changes) && metadata->current != NULL) {
        struct metadata_change *change = CONTAINER_OF(metadata->changes.next, struct metadata_change, _link);
        if (change->_offset > metadata->current->offset)
            break;
        list_remove(&change->_link);
        change->err = ERR_OK;
        if (change->count > 0)
            histogram_add(&metadata->change_times, io_now_ns(metadata->io) - change->_proposed_ns);
        change->done(change);
    }
}

static void run_turn_end(struct io_hook *hook)
{
    struct metadata *metadata = CONTAINER_OF(hook, struct metadata, at_turn_end);
    struct list failed;
    list_init(&failed);
    list_splice(&failed, &metadata->failed);
    while (!list_empty(&failed)) {
        struct metadata_change *change = CONTAINER_OF(list_pop_front(&failed), struct metadata_change, _link);
        change->done(change);
    }
    finish_applied(metadata);
    if (metadata->started && metadata->publishing == NULL && metadata->committed != metadata->current) {
        replace(metadata, &metadata->publishing, metadata->committed);
        metadata->publisher->publish(metadata->publisher, metadata, metadata->publishing);
    }
}

void metadata_published(struct metadata *metadata, const struct image *image)
{
    ASSERT(metadata->publishing == image);
    replace(metadata, &metadata->current, metadata->publishing);
    replace(metadata, &metadata->publishing, NULL);
    finish_applied(metadata);
    maybe_write_snapshot(metadata);
    io_at_turn_end(metadata->io, &metadata->at_turn_end);
}

void metadata_start(struct metadata *metadata)
{
    metadata->started = true;
    io_at_turn_end(metadata->io, &metadata->at_turn_end);
}

/* ---- changes
 * ----------------------------------------------------------------------------------------------------------- */

static void proposal_done(struct quorum_proposal *proposal)
{
    struct metadata_change *change = CONTAINER_OF(proposal, struct metadata_change, _proposal);
    struct metadata *metadata = change->_metadata;
    struct image *image = change->_image;
    change->_image = NULL;
    if (proposal->err == ERR_OK) {
        ASSERT(image->offset == proposal->offset && image->offset > metadata->committed->offset);
        replace(metadata, &metadata->committed, image);
    } else {
        change->err = proposal->err;
        list_remove(&change->_link);
        list_push_back(&metadata->failed, &change->_link);
    }
    image_release(metadata->mem, image);
    io_at_turn_end(metadata->io, &metadata->at_turn_end);
}

static enum err fold(struct metadata *metadata, struct metadata_change *change)
{
    struct image_builder builder;
    enum err err = ERR_OK;
    int64_t offset = quorum_end_offset(metadata->quorum) + change->count - 1;
    image_builder_init(&builder, metadata->mem, latest_image(metadata));
    for (int i = 0; i < change->count && err == ERR_OK; i++)
        err = image_builder_apply(&builder, &change->records[i]);
    if (err == ERR_OK)
        err = image_builder_finish(&builder, offset, quorum_epoch(metadata->quorum), &change->_image);
    image_builder_fini(&builder);
    return err == ERR_CORRUPT ? ERR_INVALID : err;
}

enum err metadata_change(struct metadata *metadata, struct metadata_change *change)
{
    change->_metadata = metadata;
    change->_image = NULL;
    change->_proposed_ns = io_now_ns(metadata->io);
    if (quorum_failed(metadata->quorum))
        return ERR_SEALED;
    if (change->count == 0) {
        change->_offset = latest_image(metadata)->offset;
        list_push_back(&metadata->changes, &change->_link);
        io_at_turn_end(metadata->io, &metadata->at_turn_end);
        return ERR_OK;
    }
    enum err err = fold(metadata, change);
    if (err != ERR_OK)
        return err;
    change->_proposal =
        (struct quorum_proposal){.done = proposal_done, .records = change->records, .count = change->count};
    err = quorum_propose(metadata->quorum, &change->_proposal);
    if (err != ERR_OK) {
        image_release(metadata->mem, change->_image);
        change->_image = NULL;
        return err;
    }
    ASSERT(change->_proposal.offset == change->_image->offset);
    change->_offset = change->_proposal.offset;
    list_push_back(&metadata->changes, &change->_link);
    return ERR_OK;
}

/* ---- life
 * -------------------------------------------------------------------------------------------------------------- */

struct loading {
    struct quorum_replay replay;
    struct image_builder builder;
    int32_t epoch;
};

static enum err load_record(struct quorum_replay *replay, const struct meta_record *record, int64_t offset,
                            int32_t epoch)
{
    struct loading *loading = CONTAINER_OF(replay, struct loading, replay);
    loading->epoch = epoch;
    return image_builder_apply(&loading->builder, record);
}

static enum err load(struct metadata *metadata, struct fs *fs, const struct metadata_options *options, char why[512])
{
    struct loading loading = {.replay.record = load_record};
    struct image *first;
    enum err err = image_first(metadata->mem, &options->node, &first);
    if (err != ERR_OK)
        return err;
    image_builder_init(&loading.builder, metadata->mem, first);
    struct quorum_options quorum = {
        .directory = options->directory, .config = options->config, .replay = &loading.replay};
    err = quorum_open(metadata->io, fs, &quorum, &metadata->quorum, why);
    if (err == ERR_OK)
        err = image_builder_finish(&loading.builder, quorum_committed_offset(metadata->quorum), loading.epoch,
                                   &metadata->committed);
    image_builder_fini(&loading.builder);
    image_release(metadata->mem, first);
    if (err != ERR_OK && metadata->quorum != NULL)
        quorum_close(metadata->quorum);
    return err;
}

enum err metadata_open(struct io *io, struct fs *fs, const struct metadata_options *options, struct metadata **result,
                       char why[512])
{
    struct metadata *metadata = MEM_NEW(io_mem(io), struct metadata);
    *result = NULL;
    why[0] = '\0';
    if (metadata == NULL)
        return ERR_NO_MEMORY;
    metadata->io = io;
    metadata->mem = io_mem(io);
    metadata->publisher = options->publisher;
    metadata->at_turn_end.run = run_turn_end;
    list_init(&metadata->changes);
    list_init(&metadata->failed);
    enum err err = load(metadata, fs, options, why);
    if (err != ERR_OK) {
        if (why[0] == '\0')
            snprintf(why, 512, "the metadata in %.400s cannot be loaded: %s", options->directory, err_text(err));
        MEM_DELETE(metadata->mem, metadata);
        return err;
    }
    *result = metadata;
    return ERR_OK;
}

void metadata_note_committed(struct metadata *metadata, struct fs *fs)
{
    quorum_note_committed(metadata->quorum, fs);
}

void metadata_close(struct metadata *metadata)
{
    ASSERT(list_empty(&metadata->changes) && list_empty(&metadata->failed) && !metadata->is_writing_snapshot);
    quorum_close(metadata->quorum);
    replace(metadata, &metadata->current, NULL);
    replace(metadata, &metadata->publishing, NULL);
    replace(metadata, &metadata->committed, NULL);
    MEM_DELETE(metadata->mem, metadata);
}
