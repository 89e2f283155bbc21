/* net/cli/top_sample.h -- one reading of a broker's metrics, as `ringmain top` compares it with the one before.
 *
 * A sample is the text's lines in a map by name and labels as they stand in it. Rates come from two samples; what is
 * new in the second counts from 0, what has become smaller (a restart, a topic made anew) as itself.
 *
 * Core: the command line's thread. Memory: the mem given; the text is the caller's and stays. Errors: ERR_CORRUPT for a
 * text that is none, ERR_NO_MEMORY.
 */
#ifndef RINGMAIN_NET_CLI_TOP_SAMPLE_H
#define RINGMAIN_NET_CLI_TOP_SAMPLE_H

#include "io/base/err.h"
#include "io/base/hash.h"

struct top_line {
    struct slice key; /* name{labels} */
    double value;
};

struct top_sample {
    struct mem *mem;
    int64_t time_ns;
    struct top_line *lines; /* as in the text */
    size_t count, capacity;
    struct map by_key;
};

/* Two samples; before NULL: nothing was before. */
struct top_pair {
    const struct top_sample *before, *now;
    double seconds; /* between them */
};

enum err top_sample_read(struct top_sample *sample, struct mem *mem, struct slice text, int64_t time_ns) MUST_CHECK;
void top_sample_fini(struct top_sample *sample);

/* 0 when it is not there. key: printf's. */
double top_value(const struct top_sample *sample, const char *key, ...) PRINTF_LIKE(2, 3);
/* How much a counter has grown. */
double top_growth(const struct top_pair *pair, const char *key, ...) PRINTF_LIKE(2, 3);
double top_line_growth(const struct top_pair *pair, const struct top_line *line);
/* The value of a label within a key; null: it has none of that name. */
struct slice top_label(struct slice key, const char *name);
bool top_is_named(struct slice key, const char *name); /* name or name{...} */
/* A quantile of what a Prometheus histogram has got between the samples, in seconds; 0: nothing. `labels` without le.
 */
double top_quantile(const struct top_pair *pair, const char *name, const char *labels, double part);

#endif
