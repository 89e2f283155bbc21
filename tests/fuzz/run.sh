#!/bin/bash
# Builds and runs every tests/fuzz/fuzz_*.c for SECONDS each under ASan and UBSan. Inputs that were found stay in
# build-fuzz/corpus/<target>; tests/fuzz/corpus/<target without fuzz_>, when it is there, is the kept one; seeds.py makes more. usage: run.sh [SECONDS]
set -u
cd "$(dirname "$0")/../.."
seconds=${1:-60} build=build-fuzz
clang=$(command -v clang || command -v clang-14 || true)
[ -n "$clang" ] || { echo "SKIP fuzz: no clang on this machine"; echo "0 passed, 0 failed, 1 skipped"; exit 0; }
mkdir -p "$build"
# Everything goes into one archive; a target pulls in what it names, so a new room never breaks the link.
sources=$(find io core replication net tests/sim/host.c -name "*.c" ! -path net/cli/main.c | sort)
libs="-lz -llz4 -lzstd -lsnappy -lcrypto -ljansson -lpcre2-8 -lmicrohttpd -luring -lm"
flags=$build/flags # a file of arguments, so that no shell reads the quotes in it
cat >"$flags.new" <<'EOF'
-I. -D_GNU_SOURCE -DRINGMAIN_SANITIZER -DRINGMAIN_VERSION='"fuzz"' -std=gnu11 -O1 -g -fno-strict-aliasing
-fsanitize=address,undefined -fno-sanitize-recover=undefined
EOF
cmp -s "$flags" "$flags.new" || cp "$flags.new" "$flags"
for source in $sources; do
    object=$build/${source%.c}.o
    [ "$object" -nt "$source" ] && [ "$object" -nt "$flags" ] && [ -z "$(find io core replication net -name '*.h' -newer "$object" -print -quit)" ] && continue
    mkdir -p "${object%/*}"
    echo "$source $object"
done | xargs -r -P "$(nproc)" -L 1 sh -c "$clang @$flags -fsanitize=fuzzer-no-link -c -o \"\$1\" \"\$0\"" || exit 1
rm -f "$build/libringmain.a"
for source in $sources; do echo "$build/${source%.c}.o"; done | xargs ar rcs "$build/libringmain.a"
rm -rf "$build/seeds"
python3 tests/fuzz/seeds.py "$build/seeds"
fuzz() { # TARGET
    local target=$1 name kept
    name=$(basename "$target" .c)
    mkdir -p "$build/corpus/$name"
    kept=tests/fuzz/corpus/${name#fuzz_}
    # shellcheck disable=SC2046,SC2086
    if $clang "@$flags" -fsanitize=fuzzer -o "$build/$name" "$target" "$build/libringmain.a" $libs &&
        "$build/$name" -max_total_time="$seconds" -rss_limit_mb=2048 -timeout=10 -verbosity=0 -print_final_stats=1 \
            -artifact_prefix="$build/$name-" "$build/corpus/$name" $(ls -d "$kept" "$build/seeds/${name#fuzz_}" 2>/dev/null) \
            >"$build/$name.log" 2>&1; then
        echo "ok   $name: $(sed -n 's/stat::number_of_executed_units: *//p' "$build/$name.log") inputs"
    else
        echo "FAIL $name: see $build/$name.log"
    fi
}
export -f fuzz
export build clang flags libs seconds
# One for each core at a time.
results=$(printf '%s\n' ${FUZZ_ONLY:-tests/fuzz/fuzz_*.c} | xargs -P "$(nproc)" -I{} bash -c 'fuzz {}' | tee >(cat >&2))
passed=$(grep -c '^ok' <<<"$results") failed=$(grep -c '^FAIL' <<<"$results")
echo "$passed passed, $failed failed, 0 skipped"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
