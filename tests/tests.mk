# SPDX-License-Identifier: MIT
# tests.mk - what the tests are built from. Included by the Makefile.
#
# make unit        builds every tests/unit/test_*.c against the decoder without its main()
# make unit-run    builds and runs them; make unit-run T=test_read runs one
# make fuzz        builds tests/fuzz/fuzz_*.c with clang and libFuzzer; make fuzz-run FUZZ_S=30

# Kept apart from the objects of fr, so that SAN= needs its own O=.
TEST_LIB_SRC := $(wildcard tests/lib/*.c)
TEST_LIB_OBJ := $(TEST_LIB_SRC:%.c=$O/%.o)
# What needs the reader alone: synthetic recordings and the walk through them.
SYNTH_SRC := $(addprefix tests/lib/,synth.c synth_chunks.c rich.c walk.c)
UNIT_SRC := $(wildcard tests/unit/test_*.c)
UNIT_OBJ := $(UNIT_SRC:%.c=$O/%.o)
UNIT_BIN := $(UNIT_SRC:%.c=$O/%)
UNIT_DECODER_OBJ := $(filter-out $O/decoder/main.o,$(DECODER_OBJ))
FUZZ_SRC := $(wildcard tests/fuzz/fuzz_*.c)
FUZZ_BIN := $(FUZZ_SRC:%.c=$O/%)
FUZZ_S ?= 10
FUZZ_CC ?= clang
T ?=

$(TEST_LIB_OBJ) $(UNIT_OBJ): $O/%.o: %.c
	$(call say,CC,$<)
	$Q mkdir -p $(@D)
	$Q$(CC) $(DECODER_CFLAGS) -Ipreload $(CFLAGS) -c -o $@ $<

# The parts of the recorder that are tested outside of a host.
$O/tests/unit/test_ring: $O/preload/record/ring.o $O/preload/core/mask.o $O/preload/record/fold.o $(if $(DEBUG),$O/preload/keep/check.o)
$O/tests/unit/test_depot: $O/preload/record/depot.o $O/preload/record/depot_turn.o
$O/tests/unit/test_cfi: $O/preload/record/cfi.o $O/preload/record/cfi_expression.o \
	$O/preload/record/cfi_row.o $O/preload/record/cfi_table.o
$O/tests/unit/test_cfi: LDFLAGS += -lunwind
$O/tests/unit/test_budget: $O/preload/steer/budget_rule.o
$O/tests/unit/test_place: $O/preload/core/place.o
# With its checks, whatever the build.
$O/tests/unit/test_check.o: DECODER_CFLAGS += -UFR_DEBUG -DFR_DEBUG
$O/tests/unit/test_check: $O/tests/unit/check-debug.o $O/tests/unit/where-debug.o
$O/tests/unit/%-debug.o: preload/keep/%.c
	$(call say,CC,$<)
	$Q mkdir -p $(@D)
	$Q$(CC) $(PRELOAD_CFLAGS) -UFR_DEBUG -DFR_DEBUG -c -o $@ $<

$(UNIT_BIN): %: %.o $(TEST_LIB_OBJ) $(UNIT_DECODER_OBJ)
	$(call say,LINK,$@)
	$Q$(CC) -o $@ $^ $(if $(SAN),-fsanitize=$(SAN)) $(LDFLAGS) $(DECODER_LIBS) -lcmocka

.PHONY: unit unit-run fuzz fuzz-run

unit: $(UNIT_BIN)

unit-run: unit
	$Qstatus=0; for t in $(if $T,$O/tests/unit/$T,$(UNIT_BIN)); do \
		$$t || status=1; done; exit $$status

# One compilation with coverage of everything that reads untrusted bytes.
$(FUZZ_BIN): $O/%: %.c $(SYNTH_SRC) $(wildcard decoder/base/*.c decoder/read/*.c)
	$(call say,FUZZ,$@)
	$Q mkdir -p $(@D)
	$Q$(FUZZ_CC) -std=gnu11 -O1 -g -D_GNU_SOURCE -I. -Idecoder \
		-fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined -o $@ $^

fuzz: $(FUZZ_BIN)

fuzz-run: fuzz
	$Qstatus=0; for t in $(FUZZ_BIN); do mkdir -p $$t.corpus; $$t -seed=1 -max_total_time=$(FUZZ_S) \
		-rss_limit_mb=1024 -timeout=10 -max_len=65536 -print_final_stats=1 -artifact_prefix=$$t- $$t.corpus || status=1; done; exit $$status

-include $(TEST_LIB_OBJ:.o=.d) $(UNIT_OBJ:.o=.d) $(wildcard $O/tests/unit/*-debug.d)

include tests/targets.mk
include tests/bench/bench.mk
