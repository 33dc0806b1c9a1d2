/* SPDX-License-Identifier: MIT */
/*
 * real.c - finds the real functions, as dlsym(RTLD_NEXT) would, by the rows of hooks.def: in the
 * tables of the objects behind us, and with dlsym() itself where those are not plain.
 *
 * Context: the constructor, or the first hook of an object whose constructor ran before ours; the
 * call of a function that this libc lacks. Must not: call anything of libc's that a sanitizer may
 * have replaced; probe a name that may be missing before malloc is found, because a failed dlsym
 * allocates: the malloc family comes first.
 */
#include "core/real.h"

#include <link.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>

#include "core/check.h"
#include "core/lookup.h"
#include "core/symbols.h"
#include "wire/wire.h"

struct fr_real fr_real;

#define HOOK(id, fn, klass, wait, trigger, version)                                                \
	{#fn, version, id, FR_CLASS_##klass, FR_WAIT_##wait, offsetof(struct fr_real, fn)},
const struct fr_hook_row fr_hook_rows[] = {
#include "wire/hooks.def"
};
#undef HOOK
const unsigned int fr_hook_count = sizeof(fr_hook_rows) / sizeof(*fr_hook_rows);

static void put(const struct fr_hook_row *row, void *fn)
{
	__atomic_store_n((void **)((char *)&fr_real + row->slot), fn, __ATOMIC_RELEASE);
}

/* ---- finding them ---------------------------------------------------------------------------- */

static const struct link_map *last; /* of the objects that the program began with */
static uint32_t hashes[FR_HOOK_MAX];
static bool doubtful[FR_HOOK_MAX]; /* only dlsym() can tell */
static bool complete;

static void begin(void)
{
	for (unsigned int i = 0; i < fr_hook_count; i++)
		hashes[i] = fr_symbols_hash(fr_hook_rows[i].name);
	last = _r_debug.r_map;
	while (last && last->l_next)
		last = last->l_next;
}

/* Nobody asks for these here: they are found by others, elsewhere. */
static bool is_elsewhere(const struct fr_hook_row *row)
{
	return row->version[0] == '@';
}

static void read_object(const struct fr_symbols *s, bool versions)
{
	const char *version = "";
	uint16_t number = FR_SYMBOLS_DEFAULT;

	for (unsigned int i = 0; i < fr_hook_count; i++) {
		const struct fr_hook_row *row = &fr_hook_rows[i];
		bool doubt = false;
		void *fn;

		if (fr_real_slot(row) || is_elsewhere(row))
			continue;
		if (versions && !fr_symbols_same(row->version, version)) {
			version = row->version;
			number = fr_symbols_version(s, version);
		}
		fn = fr_symbols_function(s, row->name, hashes[i], number, &doubt);
		doubtful[i] |= doubt;
		if (fn && !doubtful[i])
			put(row, fn);
	}
}

/*
 * What the objects behind us define, of those that the program began with: they are what dlsym()
 * would look at, in its order. False: of one of them only dlsym() can tell.
 */
static bool read_tables(bool versions)
{
	const struct link_map *m = _r_debug.r_map;

	while (m && m->l_ld != _DYNAMIC)
		m = m->l_next;
	for (m = m ? m->l_next : NULL; m; m = m->l_next) {
		struct fr_symbols s = fr_symbols_of(m);

		if (!s.bloom)
			return false;
		read_object(&s, versions);
		if (m == last)
			break;
	}
	return true;
}

static void ask_loader(const struct fr_hook_row *row)
{
	void *fn = NULL;

	if (row->version[0])
		fn = fr_lookup_next(row->name, row->version);
	if (!fn)
		fn = fr_lookup_next(row->name, "");
	put(row, fn);
}

static bool is_left(unsigned int i, bool plain)
{
	const struct fr_hook_row *row = &fr_hook_rows[i];

	return !fr_real_slot(row) && !is_elsewhere(row) && (!plain || doubtful[i]);
}

/* PLAIN: but for the doubtful ones, what is not found yet is not there. */
static void find_rest(bool plain)
{
	for (int mem = 1; mem >= 0; mem--) {
		for (unsigned int i = 0; i < fr_hook_count; i++) {
			if ((fr_hook_rows[i].klass == FR_CLASS_MEM) == mem && is_left(i, plain))
				ask_loader(&fr_hook_rows[i]);
		}
	}
}

void fr_real_resolve(void)
{
	bool plain;

	if (complete)
		return;
	fr_libc_find();
	begin();
	/* a name in its version, or, of an object that has no such version, the name alone */
	plain = read_tables(true);
	for (unsigned int i = 0; plain && i < fr_hook_count; i++) {
		if (fr_hook_rows[i].version[0] && is_left(i, false)) {
			plain = read_tables(false);
			break;
		}
	}
	find_rest(plain);
	complete = true;
}

/* ---- who is before us ------------------------------------------------------------------------ */

/* The function that the host's calls of ROW's name reach; NULL: it is our hook. */
static void *first_in_line(const struct fr_hook_row *row)
{
	extern const char __ehdr_start[] __attribute__((visibility("hidden")));
	extern const char _end[] __attribute__((visibility("hidden")));
	char *fn = fr_lookup_first(row->name);
	const ElfW(Sym) *sym = NULL;
	Dl_info its;

	if (!fn || (fn >= __ehdr_start && fn < _end) || !fr_libc.dladdr1 ||
	    !fr_libc.dladdr1(fn, &its, (void **)&sym, RTLD_DL_SYMENT))
		return NULL;
	/* undefined, but with an address: a program that is not PIE calls us through there */
	return sym && sym->st_shndx == SHN_UNDEF ? NULL : fn;
}

void *fr_hook_shadows[FR_HOOK_MAX];

/* Those that an object may cause whose names are S. */
static void find_shadows(const struct fr_symbols *s)
{
	for (unsigned int i = 0; i < fr_hook_count; i++) {
		const struct fr_hook_row *row = &fr_hook_rows[i];

		if (row->version[0] != '@' && !fr_hook_shadows[row->id] &&
		    fr_symbols_may_have(s, hashes[i]))
			fr_hook_shadows[row->id] = first_in_line(row);
	}
}

/* The objects before us in the list are those that are searched before us, and the vdso. */
void fr_real_find_shadows(void)
{
	for (const struct link_map *m = _r_debug.r_map; m && m->l_ld != _DYNAMIC; m = m->l_next) {
		struct fr_symbols s = fr_symbols_of(m);

		if (!fr_symbols_is_vdso(m))
			find_shadows(&s);
	}
}

/* ---- what this libc lacks -------------------------------------------------------------------- */

static long lacks(void)
{
	errno = ENOSYS;
	return -1;
}

static long lacks_with_code(void)
{
	return ENOSYS;
}

static const struct fr_hook_row *row_of(unsigned int id)
{
	unsigned int i = 0;

	while (i + 1 < fr_hook_count && fr_hook_rows[i].id != id)
		i++;
	return &fr_hook_rows[i];
}

void *fr_real_find(unsigned int id)
{
	const struct fr_hook_row *row = row_of(id);
	bool is_threads = !strncmp(row->name, "pthread_", 8) || !strncmp(row->name, "sem_", 4);

	fr_real_resolve();
	/* what was missing may have been loaded since: before 2.34 libdl, libpthread */
	if (!fr_real_slot(row)) {
		if (is_threads)
			fr_libc_load_threads();
		fr_libc_find();
		find_rest(false);
	}
	if (fr_real_slot(row))
		return fr_real_slot(row);
	return strstr(row->name, "pthread_") ? (void *)lacks_with_code : (void *)lacks;
}
