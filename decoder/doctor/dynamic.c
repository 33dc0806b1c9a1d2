/* SPDX-License-Identifier: MIT */
/*
 * dynamic.c - what an ELF file says in .dynamic, its versions and its symbol tables.
 *
 * Must not: believe a number in the file; whatever leads out of its section ends the walk.
 */
#include <elf.h>
#include <stdio.h>
#include <string.h>

#include "doctor/objects.h"

/* SIZE bytes at AT of a section into OUT; false = they are not all there. */
static bool copy_at(struct span s, uint64_t at, void *out, size_t size)
{
	struct bytes b = bytes_at(s, at);

	if (b.bad || bytes_left(&b) < size)
		return false;
	memcpy(out, b.p, size);
	return true;
}

const char *fr_object_dynamic(struct elf_file *elf, int64_t tag, size_t i)
{
	struct span table = fr_elf_find(elf, ".dynamic"), strings = fr_elf_find(elf, ".dynstr");
	Elf64_Dyn d;

	for (uint64_t at = 0; copy_at(table, at, &d, sizeof(d)); at += sizeof(d)) {
		if (d.d_tag == DT_NULL)
			break;
		if (d.d_tag == tag && i-- == 0)
			return span_string(strings, d.d_un.d_val);
	}
	return NULL;
}

/* ---- versions -------------------------------------------------------------------------------- */

/* "GLIBC_2.34" as a number; 0 = something else. */
static uint32_t glibc_version(const char *name)
{
	unsigned int major, minor;

	if (!name || sscanf(name, "GLIBC_%u.%u", &major, &minor) != 2 || minor > 255)
		return 0;
	return major << 16 | minor << 8;
}

static uint32_t newer(uint32_t have, const char *name)
{
	uint32_t v = glibc_version(name);

	return v > have ? v : have;
}

#define CHAIN_MAX 1024 /* links that are followed */

uint32_t fr_object_glibc_needed(struct elf_file *elf)
{
	struct span table = fr_elf_find(elf, ".gnu.version_r"),
		    strings = fr_elf_find(elf, ".dynstr");
	uint32_t newest = 0;
	uint64_t at = 0;
	Elf64_Verneed need;
	Elf64_Vernaux aux;

	for (int i = 0; i < CHAIN_MAX && copy_at(table, at, &need, sizeof(need)); i++) {
		uint64_t one = at + need.vn_aux;

		for (int k = 0; k < need.vn_cnt && copy_at(table, one, &aux, sizeof(aux)); k++) {
			newest = newer(newest, span_string(strings, aux.vna_name));
			one += aux.vna_next;
		}
		if (!need.vn_next)
			break;
		at += need.vn_next;
	}
	return newest;
}

uint32_t fr_object_glibc_defined(struct elf_file *elf)
{
	struct span table = fr_elf_find(elf, ".gnu.version_d"),
		    strings = fr_elf_find(elf, ".dynstr");
	uint32_t newest = 0;
	uint64_t at = 0;
	Elf64_Verdef def;
	Elf64_Verdaux aux;

	for (int i = 0; i < CHAIN_MAX && copy_at(table, at, &def, sizeof(def)); i++) {
		if (copy_at(table, at + def.vd_aux, &aux, sizeof(aux)))
			newest = newer(newest, span_string(strings, aux.vda_name));
		if (!def.vd_next)
			break;
		at += def.vd_next;
	}
	return newest;
}

/* ---- symbols --------------------------------------------------------------------------------- */

/* Is the text at OFF this one? There may be a million symbols: no search for its end. */
static bool is_text(struct span strings, uint64_t off, const char *name, size_t len)
{
	return strings.data && off < strings.size && strings.size - off > len &&
	       !memcmp(strings.data + off, name, len + 1);
}

static bool table_defines(struct elf_file *elf, size_t section, const char *name)
{
	size_t link = fr_elf_section(elf, section)->link, len = strlen(name);
	struct span table = fr_elf_data(elf, section), strings = {0};
	Elf64_Sym sym;

	if (link < fr_elf_count(elf))
		strings = fr_elf_data(elf, link);
	for (uint64_t at = 0; copy_at(table, at, &sym, sizeof(sym)); at += sizeof(sym)) {
		if (sym.st_shndx != SHN_UNDEF && is_text(strings, sym.st_name, name, len))
			return true;
	}
	return false;
}

bool fr_object_defines(const struct object *o, const char *name)
{
	for (size_t i = 0; i < fr_elf_count(o->elf); i++) {
		uint32_t type = fr_elf_section(o->elf, i)->type;

		if ((type == SHT_DYNSYM || type == SHT_SYMTAB) && table_defines(o->elf, i, name))
			return true;
	}
	return false;
}

bool fr_object_has_text(const struct object *o, const char *text)
{
	static const char *const sections[] = {".comment", ".rodata"};

	for (size_t i = 0; i < sizeof(sections) / sizeof(*sections); i++) {
		struct span s = fr_elf_find(o->elf, sections[i]);

		if (s.data && memmem(s.data, s.size, text, strlen(text)))
			return true;
	}
	return false;
}
