# Ringmain's build. Flat and non-recursive: every .c below the four layers is one object of one library, the binary is
# net/cli/main.c linked with it, every tests/unit/**/x_test.c is one test program.
#
#   make            build/ringmain               make SAN=address|thread|undefined   the same in build-<san>/
#   make check      lint, unit tests, simulation, interop with the clients found on this machine
#   make METRICS=off   the same without counters and histograms in build-nometrics/
#   make fuzz       every libFuzzer target for FUZZ_SECONDS (default 60) each
SHELL := /bin/bash
.DEFAULT_GOAL := all

SAN     ?=
METRICS ?=
BUILD   := build$(if $(SAN),-$(SAN))$(if $(filter off,$(METRICS)),-nometrics)
CC      ?= gcc
PREFIX  ?= /usr/local
VERSION := 0.1.0

CPPFLAGS += -I. -D_GNU_SOURCE -DRINGMAIN_VERSION='"$(VERSION)"'
WARN     := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wwrite-strings -Wvla -Wno-unused-parameter
CFLAGS   += -std=gnu11 -O2 -g -fno-strict-aliasing -fno-omit-frame-pointer -pthread $(WARN) $(if $(CI),-Werror)
LDFLAGS  += -pthread
LIBS     := -luring -ljemalloc -llz4 -lzstd -lsnappy -lz -lcrypto -ljansson -lpcre2-8 -lmicrohttpd -lm

ifeq ($(METRICS),off)
CPPFLAGS += -DRINGMAIN_METRICS=0
endif

ifneq ($(SAN),)
CPPFLAGS += -DRINGMAIN_SANITIZER -DRINGMAIN_SLOW_CHECKS
# gcc's flow warnings see ghosts in instrumented code
CFLAGS   += -fsanitize=$(SAN) -O1 -Wno-format-truncation -Wno-maybe-uninitialized -Wno-stringop-overflow
LDFLAGS  += -fsanitize=$(SAN)
LIBS     := $(filter-out -ljemalloc,$(LIBS))
ifeq ($(SAN),undefined)
CFLAGS   += -fno-sanitize-recover=undefined
endif
endif

SOURCES  := $(sort $(shell find io core replication net -name '*.c' 2>/dev/null))
MAIN     := net/cli/main.c
OBJECTS  := $(patsubst %.c,$(BUILD)/%.o,$(filter-out $(MAIN),$(SOURCES)))
LIBRARY  := $(BUILD)/libringmain.a
UNIT     := $(sort $(shell find tests/unit -name '*_test.c' 2>/dev/null))
UNIT_BIN := $(patsubst %.c,$(BUILD)/%,$(UNIT))
SIM_SRC  := $(sort $(shell find tests/sim -name '*.c' 2>/dev/null))
SIM_BIN  := $(if $(SIM_SRC),$(BUILD)/tests/sim/sim)
LOAD     := $(patsubst %.c,$(BUILD)/%.o,$(sort $(wildcard bench/load/*.c)))
SUPPORT  := $(patsubst %.c,$(BUILD)/%.o,$(sort $(shell find tests/support -name '*.c' 2>/dev/null)))

Q := $(if $(V),,@)

.PHONY: all deps run check unit reactor sim interop conformance fuzz lint install clean tests bench bench-io bench-metrics bench-micro bench-groups bench-cleaning docs
all: $(if $(wildcard $(MAIN)),$(BUILD)/ringmain,$(LIBRARY))

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	@echo "  CC   $<"
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

$(LIBRARY): $(OBJECTS)
	@echo "  AR   $@"
	$(Q)rm -f $@ && ar rcs $@ $^

$(BUILD)/ringmain: $(BUILD)/net/cli/main.o $(LOAD) $(LIBRARY)
	@echo "  LD   $@"
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LIBS)

$(BUILD)/tests/unit/%_test: $(BUILD)/tests/unit/%_test.o $(SUPPORT) $(LIBRARY)
	@echo "  LD   $@"
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ -lcmocka $(LIBS)

$(BUILD)/tests/unit/bench/%_test: $(BUILD)/tests/unit/bench/%_test.o $(LOAD) $(SUPPORT) $(LIBRARY)
	@echo "  LD   $@"
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ -lcmocka $(LIBS)

$(BUILD)/tests/sim/sim: $(patsubst %.c,$(BUILD)/%.o,$(SIM_SRC)) $(SUPPORT) $(LIBRARY)
	@echo "  LD   $@"
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ -lcmocka $(LIBS)

tests: all $(UNIT_BIN) $(SIM_BIN)
.SECONDARY: $(UNIT:%.c=$(BUILD)/%.o)

deps:
	tests/support/deps.sh

run: all
	$(BUILD)/ringmain start

# Writes the generated pages; the tests that do it fail when a page in the tree is stale.
docs: tests
	mkdir -p docs
	RINGMAIN_WRITE_DOCS=1 $(BUILD)/tests/unit/core/config/config_test >/dev/null
	RINGMAIN_WRITE_DOCS=1 $(BUILD)/tests/unit/net/handlers/document_test >/dev/null
	RINGMAIN_WRITE_DOCS=1 $(BUILD)/tests/unit/core/metrics/metrics_test >/dev/null

lint:
	$(Q)tests/lint/run.sh

reactor: $(filter $(BUILD)/tests/unit/io/reactor/%,$(UNIT_BIN))

unit: tests
	$(Q)tests/support/run_unit.sh $(BUILD)

check: lint tests
	$(Q)tests/support/run_check.sh $(BUILD)

interop: all
	$(Q)tests/interop/run.sh $(BUILD)/ringmain

conformance: all
	$(Q)tests/conformance/run.sh $(BUILD)/ringmain
	$(Q)tests/conformance/compaction.sh $(BUILD)/ringmain

fuzz:
	$(Q)tests/fuzz/run.sh $(or $(FUZZ_SECONDS),60)

# What io/reactor costs against raw loops, and the small parts alone (needs libbenchmark-dev).
$(BUILD)/bench/%: $(BUILD)/bench/%.o $(LIBRARY)
	@echo "  LD   $@"
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LIBS)

$(BUILD)/bench/micro/micro: bench/micro/main.cc $(patsubst %.c,$(BUILD)/%.o,$(wildcard bench/micro/*.c)) $(LIBRARY)
	@echo "  LD   $@"
	$(Q)$(CXX) $(CPPFLAGS) -O2 -g $(LDFLAGS) -o $@ $^ -lbenchmark $(LIBS)

LIMIT := $(patsubst %,$(BUILD)/bench/limits/%.o,limit serve work disk) $(BUILD)/bench/load/hdr.o
$(BUILD)/bench/limits/limit: $(LIMIT) $(LIBRARY)
	@echo "  LD   $@"
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LIBS)

# Limits of the machine, Ringmain and a peer in the same rounds. PEER=kafka (default, needs java and mvn), none, or
# HOST:PORT:PID of a broker that runs here already. BENCH: options of bench/run/main.py, such as --smoke.
bench: all $(BUILD)/bench/limits/limit
	python3 bench/run/main.py $(if $(PEER),--peer $(PEER)) $(BENCH)

# What counting costs: a build without it against this one, in alternating runs. COMPARE: options of bench/run/compare.py.
bench-metrics: all
	$(MAKE) METRICS=off all
	python3 bench/run/compare.py build-nometrics/ringmain $(BUILD)/ringmain $(COMPARE)

bench-io: $(BUILD)/bench/limits/io_limits
	$<

# Joins and heartbeats of many groups, and of a large one (needs go).
# Produce and fetch beside a compaction and without one.
bench-cleaning: $(BUILD)/ringmain
	$(Q)python3 bench/cleaning/run.py $<

bench-groups: $(BUILD)/ringmain
	$(Q)bench/groups/run.sh $<

bench-micro: $(BUILD)/bench/micro/micro
	$<

install: all
	install -D -m 755 $(BUILD)/ringmain $(DESTDIR)$(PREFIX)/bin/ringmain
	install -D -m 644 net/cli/completion.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/ringmain
	install -d $(DESTDIR)$(PREFIX)/lib/systemd/system $(DESTDIR)$(PREFIX)/share/ringmain $(DESTDIR)$(PREFIX)/share/doc/ringmain
	sed 's|/usr/local/|$(PREFIX)/|g' tuning/ringmain.service >$(DESTDIR)$(PREFIX)/lib/systemd/system/ringmain.service
	install -m 644 tuning/ringmain.sysctl tuning/ringmain.limits tuning/ringmain.udev tuning/ringmain.sysusers tuning/ringmain.properties $(DESTDIR)$(PREFIX)/share/ringmain/
	install -m 755 tuning/check $(DESTDIR)$(PREFIX)/share/ringmain/check
	install -m 644 docs/tuning.md docs/configuration.md docs/metrics.md docs/metrics-kafka.md $(DESTDIR)$(PREFIX)/share/doc/ringmain/

clean:
	rm -rf build build-nometrics build-address build-thread build-undefined build-fuzz

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
