/* SPDX-License-Identifier: MIT */
/*
 * got.c - writes other functions into the import slots of one loaded object.
 *
 * Context: birth only. Must not: be used on an object of the host's.
 */
#include "got.h"

#include <elf.h>
#include <string.h>

#include "arch.h"
#include "sys.h"

struct dynamic {
	const ElfW(Sym) * symtab;
	const char *strtab;
	const ElfW(Rela) * rela[2];
	size_t n_rela[2];
};

static void read_dynamic(const struct link_map *map, struct dynamic *d)
{
	for (const ElfW(Dyn) *p = map->l_ld; p->d_tag != DT_NULL; p++) {
		switch (p->d_tag) {
		case DT_SYMTAB:
			d->symtab = (const void *)p->d_un.d_ptr;
			break;
		case DT_STRTAB:
			d->strtab = (const void *)p->d_un.d_ptr;
			break;
		case DT_RELA:
			d->rela[0] = (const void *)p->d_un.d_ptr;
			break;
		case DT_RELASZ:
			d->n_rela[0] = p->d_un.d_val / sizeof(ElfW(Rela));
			break;
		case DT_JMPREL:
			d->rela[1] = (const void *)p->d_un.d_ptr;
			break;
		case DT_PLTRELSZ:
			d->n_rela[1] = p->d_un.d_val / sizeof(ElfW(Rela));
			break;
		}
	}
}

/* The slot may lie in a RELRO page of a distribution that binds everything at load. */
static bool patch(void **slot, void *to)
{
	static void *open; /* the page last made writable: it has more of the slots */
	void *page = (void *)((uintptr_t)slot & ~(uintptr_t)(FR_PAGE - 1));

	if (page != open && fr_sys3(SYS_mprotect, page, FR_PAGE, PROT_READ | PROT_WRITE) != 0)
		return false;
	open = page;
	*slot = to;
	return true;
}

static bool is_slot(const ElfW(Rela) * r)
{
	uint64_t type = ELF64_R_TYPE(r->r_info);

	return type == R_X86_64_JUMP_SLOT || type == R_X86_64_GLOB_DAT ||
	       type == R_AARCH64_JUMP_SLOT || type == R_AARCH64_GLOB_DAT;
}

uint32_t fr_got_redirect(const struct link_map *map, const struct fr_redirect *rows, size_t n)
{
	struct dynamic d = {0};
	uint32_t found = 0;

	read_dynamic(map, &d);
	for (int part = 0; part < 2 && d.symtab && d.strtab; part++) {
		for (size_t i = 0; d.rela[part] && i < d.n_rela[part]; i++) {
			const ElfW(Rela) *r = &d.rela[part][i];
			const char *name = d.strtab + d.symtab[ELF64_R_SYM(r->r_info)].st_name;

			if (!is_slot(r))
				continue;
			for (size_t k = 0; k < n; k++) {
				if (strcmp(name, rows[k].name) == 0 &&
				    patch((void **)(map->l_addr + r->r_offset), rows[k].to))
					found |= 1u << k;
			}
		}
	}
	return found;
}
