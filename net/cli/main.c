/* The one binary: `ringmain COMMAND`. */
#include "net/cli/cli.h"
#include "net/start/start.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static const char usage[] = "usage: ringmain COMMAND [ARGUMENT]...\n"
                            "\n"
                            "  start     run a broker\n"
                            "  topic     create, list, describe, alter, delete topics\n"
                            "  config    describe and alter settings of topics and brokers\n"
                            "  produce   write lines to a topic\n"
                            "  consume   read a topic\n"
                            "  group     list, describe, delete consumer groups, reset their offsets\n"
                            "  txn       list and describe transactions, end those that hang\n"
                            "  cluster   describe the cluster\n"
                            "  top       show what a broker does, live\n"
                            "  bench     put load on a broker and measure it\n"
                            "  dump      show and verify files of a data directory\n"
                            "  version   print the version\n"
                            "\n"
                            "`ringmain COMMAND --help` says more.\n";

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
} commands[] = {
    {"top", top_command},         {"start", start_command},     {"topic", topic_command},
    {"config", config_command},   {"cluster", cluster_command}, {"produce", produce_command},
    {"consume", consume_command}, {"group", group_command},     {"dump", dump_command},
    {"bench", bench_command},     {"txn", txn_command},
};

/* What a full disk has not taken is no success. */
static int end(int code)
{
    return code != CLI_OK || cli_flush() ? code : CLI_FAILED;
}

int main(int argc, char **argv)
{
    for (size_t i = 0; argc >= 2 && i < COUNT_OF(commands); i++)
        if (strcmp(argv[1], commands[i].name) == 0)
            return end(commands[i].run(argc - 1, argv + 1));
    if (argc >= 2 && strcmp(argv[1], "version") == 0) {
        printf(argc >= 3 && strcmp(argv[2], "--json") == 0 ? "{\"version\": \"%s\"}\n" : "ringmain %s\n",
               RINGMAIN_VERSION);
        return end(CLI_OK);
    }
    bool help = argc >= 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0);
    fputs(usage, help ? stdout : stderr);
    return help ? 0 : 2;
}
