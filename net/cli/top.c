/* ringmain top: what a broker does now, once a second: shards, requests, partitions. Every line fits into 80 columns.
 */
#include "io/reactor/console.h"
#include "net/cli/cli.h"
#include "net/cli/top_sample.h"
#include "net/client/http.h"

#include <stdio.h>
#include <stdlib.h>

enum { APIS_SHOWN = 10, HOTTEST_MAX = 100, SAMPLE_BYTES = 512 << 20, SHARDS_MAX = 1024 };

struct top {
    struct cli *cli;
    const char *place;
    int64_t hottest, interval_ms, count;
    struct arena text[2]; /* of the samples, in turn */
    struct top_sample samples[2];
    struct top_pair pair;
};

/* ---- how numbers look -------------------------------------------------------------------------------------------- */

struct shown {
    char text[24];
};

static struct shown amount(double value, const char *unit)
{
    static const char *const prefixes[] = {"", "k", "M", "G", "T"};
    size_t prefix = 0;
    struct shown shown;
    for (; value >= 999.5 && prefix + 1 < COUNT_OF(prefixes); prefix++)
        value /= 1000;
    snprintf(shown.text, sizeof shown.text,
             value < 9.95 && (prefix > 0 || value != (int)value) ? "%.1f %s%s" : "%.0f %s%s", value, prefixes[prefix],
             unit);
    return shown;
}

static struct shown duration(double seconds)
{
    struct shown shown;
    if (seconds <= 0)
        snprintf(shown.text, sizeof shown.text, "-");
    else if (seconds < 0.000999)
        snprintf(shown.text, sizeof shown.text, "%.0f us", seconds * 1e6);
    else if (seconds < 0.999)
        snprintf(shown.text, sizeof shown.text, seconds < 0.00995 ? "%.1f ms" : "%.0f ms", seconds * 1e3);
    else
        snprintf(shown.text, sizeof shown.text, seconds < 9.95 ? "%.1f s" : "%.0f s", seconds);
    return shown;
}

static double rate(const struct top_pair *pair, double growth)
{
    return pair->seconds > 0 ? growth / pair->seconds : 0;
}

/* ---- the picture ------------------------------------------------------------------------------------------------- */

/* The sum of all shards. */
static double sum_growth(const struct top_pair *pair, const char *name)
{
    double sum = 0;
    for (size_t i = 0; i < pair->now->count; i++)
        if (top_is_named(pair->now->lines[i].key, name))
            sum += top_line_growth(pair, &pair->now->lines[i]);
    return sum;
}

static double sum_value(const struct top_sample *sample, const char *name)
{
    double sum = 0;
    for (size_t i = 0; i < sample->count; i++)
        if (top_is_named(sample->lines[i].key, name))
            sum += sample->lines[i].value;
    return sum;
}

static void show_head(const struct top_pair *pair)
{
    const struct top_sample *now = pair->now;
    struct slice info = SLICE_LITERAL("");
    for (size_t i = 0; i < now->count; i++)
        if (top_is_named(now->lines[i].key, "ringmain_build_info"))
            info = now->lines[i].key;
    int64_t up = (int64_t)top_value(now, "ringmain_uptime_seconds");
    printf("ringmain %.*s  node %.*s  cluster %.*s  up %lldh %02lldm %02llds\n", SLICE_ARG(top_label(info, "version")),
           SLICE_ARG(top_label(info, "node")), SLICE_ARG(top_label(info, "cluster")), (long long)(up / 3600),
           (long long)(up / 60 % 60), (long long)(up % 60));
    printf("topics %.0f  partitions %.0f, offline %.0f, damaged %.0f  groups %.0f, rebalancing %.0f\n",
           top_value(now, "ringmain_topics"), sum_value(now, "ringmain_partitions"),
           sum_value(now, "ringmain_offline_partitions"), sum_value(now, "ringmain_damaged_partitions"),
           top_value(now, "ringmain_groups_known"),
           top_value(now, "ringmain_groups{state=\"PreparingRebalance\"}") +
               top_value(now, "ringmain_groups{state=\"CompletingRebalance\"}"));
    printf("connections %.0f  waiting: fetches %.0f, produces %.0f  transactions open %.0f\n",
           sum_value(now, "ringmain_connections"), sum_value(now, "ringmain_waiting_fetches"),
           sum_value(now, "ringmain_waiting_produces"),
           top_value(now, "ringmain_transactional_ids{state=\"Ongoing\"}"));
    printf("in %s, %s  out %s  idle %.1f %%\n\n",
           amount(rate(pair, sum_growth(pair, "ringmain_produced_bytes_total")), "B/s").text,
           amount(rate(pair, sum_growth(pair, "ringmain_produced_records_total")), "records/s").text,
           amount(rate(pair, sum_growth(pair, "ringmain_fetched_bytes_total")), "B/s").text,
           100 * top_value(now, "ringmain_loop_idle_fraction"));
}

static void show_shard(const struct top_pair *pair, struct slice shard)
{
    char labels[64];
    snprintf(labels, sizeof labels, "shard=\"%.*s\"", SLICE_ARG(shard));
    printf("%-7.*s %5.1f %6s %8s %8s %5.0f %7s %7s %6s %4.0f %6s\n", SLICE_ARG(shard),
           100 * rate(pair, top_growth(pair, "ringmain_loop_busy_seconds_total{%s}", labels)),
           duration(top_quantile(pair, "ringmain_loop_turn_seconds", labels, 0.99)).text,
           amount(rate(pair, top_growth(pair, "ringmain_produced_bytes_total{%s}", labels)), "B/s").text,
           amount(rate(pair, top_growth(pair, "ringmain_fetched_bytes_total{%s}", labels)), "B/s").text,
           top_value(pair->now, "ringmain_connections{%s}", labels),
           amount(rate(pair, top_growth(pair, "ringmain_ring_submissions_total{%s}", labels)), "/s").text,
           amount(rate(pair, top_growth(pair, "ringmain_shard_messages_received_total{%s}", labels)), "/s").text,
           amount(top_value(pair->now, "ringmain_dirty_bytes{%s}", labels), "B").text,
           top_value(pair->now, "ringmain_slow_lane_queue{%s}", labels),
           amount(top_value(pair->now, "ringmain_memory_used_bytes{%s}", labels), "B").text);
}

static void show_shards(const struct top_pair *pair)
{
    printf("%-7s %5s %6s %8s %8s %5s %7s %7s %6s %4s %6s\n", "SHARD", "BUSY%", "TURN99", "IN", "OUT", "CONN", "RING",
           "MESSAGE", "DIRTY", "JOBS", "MEMORY");
    for (size_t i = 0; i < pair->now->count; i++)
        if (top_is_named(pair->now->lines[i].key, "ringmain_loop_turns_total"))
            show_shard(pair, top_label(pair->now->lines[i].key, "shard"));
    printf("\n");
}

struct ranked {
    struct slice key;
    double by;
};

static int compare_ranked(const void *a, const void *b)
{
    const struct ranked *left = a, *right = b;
    if (left->by != right->by)
        return left->by < right->by ? 1 : -1;
    return slice_compare(left->key, right->key);
}

/* The first `most` of what has grown; puts in where it belongs. */
static size_t rank(struct ranked *list, size_t count, size_t most, struct ranked entry)
{
    size_t at = count;
    while (at > 0 && compare_ranked(&entry, &list[at - 1]) < 0)
        at--;
    if (at == most)
        return count;
    count = count < most ? count + 1 : most;
    memmove(&list[at + 1], &list[at], (count - at - 1) * sizeof *list);
    list[at] = entry;
    return count;
}

static void show_requests(const struct top_pair *pair)
{
    struct ranked list[APIS_SHOWN];
    size_t count = 0;
    for (size_t i = 0; i < pair->now->count; i++) {
        const struct top_line *line = &pair->now->lines[i];
        double by;
        if (top_is_named(line->key, "ringmain_request_seconds_count") &&
            slice_equal_string(top_label(line->key, "stage"), "total") && (by = top_line_growth(pair, line)) > 0)
            count = rank(list, count, APIS_SHOWN, (struct ranked){top_label(line->key, "api"), by});
    }
    printf("%-21s %7s %6s %6s %6s %6s %6s %6s %6s\n", "REQUEST", "RATE", "p50", "p99", "p99.9", "queue", "local",
           "wait", "send");
    for (size_t i = 0; i < count; i++) {
        static const char *const stages[] = {"queue", "local", "wait", "send"};
        char labels[96];
        snprintf(labels, sizeof labels, "api=\"%.*s\",stage=\"total\"", SLICE_ARG(list[i].key));
        printf("%-21.*s %7s %6s %6s %6s", (int)size_min(list[i].key.length, 21), (const char *)list[i].key.data,
               amount(rate(pair, list[i].by), "/s").text,
               duration(top_quantile(pair, "ringmain_request_seconds", labels, 0.5)).text,
               duration(top_quantile(pair, "ringmain_request_seconds", labels, 0.99)).text,
               duration(top_quantile(pair, "ringmain_request_seconds", labels, 0.999)).text);
        for (size_t k = 0; k < COUNT_OF(stages); k++) {
            snprintf(labels, sizeof labels, "api=\"%.*s\",stage=\"%s\"", SLICE_ARG(list[i].key), stages[k]);
            printf(" %6s", duration(top_growth(pair, "ringmain_request_seconds_sum{%s}", labels) / list[i].by).text);
        }
        printf("\n");
    }
    printf("\n");
}

/* A long topic's name is cut, its partition is not. */
static void show_partition(const struct top_pair *pair, struct slice labels)
{
    enum { NAME_COLUMNS = 30 };
    struct slice topic = top_label(labels, "topic"), partition = top_label(labels, "partition");
    int room = NAME_COLUMNS - 1 - (int)size_min(partition.length, 12);
    bool cut = (int)topic.length > room;
    char name[64];
    snprintf(name, sizeof name, "%.*s%s-%.*s", cut ? room - 2 : (int)topic.length, (const char *)topic.data,
             cut ? ".." : "", (int)size_min(partition.length, 12), (const char *)partition.data);
    double in = top_growth(pair, "ringmain_partition_produced_bytes_total%.*s", SLICE_ARG(labels));
    double records = top_growth(pair, "ringmain_partition_produced_records_total%.*s", SLICE_ARG(labels));
    double out = top_growth(pair, "ringmain_partition_fetched_bytes_total%.*s", SLICE_ARG(labels));
    printf("%-30s %8s %7s %8s %6s %14.0f\n", name, amount(rate(pair, in), "B/s").text,
           amount(rate(pair, records), "/s").text, amount(rate(pair, out), "B/s").text,
           amount(top_value(pair->now, "ringmain_partition_size_bytes%.*s", SLICE_ARG(labels)), "B").text,
           top_value(pair->now, "ringmain_partition_end_offset%.*s", SLICE_ARG(labels)));
}

static void show_partitions(const struct top_pair *pair, size_t most)
{
    struct ranked list[HOTTEST_MAX];
    size_t count = 0;
    for (size_t i = 0; i < pair->now->count; i++) {
        const struct top_line *line = &pair->now->lines[i];
        if (!top_is_named(line->key, "ringmain_partition_produced_bytes_total") ||
            slice_is_null(top_label(line->key, "topic"))) /* not a broker of ours, whatever it is */
            continue;
        struct slice labels = slice_of(memchr(line->key.data, '{', line->key.length), 0);
        labels.length = (size_t)(line->key.data + line->key.length - labels.data);
        double by = top_line_growth(pair, line) +
                    top_growth(pair, "ringmain_partition_fetched_bytes_total%.*s", SLICE_ARG(labels));
        if (by > 0)
            count = rank(list, count, most, (struct ranked){labels, by});
    }
    printf("%-30s %8s %7s %8s %6s %14s\n", "HOTTEST PARTITION", "IN", "RECORDS", "OUT", "SIZE", "END OFFSET");
    for (size_t i = 0; i < count; i++)
        show_partition(pair, list[i].key);
}

/* Every number, and how much the counters have grown a second. */
static void show_json(const struct top_pair *pair)
{
    json_t *values = json_object(), *rates = json_object();
    for (size_t i = 0; i < pair->now->count; i++) {
        const struct top_line *line = &pair->now->lines[i];
        const char *key = (const char *)line->key.data;
        size_t length = line->key.length;
        json_object_setn_new(values, key, length, json_real(line->value));
        if (memmem(key, length, "_total", 6) != NULL || memmem(key, length, "_count", 6) != NULL)
            json_object_setn_new(rates, key, length, json_real(rate(pair, top_line_growth(pair, line))));
    }
    cli_print_json(json_pack("{s:f,s:o,s:o}", "seconds", pair->seconds, "values", values, "rates", rates));
}

/* ---- the loop ---------------------------------------------------------------------------------------------------- */

static bool take(struct top *top, int which)
{
    struct client *client = &top->cli->client;
    struct slice text;
    top_sample_fini(&top->samples[which]);
    arena_reset(&top->text[which]);
    enum err err = http_get(client, top->place, "/metrics", &top->text[which], &text);
    if (err == ERR_OK) {
        err = top_sample_read(&top->samples[which], client->mem, text, io_now_ns(client->io));
        if (err != ERR_OK)
            snprintf(client->why, sizeof client->why, "http://%s/metrics: %s", top->place, err_text(err));
    }
    if (err == ERR_OK)
        return true;
    fprintf(stderr, "ringmain: %s\n", client->why);
    return false;
}

static void show(struct top *top, bool live)
{
    if (top->cli->json) {
        show_json(&top->pair);
        return;
    }
    if (live)
        printf("\033[H\033[2J"); /* home, clear */
    show_head(&top->pair);
    show_shards(&top->pair);
    show_requests(&top->pair);
    if (top->hottest > 0)
        show_partitions(&top->pair, (size_t)top->hottest);
    fflush(stdout);
}

static int watch(struct top *top)
{
    bool live = console_is_terminal() && top->count != 1;
    if (!take(top, 0))
        return CLI_FAILED;
    for (int64_t i = 0; top->count == 0 || i < top->count; i++) {
        int now = (int)((i + 1) % 2);
        client_pause(&top->cli->client, (int)top->interval_ms);
        if (!take(top, now))
            return CLI_FAILED;
        top->pair = (struct top_pair){.before = &top->samples[1 - now], .now = &top->samples[now]};
        top->pair.seconds = (double)(top->pair.now->time_ns - top->pair.before->time_ns) / 1e9;
        show(top, live);
    }
    return CLI_OK;
}

static bool options_are_good(struct top *top, const char *interval, const char *count, const char *hottest)
{
    return cli_number("--interval", interval, &top->interval_ms) && cli_number("--count", count, &top->count) &&
           cli_number("--partitions", hottest, &top->hottest) && top->interval_ms >= 1 && top->interval_ms <= 3600000 &&
           top->count >= 0 && top->hottest >= 0 && top->hottest <= HOTTEST_MAX;
}

int top_command(int argc, char **argv)
{
    const char *interval = "1000", *count = "0", *hottest = "10";
    struct top top = {.place = "127.0.0.1:9404"};
    const struct cli_option options[] = {
        {"--metrics", "HOST:PORT", "where the broker serves metrics (default 127.0.0.1:9404)", .texts = &top.place},
        {"--interval", "MS", "between two pictures (default 1000)", .texts = &interval},
        {"--count", "N", "pictures, then the end (default: until interrupted)", .texts = &count},
        {"--partitions", "N", "hottest partitions to show, at most 100 (default 10)", .texts = &hottest},
    };
    struct cli cli = {.usage = "ringmain top [OPTION]...",
                      .examples = "  ringmain top\n"
                                  "  ringmain top --metrics broker1:9404 --interval 5000\n"
                                  "  ringmain top --count 1 --json\n",
                      .options = options,
                      .option_count = COUNT_OF(options)};
    int code = cli_parse(&cli, argc, argv);
    if (code >= 0)
        return code;
    top.cli = &cli;
    if (cli.word_count != 0 || !options_are_good(&top, interval, count, hottest))
        return cli_misused(&cli);
    if (!cli_connect(&cli))
        return CLI_FAILED;
    for (int i = 0; i < 2; i++)
        arena_init(&top.text[i], cli.client.mem, SAMPLE_BYTES);
    code = watch(&top);
    for (int i = 0; i < 2; i++) {
        top_sample_fini(&top.samples[i]);
        arena_fini(&top.text[i]);
    }
    cli_disconnect(&cli);
    return code;
}
