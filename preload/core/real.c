/* SPDX-License-Identifier: MIT */
/*
 * real.c - finds the real functions with dlsym(RTLD_NEXT) by the rows of hooks.def.
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

static void resolve(const struct fr_hook_row *row)
{
	void *fn = NULL;

	if (fr_real_slot(row) || row->version[0] == '@') /* found by others, elsewhere */
		return;
	if (row->version[0])
		fn = dlvsym(RTLD_NEXT, row->name, row->version);
	if (!fn)
		fn = dlsym(RTLD_NEXT, row->name);
	__atomic_store_n((void **)((char *)&fr_real + row->slot), fn, __ATOMIC_RELEASE);
}

void fr_real_resolve(void)
{
	FR_RUNS(FR_WHERE_ANY_THREAD);
	for (int mem = 1; mem >= 0; mem--) {
		for (unsigned int i = 0; i < fr_hook_count; i++) {
			if ((fr_hook_rows[i].klass == FR_CLASS_MEM) == mem)
				resolve(&fr_hook_rows[i]);
		}
	}
}
