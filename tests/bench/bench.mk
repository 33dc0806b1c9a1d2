# SPDX-License-Identifier: MIT
# bench.mk - what the benchmarks are built from. Included by tests/tests.mk.
#
# make bench-programs   all of it; make bench-stream, make bench-report run the decoder's alone

BENCH_PLAIN := $(addprefix $O/tests/bench/,work births stall cache_load)
BENCH_DECODER := $(addprefix $O/tests/bench/,bench_stream bench_report)

# What is measured may not be optimised away.
$(BENCH_PLAIN): $O/tests/bench/%: tests/bench/%.c
	$(call say,BENCH,$@)
	$Q mkdir -p $(@D)
	$Q$(CC) $(TARGET_FLAGS) -O2 -fno-builtin -fno-optimize-sibling-calls -o $@ $< -ldl

$(BENCH_DECODER:%=%.o): $O/%.o: %.c
	$(call say,CC,$<)
	$Q mkdir -p $(@D)
	$Q$(CC) $(DECODER_CFLAGS) $(CFLAGS) -c -o $@ $<

$O/tests/bench/bench_stream: %: %.o $(SYNTH_SRC:%.c=$O/%.o) $(filter $O/decoder/base/% $O/decoder/read/%,$(DECODER_OBJ))
	$(call say,LINK,$@)
	$Q$(CC) -o $@ $^ $(if $(SAN),-fsanitize=$(SAN)) $(LDFLAGS)

$O/tests/bench/bench_report: %: %.o $(SYNTH_SRC:%.c=$O/%.o) $(UNIT_DECODER_OBJ)
	$(call say,LINK,$@)
	$Q$(CC) -o $@ $^ $(if $(SAN),-fsanitize=$(SAN)) $(LDFLAGS) $(DECODER_LIBS)

.PHONY: bench-programs bench-stream bench-report
bench-programs: $(BENCH_PLAIN) $(BENCH_DECODER)
bench-stream: $O/tests/bench/bench_stream
	$Q$<
bench-report: $O/tests/bench/bench_report
	$Q$<

-include $(BENCH_PLAIN:=.d) $(BENCH_DECODER:=.d)
