/* io/reactor/fs_posix.h -- the blocking file calls of the real machine. Without state: one may serve all threads. */
#ifndef RINGMAIN_IO_REACTOR_FS_POSIX_H
#define RINGMAIN_IO_REACTOR_FS_POSIX_H

#include "io/reactor/backend.h"

extern const struct fs_backend fs_posix_backend; /* a `struct fs` needs nothing more */
enum err err_from_errno(int error);              /* positive errno */
int fs_posix_flags(int flags);                   /* FS_* to O_* */

#endif
