/* SPDX-License-Identifier: MIT */
/*
 * locate.h - the files that may name the addresses of a module.
 *
 * Every file handed out has the build-id that was recorded in the process. Searched in order:
 * the module's own file; <root>/.build-id/xx/yyyy.debug; the .gnu_debuglink name beside the
 * module, in .debug/ and under each root; debuginfod if FR_DEBUGINFOD=1 and DEBUGINFOD_URLS are
 * set. The roots are those of FR_DEBUG_PATH (dir[:dir...]), then /usr/lib/debug.
 */
#ifndef FR_SYMBOLS_LOCATE_H
#define FR_SYMBOLS_LOCATE_H

#include "symbols/elf.h"

/* A module as the recording states it. All of it is untrusted. */
struct module_ref {
	const char *path;
	const uint8_t *build_id;
	uint32_t build_id_len; /* 0 = none: then no file is used unless FR_TRUST_PATH=1 */
	uint32_t pid; /* its /proc/PID/root is tried too; 0 = not known */
};

struct located {
	struct elf_file *main; /* the module itself, NULL = gone or replaced */
	struct elf_file *debug; /* has DWARF, or at least more symbols; may be == main */
	bool has_dwarf; /* `debug` has .debug_info */
	const char *problem; /* constant text; NULL = none */
};

void fr_locate(const struct module_ref *m, struct located *out);
void fr_locate_free(struct located *l);

/* The file that a dwz-compressed FILE shares with others (.gnu_debugaltlink); NULL = none. */
struct elf_file *fr_locate_alt(struct elf_file *file);

/* ROOT/.build-id/xx/yyyy.debug; false = no room or a build-id that is too short. */
bool fr_locate_by_id(char *buf, size_t size, const char *root, const uint8_t *id, size_t len);

#endif
