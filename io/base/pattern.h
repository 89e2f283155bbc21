/* io/base/pattern.h -- regular expressions as users of Kafka's tools write them (Java's syntax, by PCRE2).
 *
 * Pure. Memory: the mem of pattern_compile. A match is bounded in steps and memory: what takes more does not match.
 */
#ifndef RINGMAIN_IO_BASE_PATTERN_H
#define RINGMAIN_IO_BASE_PATTERN_H

#include "io/base/bytes.h"
#include "io/base/err.h"
#include "io/base/mem.h"

struct pattern;

enum { PATTERN_ERROR_BYTES = 256 };

/* ERR_INVALID: `why` says what is wrong with it. */
enum err pattern_compile(struct mem *mem, struct slice text, struct pattern **pattern,
                         char why[PATTERN_ERROR_BYTES]) MUST_CHECK;
/* The whole text, not a part of it. */
bool pattern_matches(const struct pattern *pattern, struct slice text);
void pattern_free(struct pattern *pattern);

#endif
