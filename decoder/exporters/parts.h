/* SPDX-License-Identifier: MIT */
/*
 * parts.h - the parts that `fr info` and `fr decode` both begin with.
 */
#ifndef FR_EXPORTERS_PARTS_H
#define FR_EXPORTERS_PARTS_H

#include "exporters/exporters.h"
#include "symbols/symbols.h"

/* Process, trigger, crash, window, settings: "name  value" lines. */
void fr_part_header(struct call *c);
/* How far back each tier goes. */
void fr_part_tiers(struct call *c);
/* One row a thread; all of them only if ALL. */
void fr_part_threads(struct call *c, bool all);
void fr_part_modules(struct call *c, struct symbols *sy, bool all);
/* Drops by name, and what was torn. */
void fr_part_drops(struct call *c);

/* A build-id as hex digits, "-" if there is none. */
const char *fr_build_id(const struct rec_module *m, char buf[65]);
/* What to say of a module's symbols: "DWARF, lines", "names only", "none: build-id differs". */
const char *fr_symbols_word(const struct module_symbols *ms, char *buf, size_t size);

#endif
