// Google Benchmark's main, with every micro-benchmark registered.
#include "bench/micro/micro.h"

#include <benchmark/benchmark.h>

#include <string>

static void run(benchmark::State &state, const struct micro *micro, int64_t size)
{
    void *context = micro->open(size);
    const int64_t batch = 64; // rounds per call, so that the harness's own loop does not count
    while (state.KeepRunningBatch(batch))
        micro->run(context, batch);
    int64_t items = micro->unit == MICRO_ITEMS ? size : 1;
    state.SetItemsProcessed(state.iterations() * items);
    if (micro->unit == MICRO_BYTES)
        state.SetBytesProcessed(state.iterations() * size);
    micro->close(context);
}

static void add(const struct micro *const *list)
{
    for (const struct micro *const *it = list; *it != nullptr; it++)
        for (const int64_t *size = (*it)->sizes; *size != 0; size++) {
            const struct micro *micro = *it;
            const int64_t value = *size;
            std::string name = std::string(micro->name) + "/" + std::to_string(value);
            benchmark::RegisterBenchmark(name.c_str(),
                                         [micro, value](benchmark::State &state) { run(state, micro, value); });
        }
}

int main(int argc, char **argv)
{
    add(base_micros);
    add(wire_micros);
    add(log_micros);
    add(metrics_micros);
    benchmark::Initialize(&argc, argv);
    benchmark::RunSpecifiedBenchmarks();
    return 0;
}
