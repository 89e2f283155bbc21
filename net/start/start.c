#include "net/start/start.h"

#include "io/reactor/dirty_room.h"
#include "io/reactor/diag.h"
#include "io/reactor/fs.h"
#include "io/reactor/machine.h"
#include "io/reactor/mem_real.h"
#include "net/http/server.h"
#include "net/start/broker.h"

#include <stdio.h>
#include <string.h>

enum { FILE_LIMIT = 1 << 20, CONFIGURATION_LIMIT = 64 << 20, EXIT_USAGE = 2 };

static const char usage[] =
    "usage: ringmain start [FILE] [--override key=value]...\n"
    "\n"
    "Starts a broker. FILE is in the format of Kafka's server.properties and takes its keys; without one the broker\n"
    "listens on 127.0.0.1:9092 and keeps its data in ./ringmain-data.\n"
    "\n"
    "examples:\n"
    "  ringmain start\n"
    "  ringmain start /etc/ringmain/ringmain.properties\n"
    "  ringmain start --override listeners=PLAINTEXT://0.0.0.0:9092 --override log.dirs=/nvme0,/nvme1\n";

struct process {
    struct broker_events events;
    struct machine *machine;
    struct broker *broker;
    struct http *http; /* NULL: no metrics are served */
    struct arena arena;
    struct config_settings settings;
    const struct broker_config *config;
    bool failed;
};

/* A first start without any file: what `ringmain start` alone means. */
static const char *const embedded[] = {"listeners=PLAINTEXT://127.0.0.1:9092", "log.dirs=./ringmain-data", "node.id=1"};

static const char *const roles[] = {"process.roles=broker,controller", "node.id=1"};

static void say_problems(const struct config_problems *problems, const char *file)
{
    for (int i = 0; i < problems->count; i++) {
        const struct config_problem *problem = &problems->items[i];
        fprintf(stderr, "level=%s ", problem->is_error ? "error" : "warn");
        if (problem->line > 0)
            fprintf(stderr, "at=%s:%d ", file, problem->line);
        fprintf(stderr, "msg=\"%s\"\n", problem->text);
    }
}

/* What the file and the overrides leave open. */
static enum err add_missing(struct process *process, const char *const *list, size_t count,
                            struct config_problems *problems)
{
    for (size_t i = 0; i < count; i++) {
        char name[64];
        size_t length = strcspn(list[i], "=");
        snprintf(name, sizeof name, "%.*s", (int)length, list[i]);
        bool other = strcmp(name, "log.dirs") == 0 && config_setting(&process->settings, "log.dir") != NULL;
        bool old_id = strcmp(name, "node.id") == 0 && config_setting(&process->settings, "broker.id") != NULL;
        if (other || old_id || config_setting(&process->settings, name) != NULL)
            continue;
        enum err err = config_add_override(list[i], &process->arena, &process->settings, problems);
        if (err != ERR_OK)
            return err;
    }
    return ERR_OK;
}

static int configure(struct process *process, struct io *io, int argc, char **argv)
{
    struct config_problems problems = {0};
    const char *file = NULL;
    enum err err = ERR_OK;
    for (int i = 1; i < argc && err == ERR_OK; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            fputs(usage, stdout);
            return -1;
        }
        if (strcmp(argv[i], "--override") == 0 && i + 1 < argc) {
            i++;
        } else if (argv[i][0] == '-' || file != NULL) {
            fprintf(stderr, "ringmain start: unexpected argument '%s'\n%s", argv[i], usage);
            return EXIT_USAGE;
        } else {
            file = argv[i];
        }
    }
    if (file != NULL) {
        void *text;
        size_t length;
        err = fs_read_file(io_fs(io), io_mem(io), file, FILE_LIMIT, &text, &length);
        if (err != ERR_OK) {
            fprintf(stderr, "level=error msg=\"cannot read the configuration file: %s\" file=%s\n", err_text(err),
                    file);
            return EXIT_USAGE;
        }
        err = config_parse_properties(slice_of(text, length), &process->arena, &process->settings, &problems);
        mem_free(io_mem(io), text, length + 1);
    }
    for (int i = 1; i + 1 < argc; i++)
        if (strcmp(argv[i], "--override") == 0) {
            enum err one = config_add_override(argv[++i], &process->arena, &process->settings, &problems);
            err = err == ERR_OK ? one : err;
        }
    if (err == ERR_OK || err == ERR_INVALID) {
        enum err more = file == NULL ? add_missing(process, embedded, COUNT_OF(embedded), &problems) : ERR_OK;
        if (more == ERR_OK)
            more = add_missing(process, roles, COUNT_OF(roles), &problems);
        struct config_layers layers = {.node = &process->settings};
        if (more == ERR_OK)
            more = config_load(&layers, &process->arena, &problems, &process->config);
        err = err == ERR_OK ? more : err;
    }
    say_problems(&problems, file == NULL ? "command line" : file);
    if (err == ERR_OK && problems.error_count == 0)
        return 0;
    fprintf(stderr, "level=error msg=\"the configuration is not valid, the broker does not start\" errors=%d\n",
            problems.error_count);
    return EXIT_USAGE;
}

/* A broker without metrics is better than none: the port may be another broker's. */
static void serve_metrics(struct process *process, struct shard *control)
{
    const struct broker_config *config = process->config;
    if (!config->ringmain_metrics_enable)
        return;
    enum err err = http_open(control->control, config, &process->http);
    if (err == ERR_OK)
        DIAG(control->io, DIAG_INFO, "metrics are served", "url=http://%s:%u/metrics", config->ringmain_metrics_host,
             (unsigned)http_port(process->http));
    else
        DIAG(control->io, DIAG_WARN, "metrics are not served: see ringmain.metrics.host and ringmain.metrics.port",
             "host=%s port=%d error=\"%s\"", config->ringmain_metrics_host, config->ringmain_metrics_port,
             err_text(err));
}

static void on_ready(struct broker_events *events, struct broker *broker)
{
    struct process *process = CONTAINER_OF(events, struct process, events);
    const struct config_listener *first = &process->config->listeners_parsed[0];
    const char *host = first->host[0] == '\0' || strcmp(first->host, "0.0.0.0") == 0 ? "127.0.0.1" : first->host;
    unsigned port = broker->ports[0];
    serve_metrics(process, broker_control(broker));
    DIAG(broker_control(broker)->io, DIAG_INFO, "ready", "node=%d cluster=%s listen=%s:%u shards=%d topics=%d",
         broker->node_id, broker->cluster_id_text, host, port, broker->data_shards,
         broker_control(broker)->image->topic_count);
    printf("Ringmain is ready on %s:%u. In another terminal:\n"
           "  echo 'hello' | build/ringmain produce greetings --bootstrap %s:%u\n"
           "  build/ringmain consume greetings --beginning --count 1 --bootstrap %s:%u\n"
           "or with any Kafka client, for example:\n"
           "  echo 'hello' | kcat -P -b %s:%u -t greetings\n"
           "  kcat -C -b %s:%u -t greetings -e\n",
           host, port, host, port, host, port, host, port, host, port);
    fflush(stdout);
}

static void on_failed(struct broker_events *events, const char *why)
{
    struct process *process = CONTAINER_OF(events, struct process, events);
    process->failed = true;
    fprintf(stderr, "level=error msg=\"%s\"\n", why);
}

static void on_signal(struct io *control, int count, void *context)
{
    struct process *process = context;
    if (count == 1)
        DIAG_EVENT(control, DIAG_INFO, "stopping: finishing requests, flushing");
    else
        DIAG_EVENT(control, DIAG_WARN, "stopping at once");
    broker_stop(process->broker);
}

static int run(struct process *process)
{
    char why[512];
    struct io *ios[256];
    int shards = machine_shards(process->machine);
    ASSERT(shards <= (int)COUNT_OF(ios));
    enum diag_level level = DIAG_INFO;
    bool known = diag_level_parse(process->config->ringmain_log_level, &level);
    ASSERT(known);
    for (int i = 0; i < shards; i++) {
        ios[i] = machine_io(process->machine, i);
        diag_set_level(ios[i], level);
    }
    process->events = (struct broker_events){.ready = on_ready, .failed = on_failed};
    struct broker_options options = {.ios = ios,
                                     .count = shards,
                                     .settings = &process->settings,
                                     .config = process->config,
                                     .dirty_room = dirty_room(),
                                     .events = &process->events};
    if (broker_boot(&options, &process->broker, why) != ERR_OK) {
        fprintf(stderr, "level=error msg=\"%s\"\n", why);
        return 1;
    }
    DIAG(ios[shards - 1], DIAG_INFO, "starting", "version=%s %s", RINGMAIN_VERSION, machine_features(process->machine));
    machine_run(process->machine);
    bool clean = broker_stopped_cleanly(process->broker);
    http_close(process->http);
    broker_free(process->broker);
    DIAG(ios[shards - 1], DIAG_INFO, "stopped", "clean=%s", clean ? "true" : "false");
    return process->failed || !clean;
}

/* The configuration is read on a machine of one shard, which is gone before the broker's is opened: how many shards
 * that one has stands in the configuration, and only its threads may exist when signals are told where to go. */
static int read_configuration(struct process *process, int argc, char **argv)
{
    struct machine_options options = {.data_shards = 0};
    struct machine *reader;
    char why[512];
    if (machine_open(&options, &reader, why) != ERR_OK) {
        fprintf(stderr, "level=error msg=\"%s\"\n", why);
        return 1;
    }
    int code = configure(process, machine_io(reader, 0), argc, argv);
    machine_close(reader);
    return code;
}

static enum machine_transport transport_of(const struct broker_config *config)
{
    if (strcmp(config->ringmain_transport, "sendfile") == 0)
        return MACHINE_SENDFILE;
    return strcmp(config->ringmain_transport, "zerocopy") == 0 ? MACHINE_ZERO_COPY : MACHINE_SPLICE;
}

static int run_machine(struct process *process)
{
    int shards = process->config->ringmain_shards, cores = machine_cores();
    char why[512];
    struct machine_options options = {.data_shards = shards > 0  ? shards
                                                     : cores > 1 ? cores - 1
                                                                 : 1,
                                      .pin = process->config->ringmain_pin_threads,
                                      .slow_lane_threads = process->config->ringmain_slow_lane_threads,
                                      .spin_us = process->config->ringmain_spin_us,
                                      .transport = transport_of(process->config),
                                      .without = machine_features_named(process->config->ringmain_io_without),
                                      .memory_limit = (size_t)process->config->ringmain_memory_bytes,
                                      .on_signal = on_signal,
                                      .context = process};
    if (machine_open(&options, &process->machine, why) != ERR_OK) {
        fprintf(stderr, "level=error msg=\"%s\"\n", why);
        return 1;
    }
    int code = run(process);
    machine_close(process->machine);
    return code;
}

int start_command(int argc, char **argv)
{
    struct process process = {0};
    struct mem *mem = mem_real_open(CONFIGURATION_LIMIT);
    if (mem == NULL)
        return 1;
    arena_init(&process.arena, mem, CONFIGURATION_LIMIT);
    int code = read_configuration(&process, argc, argv);
    if (code == 0)
        code = run_machine(&process);
    arena_fini(&process.arena);
    mem_real_close(mem);
    return code < 0 ? 0 : code;
}
