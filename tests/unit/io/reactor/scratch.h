/* A directory of the test's own, on the file system of the build (not tmpfs), removed at the end. */
#ifndef RINGMAIN_TESTS_UNIT_IO_REACTOR_SCRATCH_H
#define RINGMAIN_TESTS_UNIT_IO_REACTOR_SCRATCH_H

#include "io/reactor/fs.h"
#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct scratch {
    char path[256];
};

static inline void scratch_open(struct scratch *scratch)
{
    snprintf(scratch->path, sizeof(scratch->path), "build/test-scratch-XXXXXX");
    if (mkdtemp(scratch->path) == NULL)
        snprintf(scratch->path, sizeof(scratch->path), "/var/tmp/ringmain-test-XXXXXX");
    assert_true(access(scratch->path, F_OK) == 0 || mkdtemp(scratch->path) != NULL);
}

static inline const char *scratch_file(struct scratch *scratch, const char *name, char path[FS_PATH_MAX])
{
    snprintf(path, FS_PATH_MAX, "%s/%s", scratch->path, name);
    return path;
}

/* Only files directly in it. */
static inline bool scratch_remove_one(void *context, const char *name, bool is_directory)
{
    char path[FS_PATH_MAX];
    remove(scratch_file(context, name, path));
    return true;
}

static inline void scratch_close(struct scratch *scratch, struct fs *fs)
{
    assert_int_equal(fs_list(fs, scratch->path, scratch_remove_one, scratch), ERR_OK);
    assert_int_equal(rmdir(scratch->path), 0);
}

#endif
