/* `ringmain bench`: options into groups, the run, the report. */
#include "bench/load/report.h"
#include "bench/load/topics.h"
#include "core/wire/compress.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

struct settings {
    const char *topic, *backfill, *acks, *codec;
    const char *partitions, *connections, *in_flight, *rate, *record_bytes, *batch_bytes, *records, *read_bytes;
    const char *seconds, *warm_up, *threads, *pid, *consumers, *backfill_rate;
    const char *configs[CLI_REPEAT_MAX];
    int config_count;
    bool raw, remove, spin;
};

static int64_t number(const char *option, const char *text, int64_t otherwise, int64_t least, int64_t most)
{
    int64_t value = otherwise;
    if (text != NULL && !cli_number(option, text, &value))
        exit(CLI_USAGE);
    if (value < least || value > most) {
        fprintf(stderr, "%s: %lld is not between %lld and %lld\n", option, (long long)value, (long long)least,
                (long long)most);
        exit(CLI_USAGE);
    }
    return value;
}

static double seconds_of(const char *option, const char *text, double otherwise)
{
    char *end = NULL;
    double value = text == NULL ? otherwise : strtod(text, &end);
    if ((text != NULL && (*text == '\0' || *end != '\0')) || !(value >= 0 && value <= 86400)) {
        fprintf(stderr, "%s: '%s' is not a number of seconds\n", option, text);
        exit(CLI_USAGE);
    }
    return value;
}

static int choice(const char *option, const char *text, const char *const *words, int count, int otherwise)
{
    for (int i = 0; text != NULL && i < count; i++)
        if (strcmp(text, words[i]) == 0)
            return i;
    if (text == NULL)
        return otherwise;
    fprintf(stderr, "%s: '%s' is unknown\n", option, text);
    exit(CLI_USAGE);
}

/* ---- groups ---------------------------------------------------------------------------------------------------------
 */

static struct load_group *add_group(struct load *load, const char *name, enum load_role role, const char *topic,
                                    const struct settings *settings)
{
    static const char *const acks[] = {"all", "0", "1"};
    static const char *const codecs[] = {"none", "gzip", "snappy", "lz4", "zstd"};
    struct load_group *group = &load->groups[load->group_count++];
    group->name = name;
    group->role = role;
    if (strlen(topic) >= sizeof(group->topic)) {
        fprintf(stderr, "the topic's name is too long\n");
        exit(CLI_USAGE);
    }
    memcpy(group->topic, topic, strlen(topic) + 1);
    group->partitions = (int)number("--partitions", settings->partitions, 1, 1, 100000);
    group->connections = (int)number("--connections", settings->connections, 1, 1, 60000);
    group->depth = role == ROLE_PRODUCE ? (int)number("--in-flight", settings->in_flight, 1, 1, LOAD_FLIGHT_MAX) : 1;
    group->record_bytes = (int)number("--record-bytes", settings->record_bytes, 100, 1, 1 << 26);
    group->batch_bytes = (int)number("--batch-bytes", settings->batch_bytes, 0, 0, 1 << 27);
    group->records_per_batch = (int)number("--records", settings->records, 1000, 1, 1 << 20);
    group->read_bytes = (int)number("--read-bytes", settings->read_bytes, 1 << 20, 1, 1 << 27);
    group->acks = (int16_t)(choice("--acks", settings->acks, acks, COUNT_OF(acks), 2) - 1);
    group->codec = choice("--compression", settings->codec, codecs, COUNT_OF(codecs), COMPRESS_NONE);
    if (role == ROLE_PRODUCE || role == ROLE_PING)
        group->rate = (double)number("--rate", settings->rate, 0, 0, 100000000);
    return group;
}

static void add_tail(struct load *load, const struct settings *settings, const char *topic)
{
    struct load_group *produce = add_group(load, "produce", ROLE_PRODUCE, topic, settings);
    produce->stamped = true;
    if (produce->rate <= 0)
        produce->rate = 1000;
    if (produce->codec != COMPRESS_NONE || produce->record_bytes < 8)
        load_fail("the tail's records carry their time: at least 8 bytes, not compressed");
    struct load_group *tail = add_group(load, "tail", ROLE_TAIL, topic, settings);
    tail->connections = (int)number("--consumers", settings->consumers, tail->partitions, tail->partitions, 60000);
}

static void make_groups(struct load *load, const char *workload, const struct settings *settings)
{
    const char *topic = settings->topic != NULL ? settings->topic : "ringmain-bench";
    if (strcmp(workload, "produce") == 0) {
        add_group(load, "produce", ROLE_PRODUCE, topic, settings);
    } else if (strcmp(workload, "fetch") == 0) {
        add_group(load, "fetch", ROLE_FETCH, topic, settings);
    } else if (strcmp(workload, "ping") == 0) {
        add_group(load, "ping", ROLE_PING, topic, settings);
    } else if (strcmp(workload, "idle") == 0) {
        add_group(load, "idle", ROLE_IDLE, topic, settings);
    } else if (strcmp(workload, "tail") == 0) {
        add_tail(load, settings, topic);
        if (settings->backfill == NULL)
            return;
        struct load_group *fill = add_group(load, "backfill", ROLE_FETCH, settings->backfill, settings);
        fill->partitions = fill->connections = 1;
        fill->bytes_rate = 1e6 * (double)number("--backfill-rate", settings->backfill_rate, 500, 0, 1000000);
    } else {
        fprintf(stderr, "'%s' is none of produce, fetch, tail, ping, idle\n", workload);
        exit(CLI_USAGE);
    }
}

static void resolve(struct load *load, const char *bootstrap)
{
    char host[256];
    const char *colon = strrchr(bootstrap, ':');
    struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM}, *found;
    if (colon == NULL || (size_t)(colon - bootstrap) >= sizeof(host))
        load_fail("'%s' is not HOST:PORT", bootstrap);
    memcpy(host, bootstrap, (size_t)(colon - bootstrap));
    host[colon - bootstrap] = '\0';
    if (getaddrinfo(host, colon + 1, &hints, &found) != 0)
        load_fail("'%s' has no IPv4 address", bootstrap);
    memcpy(&load->broker, found->ai_addr, sizeof(load->broker));
    freeaddrinfo(found);
}

/* ---- the run --------------------------------------------------------------------------------------------------------
 */

static void pause_s(double seconds)
{
    if (seconds > 0)
        usleep((useconds_t)(seconds * 1e6));
}

static double own_cpu_s(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static void measure(struct load *load, struct report *report)
{
    struct load_worker *workers = load_alloc(sizeof(*workers) * (size_t)load->thread_count);
    for (int i = 0; i < load->thread_count; i++)
        worker_init(&workers[i], load, i);
    for (int i = 0; i < load->thread_count; i++)
        worker_run(&workers[i]);
    pause_s(load->warm_up_s);
    report->has_cost = load->broker_pid > 0 && cost_read(load->broker_pid, &report->before);
    double own = own_cpu_s();
    int64_t began_ns = load_now_ns();
    atomic_store(&load->phase, PHASE_MEASURE);
    pause_s(load->run_s);
    atomic_store(&load->phase, PHASE_DRAIN);
    report->seconds = (double)(load_now_ns() - began_ns) / 1e9;
    report->own_cpu_s = own_cpu_s() - own;
    report->has_cost = report->has_cost && cost_read(load->broker_pid, &report->after);
    for (int i = 0; i < load->thread_count; i++) {
        pthread_join(workers[i].thread, NULL);
        for (int group = 0; group < load->group_count; group++) {
            struct load_counts *sum = &report->counts[group];
            const struct load_counts *part = &workers[i].counts[group];
            sum->requests += part->requests;
            sum->records += part->records;
            sum->bytes += part->bytes;
            hdr_merge(&sum->latency, &part->latency);
        }
    }
}

static int64_t sum_of(const int64_t *ends, int count)
{
    int64_t sum = 0;
    for (int i = 0; i < count; i++)
        sum += ends[i];
    return sum;
}

/* Every acknowledged record has an offset and every offset was acknowledged: nothing is lost or there twice. */
static void check_ends(struct cli *cli, struct load *load, int64_t before)
{
    const struct load_group *group = &load->groups[0];
    int64_t *ends = load_alloc(sizeof(*ends) * (size_t)group->partitions);
    topics_ends(cli, group->topic, group->partitions, ends);
    int64_t grown = sum_of(ends, group->partitions) - before, acknowledged = atomic_load(&load->acknowledged);
    free(ends);
    if (group->acks != 0 && grown != acknowledged)
        load_fail("%lld records acknowledged, %lld offsets given out", (long long)acknowledged, (long long)grown);
}

/* A broker that always says that there is nothing would be the fastest of all. */
static void check_read(const struct load *load, const struct report *report)
{
    for (int i = 0; i < load->group_count; i++) {
        const struct load_group *group = &load->groups[i];
        bool reads = group->role == ROLE_FETCH || group->role == ROLE_TAIL;
        if (reads && report->counts[i].bytes == 0)
            load_fail("nothing was read from topic %s", group->topic);
    }
}

static void run(struct cli *cli, struct load *load, struct report *report, const struct settings *settings)
{
    const struct load_group *first = &load->groups[0];
    bool writes = first->role == ROLE_PRODUCE && !load->raw;
    int64_t before = 0;
    if (writes) {
        int64_t *ends = load_alloc(sizeof(*ends) * (size_t)first->partitions);
        topics_create(cli, first->topic, first->partitions, settings->configs, settings->config_count);
        topics_ends(cli, first->topic, first->partitions, ends);
        before = sum_of(ends, first->partitions);
        if (load->group_count > 1)
            load->starts[1] = ends;
    }
    struct cost idle;
    if (first->role == ROLE_IDLE && load->broker_pid > 0 && cost_read(load->broker_pid, &idle))
        report->idle_rss_bytes = idle.rss_bytes;
    measure(load, report);
    check_read(load, report);
    if (writes)
        check_ends(cli, load, before);
    if (writes && settings->remove)
        topics_delete(cli, first->topic);
}

int bench_command(int argc, char **argv)
{
    struct settings settings = {0};
    const struct cli_option options[] = {
        {"--topic", "NAME", "made when it is not there (default ringmain-bench)", .texts = &settings.topic},
        {"--partitions", "N", "of the topic (default 1)", .texts = &settings.partitions},
        {"--config", "KEY=VALUE", "of a topic that is made", .texts = settings.configs,
         .count = &settings.config_count},
        {"--delete", NULL, "the topic, at the end", .flag = &settings.remove},
        {"--connections", "N", "of the workload (default 1)", .texts = &settings.connections},
        {"--in-flight", "N", "produce requests on their way per connection (default 1)", .texts = &settings.in_flight},
        {"--rate", "N", "requests per second, whether answered or not (default: as fast as answers come)",
         .texts = &settings.rate},
        {"--acks", "ACKS", "0, 1 (default) or all", .texts = &settings.acks},
        {"--record-bytes", "N", "of a record's value (default 100)", .texts = &settings.record_bytes},
        {"--records", "N", "in a batch (default 1000)", .texts = &settings.records},
        {"--batch-bytes", "N", "of a batch before compression, instead of --records", .texts = &settings.batch_bytes},
        {"--compression", "CODEC", "none (default), gzip, snappy, lz4, zstd", .texts = &settings.codec},
        {"--read-bytes", "N", "of a fetch (default 1048576)", .texts = &settings.read_bytes},
        {"--consumers", "N", "of tail (default: one per partition)", .texts = &settings.consumers},
        {"--backfill", "TOPIC", "with tail: another consumer reads this topic again and again",
         .texts = &settings.backfill},
        {"--backfill-rate", "MB/S", "of it (default 500)", .texts = &settings.backfill_rate},
        {"--seconds", "S", "of measuring (default 5)", .texts = &settings.seconds},
        {"--warm-up", "S", "before it (default 1)", .texts = &settings.warm_up},
        {"--threads", "N", "of the load (default 1)", .texts = &settings.threads},
        {"--pid", "PID", "of the broker on this machine: its cost is reported", .texts = &settings.pid},
        {"--spin", NULL, "never sleep: waking a sleeping client over loopback costs the broker",
         .flag = &settings.spin},
        {"--raw", NULL, "the other end is bench/limits, not a broker", .flag = &settings.raw},
    };
    struct cli cli = {.usage = "ringmain bench produce|fetch|tail|ping|idle [OPTION]...",
                      .examples = "  ringmain bench produce --connections 8 --in-flight 5 --batch-bytes 16384\n"
                                  "  ringmain bench produce --rate 2000 --acks all --topic t2\n"
                                  "  ringmain bench fetch --connections 4 --read-bytes 1048576\n"
                                  "  ringmain bench tail --rate 1000 --records 10 --topic t3\n",
                      .options = options,
                      .option_count = COUNT_OF(options)};
    int code = cli_parse(&cli, argc, argv);
    if (code >= 0)
        return code;
    if (cli.word_count != 1)
        return cli_misused(&cli);
    struct load *load = load_alloc(sizeof(*load));
    struct report *report = load_alloc(sizeof(*report));
    load->raw = settings.raw;
    load->spin = settings.spin;
    make_groups(load, cli.words[0], &settings);
    load->thread_count = (int)number("--threads", settings.threads, 1, 1, LOAD_THREADS_MAX);
    load->broker_pid = (int)number("--pid", settings.pid, 0, 0, INT32_MAX);
    load->run_s = seconds_of("--seconds", settings.seconds, 5);
    load->warm_up_s = seconds_of("--warm-up", settings.warm_up, 1);
    resolve(load, cli.bootstrap);
    load_make_templates(load);
    report->workload = cli.words[0];
    if (!cli_connect(&cli))
        return CLI_FAILED;
    run(&cli, load, report, &settings);
    report_print(load, report, cli.json);
    cli_disconnect(&cli);
    return CLI_OK;
}
