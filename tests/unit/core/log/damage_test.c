/* Bytes that were durable and are not what was written: reported, kept, refused; all the rest is served. */
#include "tests/unit/core/log/fixture.h"

enum { BATCHES = 60, PER_BATCH = 2, END = BATCHES * PER_BATCH };

static int64_t batch_bytes;

/* 60 batches of the same size, in one segment. */
static void fill(void)
{
    struct log *log = open_log(true, 0, NULL);
    for (int i = 0; i < BATCHES; i++)
        append(log, PER_BATCH, 400, 1000 + i);
    batch_bytes = log_size_bytes(log) / BATCHES;
    flush(log);
    assert_int_equal(log_stop(log, io_fs(io)), ERR_OK);
    close_log(log);
}

static enum err read_err(struct log *log, int64_t offset, struct log_read *read)
{
    *read = (struct log_read){.done = read_done, .offset = offset, .below = log_end_offset(log), .max_bytes = 1 << 20};
    read_is_done = false;
    if (!log_read(log, read))
        while (!read_is_done)
            machine_turn(machine, true);
    if (read->ref != NULL)
        log_ref_release(read->ref);
    return read->err;
}

/* Batches [bad, bad + count) are refused, the others are read, and no answer reaches into the bad ones. */
static void all_but_these_are_served(struct log *log, int bad, int count)
{
    struct log_read read;
    for (int64_t offset = 0; offset < END; offset++) {
        int64_t batch = offset / PER_BATCH;
        if (batch >= bad && batch < bad + count) {
            assert_int_equal(read_err(log, offset, &read), ERR_CORRUPT);
            continue;
        }
        assert_int_equal(read_err(log, offset, &read), ERR_OK);
        assert_int_equal(read.pos, batch * batch_bytes);
        int64_t last = batch < bad ? bad : BATCHES;
        assert_int_equal(read.length, (last - batch) * batch_bytes);
    }
}

struct hearing {
    struct log_listener listener;
    int heard;
    struct log_damage last;
};

static void hear_moved(struct log_listener *listener)
{
}

static void hear_damaged(struct log_listener *listener, const struct log_damage *damage)
{
    struct hearing *hearing = CONTAINER_OF(listener, struct hearing, listener);
    hearing->heard++;
    hearing->last = *damage;
}

static void a_read_that_comes_to_a_broken_header_finds_its_end_and_says_so_once(void **state)
{
    static const int bad[] = {0, 1, 9, 33, 58};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        fill();
        struct log *log = open_log(true, END, NULL); /* looks at the last index entry's batch and what follows */
        struct hearing hearing = {.listener = {.moved = hear_moved, .damaged = hear_damaged}};
        log_listen(log, &hearing.listener);
        damage_at(bad[i] * batch_bytes + 8); /* the length */
        struct log_read read;
        assert_int_equal(read_err(log, bad[i] * PER_BATCH + 1, &read), ERR_CORRUPT);
        all_but_these_are_served(log, bad[i], 1);
        assert_int_equal(hearing.heard, 1);
        assert_int_equal(hearing.last.offset, bad[i] * PER_BATCH);
        assert_int_equal(hearing.last.end_offset, bad[i] * PER_BATCH + PER_BATCH);
        assert_int_equal(append(log, PER_BATCH, 400, 1), END);
        close_log(log);
        assert_int_equal(tear_down(state) | set_up(state), 0);
    }
}

static void recovery_passes_a_wrong_crc_below_the_recovery_point_and_cuts_nothing(void **state)
{
    for (int bad = 0; bad < BATCHES; bad += 13) {
        fill();
        char path[300];
        snprintf(path, sizeof(path), "%s/00000000000000000000.index", directory);
        assert_int_equal(unlink(path), 0); /* so that all of it is read */
        damage_at(bad * batch_bytes + 300);
        struct log *log = open_log(false, END - PER_BATCH, NULL);
        assert_int_equal(log_damage_count(log), 1);
        assert_int_equal(log_end_offset(log), END);
        assert_int_equal(log_size_bytes(log), BATCHES * batch_bytes);
        all_but_these_are_served(log, bad, 1);
        close_log(log);
        assert_int_equal(tear_down(state) | set_up(state), 0);
    }
}

static void several_batches_in_a_row_are_one_damage_and_a_torn_tail_is_still_cut(void **state)
{
    fill();
    for (int i = 20; i < 25; i++)
        damage_at(i * batch_bytes + 9);
    char path[300];
    snprintf(path, sizeof(path), "%s/00000000000000000000.index", directory);
    assert_int_equal(unlink(path), 0);
    snprintf(path, sizeof(path), "%s/00000000000000000000.log", directory);
    assert_int_equal(truncate(path, BATCHES * batch_bytes - 10), 0);
    struct log *log = open_log(false, 80, NULL);
    assert_int_equal(log_damage_count(log), 1);
    assert_int_equal(log_damage_at(log, 0)->pos, 20 * batch_bytes);
    assert_int_equal(log_damage_at(log, 0)->end_pos, 25 * batch_bytes);
    assert_int_equal(log_end_offset(log), END - PER_BATCH);
    assert_int_equal(log_segment_count(log), 1);
    close_log(log);
}

/* What was durable is not there any more: its offsets are not given out again. */
static void a_file_that_ends_below_the_recovery_point_keeps_its_bytes_and_the_log_goes_on_behind(void **state)
{
    static const int cut_bytes[] = {0, 10, 61};
    for (size_t i = 0; i < COUNT_OF(cut_bytes); i++) {
        fill();
        char path[300];
        int64_t left = 10 * batch_bytes + cut_bytes[i];
        snprintf(path, sizeof(path), "%s/00000000000000000000.log", directory);
        assert_int_equal(truncate(path, left), 0);
        struct log *log = open_log(i == 1, END - 30, NULL);
        assert_int_equal(log_damage_count(log), 1);
        assert_int_equal(log_end_offset(log), END - 30);
        assert_int_equal(log_size_bytes(log), left);
        struct log_read read;
        assert_int_equal(read_err(log, 19, &read), ERR_OK);
        assert_int_equal(read_err(log, 20, &read), ERR_CORRUPT);
        assert_int_equal(read_err(log, END - 31, &read), ERR_CORRUPT);
        assert_int_equal(append(log, PER_BATCH, 400, 1), END - 30);
        assert_int_equal(read_err(log, END - 30, &read), ERR_OK);
        assert_int_equal(read.length, batch_bytes);
        close_log(log);
        assert_int_equal(tear_down(state) | set_up(state), 0);
    }
}

/* A value may hold a whole batch with offsets that would fit; it must not be taken for one of the log's own. */
static void a_batch_inside_a_record_is_not_served_after_damage(void **state)
{
    static uint8_t inner[4096], outer[8192];
    struct batch_builder builder;
    struct log *log = open_log(true, 0, NULL);
    for (int i = 0; i < 10; i++)
        append(log, PER_BATCH, 400, 1);
    int64_t pos = log_size_bytes(log);
    batch_builder_init(&builder, inner, sizeof(inner));
    assert_true(batch_builder_add(&builder, 1, SLICE_NULL, SLICE_LITERAL("inner"), SLICE_NULL, 0));
    struct slice batch = batch_builder_finish(&builder, NULL);
    batch_set_offset(inner, 21, 0);
    batch_builder_init(&builder, outer, sizeof(outer));
    for (int i = 0; i < 5; i++)
        assert_true(batch_builder_add(&builder, 1, SLICE_NULL, batch, SLICE_NULL, 0));
    batch = batch_builder_finish(&builder, NULL);
    assert_int_equal(batch_read_header(batch.data, batch.length, &header), ERR_OK);
    struct log_piece piece = {.data = outer, .header = &header};
    int appended;
    assert_int_equal(log_append(log, &piece, 1, 0, &appended), ERR_OK);
    append(log, PER_BATCH, 400, 1);
    damage_at(pos + 8);
    for (int i = 0; i < 20; i++) /* so that the last ones are not known by heart any more */
        append(log, PER_BATCH, 400, 1);
    struct log_read read;
    assert_int_equal(read_err(log, 21, &read), ERR_CORRUPT);
    assert_int_equal(read_err(log, 24, &read), ERR_CORRUPT);
    assert_int_equal(read_err(log, 25, &read), ERR_OK);
    assert_int_equal(log_damage_at(log, 0)->end_pos, pos + (int64_t)batch.length);
    close_log(log);
}

static void set_base_offset(int batch, int64_t offset)
{
    char path[300];
    io_file file;
    uint8_t bytes[8];
    put_i64(bytes, offset);
    snprintf(path, sizeof(path), "%s/00000000000000000000.log", directory);
    assert_int_equal(fs_open(io_fs(io), path, FS_READ | FS_WRITE, &file), ERR_OK);
    assert_int_equal(fs_write(io_fs(io), file, bytes, sizeof(bytes), batch * batch_bytes), ERR_OK);
    fs_close(io_fs(io), file);
}

/* No CRC covers a base offset. */
static void rot_in_a_base_offset_is_found_and_moves_nothing(void **state)
{
    static const int bad[] = {0, 1, 30, BATCHES - 2, BATCHES - 1};
    static const int64_t bits[] = {1, 64, 1 << 20};
    for (int clean = 0; clean < 2; clean++)
        for (size_t i = 0; i < COUNT_OF(bad) * COUNT_OF(bits); i++) {
            int batch = bad[i / COUNT_OF(bits)];
            int64_t base = batch * PER_BATCH;
            if (!clean && batch == BATCHES - 1) /* nothing says that it is not the end */
                continue;
            fill();
            set_base_offset(batch, base ^ bits[i % COUNT_OF(bits)]);
            char command[400];
            snprintf(command, sizeof(command), "rm -f '%s'/*index", directory); /* so that all of it is looked at */
            assert_int_equal(system(command), 0);
            struct log *log = open_log(clean, END, NULL);
            assert_int_equal(log_end_offset(log), END);
            assert_int_equal(log_damage_count(log), 1);
            assert_int_equal(log_damage_at(log, 0)->offset, base);
            assert_int_equal(log_damage_at(log, 0)->end_offset, base + PER_BATCH);
            assert_int_equal(log_damage_at(log, 0)->pos, batch * batch_bytes);
            assert_int_equal(append(log, 1, 10, 1000), END);
            close_log(log);
            snprintf(command, sizeof(command), "rm -rf '%s'", directory);
            assert_int_equal(system(command), 0);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_DISK(a_read_that_comes_to_a_broken_header_finds_its_end_and_says_so_once),
        ON_DISK(recovery_passes_a_wrong_crc_below_the_recovery_point_and_cuts_nothing),
        ON_DISK(several_batches_in_a_row_are_one_damage_and_a_torn_tail_is_still_cut),
        ON_DISK(a_file_that_ends_below_the_recovery_point_keeps_its_bytes_and_the_log_goes_on_behind),
        ON_DISK(a_batch_inside_a_record_is_not_served_after_damage),
        ON_DISK(rot_in_a_base_offset_is_found_and_moves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
