/* bench/load/topics.h -- before and after a run: topics made and removed, the ends of partitions. One call at a time
 * through net/client; failures end the process. */
#ifndef RINGMAIN_BENCH_LOAD_TOPICS_H
#define RINGMAIN_BENCH_LOAD_TOPICS_H

#include "net/cli/cli.h"

/* An existing topic stays as it is. configs: "key=value". Returns when every partition has a leader. */
void topics_create(struct cli *cli, const char *name, int partitions, const char *const *configs, int config_count);
void topics_delete(struct cli *cli, const char *name);
/* The next offset of every partition, into ends. */
void topics_ends(struct cli *cli, const char *name, int partitions, int64_t *ends);

#endif
