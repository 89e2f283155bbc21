// Google Benchmark's main, with every micro-benchmark of micro_all registered.
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

int main(int argc, char **argv)
{
    for (const struct micro *const *it = micro_all; *it != nullptr; it++)
        for (const int64_t *size = (*it)->sizes; *size != 0; size++) {
            const struct micro *micro = *it;
            const int64_t value = *size;
            std::string name = std::string(micro->name) + "/" + std::to_string(value);
            benchmark::RegisterBenchmark(name.c_str(),
                                         [micro, value](benchmark::State &state) { run(state, micro, value); });
        }
    benchmark::Initialize(&argc, argv);
    benchmark::RunSpecifiedBenchmarks();
    return 0;
}
