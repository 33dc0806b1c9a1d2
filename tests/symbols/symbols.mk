# SPDX-License-Identifier: MIT
# symbols.mk - symtool, for the tests of symbols, and partbench, for tests/bench/symbols.py:
# make -f Makefile -f tests/symbols/symbols.mk symtool partbench

SYMTOOL_OBJ := $(filter-out %/symbolize.o,$(filter $O/decoder/symbols/% $O/decoder/base/%,$(DECODER_OBJ)))

.PHONY: symtool partbench
symtool partbench: %: $O/tests/symbols/%

$O/tests/symbols/symtool $O/tests/symbols/partbench: $O/tests/symbols/%: tests/symbols/%.c $(SYMTOOL_OBJ)
	$(call say,LINK,$@)
	$Q mkdir -p $(@D)
	$Q$(CC) $(DECODER_CFLAGS) $(CFLAGS) -o $@ $^ $(LDFLAGS) $(DECODER_LIBS)
