#include "net/cli/cli.h"

#include "core/wire/error.h"
#include "io/reactor/console.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static void print_help(const struct cli *cli)
{
    printf("usage: %s\n\noptions:\n", cli->usage);
    for (int i = 0; i < cli->option_count; i++) {
        char left[64];
        const struct cli_option *option = &cli->options[i];
        snprintf(left, sizeof left, "%s%s%s", option->name, option->value == NULL ? "" : " ",
                 option->value == NULL ? "" : option->value);
        printf("  %-28s %s\n", left, option->help);
    }
    if (!cli->local) {
        printf("  %-28s %s\n", "--bootstrap HOST:PORT", "a broker of the cluster (default 127.0.0.1:9092)");
        printf("  %-28s %s\n", "--timeout MS", "of each request (default 30000)");
        printf("  %-28s %s\n", "--json",
               cli->json_help == NULL ? "one JSON document on standard output" : cli->json_help);
    }
    if (cli->examples != NULL)
        printf("\nexamples:\n%s", cli->examples);
}

static const struct cli_option *find_option(struct cli *cli, struct cli_option of_all[2], const char *name)
{
    of_all[0] = (struct cli_option){.name = "--bootstrap", .value = "", .texts = &cli->bootstrap};
    of_all[1] = (struct cli_option){.name = "--timeout", .value = "", .texts = &cli->timeout};
    for (int i = 0; i < 2 && !cli->local; i++)
        if (strcmp(of_all[i].name, name) == 0)
            return &of_all[i];
    for (int i = 0; i < cli->option_count; i++)
        if (strcmp(cli->options[i].name, name) == 0)
            return &cli->options[i];
    return NULL;
}

static int wrong(const struct cli *cli, const char *what, const char *argument)
{
    fprintf(stderr, "%s '%s'\nusage: %s (--help says more)\n", what, argument, cli->usage);
    return CLI_USAGE;
}

static int take_value(struct cli *cli, const struct cli_option *option, const char *text)
{
    if (option->count == NULL) {
        *option->texts = text;
    } else {
        if (*option->count == CLI_REPEAT_MAX)
            return wrong(cli, "too many times:", option->name);
        option->texts[(*option->count)++] = text;
    }
    return -1;
}

static int check_timeout(const struct cli *cli)
{
    int64_t timeout_ms;
    if (cli->timeout == NULL)
        return -1;
    if (!cli_number("--timeout", cli->timeout, &timeout_ms))
        return CLI_USAGE;
    return timeout_ms < 1 || timeout_ms > INT32_MAX
               ? wrong(cli, "--timeout: not a number of milliseconds:", cli->timeout)
               : -1;
}

int cli_parse(struct cli *cli, int argc, char **argv)
{
    cli->bootstrap = "127.0.0.1:9092";
    for (int i = 1; i < argc; i++) {
        const char *argument = argv[i];
        if (strcmp(argument, "--help") == 0 || strcmp(argument, "-h") == 0) {
            print_help(cli);
            return CLI_OK;
        }
        if (argument[0] != '-' || argument[1] == '\0') {
            if (cli->word_count == CLI_WORDS_MAX)
                return wrong(cli, "too many arguments:", argument);
            cli->words[cli->word_count++] = argument;
            continue;
        }
        if (strcmp(argument, "--json") == 0 && !cli->local) {
            cli->json = true;
            continue;
        }
        struct cli_option of_all[2];
        const struct cli_option *option = find_option(cli, of_all, argument);
        if (option == NULL)
            return wrong(cli, "unknown option", argument);
        if (option->value == NULL) {
            *option->flag = true;
            continue;
        }
        if (i + 1 == argc)
            return wrong(cli, "this option needs a value:", argument);
        int code = take_value(cli, option, argv[++i]);
        if (code >= 0)
            return code;
    }
    return check_timeout(cli);
}

bool cli_number(const char *option, const char *text, int64_t *value)
{
    char *end;
    errno = 0;
    long long number = strtoll(text, &end, 10);
    if (*text == '\0' || *end != '\0' || errno != 0) {
        fprintf(stderr, "%s: '%s' is not a whole number\n", option, text);
        return false;
    }
    *value = number;
    return true;
}

int cli_misused(const struct cli *cli)
{
    fprintf(stderr, "usage: %s (--help says more)\n", cli->usage);
    return CLI_USAGE;
}

bool cli_connect(struct cli *cli)
{
    int64_t timeout = 30000;
    if (cli->timeout != NULL && !cli_number("--timeout", cli->timeout, &timeout))
        return false;
    enum err err = cli->catch_signals ? client_open_catching(&cli->client, cli->bootstrap, (int)timeout)
                                      : client_open(&cli->client, cli->bootstrap, (int)timeout);
    if (err != ERR_OK) {
        fprintf(stderr, "ringmain: %s\n", cli->client.why);
        client_close(&cli->client);
        return false;
    }
    arena_init(&cli->arena, cli->client.mem, (size_t)1 << 30);
    return true;
}

void cli_disconnect(struct cli *cli)
{
    arena_fini(&cli->arena);
    client_close(&cli->client);
}

bool cli_call(struct cli *cli, int32_t node, int16_t api_key, const void *request, void *response)
{
    if (client_call(&cli->client, node, api_key, request, response, &cli->arena) == ERR_OK)
        return true;
    if (cli->client.interrupts == 0) /* else it was meant to end */
        fprintf(stderr, "ringmain: %s\n", cli->client.why);
    return false;
}

bool cli_refused(const char *what, struct slice name, int16_t error, struct slice message)
{
    fprintf(stderr, "ringmain: %s '%.*s': %s: ", what, SLICE_ARG(name), kafka_error_name(error));
    if (message.length > 0)
        fprintf(stderr, "%.*s", SLICE_ARG(message));
    else
        fprintf(stderr, "%s", kafka_error_text(error));
    if (error == KAFKA_ERROR_UNKNOWN_TOPIC_OR_PARTITION)
        fprintf(stderr, " (`ringmain topic list` shows those that exist)");
    else if (error == KAFKA_ERROR_OFFSET_OUT_OF_RANGE)
        fprintf(stderr, " (each partition has its own: --partition N; --beginning reads what there is)");
    else if (kafka_error_retriable(error))
        fprintf(stderr, " (trying again may help)");
    fprintf(stderr, "\n");
    return false;
}

int cli_order(struct slice a, struct slice b)
{
    int order = memcmp(a.data, b.data, size_min(a.length, b.length));
    return order != 0 ? order : (a.length > b.length) - (a.length < b.length);
}

void cli_print_json(json_t *document)
{
    char *text = json_dumps(document, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
    if (text != NULL)
        puts(text);
    /* jansson's text comes from libc's allocator and the process is about to end */
    json_decref(document);
}

json_t *cli_json_text(struct slice text)
{
    return slice_is_null(text) ? json_null() : json_stringn_nocheck((const char *)text.data, text.length);
}

FILE *cli_open_file(const char *path)
{
    const char *why;
    FILE *file = console_open(path, &why);
    if (file == NULL)
        fprintf(stderr, "ringmain: %s: %s\n", path, why);
    return file;
}

void cli_close_file(FILE *file)
{
    console_close(file);
}

bool cli_flush(void)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return true;
    if (errno != EPIPE)
        fprintf(stderr, "ringmain: standard output: %s\n", strerror(errno));
    return false;
}

bool cli_is_terminal(void)
{
    return console_is_terminal();
}

void cli_print_bytes(struct slice bytes)
{
    console_print(bytes.data, bytes.length);
}
