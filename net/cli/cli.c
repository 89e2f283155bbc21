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
    printf("  %-28s %s\n", "--bootstrap HOST:PORT", "a broker of the cluster (default 127.0.0.1:9092)");
    printf("  %-28s %s\n", "--timeout MS", "of each request (default 30000)");
    printf("  %-28s %s\n", "--json", "one JSON document on standard output");
    if (cli->examples != NULL)
        printf("\nexamples:\n%s", cli->examples);
}

static const struct cli_option *find_option(const struct cli *cli, const char *name)
{
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
        if (strcmp(argument, "--json") == 0) {
            cli->json = true;
            continue;
        }
        const struct cli_option bootstrap = {.value = "", .texts = &cli->bootstrap},
                                timeout = {.value = "", .texts = &cli->timeout};
        const struct cli_option *option = strcmp(argument, "--bootstrap") == 0 ? &bootstrap
                                          : strcmp(argument, "--timeout") == 0 ? &timeout
                                                                               : find_option(cli, argument);
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
    return -1;
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
    if (cli->timeout != NULL &&
        (!cli_number("--timeout", cli->timeout, &timeout) || timeout < 1 || timeout > INT32_MAX))
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

bool cli_is_terminal(void)
{
    return console_is_terminal();
}

void cli_print_bytes(struct slice bytes)
{
    console_print(bytes.data, bytes.length);
}
