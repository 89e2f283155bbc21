/* Compaction of one log on the real machine, against a model that keeps the newest record of each key. */
#include "core/log/log_clean.h"
#include "core/log/log_internal.h"
#include "core/wire/compress.h"
#include "core/wire/marker.h"
#include "io/base/prng.h"
#include "io/reactor/backend.h"
#include "tests/unit/core/log/fixture.h"

enum { KEYS = 40, RECORDS_MAX = 4000, NOW_MS = 1000000, HORIZON_MS = 5000 };

struct written {
    int64_t offset, timestamp;
    int key;      /* -1: a marker */
    int value;    /* -1: a tombstone */
    bool aborted; /* its transaction was */
};
static struct written written[RECORDS_MAX];
static int written_count;
static struct prng prng;
static const struct log_clean_producer *active;
static int active_count;

static void begin(void)
{
    active_count = 0;
    prng_seed(&prng, 7);
    written_count = 0;
    config.cleanup_policy = CONFIG_CLEANUP_COMPACT;
    config.max_compaction_lag_ms = INT64_MAX;
    config.segment_bytes = 6000;
    config.index_interval_bytes = 400;
}

static int64_t put(struct log *log, struct slice batch, const struct log_aborted *aborted)
{
    int appended;
    assert_int_equal(batch_read_header(batch.data, batch.length, &header), ERR_OK);
    struct log_piece piece = {
        .data = (uint8_t *)(uintptr_t)batch.data, .header = &header, .ends_aborted = aborted != NULL};
    if (aborted != NULL)
        piece.aborted = *aborted;
    assert_int_equal(log_append(log, &piece, 1, 0, &appended), ERR_OK);
    return piece.base_offset;
}

/* Packs the batch in `buffer` with a codec; its bytes. */
static struct slice packed(struct slice batch, enum compress_codec codec)
{
    static uint8_t bytes[sizeof(buffer)];
    struct compress_buffer out;
    compress_buffer_init(&out, io_mem(io));
    assert_int_equal(compress_pack(codec, INT32_MIN,
                                   slice_of(batch.data + BATCH_HEADER_BYTES, batch.length - BATCH_HEADER_BYTES), &out),
                     ERR_OK);
    size_t length = BATCH_HEADER_BYTES + out.length;
    memcpy(bytes, batch.data, BATCH_HEADER_BYTES);
    memcpy(bytes + BATCH_HEADER_BYTES, out.data, out.length);
    compress_buffer_fini(&out);
    struct batch_header before;
    assert_int_equal(batch_read_header(batch.data, batch.length, &before), ERR_OK);
    batch_set_codec(bytes, length, codec);
    batch_set_max_timestamp(bytes, length, before.max_timestamp);
    return slice_of(bytes, length);
}

struct batch_plan {
    int records;
    enum compress_codec codec;
    int64_t producer; /* -1: none */
    int32_t sequence;
    bool transactional, aborted;
    int key; /* of all of them; -1: by chance */
    int value;
};

static int64_t add(struct log *log, struct batch_plan plan)
{
    struct batch_builder builder;
    struct batch_header producer = {.producer_id = plan.producer,
                                    .producer_epoch = plan.producer < 0 ? -1 : 0,
                                    .base_sequence = plan.producer < 0 ? -1 : plan.sequence,
                                    .attributes = plan.transactional ? BATCH_TRANSACTIONAL : 0};
    batch_builder_init(&builder, buffer, sizeof(buffer));
    int first = written_count;
    for (int i = 0; i < plan.records; i++) {
        int key = plan.key >= 0 ? plan.key : (int)prng_below(&prng, KEYS);
        int value = plan.value != 0 ? plan.value : prng_below(&prng, 8) == 0 ? -1 : (int)prng_below(&prng, 1000000);
        char key_text[32], value_text[64];
        snprintf(key_text, sizeof(key_text), "key-%d", key);
        snprintf(value_text, sizeof(value_text), "value %d of many that are as long as this", value);
        assert_true(batch_builder_add(&builder, 1000 + written_count, slice_from_string(key_text),
                                      value < 0 ? SLICE_NULL : slice_from_string(value_text), SLICE_NULL, 0));
        assert_true(written_count < RECORDS_MAX);
        written[written_count++] =
            (struct written){.timestamp = 1000 + first + i, .key = key, .value = value, .aborted = plan.aborted};
    }
    struct slice batch = batch_builder_finish(&builder, &producer);
    if (plan.codec != COMPRESS_NONE)
        batch = packed(batch, plan.codec);
    int64_t base = put(log, batch, NULL);
    for (int i = first; i < written_count; i++)
        written[i].offset = base + i - first;
    return base;
}

static int64_t end_transaction(struct log *log, int64_t producer, bool commit, int64_t first_offset)
{
    uint8_t bytes[MARKER_BATCH_BYTES];
    struct marker marker = {.commit = commit};
    struct slice batch = marker_build(bytes, &marker, producer, 0, 1000 + written_count);
    struct log_aborted aborted = {.producer_id = producer,
                                  .first_offset = first_offset,
                                  .last_offset = log_end_offset(log),
                                  .last_stable_offset = first_offset};
    written[written_count++] = (struct written){.offset = log_end_offset(log), .key = -1, .timestamp = 1000};
    return put(log, batch, commit ? NULL : &aborted);
}

static void save(struct log *log)
{
    do {
        flush(log);
        log_save_aborted(log);
        while (log_is_busy(log))
            machine_turn(machine, true);
    } while (log_recovery_point(log) < log_end_offset(log));
}

/* ---- running ----------------------------------------------------------------------------------------------------- */

static bool is_cleaned;
static void cleaned(struct log_clean *clean)
{
    is_cleaned = true;
}

static struct log_clean clean;
static int64_t map_bytes = 1 << 20, markers_offset = INT64_MAX;

static void clean_start(struct log *log, int64_t from, int64_t now_ms)
{
    struct log_dirt dirt;
    assert_true(log_find_dirt(log, from, log_end_offset(log), now_ms, &dirt));
    clean = (struct log_clean){.done = cleaned,
                               .first_dirty_offset = dirt.first_dirty_offset,
                               .below_offset = dirt.below_offset,
                               .markers_offset = markers_offset,
                               .now_ms = now_ms,
                               .delete_retention_ms = HORIZON_MS,
                               .map_bytes = map_bytes,
                               .map_load = 0.9,
                               .step_bytes = 2000,
                               .producers = active,
                               .producer_count = active_count};
    is_cleaned = false;
    assert_int_equal(log_clean(log, &clean), ERR_OK);
}

static enum err clean_end(void)
{
    while (!is_cleaned)
        machine_turn(machine, true);
    return clean.err;
}

static void clean_all(struct log *log, int64_t now_ms)
{
    clean_start(log, 0, now_ms);
    assert_int_equal(clean_end(), ERR_OK);
}

/* ---- what is in the log ------------------------------------------------------------------------------------------ */

struct seen {
    int64_t offset, timestamp;
    int key, value;
    int16_t attributes;
};
static struct seen seen[RECORDS_MAX];
static int seen_count, empty_count, marker_count;
static int bare_marker_count; /* of producer 100, without its record */

static void see_batch(const uint8_t *bytes, const struct batch_header *batch)
{
    enum compress_codec codec = (enum compress_codec)(batch->attributes & BATCH_CODEC_MASK);
    struct slice body = slice_of(bytes + BATCH_HEADER_BYTES, batch->size - BATCH_HEADER_BYTES);
    struct compress_buffer plain;
    struct batch_records records;
    struct batch_record record;
    assert_true(batch_crc_matches(bytes, batch));
    empty_count += batch->record_count == 0;
    marker_count += (batch->attributes & BATCH_CONTROL) && batch->record_count > 0;
    bare_marker_count += (batch->attributes & BATCH_CONTROL) && batch->record_count == 0 && batch->producer_id == 100;
    if (batch->attributes & BATCH_CONTROL)
        return;
    compress_buffer_init(&plain, io_mem(io));
    if (codec != COMPRESS_NONE && batch->record_count > 0) {
        assert_int_equal(compress_unpack(codec, body, 1 << 20, &plain), ERR_OK);
        body = slice_of(plain.data, plain.length);
    }
    batch_records_init(&records, body, batch->record_count);
    for (int32_t i = 0; i < batch->record_count; i++) {
        struct seen *one = &seen[seen_count++];
        assert_int_equal(batch_records_next(&records, &record), ERR_OK);
        *one = (struct seen){.offset = batch->base_offset + record.offset_delta,
                             .timestamp = batch->base_timestamp + record.timestamp_delta,
                             .value = -1,
                             .attributes = batch->attributes};
        char text[32] = {0};
        memcpy(text, record.key.data, record.key.length);
        assert_int_equal(sscanf(text, "key-%d", &one->key), 1);
        if (!slice_is_null(record.value))
            assert_int_equal(sscanf((const char *)record.value.data, "value %d", &one->value), 1);
    }
    compress_buffer_fini(&plain);
}

/* What the log counts of its segments is what they are. */
static void segments_add_up(struct log *log)
{
    int64_t bytes = 0;
    int count = 0;
    LIST_EACH(link, &log->segments)
    {
        count++;
        bytes += SEGMENT_OF(link)->size;
        assert_true(SEGMENT_OF(link)->size <= config.segment_bytes);
    }
    assert_int_equal(log_segment_count(log), count);
    assert_int_equal(log_size_bytes(log), bytes);
}

static void see(struct log *log)
{
    static uint8_t bytes[1 << 16];
    segments_add_up(log);
    seen_count = empty_count = marker_count = 0;
    bare_marker_count = 0;
    for (int64_t offset = log_start_offset(log); offset < log_end_offset(log);) {
        struct log_read read;
        struct batch_header batch = read_at(log, offset, 1, &read);
        size_t got;
        assert_true(batch.base_offset >= 0);
        assert_true(batch_last_offset(&batch) >= offset);
        read = (struct log_read){.done = read_done, .offset = offset, .below = log_end_offset(log), .max_bytes = 1};
        read_is_done = log_read(log, &read);
        while (!read_is_done)
            machine_turn(machine, true);
        assert_int_equal(fs_read(io_fs(io), read.file, bytes, batch.size, read.pos, &got), ERR_OK);
        assert_int_equal(got, batch.size);
        log_ref_release(read.ref);
        see_batch(bytes, &batch);
        offset = batch_last_offset(&batch) + 1;
    }
}

/* What must be there, below `clean_offset` compacted, with tombstones that are over left out. */
static bool stays(int index, int64_t clean_offset, bool tombstones)
{
    const struct written *one = &written[index];
    if (one->key < 0)
        return false;
    if (one->offset >= clean_offset)
        return true;
    if (one->aborted || (one->value < 0 && !tombstones))
        return false;
    for (int i = index + 1; i < written_count && written[i].offset < clean_offset; i++)
        if (written[i].key == one->key && !written[i].aborted)
            return false;
    return true;
}

static void log_is_as_the_model(struct log *log, int64_t clean_offset, bool tombstones)
{
    int at = 0;
    see(log);
    for (int i = 0; i < written_count; i++) {
        if (!stays(i, clean_offset, tombstones))
            continue;
        assert_true(at < seen_count);
        assert_int_equal(seen[at].offset, written[i].offset);
        assert_int_equal(seen[at].key, written[i].key);
        assert_int_equal(seen[at].value, written[i].value);
        assert_int_equal(seen[at].timestamp, written[i].timestamp);
        at++;
    }
    assert_int_equal(at, seen_count);
}

/* ---- tests ------------------------------------------------------------------------------------------------------- */

static void fill(struct log *log, int batches)
{
    for (int i = 0; i < batches; i++)
        add(log, (struct batch_plan){.records = 1 + (int)prng_below(&prng, 8),
                                     .codec = (enum compress_codec)prng_below(&prng, 5),
                                     .producer = -1,
                                     .key = -1});
    save(log);
}

static void only_the_newest_record_of_each_key_stays_and_stays_where_it_was(void **state)
{
    begin();
    struct log *log = open_log(true, 0, NULL);
    fill(log, 300);
    int64_t end = log_end_offset(log), bytes = log_size_bytes(log);
    int segments = log_segment_count(log);
    clean_all(log, NOW_MS);
    clean_all(log, NOW_MS); /* now several fit one segment */
    assert_int_equal(log_end_offset(log), end);
    assert_true(log_size_bytes(log) < bytes / 3);
    assert_true(log_segment_count(log) < segments / 2);
    log_is_as_the_model(log, clean.end_offset, true);
    int tombstones = 0;
    for (int i = 0; i < seen_count; i++)
        if (seen[i].value < 0 && seen[i].offset < clean.end_offset) {
            assert_true(seen[i].attributes & BATCH_DELETE_HORIZON);
            tombstones++;
        }
    assert_true(tombstones > 0);
    assert_int_equal(log_stop(log, io_fs(io)), ERR_OK);
    close_log(log);
    log = open_log(true, end, NULL);
    log_is_as_the_model(log, clean.end_offset, true);
    close_log(log);
    log = open_log(false, 0, NULL); /* everything is looked at */
    assert_int_equal(log_end_offset(log), end);
    assert_int_equal(log_damage_count(log), 0);
    log_is_as_the_model(log, clean.end_offset, true);
    close_log(log);
}

static void tombstones_go_when_their_horizon_is_over_and_not_before(void **state)
{
    begin();
    struct log *log = open_log(true, 0, NULL);
    fill(log, 200);
    clean_all(log, NOW_MS);
    int64_t first = clean.end_offset;
    fill(log, 60);
    clean_start(log, first, NOW_MS + HORIZON_MS - 1);
    assert_int_equal(clean_end(), ERR_OK);
    log_is_as_the_model(log, clean.end_offset, true);
    fill(log, 20); /* batches were rewritten: their horizons have not moved */
    clean_start(log, first, NOW_MS + HORIZON_MS - 1);
    assert_int_equal(clean_end(), ERR_OK);
    log_is_as_the_model(log, clean.end_offset, true);
    clean_all(log, NOW_MS + 2 * HORIZON_MS);
    log_is_as_the_model(log, clean.end_offset, false);
    close_log(log);
}

static void a_map_that_is_too_small_cleans_as_far_as_it_reaches(void **state)
{
    begin();
    struct log *log = open_log(true, 0, NULL);
    for (int i = 0; i < 1500; i++)
        add(log, (struct batch_plan){.records = 2, .producer = -1, .key = i % 1300});
    save(log);
    map_bytes = 1; /* the least there is: 1,024 slots */
    clean_all(log, NOW_MS);
    map_bytes = 1 << 20;
    struct log_dirt dirt;
    assert_true(log_find_dirt(log, clean.end_offset, log_end_offset(log), NOW_MS, &dirt));
    assert_true(clean.end_offset >= 2 * 900 && clean.end_offset < dirt.below_offset);
    log_is_as_the_model(log, clean.end_offset, true);
    clean_start(log, clean.end_offset, NOW_MS);
    assert_int_equal(clean_end(), ERR_OK);
    assert_int_equal(clean.end_offset, dirt.below_offset);
    close_log(log);
}

static void the_window_of_a_producer_stays_as_headers_for_its_sequences(void **state)
{
    begin();
    struct log *log = open_log(true, 0, NULL);
    int64_t one = add(log, (struct batch_plan){.records = 3, .producer = 77, .sequence = 0, .key = 1, .value = 5});
    int64_t two = add(log, (struct batch_plan){.records = 3, .producer = 77, .sequence = 3, .key = 1, .value = 6});
    fill(log, 200);
    for (int i = 0; i < KEYS; i++)
        add(log, (struct batch_plan){.records = 1, .producer = -1, .key = i, .value = 9});
    fill(log, 20);
    const struct log_clean_producer producers[] = {{.id = 5, .offsets = {1}, .count = 1},
                                                   {.id = 77, .offsets = {two + 2, one + 2}, .count = 2}};
    active = producers;
    active_count = 2;
    clean_all(log, NOW_MS);
    log_is_as_the_model(log, clean.end_offset, true);
    struct log_read read;
    struct batch_header kept = read_at(log, one, 1, &read);
    assert_int_equal(kept.base_offset, one);
    assert_int_equal(kept.record_count, 0);
    kept = read_at(log, two, 1, &read);
    assert_int_equal(kept.base_offset, two);
    assert_int_equal(kept.record_count, 0);
    assert_int_equal(kept.producer_id, 77);
    assert_int_equal(kept.base_sequence, 3);
    assert_int_equal(batch_last_sequence(&kept), 5);
    close_log(log);
}

static void aborted_records_go_at_once_and_markers_when_nothing_needs_them(void **state)
{
    begin();
    struct log *log = open_log(true, 0, NULL);
    for (int i = 0; i < 200; i++) {
        bool commit = prng_below(&prng, 2) == 0;
        int64_t producer = 100 + (int64_t)prng_below(&prng, 3);
        int64_t first =
            add(log, (struct batch_plan){
                         .records = 3, .producer = producer, .transactional = true, .aborted = !commit, .key = -1});
        if (i % 3 == 0)
            add(log, (struct batch_plan){.records = 1, .producer = -1, .key = -1});
        add(log, (struct batch_plan){.records = 2,
                                     .producer = producer,
                                     .transactional = true,
                                     .aborted = !commit,
                                     .codec = COMPRESS_LZ4,
                                     .key = -1});
        end_transaction(log, producer, commit, first);
    }
    save(log);
    see(log);
    int markers = marker_count;
    clean_all(log, NOW_MS);
    log_is_as_the_model(log, clean.end_offset, true);
    assert_int_equal(marker_count, markers); /* each was needed until now */
    clean_all(log, NOW_MS + 1);              /* seen without records: from now on their time runs */
    log_is_as_the_model(log, clean.end_offset, true);
    assert_int_equal(marker_count, markers);
    markers_offset = 0;
    clean_all(log, NOW_MS + 2 + HORIZON_MS); /* a start might replay them */
    markers_offset = INT64_MAX;
    log_is_as_the_model(log, clean.end_offset, false);
    assert_int_equal(marker_count, markers);
    static const struct log_clean_producer known = {.id = 100}; /* whose markers are all that is left of it */
    active = &known;
    active_count = 1;
    clean_all(log, NOW_MS + 2 + HORIZON_MS);
    log_is_as_the_model(log, clean.end_offset, false);
    assert_true(bare_marker_count > 20); /* more than groups end with */
    assert_true(marker_count < markers / 2);
    close_log(log);
    log = open_log(false, 0, NULL);
    log_is_as_the_model(log, clean.end_offset, false);
    close_log(log);
}

enum { LINES_MAX = 64 };

static int aborted_lines(struct log *log, struct log_aborted lines[LINES_MAX])
{
    int count = 0;
    LIST_EACH(link, &log->segments)
    {
        struct segment *segment = SEGMENT_OF(link);
        assert_int_equal(log_load_aborted(log, io_fs(io), segment), ERR_OK);
        for (int32_t i = 0; i < segment->aborted_count; i++)
            lines[count++] = segment->aborted[i];
    }
    return count;
}

/* The one that begins first ends last. */
static void nested_transactions_are_told_apart_and_so_are_their_lines_in_the_index(void **state)
{
    begin();
    struct log *log = open_log(true, 0, NULL);
    struct log_aborted before[LINES_MAX], after[LINES_MAX];
    for (int i = 0; i < 12; i++) {
        struct batch_plan plan = {.records = 2, .transactional = true, .aborted = true, .key = -1};
        plan.producer = 1;
        plan.key = KEYS + i; /* nothing but the end of its transaction takes it away */
        int64_t outer = add(log, plan);
        plan.key = -1;
        plan.producer = 2;
        int64_t inner = add(log, plan);
        end_transaction(log, 2, false, inner);
        plan.producer = 1;
        add(log, plan);
        end_transaction(log, 1, false, outer);
        add(log, (struct batch_plan){.records = 8, .producer = -1, .key = -1});
    }
    fill(log, 40);
    int count = aborted_lines(log, before);
    assert_int_equal(count, 24);
    clean_all(log, NOW_MS);
    log_is_as_the_model(log, clean.end_offset, true);
    assert_int_equal(log_stop(log, io_fs(io)), ERR_OK);
    int64_t end = log_end_offset(log);
    close_log(log);
    log = open_log(true, end, NULL);
    assert_int_equal(aborted_lines(log, after), count); /* each marker is still needed */
    for (int i = 0; i < count; i++) {
        assert_int_equal(after[i].producer_id, before[i].producer_id);
        assert_int_equal(after[i].first_offset, before[i].first_offset);
        assert_int_equal(after[i].last_offset, before[i].last_offset);
    }
    close_log(log);
}

static bool is_found;
static void time_found(struct log_find *find)
{
    is_found = true;
}

static void a_search_by_time_finds_every_record_that_stayed(void **state)
{
    begin();
    struct log *log = open_log(true, 0, NULL);
    fill(log, 200);
    clean_all(log, NOW_MS);
    int64_t end = log_end_offset(log);
    assert_int_equal(log_stop(log, io_fs(io)), ERR_OK);
    close_log(log);
    log = open_log(true, end, NULL); /* all that is known of times is in the files */
    see(log);
    for (int i = 0; i < seen_count; i++) {
        struct log_find find = {.done = time_found, .at = seen[i].timestamp, .below = end};
        is_found = false;
        log_find(log, &find);
        while (!is_found)
            machine_turn(machine, true);
        assert_int_equal(find.err, ERR_OK);
        assert_int_equal(find.offset, seen[i].offset);
    }
    close_log(log);
}

/* -1: it has none. */
static int64_t last_time_of(const struct segment *segment)
{
    char path[300];
    void *entries;
    size_t length;
    snprintf(path, sizeof(path), "%s/%020lld.timeindex", directory, (long long)segment->base_offset);
    assert_int_equal(fs_read_file(io_fs(io), io_mem(io), path, 1 << 20, &entries, &length), ERR_OK);
    assert_int_equal(length % 12, 0);
    int64_t last = length == 0 ? -1 : get_i64((const uint8_t *)entries + length - 12);
    mem_free(io_mem(io), entries, length + 1);
    return last;
}

/* Kafka and its tools take it for the largest: it is so before this log has looked at the file again. */
static void the_time_index_of_a_new_segment_ends_with_its_largest_timestamp(void **state)
{
    begin();
    struct log *log = open_log(true, 0, NULL);
    struct {
        int64_t base_offset, end_offset, last_time;
    } segments[LOG_CLEAN_GROUP];
    int count = 0;
    for (int i = 0; i < 300; i++) /* few of a segment's last batches have an entry of their own */
        add(log, (struct batch_plan){.records = 1, .producer = -1, .key = i, .value = i + 1});
    save(log);
    clean_all(log, NOW_MS);
    LIST_EACH(link, &log->segments)
    {
        const struct segment *segment = SEGMENT_OF(link);
        if (segment->base_offset >= clean.end_offset)
            break;
        assert_true(count < LOG_CLEAN_GROUP);
        segments[count].base_offset = segment->base_offset;
        segments[count].end_offset = segment->end_offset;
        segments[count++].last_time = last_time_of(segment);
    }
    see(log);
    int with_times = 0;
    for (int i = 0; i < count; i++) {
        int64_t largest = -1;
        for (int k = 0; k < seen_count; k++)
            if (seen[k].offset >= segments[i].base_offset && seen[k].offset < segments[i].end_offset)
                largest = seen[k].timestamp > largest ? seen[k].timestamp : largest;
        assert_int_equal(segments[i].last_time, largest);
        with_times += largest >= 0;
    }
    assert_true(with_times > 3);
    close_log(log);
}

/* The new segment is deleted before its files have their names. */
static void a_segment_that_is_deleted_while_it_is_named_is_gone_after_a_restart(void **state)
{
    begin();
    config.cleanup_policy |= CONFIG_CLEANUP_DELETE;
    struct log *log = open_log(true, 0, NULL);
    fill(log, 120);
    int64_t end = log_end_offset(log);
    clean_start(log, 0, NOW_MS);
    while (clean._made == NULL && !is_cleaned)
        machine_turn(machine, true);
    assert_false(is_cleaned);
    assert_int_equal(log_advance_start(log, end), ERR_OK);
    (void)!clean_end();
    assert_int_equal(log_segment_count(log), 1);
    assert_int_equal(log_stop(log, io_fs(io)), ERR_OK);
    close_log(log);
    log = open_log(false, end, NULL);
    assert_int_equal(log_segment_count(log), 1);
    close_log(log);
}

static void records_deleted_while_it_runs_stay_deleted(void **state)
{
    begin();
    config.cleanup_policy |= CONFIG_CLEANUP_DELETE;
    for (int turns = 0; turns < 40; turns += 3) {
        written_count = 0;
        struct log *log = open_log(true, 0, NULL);
        fill(log, 120);
        clean_start(log, 0, NOW_MS);
        for (int i = 0; i < turns && !is_cleaned; i++)
            machine_turn(machine, true);
        int64_t start = log_end_offset(log) / 2;
        assert_int_equal(log_advance_start(log, start), ERR_OK);
        enum err err = clean_end();
        assert_true(err == ERR_OK || err == ERR_CLOSED);
        see(log);
        for (int i = 0; i < written_count; i++) { /* the newest of each key that is not deleted is there */
            if (!stays(i, INT64_MAX, true) || written[i].offset < start)
                continue;
            int at = 0;
            while (at < seen_count && seen[at].offset != written[i].offset)
                at++;
            assert_true(at < seen_count && seen[at].value == written[i].value);
        }
        close_log(log);
        char command[300];
        snprintf(command, sizeof(command), "rm -rf '%s'", directory);
        assert_int_equal(system(command), 0);
    }
}

static void told_to_stop_it_leaves_the_log_whole(void **state)
{
    begin();
    struct log *log = open_log(true, 0, NULL);
    fill(log, 200);
    for (int turns = 0; turns < 30; turns++) {
        clean_start(log, 0, NOW_MS);
        for (int i = 0; i < turns && !is_cleaned; i++)
            machine_turn(machine, true);
        if (!is_cleaned)
            log_clean_stop(&clean);
        enum err err = clean_end();
        assert_true(err == ERR_OK || err == ERR_CLOSED);
        assert_false(log_is_busy(log));
        see(log);
    }
    clean_all(log, NOW_MS);
    log_is_as_the_model(log, clean.end_offset, true);
    close_log(log);
}

static void damaged_bytes_end_the_run_and_change_nothing(void **state)
{
    begin();
    struct log *log = open_log(true, 0, NULL);
    fill(log, 200);
    int64_t bytes = log_size_bytes(log);
    struct log_read read;
    read_at(log, 20, 1, &read);
    damage_at(read.pos + BATCH_HEADER_BYTES + 9);
    clean_start(log, 0, NOW_MS);
    assert_int_equal(clean_end(), ERR_CORRUPT);
    assert_int_equal(log_size_bytes(log), bytes);
    close_log(log);
}

static void a_wrong_checksum_alone_ends_the_run(void **state)
{
    begin();
    struct log *log = open_log(true, 0, NULL);
    for (int i = 0; i < 300; i++)
        add(log, (struct batch_plan){.records = 1, .producer = -1, .key = i % KEYS});
    save(log);
    struct log_read read;
    read_at(log, 5, 1, &read);
    damage_at(read.pos + BATCH_HEADER_BYTES + 24); /* within the value */
    clean_start(log, 0, NOW_MS);
    assert_int_equal(clean_end(), ERR_CORRUPT);
    close_log(log);
}

/* ---- killed at every step ---------------------------------------------------------------------------------------- */

static struct fs_backend copying;
static const struct fs_backend *real_fs;
static int copies;

static void copy_directory(void)
{
    char command[700];
    snprintf(command, sizeof(command), "cp -r '%s' '%s.%d'", directory, directory, copies++);
    assert_int_equal(system(command), 0);
}

static enum err copying_rename(struct fs *fs, const char *from, const char *to)
{
    copy_directory();
    return real_fs->rename(fs, from, to);
}

static enum err copying_unlink(struct fs *fs, const char *path)
{
    copy_directory();
    return real_fs->unlink(fs, path);
}

static enum err copying_write(struct fs *fs, io_file file, const void *buffer_, size_t length, int64_t pos)
{
    if (copies % 2 == 0)
        copy_directory();
    return real_fs->write(fs, file, buffer_, length, pos);
}

static bool is_finished(void *context, const char *name, bool is_directory)
{
    assert_null(strstr(name, ".cleaned"));
    assert_null(strstr(name, ".swap"));
    return true;
}

static void nothing_is_left_over(void)
{
    assert_int_equal(fs_list(io_fs(io), directory, is_finished, NULL), ERR_OK);
}

static void killed_at_any_step_it_is_the_old_log_or_the_new_one(void **state)
{
    begin();
    struct log *log = open_log(true, 0, NULL);
    fill(log, 120);
    clean_all(log, NOW_MS);
    fill(log, 30); /* so that the next run joins several segments to one */
    int64_t end = log_end_offset(log);
    struct fs *fs = io_fs(io);
    real_fs = fs->backend;
    copying = *real_fs;
    copying.rename = copying_rename;
    copying.unlink = copying_unlink;
    copying.write = copying_write;
    copies = 0;
    fs->backend = &copying;
    clean_all(log, NOW_MS);
    fs->backend = real_fs;
    int64_t clean_offset = clean.end_offset;
    log_is_as_the_model(log, clean_offset, true);
    close_log(log);
    assert_true(copies > 20);
    char original[sizeof(directory)];
    memcpy(original, directory, sizeof(original));
    for (int i = 0; i < copies; i++) {
        char command[700];
        snprintf(directory, sizeof(directory), "%.200s.%d", original, i);
        log = open_log(false, end, NULL);
        assert_int_equal(log_end_offset(log), end);
        assert_int_equal(log_damage_count(log), 0);
        nothing_is_left_over();
        see(log);
        for (int k = 0; k < written_count; k++) {
            if (!stays(k, INT64_MAX, true))
                continue;
            int at = 0;
            while (at < seen_count && seen[at].offset != written[k].offset)
                at++;
            assert_true(at < seen_count && seen[at].value == written[k].value);
        }
        clean_all(log, NOW_MS);
        log_is_as_the_model(log, clean_offset, true);
        close_log(log);
        snprintf(command, sizeof(command), "rm -rf '%s'", directory);
        assert_int_equal(system(command), 0);
    }
    memcpy(directory, original, sizeof(original));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_DISK(only_the_newest_record_of_each_key_stays_and_stays_where_it_was),
        ON_DISK(tombstones_go_when_their_horizon_is_over_and_not_before),
        ON_DISK(a_map_that_is_too_small_cleans_as_far_as_it_reaches),
        ON_DISK(the_window_of_a_producer_stays_as_headers_for_its_sequences),
        ON_DISK(aborted_records_go_at_once_and_markers_when_nothing_needs_them),
        ON_DISK(nested_transactions_are_told_apart_and_so_are_their_lines_in_the_index),
        ON_DISK(a_search_by_time_finds_every_record_that_stayed),
        ON_DISK(the_time_index_of_a_new_segment_ends_with_its_largest_timestamp),
        ON_DISK(a_segment_that_is_deleted_while_it_is_named_is_gone_after_a_restart),
        ON_DISK(records_deleted_while_it_runs_stay_deleted),
        ON_DISK(told_to_stop_it_leaves_the_log_whole),
        ON_DISK(damaged_bytes_end_the_run_and_change_nothing),
        ON_DISK(a_wrong_checksum_alone_ends_the_run),
        ON_DISK(killed_at_any_step_it_is_the_old_log_or_the_new_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
