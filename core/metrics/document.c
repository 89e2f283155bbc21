#include "core/metrics/metrics.h"
#include "io/base/page.h"

static void add_name(struct page *page, const char *name)
{
    if (name == NULL)
        page_add(page, " | ");
    else
        page_add(page, " | `%s`", name);
}

static void add_values(struct page *page, enum metric_scope scope)
{
    page_add(page, "| name | type | Kafka's name | meaning |\n|---|---|---|---|\n");
    for (int i = 0; i < METRIC_COUNT; i++) {
        const struct metric_row *row = &metric_rows[i];
        if (row->scope != scope)
            continue;
        page_add(page, "| `%s` | %s", row->name, row->type == METRIC_COUNTER ? "counter" : "gauge");
        add_name(page, row->kafka);
        page_add(page, " | %s |\n", row->help);
    }
}

static void add_times(struct page *page)
{
    page_add(page, "| name | Kafka's name | meaning |\n|---|---|---|\n");
    for (int i = 0; i < METRIC_TIME_COUNT; i++) {
        page_add(page, "| `%s`", metric_time_rows[i].name);
        add_name(page, metric_time_rows[i].kafka);
        page_add(page, " | %s |\n", metric_time_rows[i].help);
    }
}

static void add_stages(struct page *page)
{
    page_add(page, "| stage | Kafka's name | the request |\n|---|---|---|\n");
    for (int i = 0; i < METRIC_STAGE_COUNT; i++)
        page_add(page, "| `%s` | `%s` | %s |\n", metric_stage_rows[i].name, metric_stage_rows[i].kafka,
                 metric_stage_rows[i].help);
}

static void add_partitions(struct page *page)
{
    page_add(page, "| name | type | Kafka's name | meaning |\n|---|---|---|---|\n");
    for (int i = 0; i < METRIC_PARTITION_COUNT; i++) {
        const struct metric_row *row = &metric_partition_rows[i];
        page_add(page, "| `%s` | %s", row->name, row->type == METRIC_COUNTER ? "counter" : "gauge");
        add_name(page, row->kafka);
        page_add(page, " | %s |\n", row->help);
    }
}

size_t metrics_document(char *text, size_t capacity)
{
    struct page page = {.text = text, .capacity = capacity};
    page_add(
        &page,
        "# Metrics\n\n"
        "Made from core/metrics/metrics.def; `make docs` writes this file again and a test fails when it is stale.\n\n"
        "The broker answers `GET /metrics` on `ringmain.metrics.host` and `ringmain.metrics.port` (127.0.0.1:9404) in\n"
        "Prometheus's text format, and `GET /health` with 200. `ringmain top` shows the same numbers live.\n\n"
        "Beside Ringmain's own names stand those that dashboards know which were made for Apache Kafka with\n"
        "jmx_exporter (its examples/kafka-kraft-3_0_0.yml): they carry the sum of all shards. Percentiles under\n"
        "Kafka's names are of the last one to two minutes; `ringmain_*_seconds` are Prometheus histograms.\n\n"
        "[Kafka's metrics](metrics-kafka.md) goes through those that people alert on, one by one: where each is "
        "found,\n"
        "and which have no meaning on one node.\n\n"
        "```yaml\nscrape_configs:\n  - job_name: ringmain\n    static_configs: [{targets: [\"127.0.0.1:9404\"]}]\n"
        "```\n\n"
        "## Of each shard\n\nWith a label `shard`: a number, or `control`.\n\n");
    add_values(&page, METRIC_SHARD);
    page_add(&page,
             "\n## Times of each shard\n\nHistograms with a label `shard`. Each value is known to one sixteenth.\n\n");
    add_times(&page);
    page_add(&page,
             "\n## Requests\n\n`ringmain_request_seconds{api,stage}` is a histogram; Kafka's names are summaries in\n"
             "milliseconds with a label `request`. A request is seen when a turn of the loop begins, so a stage that\n"
             "begins and ends in one turn shows 0.\n\n");
    add_stages(&page);
    page_add(&page, "\n`kafka_network_requestmetrics_requests_total{request,version}` counts requests,\n"
                    "`kafka_network_requestmetrics_errors_total{request,error}` error codes in answers.\n");
    page_add(&page, "\n## The node\n\n");
    add_values(&page, METRIC_NODE);
    page_add(&page,
             "\n## Partitions\n\nWith labels `topic` and `partition`, unless `ringmain.metrics.partitions` is "
             "false.\n`kafka_server_brokertopicmetrics_{bytesin,bytesout,messagesin}_total` also come with a label "
             "`topic`.\n\n");
    add_partitions(&page);
    page_add(
        &page,
        "\n## Listeners\n\n`kafka_server_socket_server_metrics_connection_count`, `..._connection_creation_total` and\n"
        "`..._connection_close_total` have labels `listener` and `networkprocessor`: the shard.\n\n"
        "## Consumer groups\n\nUnless `ringmain.metrics.partitions` is false, for each partition of which a group has\n"
        "committed an offset. Kafka's brokers leave this to exporters; the names are those of kafka_exporter.\n\n"
        "| name | Kafka's name | meaning |\n|---|---|---|\n"
        "| `ringmain_group_committed_offset{group,topic,partition}` | "
        "`kafka_consumergroup_current_offset{consumergroup,topic,partition}` | The next record that the group will "
        "read. |\n"
        "| `ringmain_group_lag_records{group,topic,partition}` | "
        "`kafka_consumergroup_lag{consumergroup,topic,partition}` | Records between it and the high watermark. |\n"
        "| | `kafka_consumergroup_members{consumergroup}` | Members of the group. |\n\n"
        "## Derived\n\n`kafka_server_raft_metrics_commit_latency_avg`: mean of `ringmain_metadata_change_seconds` in\n"
        "milliseconds over the last one to two minutes, 0 when nothing was changed.\n");
    return page.length;
}
