/* net/cli/cli.h -- what the subcommands share: arguments, output, exit codes.
 *
 * Every command is `int NAME_command(int argc, char **argv)` with argv[0] its own name; it returns the exit code.
 * People read tables on stdout and explanations on stderr; with --json stdout is one JSON document.
 */
#ifndef RINGMAIN_NET_CLI_CLI_H
#define RINGMAIN_NET_CLI_CLI_H

#include "net/client/client.h"

#include <jansson.h>
#include <stdio.h>

enum cli_exit { CLI_OK = 0, CLI_FAILED = 1, CLI_USAGE = 2 };
enum { CLI_REPEAT_MAX = 64, CLI_WORDS_MAX = 256 };

/* One option of a command: a flag, or one with a value that may stand several times. */
struct cli_option {
    const char *name;  /* "--partitions" */
    const char *value; /* what the help calls its value; NULL: a flag */
    const char *help;
    const char **texts; /* CLI_REPEAT_MAX places, or one when `count` is NULL */
    int *count;
    bool *flag;
};

struct cli {
    const char *usage;    /* first lines of the help */
    const char *examples; /* last lines */
    const struct cli_option *options;
    int option_count;
    const char *words[CLI_WORDS_MAX]; /* what is not an option */
    int word_count;
    /* Options of every command that talks to a broker: */
    const char *bootstrap;
    const char *timeout;
    bool json;
    bool local;            /* talks to no broker: has no such options; prints no JSON */
    const char *json_help; /* what --json does; NULL: one document */
    bool catch_signals;    /* set before cli_connect: SIGINT ends the running call, not the process */
    struct client client;
    struct arena arena;
};

/* -1: go on; else the exit code (help was printed, or the arguments are wrong). */
int cli_parse(struct cli *cli, int argc, char **argv);
/* Says how it is used: CLI_USAGE. */
int cli_misused(const struct cli *cli);
/* Opens the client and the arena. False: said why. */
bool cli_connect(struct cli *cli);
void cli_disconnect(struct cli *cli);
/* Calls a broker; false: said why. */
bool cli_call(struct cli *cli, int32_t node, int16_t api_key, const void *request, void *response);
/* Says a protocol error by its name and what to do. Always false. */
bool cli_refused(const char *what, struct slice name, int16_t error, struct slice message);
int cli_order(struct slice a, struct slice b); /* of names, neither null: <0, 0, >0 */
/* A whole number, or complains and gives false. */
bool cli_number(const char *option, const char *text, int64_t *value);
void cli_print_json(json_t *document); /* takes the reference */
json_t *cli_json_text(struct slice text);
/* A file to read; NULL: said why. The one way of the command line to its input (io/reactor/console.h). */
FILE *cli_open_file(const char *path);
void cli_close_file(FILE *file);
void cli_print_bytes(struct slice bytes); /* as they are, to standard output */
/* What was printed has left. False: said why, unless nobody reads any further (head). */
bool cli_flush(void);
bool cli_is_terminal(void); /* standard error is one: progress may be shown */

int topic_command(int argc, char **argv);
int config_command(int argc, char **argv);
int group_command(int argc, char **argv);
int txn_command(int argc, char **argv);
int produce_command(int argc, char **argv);
int consume_command(int argc, char **argv);
int cluster_command(int argc, char **argv);
int top_command(int argc, char **argv);
int dump_command(int argc, char **argv);
int bench_command(int argc, char **argv); /* bench/load/command.c, which only the binary is linked with */

#endif
