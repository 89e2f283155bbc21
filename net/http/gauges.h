/* net/http/gauges.h -- what a broker says about itself when somebody asks: numbers that are looked at, not counted.
 *
 * Core: gauges_of_shard and gauges_of_partition on the shard, gauges_of_node on the control shard. Memory: none.
 */
#ifndef RINGMAIN_NET_HTTP_GAUGES_H
#define RINGMAIN_NET_HTTP_GAUGES_H

#include "net/handlers/control.h"

/* Into shard->metrics. The partitions' own (how many lead, are offline ...) are left to gauges_of_partition, which adds
 * each of them: gauges_begin_partitions first. */
void gauges_of_shard(struct shard *shard);
/* listeners: of this shard in a reading. */
void gauges_of_listeners(const struct shard *shard, struct metrics_listener *listeners, int count);
void gauges_begin_partitions(struct metrics *metrics);
void gauges_of_partition(const struct partition *partition, struct metrics *metrics);
/* Into control->shard->metrics. */
void gauges_of_node(struct control *control);

#endif
