# SPDX-License-Identifier: MIT
# make help shows what can be made.

PREFIX ?= /usr/local
LIBDIR ?= $(PREFIX)/lib/fr
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
# The static fr (make static): without libzstd only where this machine has no libzstd.a.
ifdef STATIC
zstd := $(filter /%,$(shell $(CC) -print-file-name=libzstd.a))
DECODER_CFLAGS += -DFR_STATIC $(if $(zstd),-DFR_STATIC_ZSTD)
DECODER_LIBS := -static $(DECODER_LIBS) $(if $(zstd),-lzstd)
endif

# What fr writes of its own tables.
PAGES := $O/fr.1 $O/libfr.7
COMPLETIONS := bash zsh fish
GENERATED := $(PAGES) $(COMPLETIONS:%=$O/completion.%)

.PHONY: all
all: $O/libfr.so $O/fr $(GENERATED)

.PHONY: help
help:
	@echo 'make            build/libfr.so and build/fr'
	@echo 'make test       all tests (short forms); make trust: the long ones'
	@echo 'make demo       scene 1: the slow request of the guess-number server'
	@echo 'make bench      what it costs, in paired runs; PARTS="micro servers", QUICK=1'
	@echo 'make bench-peers  the same work under LTTng, heaptrack, uftrace, perf, strace'
	@echo 'make lint fmt   static checks; format the code'
	@echo 'make install    to PREFIX ($(PREFIX)), DESTDIR and LIBDIR honoured; make uninstall'
	@echo 'make static     $O/static/fr, which needs no library; make package: .deb and .tar.gz'
	@echo 'make clean      remove $O'
	@echo 'variables       V=1 verbose  DEBUG=1 -O0 and checks (O=build/debug)  SAN=address,undefined'

$O/libfr.so: $(PRELOAD_OBJ) preload/exports.map
	$(call say,LINK,$@)
	$Q$(CC) -o $@ $(PRELOAD_OBJ) $(PRELOAD_LDFLAGS) $(LDFLAGS)

$O/fr: $(DECODER_OBJ)
	$(call say,LINK,$@)
	$Q$(CC) -o $@ $(DECODER_OBJ) $(if $(SAN),-fsanitize=$(SAN)) $(LDFLAGS) $(DECODER_LIBS)

# From the tables that fr is made of.
$O/fr.1 $O/libfr.7: $O/fr
	$(call say,MAN,$@)
	$Q$O/fr help --man $(basename $(@F)) >$@
$(COMPLETIONS:%=$O/completion.%): $O/completion.%: $O/fr
	$(call say,WRITE,$@)
	$Q$O/fr help --completion $* >$@

# A fr of one file that needs no library.
.PHONY: static
static:
	$Q$(MAKE) --no-print-directory O=$O/static STATIC=1 $O/static/fr

# Where make install puts libfr.so is compiled in if fr would not find it from where it is itself.
far_libdir := $(filter-out $(PREFIX)/lib/fr,$(LIBDIR))
.PHONY: always
$O/libdir: always
	$Q mkdir -p $O
	$Qecho '$(far_libdir)' | cmp -s - $@ || echo '$(far_libdir)' >$@
$O/decoder/capture/run.o: $O/libdir
$O/decoder/capture/run.o: DECODER_CFLAGS += $(if $(far_libdir),-DFR_LIBDIR='"$(far_libdir)"')

$O/preload/%.o: preload/%.c
	$(call say,CC,$<)
	$Q mkdir -p $(@D)
	$Q$(CC) $(PRELOAD_CFLAGS) $(CFLAGS) -c -o $@ $<

$O/decoder/%.o: decoder/%.c
	$(call say,CC,$<)
	$Q mkdir -p $(@D)
	$Q$(CC) $(DECODER_CFLAGS) $(CFLAGS) -c -o $@ $<

include tests/tests.mk

.PHONY: demo test trust bench bench-peers package lint fmt
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
package:
	$Qscripts/package
lint:
	$Qscripts/lint
fmt:
	$Qscripts/fmt

# What is installed, and where to: scripts/package makes its packages of the same.
BIN := $(DESTDIR)$(PREFIX)/bin
LIB := $(DESTDIR)$(LIBDIR)
INCLUDE := $(DESTDIR)$(PREFIX)/include
SHARE := $(DESTDIR)$(PREFIX)/share
fill_in = sed -e 's|@PREFIX@|$(PREFIX)|g; s|@LIBDIR@|$(LIBDIR)|g' \
	-e "s|@VERSION@|$$($O/fr --version | sed 's/^fr \([^,]*\),.*/\1/')|g"

.PHONY: install uninstall clean
install: all
	install -d $(BIN) $(LIB) $(INCLUDE) $(SHARE)/man/man1 $(SHARE)/man/man7 \
		$(SHARE)/pkgconfig $(SHARE)/bash-completion/completions \
		$(SHARE)/zsh/vendor-completions $(SHARE)/fish/vendor_completions.d $(SHARE)/fr
	install -m 755 $O/fr $(BIN)/fr
	install -m 644 $O/libfr.so $(LIB)/libfr.so
	install -m 644 preload/fr.h $(INCLUDE)/fr.h
	install -m 644 $O/fr.1 $(SHARE)/man/man1/fr.1
	install -m 644 $O/libfr.7 $(SHARE)/man/man7/libfr.7
	install -m 644 $O/completion.bash $(SHARE)/bash-completion/completions/fr
	install -m 644 $O/completion.zsh $(SHARE)/zsh/vendor-completions/_fr
	install -m 644 $O/completion.fish $(SHARE)/fish/vendor_completions.d/fr.fish
	$(fill_in) scripts/packaging/fr.pc.in >$(SHARE)/pkgconfig/fr.pc
	$(fill_in) scripts/packaging/fr.conf.in >$(SHARE)/fr/fr.conf
uninstall:
	rm -f $(BIN)/fr $(LIB)/libfr.so $(INCLUDE)/fr.h $(SHARE)/man/man1/fr.1 \
		$(SHARE)/man/man7/libfr.7 $(SHARE)/bash-completion/completions/fr \
		$(SHARE)/zsh/vendor-completions/_fr $(SHARE)/fish/vendor_completions.d/fr.fish \
		$(SHARE)/pkgconfig/fr.pc $(SHARE)/fr/fr.conf
	-rmdir $(LIB) $(SHARE)/fr
clean:
	rm -rf $O

-include $(PRELOAD_OBJ:.o=.d) $(DECODER_OBJ:.o=.d)
