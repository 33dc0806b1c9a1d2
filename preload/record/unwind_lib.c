/* SPDX-License-Identifier: MIT */
/*
 * unwind_lib.c - libunwind, loaded for us alone.
 *
 * Never DT_NEEDED: its _Unwind_* would replace the host's. It is opened with RTLD_DEEPBIND and its
 * imports are redirected in its own GOT (unwind_calls.c). A host that has it already needs it as it
 * is, with its locks: then we load a copy.
 *
 * Context: just before main, one thread of ours. Must not: leave a descriptor, or change an object
 * of the host's.
 */
#include "record/unwind_lib.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <link.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>

#include "core/arch.h"
#include "core/config.h"
#include "core/process.h"
#include "core/real.h"
#include "core/sys.h"
#include "core/text.h"
#include "record/unwind_calls.h"

#define NAME "libunwind.so.8"

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010u /* Linux 6.3: a copy that may be executed */
#endif

struct fr_unwind_lib fr_unwind_lib;

static const struct link_map *map; /* the library, or the host's own */

/* The file's full name tells the version: libunwind.so.8.1.0. */
static void put_path(struct fr_text *t)
{
	char to[128] = "";
	const char *name = map && map->l_name[0] ? map->l_name : NAME;
	const char *base = strrchr(name, '/');
	long n = fr_sys4(SYS_readlinkat, AT_FDCWD, name, to, sizeof(to));

	if (n > 0 && base && !memchr(to, '/', (size_t)n)) {
		fr_text_bytes(t, name, (size_t)(base + 1 - name));
		fr_text_bytes(t, to, (size_t)n);
	} else {
		fr_text_str(t, name);
	}
}

void fr_unwind_lib_note(const char *what, const char *why)
{
	char line[512];
	struct fr_text t = fr_text_on(line, sizeof(line));

	put_path(&t);
	fr_text_str(&t, " ");
	fr_text_str(&t, what);
	fr_text_str(&t, why);
	fr_note(line,
		fr_config.unwind == FR_UNWIND_LIBUNWIND
			? ": not used, stacks by frame pointers only"
			: ": not used, stacks are not verified",
		"");
}

static struct link_map *map_of(void *handle)
{
	struct link_map *m = NULL;

	return dlinfo(handle, RTLD_DI_LINKMAP, &m) == 0 ? m : NULL;
}

/* ---- a copy ---------------------------------------------------------------------------------- */

static int executable_memfd(void)
{
	int fd = (int)fr_sys2(SYS_memfd_create, NAME, 1 /* MFD_CLOEXEC */ | MFD_EXEC);

	return fd >= 0 ? fd : (int)fr_sys2(SYS_memfd_create, NAME, 1);
}

static bool copy_file(int to, const char *from)
{
	char buf[4096];
	int fd = fr_sys_openat(AT_FDCWD, from, O_RDONLY | O_CLOEXEC, 0);
	long n = -1;

	while (fd >= 0 && (n = fr_sys_read(fd, buf, sizeof(buf))) > 0) {
		if (fr_sys_write_all(to, buf, (size_t)n) < 0)
			break;
	}
	if (fd >= 0)
		fr_sys_close(fd);
	return n == 0;
}

/* The loader knows objects by name and inode: these are others. */
static void *open_copy(const char *from, int flags)
{
	char name[40];
	struct fr_text t = fr_text_on(name, sizeof(name));
	int fd = executable_memfd();
	void *h = NULL;

	if (fd < 0)
		return NULL;
	fr_text_str(&t, "/proc/self/fd/");
	fr_text_num(&t, (uint64_t)fd, 10);
	if (copy_file(fd, from))
		h = FR_REAL(dlopen)(name, flags);
	fr_sys_close(fd);
	return h;
}

/* ---- opening --------------------------------------------------------------------------------- */

/* What is loaded now ends with it. */
static const struct link_map *last_loaded(void)
{
	const struct link_map *m = _r_debug.r_map;

	while (m && m->l_next)
		m = m->l_next;
	return m;
}

static bool stands_up_to(const struct link_map *last, const struct link_map *wanted)
{
	const struct link_map *m = _r_debug.r_map;

	while (m && m != wanted && m != last)
		m = m->l_next;
	return m == wanted;
}

/* One that was there before is the host's. To ask with RTLD_NOLOAD would search the disk twice. */
static void *open_library(void)
{
	int flags = RTLD_NOW | (fr_process.sanitized ? 0 : RTLD_DEEPBIND);
	const struct link_map *last = last_loaded();
	void *first = FR_REAL(dlopen)(NAME, flags), *h;

	map = first ? map_of(first) : NULL;
	if (!map) {
		fr_unwind_lib_note("cannot be loaded", "");
		return NULL;
	}
	if (!stands_up_to(last, map))
		return first;
	h = open_copy(map->l_name, flags);
	if (!h)
		fr_unwind_lib_note("is the program's own, and a copy cannot be loaded", "");
	FR_REAL(dlclose)(first);
	return h;
}

struct symbol {
	const char *name; /* the real one: libunwind.h renames them per architecture */
	size_t at; /* in struct fr_unwind_lib */
};

static const struct symbol symbols[] = {
	{"_UL" FR_UNW_ARCH "_init_local2", offsetof(struct fr_unwind_lib, unw_init_local2_p)},
	{"_UL" FR_UNW_ARCH "_step", offsetof(struct fr_unwind_lib, unw_step_p)},
	{"_UL" FR_UNW_ARCH "_get_reg", offsetof(struct fr_unwind_lib, unw_get_reg_p)},
	{"_UL" FR_UNW_ARCH "_get_save_loc", offsetof(struct fr_unwind_lib, unw_get_save_loc_p)},
	{"_UL" FR_UNW_ARCH "_get_proc_info", offsetof(struct fr_unwind_lib, unw_get_proc_info_p)},
	{"_UL" FR_UNW_ARCH "_is_signal_frame",
	 offsetof(struct fr_unwind_lib, unw_is_signal_frame_p)},
	{"_U" FR_UNW_ARCH "_flush_cache", offsetof(struct fr_unwind_lib, unw_flush_cache_p)},
	{"_UL" FR_UNW_ARCH "_local_addr_space", offsetof(struct fr_unwind_lib, space)},
};
#define SYMBOLS (sizeof(symbols) / sizeof(symbols[0]))
_Static_assert(SYMBOLS * sizeof(void *) == sizeof(struct fr_unwind_lib), "each has a row");

/* The name of one that is missing, or NULL. */
static const char *find_functions(void *handle)
{
	for (size_t i = 0; i < SYMBOLS; i++) {
		void *p = dlsym(handle, symbols[i].name);

		if (!p)
			return symbols[i].name;
		*(void **)((char *)&fr_unwind_lib + symbols[i].at) = p;
	}
	return NULL;
}

static uintptr_t loaded_at; /* 0 = not */

/* Its headers stand at its beginning, as of every library. */
void fr_unwind_lib_extent(uintptr_t *lo, uintptr_t *hi)
{
	const ElfW(Ehdr) *eh = (const void *)loaded_at;
	const ElfW(Phdr) * p;

	*lo = *hi = 0;
	if (!eh || memcmp(eh->e_ident, ELFMAG, SELFMAG) != 0)
		return;
	*lo = loaded_at;
	p = (const void *)(loaded_at + eh->e_phoff);
	for (unsigned int i = 0; i < eh->e_phnum; i++) {
		uintptr_t end = loaded_at + p[i].p_vaddr + p[i].p_memsz;

		if (p[i].p_type == PT_LOAD && end > *hi)
			*hi = end;
	}
	*hi = (*hi + FR_PAGE - 1) & ~(uintptr_t)(FR_PAGE - 1);
}

bool fr_unwind_lib_open(void)
{
	char text[200];
	struct fr_text why = fr_text_on(text, sizeof(text));
	void *h = open_library();
	const char *missing;

	if (!h || !map_of(h))
		return false;
	missing = find_functions(h);
	if (missing) {
		fr_unwind_lib_note("lacks ", missing);
		return false;
	}
	if (!fr_unwind_calls_redirect(map_of(h), &why)) {
		fr_unwind_lib_note("", text);
		return false;
	}
	loaded_at = map_of(h)->l_addr;
	return true;
}
