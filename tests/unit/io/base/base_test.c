/* Goal: the small things everything stands on. Method: known values and random operation sequences against a model. */
#include "io/base/arena.h"
#include "io/base/bytes.h"
#include "io/base/hash.h"
#include "io/base/prng.h"

#include "tests/support/test.h"

static void uuids_print_and_parse_as_kafka_does(void **state)
{
    struct uuid id;
    char text[UUID_TEXT_SIZE];
    assert_true(uuid_parse("AAAAAAAAAAAAAAAAAAAAAQ", &id)); /* Kafka's reserved metadata topic id */
    assert_int_equal(id.bytes[15], 1);
    uuid_format(id, text);
    assert_string_equal(text, "AAAAAAAAAAAAAAAAAAAAAQ");
    assert_false(uuid_parse("AAAAAAAAAAAAAAAAAAAAAB", &id)); /* stray bits */
    assert_false(uuid_parse("short", &id));
    struct prng prng;
    prng_seed(&prng, 1);
    for (int i = 0; i < 1000; i++) {
        struct uuid in = uuid_from_random(prng_next(&prng), prng_next(&prng)), out;
        uuid_format(in, text);
        assert_true(text[0] != '-' && uuid_parse(text, &out) && uuid_equal(in, out));
    }
}

static void hashes_equal_those_of_java_clients(void **state)
{
    assert_int_equal(hash_java_string(SLICE_LITERAL("hello")), 99162322);
    assert_int_equal(hash_java_string(SLICE_LITERAL("")), 0);
    assert_int_equal(hash_java_string(SLICE_LITERAL("\xf0\x9f\x98\x80")), 1772899); /* one surrogate pair */
    assert_int_equal((int32_t)hash_murmur2("21", 2), -973932308);                   /* values of Kafka's UtilsTest */
    assert_int_equal((int32_t)hash_murmur2("foobar", 6), -790332482);
    assert_int_equal((int32_t)hash_murmur2("a-little-bit-long-string", 24), -985981536);
}

static bool same_number(const void *value, const void *key)
{
    return *(const uint64_t *)value == *(const uint64_t *)key;
}

static void a_map_keeps_what_a_model_keeps(void **state)
{
    struct mem *mem = test_mem();
    struct map map;
    struct prng prng;
    static uint64_t keys[512];
    bool in[512] = {0};
    map_init(&map, mem);
    prng_seed(&prng, 7);
    for (uint64_t i = 0; i < 512; i++)
        keys[i] = i;
    for (int round = 0; round < 200000; round++) {
        uint64_t k = prng_below(&prng, 512), hash = k % 37; /* many collisions */
        void *found = map_find(&map, hash, same_number, &k);
        assert_ptr_equal(found, in[k] ? &keys[k] : NULL);
        if (in[k])
            assert_ptr_equal(map_remove(&map, hash, same_number, &k), &keys[k]);
        else
            assert_true(map_put(&map, hash, &keys[k]));
        in[k] = !in[k];
    }
    map_fini(&map);
    assert_int_equal(mem->used, 0);
}

static void an_arena_respects_its_limit_and_gives_everything_back(void **state)
{
    struct mem *mem = test_mem();
    struct arena arena;
    arena_init(&arena, mem, 10000);
    size_t taken = 0;
    while (arena_alloc(&arena, 100) != NULL)
        taken += 100;
    assert_true(arena.failed && taken >= 8000 && arena.total <= 10000);
    arena_reset(&arena);
    assert_false(arena.failed);
    assert_string_equal(arena_printf(&arena, "%d-%s", 7, "x"), "7-x");
    assert_null(arena_alloc_array(&arena, SIZE_MAX / 2, 3));
    arena_fini(&arena);
    assert_int_equal(mem->used, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(uuids_print_and_parse_as_kafka_does),
        cmocka_unit_test(hashes_equal_those_of_java_clients),
        cmocka_unit_test(a_map_keeps_what_a_model_keeps),
        cmocka_unit_test(an_arena_respects_its_limit_and_gives_everything_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
