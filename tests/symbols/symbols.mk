# SPDX-License-Identifier: MIT
# symbols.mk - symtool, for tests/test_symbols.py: make -f Makefile -f tests/symbols/symbols.mk symtool

SYMTOOL_OBJ := $(filter-out %/symbolize.o,$(filter $O/decoder/symbols/% $O/decoder/base/%,$(DECODER_OBJ)))

.PHONY: symtool
symtool: $O/tests/symbols/symtool

$O/tests/symbols/symtool: tests/symbols/symtool.c $(SYMTOOL_OBJ)
	$(call say,LINK,$@)
	$Q mkdir -p $(@D)
	$Q$(CC) $(DECODER_CFLAGS) $(CFLAGS) -o $@ $^ $(LDFLAGS) $(DECODER_LIBS)
