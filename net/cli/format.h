/* net/cli/format.h -- how `consume` prints a record: kcat's format strings, and JSON lines.
 *
 *   %k key  %v or %s value  %K %S their lengths (-1: null)  %t topic  %p partition  %o offset  %T timestamp
 *   %h headers as name=value,...  %% a percent sign; \n \t \r \\ \0 as in C
 *
 * Core: the command line's one thread. Memory: nothing is kept. Errors: format_check says what is wrong.
 */
#ifndef RINGMAIN_NET_CLI_FORMAT_H
#define RINGMAIN_NET_CLI_FORMAT_H

#include "core/wire/batch.h"

#include <stdio.h>

struct format_record {
    struct slice topic;
    int32_t partition;
    int64_t offset, timestamp;
    const struct batch_record *record;
};

/* NULL: the format can be used; else what is wrong with it. */
const char *format_check(const char *format);
/* format passed format_check. */
void format_print(FILE *out, const char *format, const struct format_record *record);
/* One line. False: no memory. */
bool format_print_json(FILE *out, const struct format_record *record);

#endif
