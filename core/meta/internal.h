/* core/meta/internal.h -- what the files of this room share. */
#ifndef RINGMAIN_CORE_META_INTERNAL_H
#define RINGMAIN_CORE_META_INTERNAL_H

#include "core/meta/builder.h"

/* Brokers, features, resources and the node's configuration: the same object in every image between two changes. */
struct image_shared {
    int32_t references;
    struct arena arena;
    struct config_settings cluster, broker;
};

struct draft_topic {
    struct draft_topic *next;
    const struct image_topic *base; /* NULL: created here */
    const char *name;
    struct uuid id;
    struct image_partition *partitions;
    bool *filled; /* which of them a record has described */
    int32_t partition_count, partition_capacity;
    struct config_settings overrides;
    bool removed;
};

uint64_t topic_name_hash(struct slice name);
uint64_t topic_id_hash(struct uuid id);
bool topic_has_name(const void *topic, const void *name); /* key: struct slice */
bool topic_has_id(const void *topic, const void *id);     /* key: struct uuid */
bool draft_has_id(const void *draft, const void *id);     /* key: struct uuid */

/* Packs a draft, or repacks an unchanged topic with another config, into one block. NULL: no memory. */
struct image_topic *topic_pack(struct mem *mem, const struct draft_topic *draft, const struct broker_config *config);
struct image_topic *topic_repack(struct mem *mem, const struct image_topic *topic, const struct broker_config *config);
void topic_release(struct mem *mem, struct image_topic *topic);
void shared_release(struct mem *mem, struct image_shared *shared);

/* Sets (value not NULL) or removes one setting, keeping them sorted by name. Copies into the arena. */
enum err settings_change(struct config_settings *settings, struct arena *arena, struct slice name,
                         struct slice value) MUST_CHECK;
enum err settings_copy(struct config_settings *to, const struct config_settings *from, struct arena *arena) MUST_CHECK;

#endif
