/* SPDX-License-Identifier: MIT */
/*
 * lookup.c - see lookup.h.
 *
 * Context: the constructor, or the first hook of an object whose constructor ran before ours; just
 * before main; the first call of a function that was missing. Must not: load an object before main
 * (libc's own initialisation would run as that of a dependency, without argv and environ), or reach
 * a name that may be missing by dlsym() (a failed one allocates, and the host's dlerror() tells).
 */
#include "core/lookup.h"

#include <link.h>
#include <stddef.h>
#include <stdint.h>

#include "core/symbols.h"

struct fr_libc fr_libc;

/* Before 2.34: dlsym() is not libc's own. */
static bool apart;
static const struct link_map *libc;

/* ---- by our own eyes ------------------------------------------------------------------------- */

static const struct link_map *behind_us(void)
{
	const struct link_map *us = fr_symbols_us();

	return us ? us->l_next : _r_debug.r_map;
}

static void *find(const struct link_map *from, const char *name, const char *version)
{
	void *fn = NULL;

	for (const struct link_map *m = from; m && !fn; m = m->l_next) {
		if (!fr_symbols_is_vdso(m))
			fn = fr_symbols_find(m, name, version);
	}
	return fn;
}

/* ---- what libc has --------------------------------------------------------------------------- */

static const char *const names[] = {
#define LIBC(fn) #fn,
#include "core/libc.def"
#undef LIBC
};

static void find_libc(void)
{
	const struct link_map *m = behind_us();

	while (m && !fr_symbols_find(m, "gnu_get_libc_version", ""))
		m = m->l_next;
	libc = m;
	apart = m && !fr_symbols_find(m, "dlsym", "");
}

void fr_libc_find(void)
{
	void **slot = (void **)&fr_libc;

	if (!libc)
		find_libc();
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (!slot[i]) {
			void *fn = libc && !apart ? fr_symbols_find(libc, names[i], "")
						  : find(behind_us(), names[i], "");

			__atomic_store_n(&slot[i], fn, __ATOMIC_RELEASE);
		}
	}
}

/* ---- what an older one has beside it --------------------------------------------------------- */

#define FROM_LIBC 0x80000000u /* __RTLD_DLOPEN: what libc itself says */

static bool load(const char *name)
{
	void *(*open)(const char *, int) =
		apart ? fr_symbols_find(libc, "__libc_dlopen_mode", "") : NULL;
	bool loaded = open && open(name, (int)(RTLD_NOW | RTLD_GLOBAL | FROM_LIBC));

	if (loaded)
		fr_libc_find();
	return loaded;
}

void fr_libc_complete(void)
{
	if (apart && !fr_libc.dlsym)
		load("libdl.so.2");
}

bool fr_libc_load_threads(void)
{
	static bool tried;

	if (!apart || fr_libc.pthread_key_create || tried)
		return false;
	tried = true;
	return load("libpthread.so.0");
}

/* ---- lookups --------------------------------------------------------------------------------- */

void *fr_lookup_first(const char *name)
{
	void *fn = apart ? find(_r_debug.r_map, name, "") : fr_libc.dlsym(RTLD_DEFAULT, name);

	__asm__ volatile("" : "+r"(fn)); /* never a tail call */
	return fn;
}

void *fr_lookup_next(const char *name, const char *version)
{
	void *fn;

	if (apart)
		fn = find(behind_us(), name, version);
	else
		fn = version[0] ? fr_libc.dlvsym(RTLD_NEXT, name, version)
				: fr_libc.dlsym(RTLD_NEXT, name);
	__asm__ volatile("" : "+r"(fn));
	return fn;
}
