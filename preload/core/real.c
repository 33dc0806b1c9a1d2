/* SPDX-License-Identifier: MIT */
/*
 * real.c - finds the real functions, as dlsym(RTLD_NEXT) would, by the rows of hooks.def: in the
 * tables of the objects behind us, and with dlsym() itself where those are not plain.
 *
 * Context: the constructor, or the first hook of an object whose constructor ran before ours.
 * Must not: probe a name that may be missing before malloc is found, because a failed dlsym
 * allocates; the rows are resolved with the malloc family first.
 */
#include "core/real.h"

#include <link.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/auxv.h>

#include "core/check.h"
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

/* The function that the host's calls of ROW's name reach; NULL: it is our hook. */
static void *first_in_line(const struct fr_hook_row *row)
{
	extern const char __ehdr_start[] __attribute__((visibility("hidden")));
	extern const char _end[] __attribute__((visibility("hidden")));
	char *fn = dlsym(RTLD_DEFAULT, row->name);
	const ElfW(Sym) *sym = NULL;
	Dl_info its;

	if (!fn || (fn >= __ehdr_start && fn < _end) ||
	    !dladdr1(fn, &its, (void **)&sym, RTLD_DL_SYMENT))
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
		    fr_symbols_may_have(s, row->name))
			fr_hook_shadows[row->id] = first_in_line(row);
	}
}

/* The objects before us in the list are those that are searched before us, and the vdso. */
void fr_real_find_shadows(void)
{
	uintptr_t vdso = getauxval(AT_SYSINFO_EHDR);

	for (const struct link_map *m = _r_debug.r_map; m && m->l_ld != _DYNAMIC; m = m->l_next) {
		struct fr_symbols s = fr_symbols_of(m);

		if (!m->l_addr || m->l_addr != vdso)
			find_shadows(&s);
	}
}

static void put(const struct fr_hook_row *row, void *fn)
{
	__atomic_store_n((void **)((char *)&fr_real + row->slot), fn, __ATOMIC_RELEASE);
}

/* Of what the objects behind us define; false: from one on nobody but dlsym() can tell. */
static bool read_tables(void *found[FR_HOOK_MAX], bool doubt[FR_HOOK_MAX])
{
	uint32_t hash[FR_HOOK_MAX];
	const struct link_map *m = _r_debug.r_map;

	for (unsigned int i = 0; i < fr_hook_count; i++)
		hash[i] = fr_symbols_hash(fr_hook_rows[i].name);
	while (m && m->l_ld != _DYNAMIC)
		m = m->l_next;
	for (m = m ? m->l_next : NULL; m; m = m->l_next) {
		struct fr_symbols s = fr_symbols_of(m);

		if (!s.bloom)
			return false;
		for (unsigned int i = 0; i < fr_hook_count; i++) {
			if (!found[i])
				found[i] = fr_symbols_function(&s, fr_hook_rows[i].name, hash[i],
							       &doubt[i]);
		}
	}
	return true;
}

/*
 * What is plain. Only while the program is being started are all objects that are there those that
 * dlsym() looks at, in their order.
 */
static void resolve_plain(bool missing[FR_HOOK_MAX])
{
	void *found[FR_HOOK_MAX] = {NULL};
	bool doubt[FR_HOOK_MAX] = {false};
	bool all = read_tables(found, doubt);

	for (unsigned int i = 0; i < fr_hook_count; i++) {
		const struct fr_hook_row *row = &fr_hook_rows[i];

		if (row->version[0] || doubt[i])
			continue;
		if (found[i] && !fr_real_slot(row))
			put(row, found[i]);
		missing[i] = all && !found[i];
	}
}

static void resolve(const struct fr_hook_row *row)
{
	void *fn = NULL;

	if (fr_real_slot(row) || row->version[0] == '@') /* found by others, elsewhere */
		return;
	if (row->version[0])
		fn = dlvsym(RTLD_NEXT, row->name, row->version);
	if (!fn)
		fn = dlsym(RTLD_NEXT, row->name);
	put(row, fn);
}

void fr_real_resolve(void)
{
	static bool begun;
	bool missing[FR_HOOK_MAX] = {false};

	FR_RUNS(FR_WHERE_ANY_THREAD);
	if (!begun)
		resolve_plain(missing);
	begun = true;
	for (int mem = 1; mem >= 0; mem--) {
		for (unsigned int i = 0; i < fr_hook_count; i++) {
			if ((fr_hook_rows[i].klass == FR_CLASS_MEM) == mem && !missing[i])
				resolve(&fr_hook_rows[i]);
		}
	}
}
