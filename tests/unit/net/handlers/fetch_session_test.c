/* The session cache of KIP-227: who gets a session, who loses it, and what an incremental answer contains. */
#include "net/handlers/fetch_session.h"
#include "tests/support/test.h"

#include "core/wire/error.h"

#define MINUTE_MS 60000

static struct fetch_position by_name(const char *topic, int32_t partition, int64_t offset)
{
    return (struct fetch_position){
        .topic = slice_from_string(topic), .partition = partition, .fetch_offset = offset, .max_bytes = 1 << 20};
}

static struct fetch_session *session_of(struct fetch_session_cache *cache, int count, int64_t now_ms, uint64_t random)
{
    struct fetch_session *session = fetch_session_create(cache, false, false, count, now_ms, random);
    for (int i = 0; session != NULL && i < count; i++) {
        struct fetch_position position = by_name("t", i, 0);
        assert_non_null(fetch_session_put(session, &position));
    }
    return session;
}

static void a_session_is_found_only_with_its_id_epoch_and_kind(void **state)
{
    struct mem *mem = test_mem();
    struct fetch_session_cache cache;
    fetch_session_cache_init(&cache, mem, 10, 2 * MINUTE_MS);
    struct fetch_session *session = session_of(&cache, 2, 0, 77), *found = NULL;
    assert_int_equal(session->id, 77);
    fetch_session_release(session);
    assert_int_equal(fetch_session_find(&cache, 78, 1, false, 1, &found), KAFKA_ERROR_FETCH_SESSION_ID_NOT_FOUND);
    assert_int_equal(fetch_session_find(&cache, 77, 2, false, 1, &found), KAFKA_ERROR_INVALID_FETCH_SESSION_EPOCH);
    assert_int_equal(fetch_session_find(&cache, 77, 1, true, 1, &found), KAFKA_ERROR_FETCH_SESSION_TOPIC_ID_ERROR);
    assert_int_equal(fetch_session_find(&cache, 77, 1, false, 1, &found), KAFKA_ERROR_NONE);
    assert_ptr_equal(found, session);
    assert_int_equal(found->epoch, 2);
    fetch_session_release(found);
    assert_int_equal(fetch_session_find(&cache, 77, 1, false, 1, &found), KAFKA_ERROR_INVALID_FETCH_SESSION_EPOCH);
    fetch_session_cache_fini(&cache);
    assert_int_equal(mem->used, 0);
}

static void the_epoch_wraps_from_the_largest_to_one(void **state)
{
    assert_int_equal(fetch_session_next_epoch(0), 1);
    assert_int_equal(fetch_session_next_epoch(INT32_MAX), 1);
    assert_int_equal(fetch_session_next_epoch(-1), -1);
}

static void a_full_cache_gives_no_session_to_an_equal_newcomer(void **state)
{
    struct mem *mem = test_mem();
    struct fetch_session_cache cache;
    fetch_session_cache_init(&cache, mem, 2, 2 * MINUTE_MS);
    for (uint64_t i = 1; i <= 2; i++)
        fetch_session_release(session_of(&cache, 3, 0, i));
    assert_null(session_of(&cache, 100, MINUTE_MS, 3)); /* both too young to be evicted */
    assert_null(session_of(&cache, 3, 2 * MINUTE_MS, 4));
    assert_int_equal(cache.sessions.count, 2);
    fetch_session_cache_fini(&cache);
    assert_int_equal(mem->used, 0);
}

static void an_idle_session_makes_room_first(void **state)
{
    struct mem *mem = test_mem();
    struct fetch_session_cache cache;
    struct fetch_session *found;
    fetch_session_cache_init(&cache, mem, 2, 2 * MINUTE_MS);
    fetch_session_release(session_of(&cache, 9, 0, 1));
    fetch_session_release(session_of(&cache, 1, 0, 2));
    assert_int_equal(fetch_session_find(&cache, 2, 1, false, 2 * MINUTE_MS, &found), KAFKA_ERROR_NONE);
    fetch_session_release(found);
    struct fetch_session *fresh = session_of(&cache, 1, 2 * MINUTE_MS + 1, 3);
    assert_non_null(fresh);
    fetch_session_release(fresh);
    assert_int_equal(fetch_session_find(&cache, 1, 1, false, 0, &found), KAFKA_ERROR_FETCH_SESSION_ID_NOT_FOUND);
    assert_int_equal(fetch_session_find(&cache, 2, 2, false, 3 * MINUTE_MS, &found), KAFKA_ERROR_NONE);
    fetch_session_release(found);
    assert_int_equal(cache.evicted_count, 1);
    fetch_session_cache_fini(&cache);
    assert_int_equal(mem->used, 0);
}

static void of_old_busy_sessions_the_smallest_yields_to_a_larger_or_a_followers(void **state)
{
    struct mem *mem = test_mem();
    struct fetch_session_cache cache;
    struct fetch_session *found;
    fetch_session_cache_init(&cache, mem, 2, 2 * MINUTE_MS);
    fetch_session_release(session_of(&cache, 5, 0, 1));
    fetch_session_release(session_of(&cache, 3, 0, 2));
    int64_t now_ms = 3 * MINUTE_MS;
    for (int32_t id = 1; id <= 2; id++) {
        assert_int_equal(fetch_session_find(&cache, id, 1, false, now_ms - 1, &found), KAFKA_ERROR_NONE);
        fetch_session_release(found);
    }
    assert_null(session_of(&cache, 3, now_ms, 3));
    struct fetch_session *larger = session_of(&cache, 4, now_ms, 4);
    assert_non_null(larger);
    fetch_session_release(larger);
    assert_int_equal(fetch_session_find(&cache, 2, 2, false, now_ms, &found), KAFKA_ERROR_FETCH_SESSION_ID_NOT_FOUND);
    struct fetch_session *follower = fetch_session_create(&cache, true, false, 1, now_ms, 5);
    assert_non_null(follower);
    fetch_session_release(follower);
    assert_int_equal(fetch_session_find(&cache, 1, 2, false, now_ms, &found), KAFKA_ERROR_FETCH_SESSION_ID_NOT_FOUND);
    fetch_session_cache_fini(&cache);
    assert_int_equal(mem->used, 0);
}

static void an_evicted_session_lives_until_its_request_is_done(void **state)
{
    struct mem *mem = test_mem();
    struct fetch_session_cache cache;
    fetch_session_cache_init(&cache, mem, 1, 2 * MINUTE_MS);
    struct fetch_session *pinned = session_of(&cache, 3, 0, 1);
    struct fetch_session *fresh = session_of(&cache, 1, 5 * MINUTE_MS, 2);
    assert_non_null(fresh);
    assert_int_equal(pinned->partitions.count, 3);
    fetch_session_release(pinned);
    fetch_session_release(fresh);
    fetch_session_cache_fini(&cache);
    assert_int_equal(mem->used, 0);
}

static void two_sessions_never_share_an_id(void **state)
{
    struct mem *mem = test_mem();
    struct fetch_session_cache cache;
    fetch_session_cache_init(&cache, mem, 10, 0);
    struct fetch_session *a = session_of(&cache, 1, 0, INT32_MAX), *b = session_of(&cache, 1, 0, INT32_MAX);
    struct fetch_session *c = session_of(&cache, 1, 0, 0);
    assert_int_equal(a->id, INT32_MAX);
    assert_int_equal(b->id, 1);
    assert_int_equal(c->id, 2);
    fetch_session_release(a);
    fetch_session_release(b);
    fetch_session_release(c);
    fetch_session_cache_fini(&cache);
    assert_int_equal(mem->used, 0);
}

static void an_answer_names_only_what_is_new(void **state)
{
    struct mem *mem = test_mem();
    struct fetch_session_cache cache;
    fetch_session_cache_init(&cache, mem, 10, 0);
    struct fetch_session *session = session_of(&cache, 2, 0, 1);
    struct fetch_session_partition *first = FETCH_SESSION_PARTITION(session->order.next);
    struct fetch_session_answer answer = {.preferred_read_replica = -1, .high_watermark = 10};
    assert_true(fetch_session_answer(session, first, &answer));
    assert_false(fetch_session_answer(session, first, &answer));
    answer.high_watermark = 11;
    assert_true(fetch_session_answer(session, first, &answer));
    answer.log_start_offset = 5;
    assert_true(fetch_session_answer(session, first, &answer));
    assert_false(fetch_session_answer(session, first, &answer));
    answer.error = KAFKA_ERROR_KAFKA_STORAGE_ERROR;
    assert_true(fetch_session_answer(session, first, &answer));
    assert_true(fetch_session_answer(session, first, &answer));
    answer.error = KAFKA_ERROR_NONE;
    assert_true(fetch_session_answer(session, first, &answer)); /* the error has gone: say so */
    assert_false(fetch_session_answer(session, first, &answer));
    assert_ptr_equal(FETCH_SESSION_PARTITION(session->order.next), first);
    answer.has_bytes = true;
    assert_true(fetch_session_answer(session, first, &answer));
    assert_ptr_equal(FETCH_SESSION_PARTITION(session->order.prev), first); /* the others first, next time */
    fetch_session_release(session);
    fetch_session_cache_fini(&cache);
    assert_int_equal(mem->used, 0);
}

static void partitions_are_updated_forgotten_and_kept_apart_by_id_and_name(void **state)
{
    struct mem *mem = test_mem();
    struct fetch_session_cache cache;
    fetch_session_cache_init(&cache, mem, 10, 0);
    struct fetch_session *session = session_of(&cache, 2, 0, 1);
    struct fetch_position moved = by_name("t", 1, 500), other = by_name("u", 1, 7);
    struct fetch_session_partition *partition = fetch_session_put(session, &moved);
    assert_int_equal(partition->position.fetch_offset, 500);
    assert_true(slice_equal_string(partition->position.topic, "t"));
    assert_int_equal(session->partitions.count, 2);
    assert_non_null(fetch_session_put(session, &other));
    assert_int_equal(cache.partition_count, 3);
    fetch_session_forget(session, &moved);
    fetch_session_forget(session, &moved);
    assert_int_equal(session->partitions.count, 2);
    fetch_session_release(session);
    fetch_session_cache_fini(&cache);
    assert_int_equal(mem->used, 0);
}

static void no_memory_means_no_session(void **state)
{
    for (long n = 1; n <= 4; n++) {
        struct mem *mem = test_mem();
        struct fetch_session_cache cache;
        fetch_session_cache_init(&cache, mem, 10, 0);
        test_mem_fail_at(mem, n);
        struct fetch_session *session = fetch_session_create(&cache, false, false, 1, 0, 9);
        struct fetch_position position = by_name("t", 0, 0);
        if (n <= 2) {
            assert_null(session);
        } else {
            assert_null(fetch_session_put(session, &position));
            fetch_session_drop(session);
            fetch_session_release(session);
        }
        test_mem_fail_at(mem, 0);
        fetch_session_cache_fini(&cache);
        assert_int_equal(mem->used, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_session_is_found_only_with_its_id_epoch_and_kind),
        cmocka_unit_test(the_epoch_wraps_from_the_largest_to_one),
        cmocka_unit_test(a_full_cache_gives_no_session_to_an_equal_newcomer),
        cmocka_unit_test(an_idle_session_makes_room_first),
        cmocka_unit_test(of_old_busy_sessions_the_smallest_yields_to_a_larger_or_a_followers),
        cmocka_unit_test(an_evicted_session_lives_until_its_request_is_done),
        cmocka_unit_test(two_sessions_never_share_an_id),
        cmocka_unit_test(an_answer_names_only_what_is_new),
        cmocka_unit_test(partitions_are_updated_forgotten_and_kept_apart_by_id_and_name),
        cmocka_unit_test(no_memory_means_no_session),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
