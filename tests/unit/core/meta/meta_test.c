/* Goal: an image is a pure fold: the same whether its records came one by one, in batches or from a snapshot, and never
 * changed by what is built on it. Method: random operation sequences against a small model, and bytes in between. */
#include "core/meta/builder.h"
#include "io/base/prng.h"

#include "tests/support/test.h"

#include <stdio.h>

struct fixture {
    struct mem *mem;
    struct config_settings settings;
    struct image *image;
};

static struct fixture begin(void)
{
    struct fixture f = {.mem = test_mem()};
    static const struct config_settings none;
    struct image_node node = {.node_id = 1, .cluster_id = {{9}}, .settings = &none};
    assert_int_equal(image_first(f.mem, &node, &f.image), ERR_OK);
    return f;
}

static void end(struct fixture *f)
{
    image_release(f->mem, f->image);
    assert_int_equal(f->mem->used, 0);
}

/* Through bytes, as the log would hand them over. */
static enum err apply(struct fixture *f, struct image_builder *builder, const struct meta_record *record)
{
    struct wire_writer writer;
    struct arena arena;
    struct meta_record read;
    wire_writer_init(&writer, f->mem);
    arena_init(&arena, f->mem, 1 << 20);
    assert_int_equal(meta_record_encode(record, &writer), ERR_OK);
    assert_int_equal(meta_record_decode(slice_of(writer.data, writer.length), &arena, &read), ERR_OK);
    enum err err = image_builder_apply(builder, &read);
    memset(writer.data, 0xee, writer.length); /* nothing may still point here */
    wire_writer_fini(&writer);
    arena_fini(&arena);
    return err;
}

static enum err fold(struct fixture *f, const struct meta_record *records, int count)
{
    struct image_builder builder;
    struct image *next = NULL;
    enum err err = ERR_OK;
    image_builder_init(&builder, f->mem, f->image);
    for (int i = 0; i < count && err == ERR_OK; i++)
        err = apply(f, &builder, &records[i]);
    if (err == ERR_OK)
        err = image_builder_finish(&builder, f->image->offset + count, 1, &next);
    image_builder_fini(&builder);
    if (err == ERR_OK) {
        image_release(f->mem, f->image);
        f->image = next;
    }
    return err;
}

static struct meta_record topic_record_of(const char *name, uint8_t id)
{
    struct meta_record record;
    meta_record_init(&record, META_TOPIC);
    record.topic.name = slice_from_string(name);
    record.topic.topic_id.bytes[0] = id;
    return record;
}

static struct meta_record partition_of(uint8_t id, int32_t partition, int32_t *replica)
{
    struct meta_record record;
    meta_record_init(&record, META_PARTITION);
    record.partition.partition_id = partition;
    record.partition.topic_id.bytes[0] = id;
    record.partition.replicas.items = record.partition.isr.items = replica;
    record.partition.replicas.count = record.partition.isr.count = 1;
    record.partition.leader = *replica;
    record.partition.leader_epoch = 0;
    record.partition.partition_epoch = 0;
    return record;
}

static struct meta_record config_of(int8_t type, const char *resource, const char *name, const char *value)
{
    struct meta_record record;
    meta_record_init(&record, META_CONFIG);
    record.config.resource_type = type;
    record.config.resource_name = slice_from_string(resource);
    record.config.name = slice_from_string(name);
    record.config.value = slice_from_string(value);
    return record;
}

/* ---- an image as text, to compare whole images ------------------------------------------------------------------ */

struct printer {
    struct image_writer writer;
    struct arena arena;
    char *text;
    size_t length;
};

static bool print_record(struct image_writer *writer, const struct meta_record *record)
{
    struct printer *printer = CONTAINER_OF(writer, struct printer, writer);
    struct wire_writer bytes;
    wire_writer_init(&bytes, printer->arena.mem);
    assert_int_equal(meta_record_encode(record, &bytes), ERR_OK);
    for (size_t i = 0; i < bytes.length; i++)
        printer->length += (size_t)snprintf(printer->text + printer->length, (1 << 22) - printer->length, "%02x",
                                            bytes.data[i]);
    printer->text[printer->length++] = '\n';
    printer->text[printer->length] = '\0';
    wire_writer_fini(&bytes);
    return true;
}

static char *print_image(struct mem *mem, const struct image *image)
{
    struct printer printer = {.writer.record = print_record, .text = malloc(1 << 22)};
    arena_init(&printer.arena, mem, 1 << 26);
    printer.writer.scratch = &printer.arena;
    printer.text[0] = '\0';
    assert_true(image_write(image, &printer.writer));
    for (int32_t i = 0; i < image->topic_count; i++)
        printer.length += (size_t)snprintf(printer.text + printer.length, (1 << 22) - printer.length, "%s=%lld\n",
                                           image->topics[i]->name, (long long)image->topics[i]->config.retention_ms);
    arena_fini(&printer.arena);
    return printer.text;
}

struct copier {
    struct image_writer writer;
    struct fixture *fixture;
    struct image_builder builder;
};

static bool copy_record(struct image_writer *writer, const struct meta_record *record)
{
    struct copier *copier = CONTAINER_OF(writer, struct copier, writer);
    return apply(copier->fixture, &copier->builder, record) == ERR_OK;
}

static void assert_snapshot_gives_the_same(struct fixture *f)
{
    struct fixture fresh = begin();
    struct arena scratch;
    arena_init(&scratch, fresh.mem, 1 << 24);
    struct copier copier = {.writer = {&scratch, copy_record}, .fixture = &fresh};
    struct image *copy;
    image_builder_init(&copier.builder, fresh.mem, fresh.image);
    assert_true(image_write(f->image, &copier.writer));
    assert_int_equal(image_builder_finish(&copier.builder, f->image->offset, 1, &copy), ERR_OK);
    image_builder_fini(&copier.builder);
    arena_fini(&scratch);
    char *a = print_image(f->mem, f->image), *b = print_image(fresh.mem, copy);
    assert_string_equal(a, b);
    free(a);
    free(b);
    image_release(fresh.mem, copy);
    end(&fresh);
}

/* ---- tests ------------------------------------------------------------------------------------------------------ */

static void a_topic_is_found_by_name_and_by_id_and_carries_its_settings(void **state)
{
    struct fixture f = begin();
    int32_t one = 1;
    struct meta_record records[] = {topic_record_of("orders", 7), config_of(2, "orders", "retention.ms", "5000"),
                                    partition_of(7, 1, &one), partition_of(7, 0, &one),
                                    config_of(4, "", "log.retention.ms", "77"), topic_record_of("plain", 8),
                                    partition_of(8, 0, &one)};
    assert_int_equal(fold(&f, records, COUNT_OF(records)), ERR_OK);
    const struct image_topic *topic = image_topic_by_name(f.image, SLICE_LITERAL("orders"));
    assert_non_null(topic);
    assert_ptr_equal(topic, image_topic_by_id(f.image, (struct uuid){{7}}));
    assert_int_equal(topic->partition_count, 2);
    assert_int_equal(image_partition_at(topic, 1)->replicas[0], 1);
    assert_null(image_partition_at(topic, 2));
    assert_int_equal(topic->config.retention_ms, 5000);
    assert_int_equal(image_topic_by_name(f.image, SLICE_LITERAL("plain"))->config.retention_ms, 77);
    assert_int_equal(f.image->partition_count, 3);
    struct meta_record change = config_of(4, "", "log.retention.ms", NULL);
    assert_int_equal(fold(&f, &change, 1), ERR_OK); /* a dynamic default reaches topics that do not override it */
    assert_int_equal(image_topic_by_name(f.image, SLICE_LITERAL("plain"))->config.retention_ms, 604800000);
    assert_int_equal(image_topic_by_name(f.image, SLICE_LITERAL("orders"))->config.retention_ms, 5000);
    assert_int_equal(f.image->resource_count, 0);
    assert_snapshot_gives_the_same(&f);
    end(&f);
}

static void records_that_cannot_follow_leave_the_image_as_it_was(void **state)
{
    struct fixture f = begin();
    int32_t one = 1;
    struct meta_record good[] = {topic_record_of("a", 1), partition_of(1, 0, &one)};
    assert_int_equal(fold(&f, good, 2), ERR_OK);
    char *before = print_image(f.mem, f.image);
    struct meta_record hole[] = {topic_record_of("b", 2), partition_of(2, 1, &one)};
    struct meta_record bad[] = {topic_record_of("a", 3), topic_record_of("c", 1), partition_of(9, 0, &one),
                                partition_of(1, -1, &one), config_of(2, "nope", "retention.ms", "1"),
                                topic_record_of("", 5)};
    assert_int_equal(fold(&f, hole, 2), ERR_CORRUPT);
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        assert_int_equal(fold(&f, &bad[i], 1), ERR_CORRUPT);
    char *after = print_image(f.mem, f.image);
    assert_string_equal(before, after);
    free(before);
    free(after);
    end(&f);
}

struct counter {
    struct image_differ differ;
    int created, changed, removed;
};

static bool count_topic(struct image_differ *differ, const struct image_topic *before, const struct image_topic *after)
{
    struct counter *counter = CONTAINER_OF(differ, struct counter, differ);
    counter->created += before == NULL;
    counter->removed += after == NULL;
    counter->changed += before != NULL && after != NULL;
    return true;
}

static void the_difference_names_just_what_changed(void **state)
{
    struct fixture f = begin();
    int32_t one = 1;
    struct meta_record first[] = {topic_record_of("a", 1), partition_of(1, 0, &one), topic_record_of("b", 2),
                                  partition_of(2, 0, &one), topic_record_of("c", 3), partition_of(3, 0, &one)};
    assert_int_equal(fold(&f, first, 6), ERR_OK);
    struct meta_record remove;
    meta_record_init(&remove, META_REMOVE_TOPIC);
    remove.remove_topic.topic_id.bytes[0] = 1;
    struct meta_record second[] = {remove, topic_record_of("a", 4), partition_of(4, 0, &one), partition_of(2, 1, &one)};
    struct image_builder builder;
    struct image *next;
    image_builder_init(&builder, f.mem, f.image);
    for (int i = 0; i < 4; i++)
        assert_int_equal(apply(&f, &builder, &second[i]), ERR_OK);
    assert_int_equal(image_builder_finish(&builder, 10, 1, &next), ERR_OK);
    image_builder_fini(&builder);
    struct counter counter = {.differ.topic = count_topic};
    image_diff(f.image, next, &counter.differ);
    assert_int_equal(counter.created, 1); /* a, recreated */
    assert_int_equal(counter.removed, 1);
    assert_int_equal(counter.changed, 1); /* b grew */
    assert_ptr_equal(image_topic_by_name(f.image, SLICE_LITERAL("c")), image_topic_by_name(next, SLICE_LITERAL("c")));
    counter = (struct counter){.differ.topic = count_topic};
    image_diff(NULL, next, &counter.differ);
    assert_int_equal(counter.created, 3);
    image_release(f.mem, f.image);
    f.image = next;
    end(&f);
}

/* One random record that may follow the image, or (rarely) may not. */
static struct meta_record random_record(struct prng *prng, const struct image *image, int32_t *one, char *name)
{
    struct meta_record record;
    const struct image_topic *topic =
        image->topic_count == 0 ? NULL : image->topics[prng_below(prng, (uint64_t)image->topic_count)];
    switch (topic == NULL ? 0 : prng_below(prng, 8)) {
    case 0:
        snprintf(name, 16, "t%d", (int)prng_below(prng, 40));
        record = topic_record_of(name, 1);
        put_u64(record.topic.topic_id.bytes, prng_next(prng)); /* never used twice */
        return record;
    case 1:
    case 2:
        record = partition_of(0, topic->partition_count, one);
        record.partition.topic_id = topic->id;
        return record;
    case 3:
        meta_record_init(&record, META_REMOVE_TOPIC);
        record.remove_topic.topic_id = topic->id;
        return record;
    case 4:
        snprintf(name, 16, "%s", topic->name); /* the image may go before the record does */
        return config_of(2, name, prng_below(prng, 2) ? "retention.ms" : "segment.bytes",
                         prng_below(prng, 3) ? "2000000" : NULL);
    case 5:
        return config_of(4, prng_below(prng, 2) ? "" : "1", "log.retention.ms", prng_below(prng, 2) ? "4000" : NULL);
    case 6:
        meta_record_init(&record, META_PARTITION_CHANGE);
        record.partition_change.topic_id = topic->id;
        record.partition_change.partition_id = 0;
        record.partition_change.leader = prng_below(prng, 2) ? -1 : 1;
        return record;
    default:
        meta_record_init(&record, META_PRODUCER_IDS);
        record.producer_ids.next_producer_id = image->next_producer_id + 1000;
        return record;
    }
}

static void random_histories_fold_the_same_one_by_one_in_batches_and_from_a_snapshot(void **state)
{
    for (uint64_t seed = 1; seed <= 30; seed++) {
        struct fixture single = begin(), batched = begin();
        struct image_builder builder;
        struct prng prng;
        int32_t one = 1, pending = 0;
        prng_seed(&prng, seed);
        image_builder_init(&builder, batched.mem, batched.image);
        for (int step = 0; step < 300; step++) {
            char name[16];
            struct meta_record record = random_record(&prng, single.image, &one, name);
            if (fold(&single, &record, 1) != ERR_OK)
                continue; /* could not follow; the batched side never sees it */
            assert_int_equal(apply(&batched, &builder, &record), ERR_OK);
            if (++pending < (int)prng_below(&prng, 20))
                continue;
            struct image *next;
            assert_int_equal(image_builder_finish(&builder, single.image->offset, 1, &next), ERR_OK);
            image_builder_fini(&builder);
            image_release(batched.mem, batched.image);
            batched.image = next;
            image_builder_init(&builder, batched.mem, batched.image);
            pending = 0;
            char *a = print_image(single.mem, single.image), *b = print_image(batched.mem, batched.image);
            assert_string_equal(a, b);
            free(a);
            free(b);
        }
        image_builder_fini(&builder);
        assert_snapshot_gives_the_same(&single);
        end(&single);
        end(&batched);
    }
}

static void every_failing_allocation_leaves_the_base_and_no_leak(void **state)
{
    struct fixture f = begin();
    int32_t one = 1;
    struct meta_record first[] = {topic_record_of("a", 1), partition_of(1, 0, &one)};
    struct meta_record second[] = {topic_record_of("b", 2), partition_of(2, 0, &one), partition_of(1, 1, &one),
                                   config_of(4, "", "log.retention.ms", "77"), config_of(2, "b", "retention.ms", "5")};
    assert_int_equal(fold(&f, first, 2), ERR_OK);
    int failures = 0;
    for (long n = 1;; n++) {
        struct image_builder builder;
        struct image *next = NULL;
        size_t used = f.mem->used;
        enum err err = ERR_OK;
        test_mem_fail_at(f.mem, n);
        image_builder_init(&builder, f.mem, f.image);
        for (size_t i = 0; i < COUNT_OF(second) && err == ERR_OK; i++)
            err = image_builder_apply(&builder, &second[i]);
        if (err == ERR_OK)
            err = image_builder_finish(&builder, 5, 1, &next);
        image_builder_fini(&builder);
        test_mem_fail_at(f.mem, 0);
        image_release(f.mem, next);
        assert_int_equal(f.mem->used, used);
        if (err == ERR_OK)
            break;
        assert_int_equal(err, ERR_NO_MEMORY);
        failures++;
    }
    assert_true(failures > 5);
    end(&f);
}

static void broken_bytes_are_refused(void **state)
{
    struct fixture f = begin();
    struct arena arena;
    struct meta_record record;
    arena_init(&arena, f.mem, 1 << 20);
    assert_int_equal(meta_record_decode(SLICE_LITERAL(""), &arena, &record), ERR_CORRUPT);
    assert_int_equal(meta_record_decode(SLICE_LITERAL("\x01\x02"), &arena, &record), ERR_CORRUPT);
    assert_int_equal(meta_record_decode(SLICE_LITERAL("\x02\x02\x00"), &arena, &record), ERR_UNSUPPORTED);
    assert_int_equal(meta_record_decode(SLICE_LITERAL("\x01\x63\x00"), &arena, &record), ERR_UNSUPPORTED);
    assert_int_equal(meta_record_decode(SLICE_LITERAL("\x01\x02\x07"), &arena, &record), ERR_UNSUPPORTED);
    assert_int_equal(meta_record_decode(SLICE_LITERAL("\x01\x14\x00\x00"), &arena, &record), ERR_OK);
    assert_int_equal(meta_record_decode(SLICE_LITERAL("\x01\x14\x00\x00\x00"), &arena, &record), ERR_CORRUPT);
    arena_fini(&arena);
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_topic_is_found_by_name_and_by_id_and_carries_its_settings),
        cmocka_unit_test(records_that_cannot_follow_leave_the_image_as_it_was),
        cmocka_unit_test(the_difference_names_just_what_changed),
        cmocka_unit_test(random_histories_fold_the_same_one_by_one_in_batches_and_from_a_snapshot),
        cmocka_unit_test(every_failing_allocation_leaves_the_base_and_no_leak),
        cmocka_unit_test(broken_bytes_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
