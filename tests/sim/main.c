/* sim [--seeds N] [--first SEED]: that many seeds of the whole-broker simulation, over all cores.
 * sim --seed SEED: one of them, with what it did.
 * sim --walk cuts|io|allocations [--workers N] [--compacts] [--every N] [--first SEED]: walk.c; every N-th step of it,
 * or
 * --step N --variant N. docs/simulation.md says how to read a failure. */
#include "tests/sim/world.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { REPORT_SIZE = 400, TWICE_EVERY = 10, HANGS_AFTER_S = 60 /* of its own, not of the wall */ };

/* In a process of its own: a broken invariant ends only that. */
static void run_one(uint64_t seed)
{
    char report[REPORT_SIZE];
    uint64_t trace = scenario_run(seed, false, report, sizeof report);
    if (seed % TWICE_EVERY == 0 && trace != scenario_run(seed, false, report, sizeof report)) {
        fprintf(stderr, "seed %" PRIu64 ": a second run differs from the first\n", seed);
        _exit(1);
    }
}

static int run_many(uint64_t first, long count, const char *program)
{
    long workers = sysconf(_SC_NPROCESSORS_ONLN), running = 0, next = 0, passed = 0, failed = 0;
    uint64_t *seeds = calloc((size_t)count, sizeof *seeds);
    pid_t *pids = calloc((size_t)count, sizeof *pids);
    while (next < count || running > 0) {
        if (next < count && running < workers) {
            seeds[next] = first + (uint64_t)next;
            fflush(NULL);
            pids[next] = fork();
            if (pids[next] == 0) {
                setrlimit(RLIMIT_CPU, &(struct rlimit){HANGS_AFTER_S, HANGS_AFTER_S});
                run_one(seeds[next]);
                _exit(0);
            }
            next++;
            running++;
            continue;
        }
        int status;
        pid_t pid = wait(&status);
        running--;
        if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
            passed++;
            continue;
        }
        failed++;
        for (long i = 0; i < next; i++)
            if (pids[i] == pid)
                printf("FAIL seed %" PRIu64 "; again: %s --seed %" PRIu64 "\n", seeds[i], program, seeds[i]);
    }
    free(seeds);
    free(pids);
    printf("simulation: %ld passed, %ld failed\n", passed, failed);
    return failed != 0;
}

static uint64_t number_of(int argc, char **argv, const char *name, uint64_t otherwise)
{
    for (int i = 1; i + 1 < argc; i++)
        if (strcmp(argv[i], name) == 0)
            return strtoull(argv[i + 1], NULL, 10);
    return otherwise;
}

static bool is_given(int argc, char **argv, const char *name)
{
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], name) == 0)
            return true;
    return false;
}

int main(int argc, char **argv)
{
    uint64_t seed = number_of(argc, argv, "--seed", 0), first = number_of(argc, argv, "--first", 1);
    for (int i = 1; i + 1 < argc; i++)
        if (strcmp(argv[i], "--walk") == 0)
            return walk_run(&(struct walk_options){.kind = argv[i + 1],
                                                   .seed = first,
                                                   .workers = (int)number_of(argc, argv, "--workers", 0),
                                                   .compacts = is_given(argc, argv, "--compacts"),
                                                   .every = number_of(argc, argv, "--every", 1),
                                                   .step = number_of(argc, argv, "--step", 0),
                                                   .variant = (int)number_of(argc, argv, "--variant", 0)});
    if (seed == 0)
        return run_many(first, (long)number_of(argc, argv, "--seeds", 100), argv[0]);
    char report[REPORT_SIZE];
    scenario_run(seed, true, report, sizeof report);
    printf("%s\n", report);
    return 0;
}
