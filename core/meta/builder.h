/* core/meta/builder.h -- the fold: records on top of an image make the next image.
 *
 *   image_builder_init(base) -> image_builder_apply(record)* -> image_builder_finish -> next image
 *
 * A changed topic becomes a draft, copied from the base at its first change; finish packs every draft into one block.
 * Invariants: the base is never touched; after an error only image_builder_fini may follow (it also follows success).
 * Core: control shard. Memory: drafts live in the builder's arena, the result in its mem.
 */
#ifndef RINGMAIN_CORE_META_BUILDER_H
#define RINGMAIN_CORE_META_BUILDER_H

#include "core/meta/image.h"
#include "core/meta/record.h"

struct draft_topic;

struct image_builder {
    struct mem *mem;
    const struct image *base;
    const struct config_settings *settings;
    struct arena _arena;
    struct map _by_id, _by_name; /* draft_topic */
    struct draft_topic *_drafts; /* newest first */
    int _draft_count;
    struct image_broker *_brokers;
    struct image_feature *_features;
    struct image_resource *_resources;
    int32_t _broker_count, _feature_count, _resource_count;
    int32_t _broker_capacity, _feature_capacity, _resource_capacity;
    bool _shared_changed;
    int64_t _next_producer_id;
};

enum { IMAGE_BUILDER_LIMIT_MIB = 1024 };

void image_builder_init(struct image_builder *builder, struct mem *mem, const struct image *base);
void image_builder_fini(struct image_builder *builder);
/* ERR_CORRUPT: the record cannot follow what came before (a partition of no topic, a name twice, ...). */
enum err image_builder_apply(struct image_builder *builder, const struct meta_record *record) MUST_CHECK;
/* The image as of the last record applied, which lies at `offset` and was written in `epoch`. */
enum err image_builder_finish(struct image_builder *builder, int64_t offset, int32_t epoch,
                              struct image **image) MUST_CHECK;

/* The records that make this image out of an empty one, in Kafka's order. They point into the image and into `scratch`,
 * and are gone after the call. A false stops and makes the result false, and so does a full scratch. */
struct image_writer {
    struct arena *scratch;
    bool (*record)(struct image_writer *writer, const struct meta_record *record);
};
bool image_write(const struct image *image, struct image_writer *writer) MUST_CHECK;

#endif
