/* Goal: the file calls of the real machine do what io.h and fs.h say: inline, through the ring and blocking; whole
 * writes, short reads at the end, right errors. Method: one shard turned by the test on a scratch directory. */
#include "tests/unit/io/reactor/scratch.h"
#include "tests/unit/io/reactor/turning.h"

#include <fcntl.h>
#include <unistd.h>

struct op {
    struct io_op op;
    bool done;
};

static void op_done(struct io_op *op)
{
    struct op *self = CONTAINER_OF(op, struct op, op);
    assert_false(self->done);
    self->done = true;
}

struct env {
    struct machine *machine;
    struct io *io;
    struct fs *fs;
    struct scratch scratch;
};

static int setup(void **state)
{
    struct env *env = calloc(1, sizeof(*env));
    env->machine = turning_open();
    env->io = machine_io(env->machine, 0);
    env->fs = io_fs(env->io);
    scratch_open(&env->scratch);
    *state = env;
    return 0;
}

static int teardown(void **state)
{
    struct env *env = *state;
    scratch_close(&env->scratch, env->fs);
    machine_close(env->machine);
    free(env);
    return 0;
}

static io_file open_new(struct env *env, const char *name)
{
    char path[FS_PATH_MAX];
    io_file file;
    assert_int_equal(io_open_now(env->io, scratch_file(&env->scratch, name, path),
                                 FS_READ | FS_WRITE | FS_CREATE | FS_EXCLUSIVE, &file),
                     ERR_OK);
    return file;
}

static void pieces_are_written_inline_and_read_back(void **state)
{
    struct env *env = *state;
    io_file file = open_new(env, "pieces");
    struct slice pieces[200];
    uint8_t bytes[200 * 3], back[200 * 3 + 10];
    size_t total = 0;
    for (int i = 0; i < 200; i++) { /* more than one call's vectors, empty ones among them */
        size_t length = (size_t)(i % 4);
        pieces[i] = slice_of(bytes + total, length);
        for (size_t k = 0; k < length; k++)
            bytes[total + k] = (uint8_t)(i + (int)k);
        total += length;
    }
    int64_t written;
    bool allocates = !turning_lacks(FEATURE_PREALLOCATION), reads_now = !turning_lacks(FEATURE_NOWAIT_READ);
    assert_int_equal(io_allocate_now(env->io, file, 0, 1 << 20), allocates ? ERR_OK : ERR_UNSUPPORTED);
    assert_int_equal(io_write_now(env->io, file, pieces, 200, 5, &written), ERR_OK);
    assert_int_equal(written, total);
    size_t got;
    assert_int_equal(io_read_now(env->io, file, back, sizeof(back), 5, &got), reads_now ? ERR_OK : ERR_AGAIN);
    assert_int_equal(got, reads_now ? total : 0);
    if (reads_now)
        assert_memory_equal(back, bytes, total);
    struct fs_info info;
    assert_int_equal(fs_file_info(env->fs, file, &info), ERR_OK);
    assert_int_equal(info.size, 5 + total); /* the allocation kept the size */
    assert_int_equal(info.allocated_bytes >= 1 << 20, allocates);
    io_close_now(env->io, file);
}

static void the_ring_reads_writes_and_syncs(void **state)
{
    struct env *env = *state;
    io_file file = open_new(env, "ring");
    size_t size = 3000000;
    uint8_t *out = malloc(size), *in = malloc(size);
    for (size_t i = 0; i < size; i++)
        out[i] = (uint8_t)(i * 7 >> 3);
    struct op write = {.op = {.done = op_done}}, sync = write, back = write, read = write, end = write;
    io_write(env->io, &write.op, file, out, size, 100);
    assert_false(write.done);
    turning_until(env->machine, &write.done);
    assert_int_equal(write.op.err, ERR_OK);
    assert_int_equal(write.op.result, size);
    io_writeback(env->io, &back.op, file, 0, 1 << 20);
    io_sync(env->io, &sync.op, file);
    turning_until(env->machine, &back.done);
    turning_until(env->machine, &sync.done);
    assert_int_equal(back.op.err, ERR_OK);
    assert_int_equal(sync.op.err, ERR_OK);
    size_t got;
    uint8_t byte;
    enum err err = ERR_OK;
    for (int tries = 0; tries < 500 && err == ERR_OK; tries++) { /* the kernel may be looking at a page just then */
        assert_int_equal(posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED), 0);
        err = io_read_now(env->io, file, &byte, 1, 2000000, &got);
        usleep(err == ERR_OK ? 10000 : 0);
    }
    assert_int_equal(err, ERR_AGAIN);
    io_read(env->io, &read.op, file, in, size, 100);
    io_read(env->io, &end.op, file, &byte, 1, 100 + (int64_t)size);
    turning_until(env->machine, &read.done);
    turning_until(env->machine, &end.done);
    assert_int_equal(read.op.result, size);
    assert_memory_equal(in, out, size);
    assert_int_equal(end.op.err, ERR_OK);
    assert_int_equal(end.op.result, 0);
    struct op beyond = {.op = {.done = op_done}};
    io_read(env->io, &beyond.op, file, in, size, 2000100); /* short: the file ends before */
    turning_until(env->machine, &beyond.done);
    assert_int_equal(beyond.op.result, 1000000);
    io_close_now(env->io, file);
    free(out);
    free(in);
}

static void more_operations_than_the_ring_holds_may_be_started_before_it_runs(void **state)
{
    enum { COUNT = 2000 };
    struct env *env = *state;
    io_file file = open_new(env, "many");
    static struct op ops[COUNT];
    static uint32_t values[COUNT];
    for (uint32_t i = 0; i < COUNT; i++) {
        values[i] = i * 3;
        ops[i] = (struct op){.op = {.done = op_done}};
        io_write(env->io, &ops[i].op, file, &values[i], 4, (int64_t)i * 4);
    }
    for (int i = 0; i < COUNT; i++) {
        turning_until(env->machine, &ops[i].done);
        assert_int_equal(ops[i].op.err, ERR_OK);
    }
    static uint32_t back[COUNT];
    size_t got;
    assert_int_equal(fs_read(env->fs, file, back, sizeof(back), 0, &got), ERR_OK);
    assert_int_equal(got, sizeof(back));
    assert_memory_equal(back, values, sizeof(back));
    io_close_now(env->io, file);
}

static void errors_have_their_names(void **state)
{
    struct env *env = *state;
    char path[FS_PATH_MAX], other[FS_PATH_MAX];
    io_file file, second;
    assert_int_equal(io_open_now(env->io, scratch_file(&env->scratch, "none", path), FS_READ, &file), ERR_NOT_FOUND);
    assert_int_equal(file, IO_NONE);
    file = open_new(env, "errors");
    scratch_file(&env->scratch, "errors", path);
    assert_int_equal(io_open_now(env->io, path, FS_WRITE | FS_CREATE | FS_EXCLUSIVE, &second), ERR_EXISTS);
    assert_int_equal(io_open_now(env->io, path, FS_READ, &second), ERR_OK);
    assert_int_equal(fs_lock(env->fs, file), ERR_OK);
    assert_int_equal(fs_lock(env->fs, second), ERR_BUSY);
    struct op write = {.op = {.done = op_done}};
    io_write(env->io, &write.op, second, "x", 1, 0); /* opened for reading */
    turning_until(env->machine, &write.done);
    assert_int_equal(write.op.err, ERR_INVALID);
    assert_int_equal(fs_make_directory(env->fs, path), ERR_EXISTS);
    assert_int_equal(fs_unlink(env->fs, scratch_file(&env->scratch, "none", other)), ERR_NOT_FOUND);
    io_close_now(env->io, file);
    assert_int_equal(fs_lock(env->fs, second), ERR_OK);
    io_close_now(env->io, second);
}

static void a_full_disk_says_so(void **state)
{
    struct env *env = *state;
    io_file file;
    assert_int_equal(io_open_now(env->io, "/dev/full", FS_WRITE, &file), ERR_OK);
    int64_t written;
    struct slice piece = SLICE_LITERAL("bytes");
    assert_int_equal(io_write_now(env->io, file, &piece, 1, 0, &written), ERR_NO_SPACE);
    assert_int_equal(written, 0);
    struct op write = {.op = {.done = op_done}};
    io_write(env->io, &write.op, file, "bytes", 5, 0);
    turning_until(env->machine, &write.done);
    assert_int_equal(write.op.err, ERR_NO_SPACE);
    io_close_now(env->io, file);
}

static bool count_entries(void *context, const char *name, bool is_directory)
{
    ++*(int *)context;
    return true;
}

static void whole_files_are_replaced_and_directories_made(void **state)
{
    struct env *env = *state;
    struct mem *mem = test_mem();
    char path[FS_PATH_MAX], deep[FS_PATH_MAX];
    void *data;
    size_t length;
    scratch_file(&env->scratch, "whole", path);
    assert_int_equal(fs_write_file(env->fs, path, "first", 5), ERR_OK);
    assert_int_equal(fs_write_file(env->fs, path, "second!", 7), ERR_OK);
    assert_int_equal(fs_read_file(env->fs, mem, path, 100, &data, &length), ERR_OK);
    assert_int_equal(length, 7);
    assert_string_equal(data, "second!");
    mem_free(mem, data, length + 1);
    assert_int_equal(fs_read_file(env->fs, mem, path, 6, &data, &length), ERR_LIMIT);
    test_mem_fail_at(mem, 1);
    assert_int_equal(fs_read_file(env->fs, mem, path, 100, &data, &length), ERR_NO_MEMORY);
    assert_int_equal(mem->used, 0);
    int entries = 0;
    assert_int_equal(fs_list(env->fs, env->scratch.path, count_entries, &entries), ERR_OK);
    assert_int_equal(entries, 1); /* no temporary file is left */
    scratch_file(&env->scratch, "a/b/c/", deep);
    assert_int_equal(fs_make_directories(env->fs, deep), ERR_OK);
    assert_int_equal(fs_make_directories(env->fs, deep), ERR_OK);
    struct fs_info info;
    assert_int_equal(fs_info(env->fs, deep, &info), ERR_OK);
    assert_true(info.is_directory);
    scratch_file(&env->scratch, "whole/below", deep);
    assert_int_not_equal(fs_make_directories(env->fs, deep), ERR_OK);
    assert_int_equal(fs_remove_directory(env->fs, scratch_file(&env->scratch, "a/b/c", deep)), ERR_OK);
    assert_int_equal(fs_remove_directory(env->fs, scratch_file(&env->scratch, "a", deep)), ERR_EXISTS);
    assert_int_equal(fs_remove_directory(env->fs, scratch_file(&env->scratch, "a/b", deep)), ERR_OK);
    int64_t total, available;
    assert_int_equal(fs_space(env->fs, env->scratch.path, &total, &available), ERR_OK);
    assert_true(total >= available && available > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(pieces_are_written_inline_and_read_back, setup, teardown),
        cmocka_unit_test_setup_teardown(the_ring_reads_writes_and_syncs, setup, teardown),
        cmocka_unit_test_setup_teardown(more_operations_than_the_ring_holds_may_be_started_before_it_runs, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(errors_have_their_names, setup, teardown),
        cmocka_unit_test_setup_teardown(a_full_disk_says_so, setup, teardown),
        cmocka_unit_test_setup_teardown(whole_files_are_replaced_and_directories_made, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
