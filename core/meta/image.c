#include "core/meta/internal.h"

uint64_t topic_name_hash(struct slice name)
{
    return hash_bytes(name.data, name.length, 0x746f706963u);
}

uint64_t topic_id_hash(struct uuid id)
{
    return hash_bytes(id.bytes, sizeof id.bytes, 0x6964u);
}

bool topic_has_name(const void *topic, const void *name)
{
    const struct image_topic *t = topic;
    return slice_equal(slice_of(t->name, t->name_length), *(const struct slice *)name);
}

bool topic_has_id(const void *topic, const void *id)
{
    return uuid_equal(((const struct image_topic *)topic)->id, *(const struct uuid *)id);
}

const struct image_topic *image_topic_by_name(const struct image *image, struct slice name)
{
    return slice_is_null(name) ? NULL : map_find(&image->_by_name, topic_name_hash(name), topic_has_name, &name);
}

const struct image_topic *image_topic_by_id(const struct image *image, struct uuid id)
{
    return map_find(&image->_by_id, topic_id_hash(id), topic_has_id, &id);
}

const struct image_partition *image_partition_at(const struct image_topic *topic, int32_t partition)
{
    return partition < 0 || partition >= topic->partition_count ? NULL : &topic->partitions[partition];
}

const struct image_broker *image_broker_by_id(const struct image *image, int32_t id)
{
    for (int32_t i = 0; i < image->broker_count; i++)
        if (image->brokers[i].id == id)
            return &image->brokers[i];
    return NULL;
}

const struct image_resource *image_resource_of(const struct image *image, int8_t type, struct slice name)
{
    for (int32_t i = 0; i < image->resource_count; i++)
        if (image->resources[i].type == type && slice_equal_string(name, image->resources[i].name))
            return &image->resources[i];
    return NULL;
}

const struct image_feature *image_feature_named(const struct image *image, const char *name)
{
    for (int32_t i = 0; i < image->feature_count; i++)
        if (strcmp(image->features[i].name, name) == 0)
            return &image->features[i];
    return NULL;
}

/* ---- one topic in one block ------------------------------------------------------------------------------------- */

struct packer {
    uint8_t *base; /* NULL while measuring */
    size_t at;
};

static void *pack(struct packer *packer, const void *from, size_t size, size_t align)
{
    packer->at = (packer->at + align - 1) & ~(align - 1);
    size_t at = packer->at;
    packer->at += size;
    if (packer->base == NULL)
        return NULL;
    if (from != NULL && size > 0)
        memcpy(packer->base + at, from, size);
    return packer->base + at;
}

static const int32_t *pack_ids(struct packer *packer, const int32_t *ids, int32_t count)
{
    return count == 0 ? NULL : pack(packer, ids, (size_t)count * sizeof *ids, _Alignof(int32_t));
}

static const char *pack_text(struct packer *packer, const char *text)
{
    return pack(packer, text, strlen(text) + 1, 1);
}

static void pack_partition(struct packer *packer, const struct image_partition *from, struct image_partition *to)
{
    struct image_partition copy = *from;
    copy.replicas = pack_ids(packer, from->replicas, from->replica_count);
    copy.isr = pack_ids(packer, from->isr, from->isr_count);
    copy.adding = pack_ids(packer, from->adding, from->adding_count);
    copy.removing = pack_ids(packer, from->removing, from->removing_count);
    copy.elr = pack_ids(packer, from->elr, from->elr_count);
    copy.last_known_elr = pack_ids(packer, from->last_known_elr, from->last_known_elr_count);
    if (from->directories != NULL)
        copy.directories = pack(packer, from->directories, (size_t)from->replica_count * sizeof(struct uuid), 1);
    if (to != NULL)
        *to = copy;
}

static struct image_topic *pack_all(struct packer *packer, const struct draft_topic *draft)
{
    size_t partition_bytes = (size_t)draft->partition_count * sizeof(struct image_partition);
    size_t override_bytes = (size_t)draft->overrides.count * sizeof(struct config_setting);
    struct image_topic *topic = pack(packer, NULL, sizeof *topic, 16);
    struct image_partition *partitions = pack(packer, NULL, partition_bytes, 16);
    struct config_setting *overrides = pack(packer, NULL, override_bytes, 16);

    for (int32_t i = 0; i < draft->partition_count; i++)
        pack_partition(packer, &draft->partitions[i], partitions == NULL ? NULL : &partitions[i]);
    const char *name = pack_text(packer, draft->name);
    for (int i = 0; i < draft->overrides.count; i++) {
        const char *key = pack_text(packer, draft->overrides.items[i].name);
        const char *value = pack_text(packer, draft->overrides.items[i].value);
        if (overrides != NULL)
            overrides[i] = (struct config_setting){key, value, 0};
    }
    if (topic != NULL)
        *topic = (struct image_topic){.name = name,
                                      .name_length = strlen(draft->name),
                                      .id = draft->id,
                                      .partition_count = draft->partition_count,
                                      .partitions = partitions,
                                      .overrides = overrides,
                                      .override_count = draft->overrides.count,
                                      ._references = 1};
    return topic;
}

static bool is_internal_name(const char *name)
{
    return strcmp(name, "__consumer_offsets") == 0 || strcmp(name, "__transaction_state") == 0 ||
           strcmp(name, "__share_group_state") == 0;
}

struct image_topic *topic_pack(struct mem *mem, const struct draft_topic *draft, const struct broker_config *config)
{
    struct packer packer = {NULL, 0};
    (void)pack_all(&packer, draft);
    size_t size = packer.at;
    packer = (struct packer){mem_alloc_zero(mem, size), 0};
    if (packer.base == NULL)
        return NULL;
    struct image_topic *topic = pack_all(&packer, draft);
    ASSERT(packer.at == size);
    topic->_size = size;
    topic->is_internal = is_internal_name(topic->name);
    config_resolve_topic(config, topic->overrides, topic->override_count, &topic->config);
    return topic;
}

struct image_topic *topic_repack(struct mem *mem, const struct image_topic *topic, const struct broker_config *config)
{
    struct draft_topic draft = {
        .name = topic->name,
        .id = topic->id,
        .partitions = (struct image_partition *)topic->partitions,
        .partition_count = topic->partition_count,
        .overrides = {(struct config_setting *)topic->overrides, topic->override_count, topic->override_count},
    };
    return topic_pack(mem, &draft, config);
}

void topic_release(struct mem *mem, struct image_topic *topic)
{
    ASSERT(topic->_references > 0);
    if (--topic->_references == 0)
        mem_free(mem, topic, topic->_size);
}

void shared_release(struct mem *mem, struct image_shared *shared)
{
    ASSERT(shared->references > 0);
    if (--shared->references > 0)
        return;
    arena_fini(&shared->arena);
    MEM_DELETE(mem, shared);
}

struct image *image_retain(struct image *image)
{
    image->_references++;
    return image;
}

void image_release(struct mem *mem, struct image *image)
{
    if (image == NULL)
        return;
    ASSERT(image->_references > 0);
    if (--image->_references > 0)
        return;
    for (int32_t i = 0; i < image->topic_count; i++)
        topic_release(mem, image->topics[i]);
    mem_free(mem, image->topics, (size_t)image->_topic_capacity * sizeof *image->topics);
    map_fini(&image->_by_name);
    map_fini(&image->_by_id);
    if (image->_shared != NULL)
        shared_release(mem, image->_shared);
    MEM_DELETE(mem, image);
}

/* ---- difference ---------------------------------------------------------------------------------------------------
 */

static bool differ_one(struct image_differ *differ, const struct image_topic *before, const struct image_topic *after)
{
    if (before == after)
        return true;
    if (before == NULL || after == NULL || uuid_equal(before->id, after->id))
        return differ->topic(differ, before, after);
    return differ->topic(differ, before, NULL) && differ->topic(differ, NULL, after);
}

void image_diff(const struct image *before, const struct image *after, struct image_differ *differ)
{
    int32_t b = 0, a = 0, before_count = before == NULL ? 0 : before->topic_count;
    while (b < before_count || a < after->topic_count) {
        int order = b == before_count         ? 1
                    : a == after->topic_count ? -1
                                              : strcmp(before->topics[b]->name, after->topics[a]->name);
        const struct image_topic *old = order <= 0 ? before->topics[b++] : NULL;
        const struct image_topic *new = order >= 0 ? after->topics[a++] : NULL;
        if (!differ_one(differ, old, new))
            return;
    }
}
