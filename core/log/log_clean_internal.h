/* core/log/log_clean_internal.h -- inside of core/log: the two halves of a cleaning. log_clean.c decides on the shard
 * what is next, log_clean_work.c does it in jobs, log_swap.c finishes at open what a crash has left. */
#ifndef RINGMAIN_CORE_LOG_LOG_CLEAN_INTERNAL_H
#define RINGMAIN_CORE_LOG_LOG_CLEAN_INTERNAL_H

#include "core/log/log_clean.h"
#include "core/log/log_internal.h"

/* Jobs; each leaves what it found in clean->err. */
void log_clean_map_work(struct io_job *job, struct fs *fs);
void log_clean_copy_work(struct io_job *job, struct fs *fs);
void log_clean_seal_work(struct io_job *job, struct fs *fs);
void log_clean_rename_work(struct io_job *job, struct fs *fs);
void log_clean_drop_work(struct io_job *job, struct fs *fs);

/* A segment's files, .log last: it is the one that says whether the others count. */
enum { LOG_SEGMENT_FILES = 4 };
extern const char *const log_segment_files[LOG_SEGMENT_FILES];
/* <directory>/<base><file><mark>; false: too long. */
bool log_marked_path(const char *directory, int64_t base_offset, const char *file, const char *mark,
                     char path[SEGMENT_PATH_MAX]);
/* Renames all files of a segment from one mark to another; those that are not there are passed over. */
enum err log_rename_files(struct fs *fs, const char *directory, int64_t base_offset, const char *from,
                          const char *to) MUST_CHECK;

#endif
