# SPDX-License-Identifier: MIT
# make help shows what can be made.

PREFIX ?= /usr/local
O ?= build
CC ?= gcc
V ?=
DEBUG ?=
SAN ?=
CI ?=

Q := $(if $(V),,@)
say = $(if $(V),,@printf '  %-8s%s\n' '$1' '$2')

WARN := -Wall -Wextra -Wshadow -Wmissing-prototypes -Wstrict-prototypes -Wno-unused-parameter
WARN += $(if $(CI),-Werror)
OPT := $(if $(DEBUG),-O0 -g3 -DFR_DEBUG,-O2 -g)
BASE := -std=gnu11 $(WARN) $(OPT) -MMD -MP

# The recorder: libc only, nothing exported but the hooks, static TLS, no stack protector calls.
# Its code runs between the host's, mostly cold: without the gaps of alignment it is less of it, and
# words that go from memory to memory one by one are faster than packed into a vector first.
PRELOAD_SRC := $(wildcard preload/*/*.c)
PRELOAD_OBJ := $(PRELOAD_SRC:%.c=$O/%.o)
PRELOAD_CFLAGS := $(BASE) -fPIC -fvisibility=hidden -ftls-model=initial-exec -fno-builtin-malloc \
	-fno-builtin-calloc -fno-builtin-realloc -fno-builtin-free -fno-omit-frame-pointer \
	-fno-stack-protector -fno-tree-slp-vectorize -fno-align-loops -fno-align-jumps -fno-align-labels \
	-U_FORTIFY_SOURCE -D_GNU_SOURCE -I. -Ipreload
PRELOAD_LDFLAGS := -shared -Wl,-z,initfirst -Wl,-z,nodelete -Wl,-z,defs -Wl,-z,now -Wl,-z,relro \
	-Wl,--sort-section=name -Wl,-Bsymbolic-functions -Wl,--version-script=preload/exports.map

# The decoder.
DECODER_SRC := $(wildcard decoder/*.c decoder/*/*.c)
DECODER_OBJ := $(DECODER_SRC:%.c=$O/%.o)
DECODER_CFLAGS := $(BASE) -D_GNU_SOURCE -I. -Idecoder $(if $(SAN),-fsanitize=$(SAN))
DECODER_LIBS := -ldwarf -lelf -lz -llzma -ljansson -liberty

.PHONY: all
all: $O/libfr.so $O/fr $O/fr.1

.PHONY: help
help:
	@echo 'make            build/libfr.so and build/fr'
	@echo 'make test       all tests (short forms); make trust: the long ones'
	@echo 'make demo       scene 1: the slow request of the guess-number server'
	@echo 'make bench      what it costs, in paired runs; PARTS="micro servers", QUICK=1'
	@echo 'make bench-peers  the same work under LTTng, heaptrack, uftrace, perf, strace'
	@echo 'make lint fmt   static checks; format the code'
	@echo 'make install    to PREFIX ($(PREFIX)), DESTDIR honoured; make uninstall'
	@echo 'make clean      remove $O'
	@echo 'variables       V=1 verbose  DEBUG=1 -O0 and checks (O=build/debug)  SAN=address,undefined'

$O/libfr.so: $(PRELOAD_OBJ) preload/exports.map
	$(call say,LINK,$@)
	$Q$(CC) -o $@ $(PRELOAD_OBJ) $(PRELOAD_LDFLAGS) $(LDFLAGS)

$O/fr: $(DECODER_OBJ)
	$(call say,LINK,$@)
	$Q$(CC) -o $@ $(DECODER_OBJ) $(if $(SAN),-fsanitize=$(SAN)) $(LDFLAGS) $(DECODER_LIBS)

# The manual page: from the tables that fr is made of.
$O/fr.1: $O/fr
	$(call say,MAN,$@)
	$Q$O/fr help --man >$@

$O/preload/%.o: preload/%.c
	$(call say,CC,$<)
	$Q mkdir -p $(@D)
	$Q$(CC) $(PRELOAD_CFLAGS) $(CFLAGS) -c -o $@ $<

$O/decoder/%.o: decoder/%.c
	$(call say,CC,$<)
	$Q mkdir -p $(@D)
	$Q$(CC) $(DECODER_CFLAGS) $(CFLAGS) -c -o $@ $<

include tests/tests.mk

.PHONY: demo test trust bench bench-peers lint fmt
demo:
	$Qscripts/demo
test:
	$Qscripts/test
trust:
	$Qscripts/test --long
bench:
	$Qscripts/bench $(if $(QUICK),--quick) $(PARTS)
bench-peers:
	$Qscripts/bench $(if $(QUICK),--quick) peers
lint:
	$Qscripts/lint
fmt:
	$Qscripts/fmt

.PHONY: install uninstall clean
install: all
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/lib $(DESTDIR)$(PREFIX)/include \
		$(DESTDIR)$(PREFIX)/share/man/man1
	install -m 755 $O/fr $(DESTDIR)$(PREFIX)/bin/fr
	install -m 755 $O/libfr.so $(DESTDIR)$(PREFIX)/lib/libfr.so
	install -m 644 preload/fr.h $(DESTDIR)$(PREFIX)/include/fr.h
	install -m 644 $O/fr.1 $(DESTDIR)$(PREFIX)/share/man/man1/fr.1
uninstall:
	rm -f $(DESTDIR)$(PREFIX)/bin/fr $(DESTDIR)$(PREFIX)/lib/libfr.so \
		$(DESTDIR)$(PREFIX)/include/fr.h $(DESTDIR)$(PREFIX)/share/man/man1/fr.1
clean:
	rm -rf $O

-include $(PRELOAD_OBJ:.o=.d) $(DECODER_OBJ:.o=.d)
