/* io/reactor/console.h -- the terminal side of the command line: input files and whether anybody looks. Not for shards.
 */
#ifndef RINGMAIN_IO_REACTOR_CONSOLE_H
#define RINGMAIN_IO_REACTOR_CONSOLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

FILE *console_open(const char *path, const char **why); /* for reading; NULL: *why says why not */
void console_close(FILE *file);
/* What is there, at least one byte (waits for it); 0: the end, or it broke. Not to be mixed with stdio's own reading.
 */
size_t console_read(FILE *file, void *buffer, size_t size);
bool console_has_input(FILE *file, int wait_ms);      /* true also at the end and for files: reading would not wait */
void console_print(const void *bytes, size_t length); /* to standard output, as they are */
bool console_is_terminal(void);                       /* standard error */

#endif
