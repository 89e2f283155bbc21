#include "bench/load/report.h"

#include "net/cli/cli.h"

static double per(double amount, double unit)
{
    return unit > 0 ? amount / unit : 0;
}

static json_t *group_json(const struct load_group *group, const struct load_counts *counts, double seconds,
                          double cpu_s)
{
    const struct hdr *hdr = &counts->latency;
    json_t *latency =
        json_pack("{s:f,s:f,s:f,s:f,s:I}", "p50_us", (double)hdr_quantile(hdr, 0.5) / 1e3, "p99_us",
                  (double)hdr_quantile(hdr, 0.99) / 1e3, "p999_us", (double)hdr_quantile(hdr, 0.999) / 1e3, "max_us",
                  (double)hdr->max_ns / 1e3, "count", (json_int_t)hdr->total);
    json_t *object = json_pack(
        "{s:s,s:i,s:I,s:I,s:I,s:f,s:f,s:f,s:o}", "name", group->name, "connections", group->connections, "requests",
        (json_int_t)counts->requests, "records", (json_int_t)counts->records, "bytes", (json_int_t)counts->bytes,
        "requests_per_s", per((double)counts->requests, seconds), "records_per_s",
        per((double)counts->records, seconds), "bytes_per_s", per((double)counts->bytes, seconds), "latency", latency);
    if (cpu_s > 0)
        json_object_update_new(object,
                               json_pack("{s:f,s:f,s:f}", "requests_per_cpu_s", (double)counts->requests / cpu_s,
                                         "records_per_cpu_s", (double)counts->records / cpu_s, "bytes_per_cpu_s",
                                         (double)counts->bytes / cpu_s));
    return object;
}

static json_t *cost_json(const struct report *report)
{
    const struct cost *before = &report->before, *after = &report->after;
    json_t *object = json_pack("{s:f,s:f,s:I,s:I,s:I}", "user_s", after->user_s - before->user_s, "system_s",
                               after->system_s - before->system_s, "waits", (json_int_t)(after->waits - before->waits),
                               "preemptions", (json_int_t)(after->preemptions - before->preemptions), "rss_bytes",
                               (json_int_t)after->rss_bytes);
    if (report->idle_rss_bytes > 0)
        json_object_set_new(object, "rss_before_bytes", json_integer((json_int_t)report->idle_rss_bytes));
    return object;
}

static void print_text(const struct load *load, const struct report *report, double cpu_s)
{
    for (int i = 0; i < load->group_count; i++) {
        const struct load_counts *counts = &report->counts[i];
        const struct hdr *hdr = &counts->latency;
        printf("%-9s %10.0f requests/s %12.0f records/s %9.1f MB/s   p50 %.0f us  p99 %.0f  p99.9 %.0f  max %.0f\n",
               load->groups[i].name, per((double)counts->requests, report->seconds),
               per((double)counts->records, report->seconds), per((double)counts->bytes, report->seconds) / 1e6,
               (double)hdr_quantile(hdr, 0.5) / 1e3, (double)hdr_quantile(hdr, 0.99) / 1e3,
               (double)hdr_quantile(hdr, 0.999) / 1e3, (double)hdr->max_ns / 1e3);
        if (cpu_s > 0)
            printf("%-9s %10.0f requests   %12.0f records   %9.1f MB     per CPU-second of the broker\n", "",
                   (double)counts->requests / cpu_s, (double)counts->records / cpu_s,
                   (double)counts->bytes / cpu_s / 1e6);
    }
    if (report->has_cost)
        printf("broker    %.2f s user, %.2f s system, %llu waits, %llu preemptions, %.1f MB resident\n",
               report->after.user_s - report->before.user_s, report->after.system_s - report->before.system_s,
               (unsigned long long)(report->after.waits - report->before.waits),
               (unsigned long long)(report->after.preemptions - report->before.preemptions),
               (double)report->after.rss_bytes / 1e6);
    printf("load      %.2f CPU-seconds in %.2f s on %d threads\n", report->own_cpu_s, report->seconds,
           load->thread_count);
}

void report_print(const struct load *load, const struct report *report, bool json)
{
    double cpu_s = report->has_cost
                       ? report->after.user_s + report->after.system_s - report->before.user_s - report->before.system_s
                       : 0;
    if (!json) {
        print_text(load, report, cpu_s);
        return;
    }
    json_t *groups = json_array();
    for (int i = 0; i < load->group_count; i++)
        json_array_append_new(groups, group_json(&load->groups[i], &report->counts[i], report->seconds, cpu_s));
    json_t *document = json_pack("{s:s,s:f,s:f,s:i,s:o}", "workload", report->workload, "seconds", report->seconds,
                                 "load_cpu_s", report->own_cpu_s, "load_threads", load->thread_count, "groups", groups);
    if (report->has_cost)
        json_object_set_new(document, "broker", cost_json(report));
    cli_print_json(document);
}
