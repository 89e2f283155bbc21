/* core/metrics/text.h -- a reading as Prometheus text (version 0.0.4): Ringmain's names, then those that dashboards
 * made for Kafka's JMX exporter read.
 *
 * Kafka's percentiles are those of the last one or two minutes before the scrape: of what was recorded since `before`.
 * Ringmain's own histograms are never reset: the monitoring system makes percentiles of any span of them.
 *
 * Pure; any core. Memory: none; the text is written into the caller's buffer. Errors: none.
 * Rules: Prometheus exposition formats; jmx_exporter's examples/kafka-kraft-3_0_0.yml for the names.
 */
#ifndef RINGMAIN_CORE_METRICS_TEXT_H
#define RINGMAIN_CORE_METRICS_TEXT_H

#include "core/metrics/metrics.h"

/* What a group has committed in a partition. */
struct metrics_lag {
    struct slice group;
    int32_t topic, partition; /* topic: as in metrics_partition */
    int64_t offset;
    int64_t lag; /* -1: not known */
};

struct metrics_group {
    struct slice id;
    int32_t member_count;
};

struct metrics_topic {
    const char *name;
    uint64_t bytes_in, records_in, bytes_out; /* metrics_text's */
};

/* Histograms of an earlier moment. */
struct metrics_base {
    struct metrics_api *apis[METRICS_API_KEYS]; /* NULL: nothing had been recorded */
    struct histogram flush, metadata;
};

struct metrics_view {
    const struct metrics_reading *now;
    const struct metrics_base *before;       /* NULL: the start */
    const char *api_names[METRICS_API_KEYS]; /* NULL: not shown */
    const char *(*error_name)(int16_t code); /* as Kafka writes it */
    struct metrics_topic *topics;            /* named by the partitions' `topic` */
    int32_t topic_count;
    const char *const *listener_names; /* of the reading's listeners; NULL: not shown */
    const struct metrics_group *groups;
    int32_t group_count;
    const struct metrics_lag *lags;
    int32_t lag_count;
    const char *version, *cluster_id;
    int32_t node_id;
    struct histogram scratch;
};

/* Writes at most `capacity` bytes, without a NUL. The length that it has or would have had. */
size_t metrics_text(struct metrics_view *view, char *text, size_t capacity);

#endif
