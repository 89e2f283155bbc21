#include "bench/load/cost.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool read_text(const char *path, char *text, size_t room)
{
    FILE *file = fopen(path, "r");
    if (file == NULL)
        return false;
    size_t length = fread(text, 1, room - 1, file);
    fclose(file);
    text[length] = '\0';
    return length > 0;
}

static uint64_t number_after(const char *text, const char *name)
{
    const char *at = strstr(text, name);
    return at == NULL ? 0 : strtoull(at + strlen(name), NULL, 10);
}

static void add_switches(int pid, struct cost *cost)
{
    char path[300], text[4096];
    snprintf(path, sizeof(path), "/proc/%d/task", pid);
    DIR *tasks = opendir(path);
    for (struct dirent *entry; tasks != NULL && (entry = readdir(tasks)) != NULL;) {
        snprintf(path, sizeof(path), "/proc/%d/task/%s/status", pid, entry->d_name);
        if (entry->d_name[0] == '.' || !read_text(path, text, sizeof(text)))
            continue;
        cost->waits += number_after(text, "\nvoluntary_ctxt_switches:");
        cost->preemptions += number_after(text, "nonvoluntary_ctxt_switches:");
    }
    if (tasks != NULL)
        closedir(tasks);
}

bool cost_read(int pid, struct cost *cost)
{
    char path[64], text[4096];
    unsigned long user, system;
    memset(cost, 0, sizeof(*cost));
    snprintf(path, sizeof(path), "/proc/%d/stat", pid);
    if (!read_text(path, text, sizeof(text)))
        return false;
    const char *rest = strrchr(text, ')'); /* the name may hold anything */
    if (rest == NULL || sscanf(rest + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system) != 2)
        return false;
    double ticks = (double)sysconf(_SC_CLK_TCK);
    cost->user_s = (double)user / ticks;
    cost->system_s = (double)system / ticks;
    snprintf(path, sizeof(path), "/proc/%d/status", pid);
    if (read_text(path, text, sizeof(text)))
        cost->rss_bytes = number_after(text, "VmRSS:") * 1024;
    add_switches(pid, cost);
    return true;
}
