#include "core/metrics/text.h"

#include "io/base/check.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

/* Bounds of `le` in nanoseconds: three a decade, 10 us to 10 s. */
static const int64_t bounds_ns[] = {
    10000,    25000,    50000,     100000,    250000,    500000,     1000000,    2500000,    5000000,     10000000,
    25000000, 50000000, 100000000, 250000000, 500000000, 1000000000, 2500000000, 5000000000, 10000000000,
};
static const double quantiles[] = {0.5, 0.75, 0.95, 0.98, 0.99, 0.999};

struct out {
    char *text;
    size_t length, capacity;
    char family[128]; /* whose header was written last */
};

static void say(struct out *out, const char *format, ...) PRINTF_LIKE(2, 3);

static void say(struct out *out, const char *format, ...)
{
    char line[1024]; /* the longest: a topic's name of 249 bytes with the longest names of the tables */
    va_list args;
    va_start(args, format);
    int length = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    ASSERT(length >= 0 && (size_t)length < sizeof line);
    if (out->length + (size_t)length <= out->capacity)
        memcpy(out->text + out->length, line, (size_t)length);
    out->length += (size_t)length;
}

/* The length of the well-formed UTF-8 character that begins here; 0: none does. */
static size_t character(struct slice text)
{
    uint8_t first = text.data[0];
    size_t length = first < 0x80 ? 1 : first >= 0xc2 && first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    uint32_t least = length == 3 ? 0x800 : length == 4 ? 0x10000 : 0, code = first & (0xff >> (length + 1));
    if ((first >= 0x80 && first < 0xc2) || first > 0xf4 || length > text.length)
        return 0;
    for (size_t i = 1; i < length; i++) {
        if ((text.data[i] & 0xc0) != 0x80)
            return 0;
        code = code << 6 | (text.data[i] & 0x3f);
    }
    bool surrogate = code >= 0xd800 && code < 0xe000;
    return length > 1 && (code < least || code > 0x10ffff || surrogate) ? 0 : length;
}

/* A label's value that clients have chosen: whatever is no UTF-8, or would end the line or the value, is escaped. */
static void say_label(struct out *out, struct slice value)
{
    while (value.length > 0) {
        size_t length = character(value);
        uint8_t first = value.data[0];
        if (length == 0 || first == 0)
            say(out, "?");
        else if (first == '"' || first == '\\')
            say(out, "\\%c", first);
        else if (first == '\n')
            say(out, "\\n");
        else
            say(out, "%.*s", (int)length, (const char *)value.data);
        size_t taken = length == 0 ? 1 : length;
        value = slice_of(value.data + taken, value.length - taken);
    }
}

/* A name of the tables without its labels, and the labels without braces ("" when there are none). */
struct name {
    int length; /* of the family */
    const char *text;
    int label_length;
    const char *labels;
};

static struct name name_of(const char *full)
{
    const char *brace = strchr(full, '{');
    if (brace == NULL)
        return (struct name){.length = (int)strlen(full), .text = full, .labels = ""};
    return (struct name){
        .length = (int)(brace - full), .text = full, .label_length = (int)strlen(brace) - 2, .labels = brace + 1};
}

static void family(struct out *out, struct name name, const char *type, const char *help)
{
    if ((int)strlen(out->family) == name.length && memcmp(out->family, name.text, (size_t)name.length) == 0)
        return;
    ASSERT((size_t)name.length < sizeof out->family);
    memcpy(out->family, name.text, (size_t)name.length);
    out->family[name.length] = '\0';
    say(out, "# HELP %s %s\n# TYPE %s %s\n", out->family, help, out->family, type);
}

static const char *type_name(enum metric_type type)
{
    return type == METRIC_COUNTER ? "counter" : "gauge";
}

static void value(struct out *out, enum metric_unit unit, uint64_t number)
{
    switch (unit) {
    case METRIC_UNIT_COUNT:
    case METRIC_UNIT_BYTES:
        say(out, " %" PRIu64 "\n", number);
        break;
    case METRIC_UNIT_NS:
        say(out, " %.9f\n", (double)number / 1e9);
        break;
    case METRIC_UNIT_MS:
        say(out, " %.3f\n", (double)number / 1e3);
        break;
    case METRIC_UNIT_PPM:
        say(out, " %.6f\n", (double)number / 1e6);
        break;
    }
}

/* ---- Ringmain's names -------------------------------------------------------------------------------------------- */

static void shard_name(const struct metrics_reading *reading, int shard, char text[16])
{
    if (shard == reading->shard_count - 1)
        snprintf(text, 16, "control");
    else
        snprintf(text, 16, "%d", shard);
}

static void own_values(struct out *out, const struct metrics_reading *now)
{
    char shard[16];
    for (int i = 0; i < METRIC_COUNT; i++) {
        const struct metric_row *row = &metric_rows[i];
        struct name name = name_of(row->name);
        family(out, name, type_name(row->type), row->help);
        if (row->scope == METRIC_NODE) {
            say(out, "%s", row->name);
            value(out, row->unit, now->shards[now->shard_count - 1].values[i]);
            continue;
        }
        for (int s = 0; s < now->shard_count; s++) {
            shard_name(now, s, shard);
            say(out, "%.*s{%.*s%sshard=\"%s\"}", name.length, name.text, name.label_length, name.labels,
                name.label_length > 0 ? "," : "", shard);
            value(out, row->unit, now->shards[s].values[i]);
        }
    }
}

/* Prometheus's own form of a histogram. Bounds do not fall on our buckets' ends: a value within one sixteenth of a
 * bound may be counted above it. */
static void histogram_lines(struct out *out, const char *name, const char *labels, const struct histogram *histogram)
{
    for (size_t i = 0; i < COUNT_OF(bounds_ns); i++)
        say(out, "%s_bucket{%s,le=\"%g\"} %" PRIu64 "\n", name, labels, (double)bounds_ns[i] / 1e9,
            histogram_count_to(histogram, bounds_ns[i]));
    say(out, "%s_bucket{%s,le=\"+Inf\"} %" PRIu64 "\n", name, labels, histogram->count);
    say(out, "%s_sum{%s} %.9f\n", name, labels, (double)histogram->sum_ns / 1e9);
    say(out, "%s_count{%s} %" PRIu64 "\n", name, labels, histogram->count);
}

static void own_times(struct out *out, const struct metrics_reading *now)
{
    char shard[16], labels[64];
    for (int i = 0; i < METRIC_TIME_COUNT; i++) {
        const struct metric_row *row = &metric_time_rows[i];
        family(out, name_of(row->name), "histogram", row->help);
        for (int s = 0; s < now->shard_count; s++) {
            shard_name(now, s, shard);
            snprintf(labels, sizeof labels, "shard=\"%s\"", shard);
            histogram_lines(out, row->name, labels, &now->shards[s].times[i]);
        }
    }
}

static void own_requests(struct out *out, const struct metrics_view *view)
{
    char labels[96];
    family(out, name_of("ringmain_request_seconds"), "histogram",
           "How long requests take, by API and stage of their road.");
    for (int key = 0; key < METRICS_API_KEYS; key++) {
        const struct metrics_api *api = view->now->apis[key];
        if (api == NULL || view->api_names[key] == NULL)
            continue;
        for (int stage = 0; stage < METRIC_STAGE_COUNT; stage++) {
            snprintf(labels, sizeof labels, "api=\"%s\",stage=\"%s\"", view->api_names[key],
                     metric_stage_rows[stage].name);
            histogram_lines(out, "ringmain_request_seconds", labels, &api->stages[stage]);
        }
    }
}

/* ---- partitions -------------------------------------------------------------------------------------------------- */

static uint64_t partition_value(const struct metrics_partition *partition, enum metric_partition which)
{
    switch (which) {
#define METRIC_PARTITION(id, field, type, name, kafka, help)                                                           \
    case METRIC_PARTITION_##id:                                                                                        \
        return (uint64_t)partition->field;
#include "core/metrics/metrics.def"
    case METRIC_PARTITION_COUNT:
        break;
    }
    UNREACHABLE();
}

static void partition_family(struct out *out, const struct metrics_view *view, int which, const char *name)
{
    const struct metric_row *row = &metric_partition_rows[which];
    if (view->now->partition_count == 0)
        return;
    family(out, name_of(name), type_name(row->type), row->help);
    for (int32_t i = 0; i < view->now->partition_count; i++) {
        const struct metrics_partition *partition = &view->now->partitions[i];
        if (partition->topic < 0)
            continue;
        say(out, "%s{topic=\"%s\",partition=\"%d\"} %" PRIu64 "\n", name, view->topics[partition->topic].name,
            (int)partition->index, partition_value(partition, (enum metric_partition)which));
    }
}

static void partitions(struct out *out, const struct metrics_view *view)
{
    for (int i = 0; i < METRIC_PARTITION_COUNT; i++)
        partition_family(out, view, i, metric_partition_rows[i].name);
    for (int i = 0; i < METRIC_PARTITION_COUNT; i++)
        if (metric_partition_rows[i].kafka != NULL)
            partition_family(out, view, i, metric_partition_rows[i].kafka);
}

static void sum_topics(struct metrics_view *view)
{
    for (int32_t i = 0; i < view->topic_count; i++)
        view->topics[i].bytes_in = view->topics[i].records_in = view->topics[i].bytes_out = 0;
    for (int32_t i = 0; i < view->now->partition_count; i++) {
        const struct metrics_partition *partition = &view->now->partitions[i];
        if (partition->topic < 0)
            continue;
        ASSERT(partition->topic < view->topic_count);
        struct metrics_topic *topic = &view->topics[partition->topic];
        topic->bytes_in += partition->bytes_in;
        topic->records_in += partition->records_in;
        topic->bytes_out += partition->bytes_out;
    }
}

/* ---- Kafka's names ----------------------------------------------------------------------------------------------- */

static void kafka_topics(struct out *out, const struct metrics_view *view, enum metric metric)
{
    if (metric != METRIC_BYTES_IN && metric != METRIC_RECORDS_IN && metric != METRIC_BYTES_OUT)
        return;
    for (int32_t i = 0; i < view->topic_count; i++) {
        const struct metrics_topic *topic = &view->topics[i];
        uint64_t number = metric == METRIC_BYTES_IN     ? topic->bytes_in
                          : metric == METRIC_RECORDS_IN ? topic->records_in
                                                        : topic->bytes_out;
        say(out, "%s{topic=\"%s\"} %" PRIu64 "\n", metric_rows[metric].kafka, topic->name, number);
    }
}

static void kafka_values(struct out *out, const struct metrics_view *view)
{
    for (int i = 0; i < METRIC_COUNT; i++) {
        const struct metric_row *row = &metric_rows[i];
        if (row->kafka == NULL)
            continue;
        family(out, name_of(row->kafka), type_name(row->type), row->help);
        say(out, "%s", row->kafka);
        /* Kafka's times are milliseconds. */
        value(out, row->unit == METRIC_UNIT_MS ? METRIC_UNIT_COUNT : row->unit,
              metrics_reading_sum(view->now, (enum metric)i));
        kafka_topics(out, view, (enum metric)i);
    }
}

static void kafka_listeners(struct out *out, const struct metrics_view *view)
{
    static const struct {
        const char *name, *help;
        enum metric_type type;
        size_t offset;
    } rows[] = {
        {"kafka_server_socket_server_metrics_connection_count", "Connections that are open.", METRIC_GAUGE,
         offsetof(struct metrics_listener, connections)},
        {"kafka_server_socket_server_metrics_connection_creation_total", "Connections that were accepted.",
         METRIC_COUNTER, offsetof(struct metrics_listener, accepted)},
        {"kafka_server_socket_server_metrics_connection_close_total", "Connections that have ended.", METRIC_COUNTER,
         offsetof(struct metrics_listener, closed)},
    };
    const struct metrics_reading *now = view->now;
    for (size_t row = 0; view->listener_names != NULL && row < COUNT_OF(rows); row++) {
        family(out, name_of(rows[row].name), type_name(rows[row].type), rows[row].help);
        for (int i = 0; i < now->listener_count; i++)
            for (int s = 0; s < now->shard_count - 1; s++) { /* the control shard accepts nobody */
                const struct metrics_listener *listener = &now->listeners[s * now->listener_count + i];
                say(out, "%s{listener=\"%s\",networkprocessor=\"%d\"} %" PRIu64 "\n", rows[row].name,
                    view->listener_names[i], s, *(const uint64_t *)((const uint8_t *)listener + rows[row].offset));
            }
    }
}

/* One family of what groups have committed. */
static void lag_lines(struct out *out, const struct metrics_view *view, const char *name, const char *label,
                      const char *help, bool lag)
{
    if (view->lag_count == 0)
        return;
    family(out, name_of(name), "gauge", help);
    for (int32_t i = 0; i < view->lag_count; i++) {
        const struct metrics_lag *of = &view->lags[i];
        if (of->topic < 0 || (lag && of->lag < 0))
            continue;
        say(out, "%s{%s=\"", name, label);
        say_label(out, of->group);
        say(out, "\",topic=\"%s\",partition=\"%d\"} %" PRId64 "\n", view->topics[of->topic].name, (int)of->partition,
            lag ? of->lag : of->offset);
    }
}

static void group_lines(struct out *out, const struct metrics_view *view)
{
    static const char at[] = "The next record that the group will read.";
    static const char behind[] = "Records between what the group has committed and the high watermark.";
    lag_lines(out, view, "ringmain_group_committed_offset", "group", at, false);
    lag_lines(out, view, "ringmain_group_lag_records", "group", behind, true);
    lag_lines(out, view, "kafka_consumergroup_current_offset", "consumergroup", at, false);
    lag_lines(out, view, "kafka_consumergroup_lag", "consumergroup", behind, true);
    if (view->group_count > 0)
        family(out, name_of("kafka_consumergroup_members"), "gauge", "Members of the group.");
    for (int32_t i = 0; i < view->group_count; i++) {
        say(out, "kafka_consumergroup_members{consumergroup=\"");
        say_label(out, view->groups[i].id);
        say(out, "\"} %d\n", (int)view->groups[i].member_count);
    }
}

/* name{labels,quantile="..."} in milliseconds, _sum and _count: what jmx_exporter makes of Kafka's histograms. */
static void summary_lines(struct out *out, const char *name, const char *labels, const struct histogram *recent,
                          const struct histogram *all)
{
    const char *comma = labels[0] == '\0' ? "" : ",";
    const char *open = labels[0] == '\0' ? "" : "{", *close = labels[0] == '\0' ? "" : "}";
    for (size_t i = 0; i < COUNT_OF(quantiles); i++)
        say(out, "%s{%s%squantile=\"%g\"} %.6g\n", name, labels, comma, quantiles[i],
            (double)histogram_quantile_ns(recent, quantiles[i]) / 1e6);
    say(out, "%s_sum%s%s%s %.6f\n", name, open, labels, close, (double)all->sum_ns / 1e6);
    say(out, "%s_count%s%s%s %" PRIu64 "\n", name, open, labels, close, all->count);
}

enum { API_KEY_FETCH = 1 };

/* Kafka shows fetches of consumers and of followers apart; without replication all are consumers'. */
static const char *kafka_request_name(const struct metrics_view *view, int key)
{
    return key == API_KEY_FETCH ? "FetchConsumer" : view->api_names[key];
}

static void kafka_stages(struct out *out, struct metrics_view *view)
{
    static const struct histogram nothing;
    char labels[96];
    for (int stage = 0; stage < METRIC_STAGE_COUNT; stage++) {
        const struct metric_row *row = &metric_stage_rows[stage];
        family(out, name_of(row->kafka), "summary", "Milliseconds of a request's stage.");
        for (int key = 0; key < METRICS_API_KEYS; key++) {
            const struct metrics_api *api = view->now->apis[key];
            if (api == NULL || view->api_names[key] == NULL)
                continue;
            const struct metrics_api *before = view->before == NULL ? NULL : view->before->apis[key];
            histogram_between(before == NULL ? &nothing : &before->stages[stage], &api->stages[stage], &view->scratch);
            snprintf(labels, sizeof labels, "request=\"%s\"", kafka_request_name(view, key));
            summary_lines(out, row->kafka, labels, &view->scratch, &api->stages[stage]);
        }
    }
}

static void kafka_requests(struct out *out, const struct metrics_view *view)
{
    static const char requests[] = "kafka_network_requestmetrics_requests_total";
    static const char errors[] = "kafka_network_requestmetrics_errors_total";
    family(out, name_of(requests), "counter", "Requests by API and version.");
    for (int key = 0; key < METRICS_API_KEYS; key++)
        for (int version = 0; view->now->apis[key] != NULL && version < METRICS_VERSIONS; version++)
            if (view->now->apis[key]->versions[version] > 0 && view->api_names[key] != NULL)
                say(out, "%s{request=\"%s\",version=\"%d\"} %" PRIu64 "\n", requests, kafka_request_name(view, key),
                    version, view->now->apis[key]->versions[version]);
    family(out, name_of(errors), "counter",
           "Error codes in answers: of the whole answer, of Produce and Fetch those of each partition.");
    for (int key = 0; key < METRICS_API_KEYS; key++)
        for (int i = 0; view->now->apis[key] != NULL && i < METRICS_ERRORS; i++)
            if (view->now->apis[key]->errors[i] > 0 && view->api_names[key] != NULL)
                say(out, "%s{request=\"%s\",error=\"%s\"} %" PRIu64 "\n", errors, kafka_request_name(view, key),
                    view->error_name((int16_t)(i - METRICS_ERROR_BASE)), view->now->apis[key]->errors[i]);
}

/* Of all shards since the start; view->scratch: of the last one or two minutes. */
static struct histogram all_shards(struct metrics_view *view, enum metric_time time, const struct histogram *before)
{
    struct histogram all = {0};
    for (int s = 0; s < view->now->shard_count; s++)
        histogram_merge(&all, &view->now->shards[s].times[time]);
    histogram_between(before, &all, &view->scratch);
    return all;
}

static void kafka_times(struct out *out, struct metrics_view *view)
{
    static const struct metrics_base nothing;
    static const char commits[] = "kafka_server_raft_metrics_commit_latency_avg";
    const struct metrics_base *before = view->before == NULL ? &nothing : view->before;
    const struct metric_row *row = &metric_time_rows[METRIC_TIME_FLUSH];
    struct histogram all = all_shards(view, METRIC_TIME_FLUSH, &before->flush);
    family(out, name_of(row->kafka), "summary", row->help);
    summary_lines(out, row->kafka, "", &view->scratch, &all);
    all_shards(view, METRIC_TIME_METADATA, &before->metadata);
    const struct histogram *recent = &view->scratch;
    family(out, name_of(commits), "gauge", "Mean time of a change of the metadata, in milliseconds.");
    say(out, "%s %.6f\n", commits, recent->count == 0 ? 0.0 : (double)recent->sum_ns / 1e6 / (double)recent->count);
}

size_t metrics_text(struct metrics_view *view, char *text, size_t capacity)
{
    struct out out = {.text = text, .capacity = capacity};
    family(&out, name_of("ringmain_build_info"), "gauge", "1, with what runs here as labels.");
    say(&out, "ringmain_build_info{version=\"%s\",cluster=\"%s\",node=\"%d\"} 1\n", view->version, view->cluster_id,
        (int)view->node_id);
    sum_topics(view);
    own_values(&out, view->now);
    own_times(&out, view->now);
    own_requests(&out, view);
    kafka_values(&out, view);
    kafka_requests(&out, view);
    kafka_stages(&out, view);
    kafka_times(&out, view);
    kafka_listeners(&out, view);
    group_lines(&out, view);
    partitions(&out, view);
    return out.length;
}
