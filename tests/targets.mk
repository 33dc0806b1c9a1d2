# SPDX-License-Identifier: MIT
# targets.mk - the programs that the integration tests record. Included by tests/tests.mk.
#
# examples: programs a user could have written, built as a user would build them.
# targets:  small programs that print the truth which the recording must then show.

TESTS := $O/tests
TARGET_FLAGS := -std=gnu11 $(WARN) -MMD -MP -D_GNU_SOURCE -g -pthread

EXAMPLES := $(patsubst tests/examples/%.c,$(TESTS)/examples/%,$(wildcard tests/examples/*/*.c))
PLAIN := $(patsubst tests/targets/%.c,$(TESTS)/targets/%,$(wildcard tests/targets/*.c))
# inner.so lies in sub/ only, where outer.so's RUNPATH leads.
PLUGINS := $(addprefix $(TESTS)/targets/plugins/,cxx.so outer.so deep.so ctor.so ctor_blocks.so \
	unwinder.so frame_small.so frame_big.so sub/inner.so)
# Libraries in libunwind's place, each in a directory of its own: found by LD_LIBRARY_PATH.
STANDINS := $(patsubst %,$(TESTS)/targets/plugins/%/libunwind.so.8,standin lacks stranger)
STANDIN_FLAGS_lacks := -DLACKS
STANDIN_FLAGS_stranger := -DSTRANGER
# The targets that say every call, in the other shapes programs come in: NAME-SHAPE.
SHAPE_O2 := -O2
SHAPE_nopie := -O2 -no-pie -fno-pie
SHAPE_nofp := -O2 -fomit-frame-pointer -D_FORTIFY_SOURCE=2
SHAPE_fortified := -O2 -D_FORTIFY_SOURCE=2
SHAPE_stripped := -O2 -s
# As node is linked: the kernel leaves a hole between its segments.
SHAPE_hole := -O2 -no-pie -fno-pie -Wl,--section-start=.text=0x8000000
EVERY_SHAPE := O2 nopie fortified stripped
SHAPED := $(addprefix truth-,O2 nopie nofp stripped hole) sync-O2 c11-O2 threads-O2 old_names-O2
SHAPED += oddcrash-O2 oddcrash-nofp sigframes-O2 sigframes-nofp
SHAPED += $(foreach t,net_calls files descriptors process_calls,$(addprefix $t-,$(EVERY_SHAPE)))
CXX_PLAIN := $(patsubst tests/targets/%.cc,$(TESTS)/targets/%,$(wildcard tests/targets/*.cc))

# law_calls in C and C++, as program and as plugin, with OpenSSL as it is installed (no headers).
LAW_CALLS := $(addprefix $(TESTS)/targets/,law_calls-cxx plugins/law_calls.so \
	plugins/law_calls-cxx.so)
LAW_LIBS := -ldl -l:libssl.so.3 -l:libcrypto.so.3
AS_CXX := $(filter-out -std=% -Wmissing-prototypes -Wstrict-prototypes,$(TARGET_FLAGS)) -std=c++17

.PHONY: targets examples
targets: $(LAW_CALLS)
examples: $(EXAMPLES)
targets: $(STANDINS)
targets: $(PLAIN) $(PLUGINS) $(addprefix $(TESTS)/targets/,$(SHAPED)) $(CXX_PLAIN)

# Frames of interest stay visible: no sibling calls. The rest is what a release build does.
$(TESTS)/examples/%: tests/examples/%.c
	$(call say,EXAMPLE,$@)
	$Q mkdir -p $(@D)
	$Q$(CC) $(TARGET_FLAGS) -O2 -fno-optimize-sibling-calls -o $@ $<

$(TESTS)/targets/%: tests/targets/%.c
	$(call say,TARGET,$@)
	$Q mkdir -p $(@D)
	$Q$(CC) $(TARGET_FLAGS) -O0 -o $@ $< $(LDFLAGS) -ldl

define SHAPED_RULE
$(TESTS)/targets/$1: tests/targets/$(firstword $(subst -, ,$1)).c
	$$(call say,TARGET,$$@)
	$$Q mkdir -p $$(@D)
	$$Q$$(CC) $$(TARGET_FLAGS) $(SHAPE_$(lastword $(subst -, ,$1))) -fno-optimize-sibling-calls -o $$@ $$<
endef
$(foreach t,$(SHAPED),$(eval $(call SHAPED_RULE,$t)))

$(CXX_PLAIN): $(TESTS)/targets/%: tests/targets/%.cc
	$(call say,TARGET,$@)
	$Q mkdir -p $(@D)
	$Q$(CXX) $(filter-out -std=% -Wmissing-prototypes -Wstrict-prototypes,$(TARGET_FLAGS)) \
		-std=c++17 -O1 -o $@ $< $(LDFLAGS)

# Calls with bad arguments on purpose: the compiler shall not think about them.
LAW_FLAGS := -O0 -Wno-nonnull -Wno-unused-result -Wno-deprecated-declarations -Wno-shadow
$(TESTS)/targets/law_calls: LDFLAGS += $(LAW_FLAGS) $(LAW_LIBS)
$(LAW_CALLS): tests/targets/law_calls.c tests/targets/law_calls.h tests/targets/law_cases.h $(wildcard tests/targets/law_*.def)
	$(call say,TARGET,$@)
	$Q mkdir -p $(@D)
	$Q$(if $(findstring cxx,$@),$(CXX) $(AS_CXX) -x c++,$(CC) $(TARGET_FLAGS)) $(LAW_FLAGS) \
		$(if $(findstring .so,$@),-fPIC -shared -DPLUGIN) -o $@ $< -x none $(LAW_LIBS)

$(addprefix $(TESTS)/targets/,unwinds plugins/unwinder.so): LDFLAGS += -lunwind
$(TESTS)/targets/unwound: $(TESTS)/targets/plugins/faulter.so
$(TESTS)/targets/unwound: private LDFLAGS += $(TESTS)/targets/plugins/faulter.so \
	'-Wl,-rpath,$$ORIGIN/plugins'
$(TESTS)/targets/plugins/faulter.so: LDFLAGS += -Wl,-soname,faulter.so
$(STANDINS): tests/targets/plugins/standin.c $(TESTS)/targets/plugins/standin_real.so
	$(call say,PLUGIN,$@)
	$Q mkdir -p $(@D)
	$Q$(CC) $(TARGET_FLAGS) $(STANDIN_FLAGS_$(notdir $(@D))) -O0 -fPIC -shared -o $@ $^ \
		-Wl,-soname,libunwind.so.8 '-Wl,-rpath,$$ORIGIN/..'
$(TESTS)/targets/plugins/standin_real.so: LDFLAGS += -Wl,-soname,standin_real.so -ldl

$(TESTS)/targets/alone: LDFLAGS += -static
$(TESTS)/targets/weakly: TARGET_FLAGS := $(filter-out -pthread,$(TARGET_FLAGS)) -Wno-address
$(TESTS)/targets/weakly: LDFLAGS += -Wl,--as-needed
$(TESTS)/targets/standin_loader: LDFLAGS += -static -nostdlib -fno-stack-protector -fno-pie -no-pie
$(addprefix $(TESTS)/targets/,dl args crashes throws): LDFLAGS += '-Wl,-rpath,$$ORIGIN/plugins'
$(addprefix $(TESTS)/targets/,dl args crashes throws): LDFLAGS += -Wl,--enable-new-dtags
$(TESTS)/targets/plugins/outer.so: LDFLAGS += '-Wl,-rpath,$$ORIGIN/sub' -Wl,--enable-new-dtags
$(TESTS)/targets/plugins/frame_small.so: PLUGIN_FLAGS := -DROOM=512
$(TESTS)/targets/plugins/frame_big.so: PLUGIN_FLAGS := -DROOM=3000
$(TESTS)/targets/plugins/frame_%.so: tests/targets/plugins/frame.c
	$(call say,PLUGIN,$@)
	$Q mkdir -p $(@D)
	$Q$(CC) $(TARGET_FLAGS) -O1 -fomit-frame-pointer $(PLUGIN_FLAGS) -fPIC -shared -o $@ $<

$(TESTS)/targets/plugins/%.so: tests/targets/plugins/%.c
	$(call say,PLUGIN,$@)
	$Q mkdir -p $(@D)
	$Q$(CC) $(TARGET_FLAGS) -O0 -fPIC -shared -o $@ $< $(LDFLAGS)

$(TESTS)/targets/plugins/sub/%.so: tests/targets/plugins/%.c
	$(call say,PLUGIN,$@)
	$Q mkdir -p $(@D)
	$Q$(CC) $(TARGET_FLAGS) -O0 -fPIC -shared -o $@ $<

$(TESTS)/targets/plugins/%.so: tests/targets/plugins/%.cc
	$(call say,PLUGIN,$@)
	$Q mkdir -p $(@D)
	$Q$(CXX) $(filter-out -std=% -Wmissing-prototypes -Wstrict-prototypes,$(TARGET_FLAGS)) \
		-O0 -fPIC -shared -o $@ $<

-include $(wildcard $(TESTS)/examples/*/*.d $(TESTS)/targets/*.d $(TESTS)/targets/plugins/*.d)
