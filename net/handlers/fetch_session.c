#include "net/handlers/fetch_session.h"

#include "core/wire/error.h"

/* ---- keys ----------------------------------------------------------------------------------------------------------
 */

static uint64_t position_hash(const struct fetch_position *position)
{
    uint64_t seed = (uint32_t)position->partition;
    return slice_is_null(position->topic) ? hash_bytes(position->topic_id.bytes, sizeof(position->topic_id.bytes), seed)
                                          : hash_bytes(position->topic.data, position->topic.length, seed);
}

static bool position_equal(const void *value, const void *key)
{
    const struct fetch_position *a = &((const struct fetch_session_partition *)value)->position;
    const struct fetch_position *b = (const struct fetch_position *)key;
    return a->partition == b->partition && uuid_equal(a->topic_id, b->topic_id) && slice_equal(a->topic, b->topic);
}

static uint64_t id_hash(int32_t id)
{
    return hash_u64((uint32_t)id, 0);
}

static bool id_equal(const void *value, const void *key)
{
    return ((const struct fetch_session *)value)->id == *(const int32_t *)key;
}

int32_t fetch_session_next_epoch(int32_t epoch)
{
    if (epoch < 0)
        return FETCH_SESSION_EPOCH_FINAL;
    return epoch == INT32_MAX ? 1 : epoch + 1;
}

/* ---- the cache ------------------------------------------------------------------------------------------------------
 */

void fetch_session_cache_init(struct fetch_session_cache *cache, struct mem *mem, int32_t max_count,
                              int64_t min_evict_ms)
{
    *cache = (struct fetch_session_cache){.mem = mem, .max_count = max_count, .min_evict_ms = min_evict_ms};
    map_init(&cache->sessions, mem);
    list_init(&cache->by_use);
}

void fetch_session_cache_fini(struct fetch_session_cache *cache)
{
    LIST_EACH(link, &cache->by_use)
    {
        struct fetch_session *session = CONTAINER_OF(link, struct fetch_session, _by_use);
        ASSERT(session->_pins == 0);
        fetch_session_drop(session);
    }
    map_fini(&cache->sessions);
}

static void partition_free(struct fetch_session *session, struct fetch_session_partition *partition)
{
    list_remove(&partition->_order);
    session->_cache->partition_count--;
    mem_free(session->_cache->mem, partition, sizeof(*partition) + partition->position.topic.length);
}

static void session_free(struct fetch_session *session)
{
    LIST_EACH(link, &session->order)
    partition_free(session, FETCH_SESSION_PARTITION(link));
    map_fini(&session->partitions);
    MEM_DELETE(session->_cache->mem, session);
}

void fetch_session_drop(struct fetch_session *session)
{
    if (list_empty(&session->_by_use))
        return;
    list_remove(&session->_by_use);
    void *removed = map_remove(&session->_cache->sessions, id_hash(session->id), id_equal, &session->id);
    ASSERT(removed == session);
    if (session->_pins == 0)
        session_free(session);
}

void fetch_session_release(struct fetch_session *session)
{
    ASSERT(session->_pins > 0);
    if (--session->_pins == 0 && list_empty(&session->_by_use))
        session_free(session);
}

static struct fetch_session *cache_find(struct fetch_session_cache *cache, int32_t id)
{
    return map_find(&cache->sessions, id_hash(id), id_equal, &id);
}

void fetch_session_remove(struct fetch_session_cache *cache, int32_t id)
{
    struct fetch_session *session = cache_find(cache, id);
    if (session != NULL)
        fetch_session_drop(session);
}

int16_t fetch_session_find(struct fetch_session_cache *cache, int32_t id, int32_t epoch, bool by_topic_id,
                           int64_t now_ms, struct fetch_session **found)
{
    struct fetch_session *session = cache_find(cache, id);
    if (session == NULL)
        return KAFKA_ERROR_FETCH_SESSION_ID_NOT_FOUND;
    if (session->epoch != epoch)
        return KAFKA_ERROR_INVALID_FETCH_SESSION_EPOCH;
    if (session->by_topic_id != by_topic_id)
        return KAFKA_ERROR_FETCH_SESSION_TOPIC_ID_ERROR;
    session->epoch = fetch_session_next_epoch(session->epoch);
    session->last_used_ms = now_ms;
    list_remove(&session->_by_use);
    list_push_back(&cache->by_use, &session->_by_use);
    session->_pins++;
    *found = session;
    return KAFKA_ERROR_NONE;
}

/* ---- a new session
 * --------------------------------------------------------------------------------------------------- */

static bool worth_less(bool privileged_a, int64_t count_a, bool privileged_b, int64_t count_b)
{
    return privileged_a != privileged_b ? !privileged_a : count_a < count_b;
}

static bool evict_one(struct fetch_session_cache *cache, bool privileged, int32_t partition_count, int64_t now_ms)
{
    if (list_empty(&cache->by_use))
        return false;
    struct fetch_session *victim = CONTAINER_OF(cache->by_use.next, struct fetch_session, _by_use);
    if (now_ms - victim->last_used_ms <= cache->min_evict_ms) {
        victim = NULL;
        LIST_EACH(link, &cache->by_use)
        {
            struct fetch_session *session = CONTAINER_OF(link, struct fetch_session, _by_use);
            if (now_ms - session->created_ms <= cache->min_evict_ms)
                continue;
            if (victim == NULL || worth_less(session->privileged, (int64_t)session->partitions.count,
                                             victim->privileged, (int64_t)victim->partitions.count))
                victim = session;
        }
        if (victim == NULL ||
            !worth_less(victim->privileged, (int64_t)victim->partitions.count, privileged, partition_count))
            return false;
    }
    cache->evicted_count++;
    fetch_session_drop(victim);
    return true;
}

/* Positive, never one that is in use. */
static int32_t free_id(struct fetch_session_cache *cache, uint64_t random)
{
    int32_t id = (int32_t)(random & INT32_MAX);
    while (id == FETCH_SESSION_NONE || cache_find(cache, id) != NULL)
        id = id == INT32_MAX ? 1 : id + 1;
    return id;
}

struct fetch_session *fetch_session_create(struct fetch_session_cache *cache, bool privileged, bool by_topic_id,
                                           int32_t partition_count, int64_t now_ms, uint64_t random)
{
    if (partition_count == 0 || cache->max_count <= 0)
        return NULL;
    if (cache->sessions.count >= (size_t)cache->max_count && !evict_one(cache, privileged, partition_count, now_ms))
        return NULL;
    struct fetch_session *session = MEM_NEW(cache->mem, struct fetch_session);
    if (session == NULL)
        return NULL;
    *session = (struct fetch_session){.id = free_id(cache, random),
                                      .epoch = fetch_session_next_epoch(FETCH_SESSION_EPOCH_INITIAL),
                                      .by_topic_id = by_topic_id,
                                      .privileged = privileged,
                                      .created_ms = now_ms,
                                      .last_used_ms = now_ms,
                                      ._cache = cache,
                                      ._pins = 1};
    if (!map_put(&cache->sessions, id_hash(session->id), session)) {
        MEM_DELETE(cache->mem, session);
        return NULL;
    }
    map_init(&session->partitions, cache->mem);
    list_init(&session->order);
    list_init(&session->_by_use);
    list_push_back(&cache->by_use, &session->_by_use);
    return session;
}

/* ---- its partitions
 * --------------------------------------------------------------------------------------------------- */

struct fetch_session_partition *fetch_session_put(struct fetch_session *session, const struct fetch_position *position)
{
    uint64_t hash = position_hash(position);
    struct fetch_session_partition *partition = map_find(&session->partitions, hash, position_equal, position);
    if (partition != NULL) {
        struct slice topic = partition->position.topic;
        partition->position = *position;
        partition->position.topic = topic;
        return partition;
    }
    struct mem *mem = session->_cache->mem;
    size_t size = sizeof(*partition) + position->topic.length;
    partition = mem_alloc(mem, size);
    if (partition == NULL)
        return NULL;
    *partition = (struct fetch_session_partition){
        .position = *position, .sent_high_watermark = -1, .sent_log_start_offset = -1, ._hash = hash};
    if (!slice_is_null(position->topic)) {
        memcpy(partition->name, position->topic.data, position->topic.length);
        partition->position.topic = slice_of(partition->name, position->topic.length);
    }
    if (!map_put(&session->partitions, hash, partition)) {
        mem_free(mem, partition, size);
        return NULL;
    }
    list_init(&partition->_order);
    list_push_back(&session->order, &partition->_order);
    session->_cache->partition_count++;
    return partition;
}

void fetch_session_forget(struct fetch_session *session, const struct fetch_position *position)
{
    struct fetch_session_partition *partition =
        map_remove(&session->partitions, position_hash(position), position_equal, position);
    if (partition != NULL)
        partition_free(session, partition);
}

/* Kafka's CachedPartition.maybeUpdateResponseData. */
bool fetch_session_answer(struct fetch_session *session, struct fetch_session_partition *partition,
                          const struct fetch_session_answer *answer)
{
    bool must = answer->has_bytes || answer->preferred_read_replica != -1;
    if (answer->high_watermark != partition->sent_high_watermark) {
        partition->sent_high_watermark = answer->high_watermark;
        must = true;
    }
    if (answer->log_start_offset != partition->sent_log_start_offset) {
        partition->sent_log_start_offset = answer->log_start_offset;
        must = true;
    }
    if (answer->error != KAFKA_ERROR_NONE || answer->is_diverging) {
        partition->sent_high_watermark = -1; /* so that it is sent again when the error has gone */
        must = true;
    }
    if (answer->has_bytes) {
        list_remove(&partition->_order);
        list_push_back(&session->order, &partition->_order);
    }
    return must;
}
