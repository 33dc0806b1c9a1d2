/* SPDX-License-Identifier: MIT */
/*
 * elf.c - opens an ELF file with libelf and hands out its sections.
 *
 * Owns: the mapping and the decompressed sections, until fr_elf_close(). Context: a worker (big
 * files, DWARF) or the caller of the locator. Must not: write to the file, or open anything that
 * is not a regular file: paths come from recordings.
 */
#include "symbols/elf.h"

#include <gelf.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/regular.h"
#include "symbols/inflate.h"

struct section {
	struct elf_section s;
	Elf_Scn *scn;
	uint8_t *inflated; /* owned; NULL = not compressed or not used yet */
	char *plain_name; /* owned; of ".zdebug_*" */
	bool zdebug;
	bool failed;
};

struct elf_file {
	int fd; /* -1 = in memory */
	char *path;
	uint64_t size;
	int64_t mtime_ns;
	Elf *elf;
	struct section *sections;
	size_t n;
	const char *problem;
};

/* Old compressed sections are known as what they hold. */
static void name_section(struct section *sec, const char *name)
{
	sec->s.name = name ? name : "";
	if (!name || strncmp(name, ".zdebug_", 8))
		return;
	sec->zdebug = true;
	sec->plain_name = strdup(name + 1);
	if (sec->plain_name)
		sec->plain_name[0] = '.';
	sec->s.name = sec->plain_name ? sec->plain_name : "";
}

static void read_section(struct elf_file *f, size_t i, Elf_Scn *scn, size_t shstrndx)
{
	struct section *sec = &f->sections[i];
	struct span raw;
	GElf_Shdr sh;
	Elf_Data *d;

	sec->s.name = "";
	if (!gelf_getshdr(scn, &sh))
		return;
	sec->scn = scn;
	name_section(sec, elf_strptr(f->elf, shstrndx, sh.sh_name));
	sec->s.type = sh.sh_type;
	sec->s.link = sh.sh_link;
	sec->s.flags = sh.sh_flags;
	sec->s.addr = sh.sh_addr;
	sec->s.size = sh.sh_size;
	if (!(sh.sh_flags & SHF_COMPRESSED) && !sec->zdebug)
		return;
	d = sh.sh_type == SHT_NOBITS ? NULL : elf_rawdata(scn, NULL);
	raw.data = d ? d->d_buf : NULL;
	raw.size = d && d->d_buf ? d->d_size : 0;
	sec->s.size = fr_inflate_size(raw, sec->zdebug);
}

static bool read_sections(struct elf_file *f)
{
	size_t n, shstrndx, i = 1;
	Elf_Scn *scn = NULL;

	if (elf_getshdrnum(f->elf, &n) || elf_getshdrstrndx(f->elf, &shstrndx) || n > 1u << 20)
		return false;
	f->n = n ? n : 1;
	f->sections = calloc(f->n, sizeof(*f->sections));
	if (!f->sections)
		return false;
	f->sections[0].s.name = "";
	for (; i < f->n && (scn = elf_nextscn(f->elf, scn)); i++)
		read_section(f, i, scn, shstrndx);
	f->n = i < f->n ? i : f->n;
	return true;
}

static const char *begin(struct elf_file *f)
{
	GElf_Ehdr eh;

	if (!f->elf || elf_kind(f->elf) != ELF_K_ELF || !gelf_getehdr(f->elf, &eh))
		return "not an ELF file";
	if (eh.e_ident[EI_CLASS] != ELFCLASS64 || eh.e_ident[EI_DATA] != ELFDATA2LSB)
		return "not a 64-bit little-endian ELF file";
	if (!read_sections(f))
		return "the section table is damaged";
	return NULL;
}

struct elf_file *fr_elf_open(const char *path, const char **why)
{
	struct elf_file *f;
	struct stat st;
	int fd;

	elf_version(EV_CURRENT);
	*why = "no such file";
	fd = fr_regular_open(path, &st);
	if (fd < 0)
		return NULL;
	f = calloc(1, sizeof(*f));
	if (!f) {
		close(fd);
		return NULL;
	}
	f->fd = fd;
	f->path = strdup(path);
	f->size = (uint64_t)st.st_size;
	f->mtime_ns = st.st_mtim.tv_sec * INT64_C(1000000000) + st.st_mtim.tv_nsec;
	f->elf = elf_begin(fd, ELF_C_READ_MMAP, NULL);
	*why = begin(f);
	if (*why) {
		fr_elf_close(f);
		return NULL;
	}
	return f;
}

struct elf_file *fr_elf_open_memory(void *data, size_t size)
{
	struct elf_file *f = calloc(1, sizeof(*f));

	if (!f)
		return NULL;
	elf_version(EV_CURRENT);
	f->fd = -1;
	f->size = size;
	f->elf = elf_memory(data, size);
	if (begin(f)) {
		fr_elf_close(f);
		return NULL;
	}
	return f;
}

void fr_elf_close(struct elf_file *f)
{
	size_t i;

	if (!f)
		return;
	for (i = 0; f->sections && i < f->n; i++) {
		free(f->sections[i].inflated);
		free(f->sections[i].plain_name);
	}
	free(f->sections);
	elf_end(f->elf);
	if (f->fd >= 0)
		close(f->fd);
	free(f->path);
	free(f);
}

const char *fr_elf_path(const struct elf_file *f)
{
	return f->path;
}

uint64_t fr_elf_size(const struct elf_file *f)
{
	return f->size;
}

int64_t fr_elf_mtime_ns(const struct elf_file *f)
{
	return f->mtime_ns;
}

size_t fr_elf_count(const struct elf_file *f)
{
	return f->n;
}

const struct elf_section *fr_elf_section(const struct elf_file *f, size_t i)
{
	return i < f->n ? &f->sections[i].s : NULL;
}

const char *fr_elf_problem(const struct elf_file *f)
{
	return f->problem;
}

static struct span inflate_section(struct elf_file *f, struct section *sec, struct span raw)
{
	struct span out = {NULL, 0};

	sec->inflated = fr_inflate(raw, sec->zdebug, &f->problem);
	sec->failed = !sec->inflated;
	out.data = sec->inflated;
	out.size = sec->inflated ? sec->s.size : 0;
	return out;
}

struct span fr_elf_data(struct elf_file *f, size_t i)
{
	struct span raw = {NULL, 0};
	struct section *sec;
	Elf_Data *d;

	if (i >= f->n)
		return raw;
	sec = &f->sections[i];
	if (!sec->scn || sec->failed || sec->s.type == SHT_NOBITS)
		return raw;
	if (sec->inflated) {
		raw.data = sec->inflated;
		raw.size = sec->s.size;
		return raw;
	}
	d = elf_rawdata(sec->scn, NULL);
	if (!d || !d->d_buf)
		return raw;
	raw.data = d->d_buf;
	raw.size = d->d_size;
	if ((sec->s.flags & SHF_COMPRESSED) || sec->zdebug)
		return inflate_section(f, sec, raw);
	return raw;
}

struct span fr_elf_find(struct elf_file *f, const char *name)
{
	struct span none = {NULL, 0};
	size_t i;

	for (i = 1; i < f->n; i++)
		if (!strcmp(f->sections[i].s.name, name))
			return fr_elf_data(f, i);
	return none;
}

bool fr_elf_has(const struct elf_file *f, const char *name)
{
	size_t i;

	for (i = 1; i < f->n; i++)
		if (!strcmp(f->sections[i].s.name, name) && f->sections[i].s.type != SHT_NOBITS &&
		    f->sections[i].s.size)
			return true;
	return false;
}

/* The GNU build-id among the notes of one section or segment. */
static const uint8_t *note_build_id(struct span s, size_t *len)
{
	struct bytes b = bytes_at(s, 0);

	while (!b.bad && bytes_left(&b) >= 12) {
		uint32_t namesz = (uint32_t)bytes_uint(&b, 4);
		uint32_t descsz = (uint32_t)bytes_uint(&b, 4);
		uint32_t type = (uint32_t)bytes_uint(&b, 4);
		const uint8_t *name = b.p, *desc;

		bytes_skip(&b, ((uint64_t)namesz + 3) & ~UINT64_C(3));
		desc = b.p;
		bytes_skip(&b, ((uint64_t)descsz + 3) & ~UINT64_C(3));
		if (!b.bad && type == NT_GNU_BUILD_ID && namesz == 4 && !memcmp(name, "GNU", 4) &&
		    descsz) {
			*len = descsz;
			return desc;
		}
	}
	return NULL;
}

static const uint8_t *segment_build_id(struct elf_file *f, size_t *len)
{
	size_t n, i, size;
	const uint8_t *id = NULL;
	const char *raw = elf_rawfile(f->elf, &size);

	if (!raw || elf_getphdrnum(f->elf, &n))
		return NULL;
	for (i = 0; i < n && i < 65536 && !id; i++) {
		GElf_Phdr ph;
		struct span s;

		if (!gelf_getphdr(f->elf, (int)i, &ph) || ph.p_type != PT_NOTE ||
		    ph.p_offset > size || ph.p_filesz > size - ph.p_offset)
			continue;
		s.data = (const uint8_t *)raw + ph.p_offset;
		s.size = ph.p_filesz;
		id = note_build_id(s, len);
	}
	return id;
}

const uint8_t *fr_elf_build_id(struct elf_file *f, size_t *len)
{
	const uint8_t *id = NULL;
	size_t i;

	for (i = 1; i < f->n && !id; i++)
		if (f->sections[i].s.type == SHT_NOTE)
			id = note_build_id(fr_elf_data(f, i), len);
	return id ? id : segment_build_id(f, len);
}
