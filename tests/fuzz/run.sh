#!/bin/bash
# Builds and runs every tests/fuzz/fuzz_*.c for SECONDS each under ASan and UBSan. Inputs that were found stay in
# build-fuzz/corpus/<target>; tests/fuzz/corpus/<target without fuzz_>, when it is there, is the kept one. usage: run.sh [SECONDS]
set -u
cd "$(dirname "$0")/../.."
seconds=${1:-60} build=build-fuzz passed=0 failed=0
clang=$(command -v clang || command -v clang-14 || true)
[ -n "$clang" ] || { echo "SKIP fuzz: no clang on this machine"; echo "0 passed, 0 failed, 1 skipped"; exit 0; }
mkdir -p "$build"
# Only the pure layers: input that a fuzzer makes reaches nothing that opens files or sockets. They are linked as a library,
# so a room beside them that works on partitions needs no line here.
sources=$(find io/base core -name "*.c" | grep -vE "^core/(partition|log)/" | sort; echo core/log/producer_state.c core/log/checkpoint.c | tr " " "\n")
libs="-lz -llz4 -lzstd -lsnappy -lcrypto -ljansson -lm"
flags="-I. -D_GNU_SOURCE -DRINGMAIN_SANITIZER -std=gnu11 -O1 -g -fno-strict-aliasing -fsanitize=address,undefined
       -fno-sanitize-recover=undefined"
for source in $sources; do
    object=$build/${source%.c}.o
    [ "$object" -nt "$source" ] && [ -z "$(find io core -name '*.h' -newer "$object" -print -quit)" ] && continue
    mkdir -p "${object%/*}"
    echo "$source $object"
done | xargs -r -P "$(nproc)" -L 1 sh -c "$clang $(echo $flags) -fsanitize=fuzzer-no-link -c -o \"\$1\" \"\$0\"" || exit 1
library=$build/libfuzzed.a
rm -f "$library"
# shellcheck disable=SC2046
ar rcs "$library" $(for source in $sources; do echo "$build/${source%.c}.o"; done) || exit 1
for target in tests/fuzz/fuzz_*.c; do
    name=$(basename "$target" .c)
    mkdir -p "$build/corpus/$name"
    kept=tests/fuzz/corpus/${name#fuzz_}
    # shellcheck disable=SC2086
    if $clang $flags -fsanitize=fuzzer -o "$build/$name" "$target" "$library" $libs &&
        "$build/$name" -max_total_time="$seconds" -rss_limit_mb=2048 -timeout=10 -verbosity=0 -print_final_stats=1 \
            -artifact_prefix="$build/$name-" "$build/corpus/$name" $([ -d "$kept" ] && echo "$kept") \
            >"$build/$name.log" 2>&1; then
        echo "ok   $name: $(sed -n 's/stat::number_of_executed_units: *//p' "$build/$name.log") inputs"
        passed=$((passed + 1))
    else
        echo "FAIL $name: see $build/$name.log"
        failed=$((failed + 1))
    fi
done
echo "$passed passed, $failed failed, 0 skipped"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
