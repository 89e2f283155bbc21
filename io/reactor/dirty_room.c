#include "io/reactor/dirty_room.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

int64_t dirty_room_of(const struct dirty_terms *terms)
{
    int64_t limit = terms->limit_bytes > 0 ? terms->limit_bytes : terms->memory / 100 * terms->limit_ratio;
    int64_t background =
        terms->background_bytes > 0 ? terms->background_bytes : terms->memory / 100 * terms->background_ratio;
    if (background >= limit) /* as the kernel does */
        background = limit / 2;
    return background + (limit - background) / 2;
}

static bool read_number(const char *path, int64_t *value)
{
    FILE *file = fopen(path, "re");
    long long number;
    bool good = file != NULL && fscanf(file, "%lld", &number) == 1 && number >= 0;
    if (file != NULL)
        fclose(file);
    if (good)
        *value = number;
    return good;
}

/* Free pages and those of files, dirty ones among them. */
static int64_t read_memory(void)
{
    FILE *file = fopen("/proc/meminfo", "re");
    char line[128], name[64];
    long long kib;
    int64_t sum = 0;
    while (file != NULL && fgets(line, sizeof(line), file) != NULL)
        if (sscanf(line, "%63[^:]: %lld", name, &kib) == 2 &&
            (strcmp(name, "MemFree") == 0 || strcmp(name, "Active(file)") == 0 || strcmp(name, "Inactive(file)") == 0))
            sum += kib * 1024;
    if (file != NULL)
        fclose(file);
    return sum;
}

/* The least memory.max of the control group (version 2) and those around it. "max" is no number. */
static int64_t read_group_limit(void)
{
    FILE *file = fopen("/proc/self/cgroup", "re");
    char group[1024] = "", path[1200];
    int64_t least = INT64_MAX, limit;
    while (file != NULL && fgets(path, sizeof(path), file) != NULL)
        if (sscanf(path, "0::%1023[^\n]", group) == 1)
            break;
    if (file != NULL)
        fclose(file);
    for (;;) {
        snprintf(path, sizeof(path), "/sys/fs/cgroup%s/memory.max", group);
        if (read_number(path, &limit) && limit < least)
            least = limit;
        char *slash = strrchr(group, '/');
        if (slash == NULL)
            return least;
        *slash = '\0';
    }
}

int64_t dirty_room(void)
{
    struct dirty_terms terms = {.memory = read_memory()};
    int64_t group = read_group_limit();
    bool by_bytes = read_number("/proc/sys/vm/dirty_bytes", &terms.limit_bytes) && terms.limit_bytes > 0;
    bool known = by_bytes || read_number("/proc/sys/vm/dirty_ratio", &terms.limit_ratio);
    if (!read_number("/proc/sys/vm/dirty_background_bytes", &terms.background_bytes) || terms.background_bytes == 0)
        known = known && read_number("/proc/sys/vm/dirty_background_ratio", &terms.background_ratio);
    if (group < terms.memory)
        terms.memory = group;
    return known && terms.memory > 0 ? dirty_room_of(&terms) : 0;
}
