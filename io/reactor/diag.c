#include "io/reactor/diag.h"

#include "io/reactor/backend.h"

#include <stdarg.h>
#include <stdio.h>

static const char *const level_names[] = {"debug", "info", "warn", "error"};

bool diag_level_parse(const char *text, enum diag_level *level)
{
    for (size_t i = 0; i < COUNT_OF(level_names); i++)
        if (strcmp(text, level_names[i]) == 0) {
            *level = (enum diag_level)i;
            return true;
        }
    return false;
}

void diag_set_level(struct io *io, enum diag_level level)
{
    io->diag.level = level;
}

/* Days since 1970 to a date: Howard Hinnant's civil_from_days. */
static void date_of(int64_t days, int *year, int *month, int *day)
{
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097, of_era = days - era * 146097;
    int64_t year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t day_of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t shifted = (5 * day_of_year + 2) / 153; /* months from March on */
    *day = (int)(day_of_year - (153 * shifted + 2) / 5 + 1);
    *month = (int)(shifted < 10 ? shifted + 3 : shifted - 9);
    *year = (int)(year_of_era + era * 400 + (*month <= 2));
}

size_t diag_format(char *line, int64_t wall_ms, int shard, const struct diag_site *site, uint32_t left_out,
                   const char *text)
{
    enum { DAY_MS = 86400000 };
    int year, month, day;
    int64_t days = wall_ms / DAY_MS - (wall_ms % DAY_MS < 0), of_day = wall_ms - days * DAY_MS;
    date_of(days, &year, &month, &day);
    int length =
        snprintf(line, DIAG_LINE_MAX, "ts=%04d-%02d-%02dT%02d:%02d:%02d.%03dZ level=%s shard=%d msg=\"%s\"", year,
                 month, day, (int)(of_day / 3600000), (int)(of_day / 60000 % 60), (int)(of_day / 1000 % 60),
                 (int)(of_day % 1000), level_names[site->level], shard, site->message);
    size_t used = size_min((size_t)(length < 0 ? 0 : length), DIAG_LINE_MAX - 1);
    if (left_out > 0)
        length = snprintf(line + used, DIAG_LINE_MAX - used, " left_out=%u", left_out);
    used = left_out > 0 ? size_min(used + (size_t)length, DIAG_LINE_MAX - 1) : used;
    if (text[0] != '\0')
        length = snprintf(line + used, DIAG_LINE_MAX - used, " %s", text);
    used = text[0] != '\0' ? size_min(used + (size_t)length, DIAG_LINE_MAX - 1) : used;
    for (size_t i = 0; i < used; i++)
        if ((unsigned char)line[i] < ' ' || line[i] == 127)
            line[i] = '?';
    return used;
}

/* The site's place; sites beyond the last place share it. */
static struct diag_seen *seen_of(struct diag *diag, const struct diag_site *site)
{
    for (int i = 0; i < diag->count; i++)
        if (diag->seen[i].site == site)
            return &diag->seen[i];
    if (diag->count == DIAG_SITES)
        return &diag->seen[DIAG_SITES - 1];
    diag->seen[diag->count] = (struct diag_seen){.site = site};
    return &diag->seen[diag->count++];
}

void diag_say(struct io *io, const struct diag_site *site, const char *format, ...)
{
    struct diag *diag = &io->diag;
    if (site->level < diag->level || io->backend->print == NULL)
        return;
    struct diag_seen *seen = seen_of(diag, site);
    if (seen->said == 0 || io->now_ns - seen->window_ns >= DIAG_WINDOW_NS) {
        seen->window_ns = io->now_ns;
        seen->said = 0;
    }
    if (seen->said == DIAG_BURST) {
        seen->left_out++;
        return;
    }
    char text[DIAG_LINE_MAX], line[DIAG_LINE_MAX + 1];
    text[0] = '\0';
    if (format != NULL) {
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(text, sizeof text, format, arguments);
        va_end(arguments);
    }
    size_t length = diag_format(line, io->backend->wall_ms(io), io->shard, site, seen->left_out, text);
    seen->said++;
    seen->left_out = 0;
    line[length] = '\n';
    io->backend->print(io, line, length + 1);
}
