/* SPDX-License-Identifier: MIT */
/*
 * got.c - writes other functions into the import slots of one loaded object.
 *
 * Context: birth only. Must not: be used on an object of the host's.
 */
#include "record/got.h"

#include <elf.h>
#include <string.h>

#include "core/arch.h"
#include "core/sys.h"

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

/* A call's slot, a function's address in the table, or one in the object's own data. */
static bool is_slot(const ElfW(Rela) * r)
{
	uint64_t type = ELF64_R_TYPE(r->r_info);

	return type == R_X86_64_JUMP_SLOT || type == R_X86_64_GLOB_DAT ||
	       type == R_AARCH64_JUMP_SLOT || type == R_AARCH64_GLOB_DAT ||
	       ((type == R_X86_64_64 || type == R_AARCH64_ABS64) && r->r_addend == 0);
}

/* What is called is a function, whatever its symbol says; else the linker has said so. */
static bool is_function(const ElfW(Rela) * r, const ElfW(Sym) * sym)
{
	uint64_t type = ELF64_R_TYPE(r->r_info);

	return type == R_X86_64_JUMP_SLOT || type == R_AARCH64_JUMP_SLOT ||
	       ELF64_ST_TYPE(sym->st_info) == STT_FUNC;
}

static bool names(const char *row, const char *name)
{
	size_t n = strlen(row) - 1;

	return row[n] == '*' ? strncmp(row, name, n) == 0 : strcmp(row, name) == 0;
}

/* The row that names NAME; N: none. */
static size_t find_row(const char *name, const struct fr_redirect *rows, size_t n)
{
	size_t k = 0;

	while (k < n && !names(rows[k].name, name))
		k++;
	return k;
}

static void redirect(const struct link_map *map, const struct dynamic *d, const ElfW(Rela) * r,
		     const struct fr_redirect *rows, size_t n, struct fr_imports *found)
{
	const ElfW(Sym) *sym = &d->symtab[ELF64_R_SYM(r->r_info)];
	const char *name = d->strtab + sym->st_name;
	size_t k;

	if (!is_slot(r) || sym->st_shndx != SHN_UNDEF || !*name)
		return;
	k = find_row(name, rows, n);
	if (k == n && is_function(r, sym))
		found->stranger = name;
	if (k < n && (!rows[k].to || patch((void **)(map->l_addr + r->r_offset), rows[k].to)))
		found->rows |= 1ull << k;
}

struct fr_imports fr_got_redirect(const struct link_map *map, const struct fr_redirect *rows,
				  size_t n)
{
	struct fr_imports found = {0};
	struct dynamic d = {0};

	read_dynamic(map, &d);
	for (int part = 0; part < 2 && d.symtab && d.strtab; part++) {
		for (size_t i = 0; d.rela[part] && i < d.n_rela[part]; i++)
			redirect(map, &d, &d.rela[part][i], rows, n, &found);
	}
	return found;
}
