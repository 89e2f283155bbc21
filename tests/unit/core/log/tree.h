/* A directory tree of the test's own, removed whole at the end, and the machine that turns on it. */
#ifndef RINGMAIN_TESTS_UNIT_CORE_LOG_TREE_H
#define RINGMAIN_TESTS_UNIT_CORE_LOG_TREE_H

#include "core/log/log_dirs.h"
#include "tests/unit/io/reactor/scratch.h"
#include "tests/unit/io/reactor/turning.h"

struct tree {
    struct machine *machine;
    struct io *io;
    struct fs *fs;
    struct scratch scratch;
};

static inline const char *tree_path(struct tree *tree, const char *name, char path[FS_PATH_MAX])
{
    return scratch_file(&tree->scratch, name, path);
}

struct tree_names {
    char names[256][256];
    int count;
    bool directories[256];
};

static inline bool tree_note(void *context, const char *name, bool is_directory)
{
    struct tree_names *names = context;
    snprintf(names->names[names->count], sizeof(names->names[0]), "%s", name);
    names->directories[names->count++] = is_directory;
    return names->count < 256;
}

/* Two levels are enough for data directories: directory / partition / file; `depth` bounds it. */
static inline void tree_remove(struct fs *fs, const char *path, int depth)
{
    struct tree_names *names;
    do {
        names = calloc(1, sizeof(*names));
        assert_int_equal(fs_list(fs, path, tree_note, names), ERR_OK);
        for (int i = 0; i < names->count; i++) {
            char inner[FS_PATH_MAX];
            snprintf(inner, sizeof(inner), "%.700s/%.255s", path, names->names[i]);
            if (!names->directories[i])
                assert_int_equal(fs_unlink(fs, inner), ERR_OK);
            else if (depth > 0)
                tree_remove(fs, inner, depth - 1);
        }
        bool more = names->count == 256;
        free(names);
        if (!more)
            break;
    } while (true);
    assert_int_equal(fs_remove_directory(fs, path), ERR_OK);
}

static inline int tree_setup(void **state)
{
    struct tree *tree = calloc(1, sizeof(*tree));
    tree->machine = turning_open();
    tree->io = machine_io(tree->machine, 0);
    tree->fs = io_fs(tree->io);
    scratch_open(&tree->scratch);
    *state = tree;
    return 0;
}

static inline int tree_teardown(void **state)
{
    struct tree *tree = *state;
    tree_remove(tree->fs, tree->scratch.path, 3);
    machine_close(tree->machine);
    free(tree);
    return 0;
}

static inline void tree_write(struct tree *tree, const char *name, const char *text)
{
    char path[FS_PATH_MAX];
    assert_int_equal(fs_write_file(tree->fs, tree_path(tree, name, path), text, strlen(text)), ERR_OK);
}

static inline void tree_directory(struct tree *tree, const char *name)
{
    char path[FS_PATH_MAX];
    assert_int_equal(fs_make_directories(tree->fs, tree_path(tree, name, path)), ERR_OK);
}

static inline bool tree_has(struct tree *tree, const char *name)
{
    char path[FS_PATH_MAX];
    struct fs_info info;
    return fs_info(tree->fs, tree_path(tree, name, path), &info) == ERR_OK;
}

static inline void tree_expect(struct tree *tree, const char *name, const char *text)
{
    char path[FS_PATH_MAX];
    void *data;
    size_t length;
    struct mem *mem = io_mem(tree->io);
    assert_int_equal(fs_read_file(tree->fs, mem, tree_path(tree, name, path), 1 << 20, &data, &length), ERR_OK);
    assert_string_equal(data, text);
    mem_free(mem, data, length + 1);
}

#endif
