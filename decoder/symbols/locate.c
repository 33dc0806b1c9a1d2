/* SPDX-License-Identifier: MIT */
/*
 * locate.c - finds the module's file and its separate debug file.
 *
 * Context: a worker (debuginfod may download), or the decoder for a look at what there is.
 * Must not: hand out a file whose build-id differs: a wrong name is worse than none.
 */
#include "symbols/locate.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <zlib.h>

#include "base/path.h"
#include "base/regular.h"
#include "symbols/debuginfod.h"

#define SYSTEM_ROOT "/usr/lib/debug"
#define ROOTS_MAX 16

struct roots {
	char *copy; /* of FR_DEBUG_PATH, cut at the colons */
	const char *dir[ROOTS_MAX];
	size_t n;
};

static void roots_read(struct roots *r)
{
	const char *env = getenv("FR_DEBUG_PATH");
	char *save = NULL, *dir;

	r->n = 0;
	r->copy = env ? strdup(env) : NULL;
	for (dir = r->copy ? strtok_r(r->copy, ":", &save) : NULL; dir && r->n < ROOTS_MAX - 1;
	     dir = strtok_r(NULL, ":", &save))
		r->dir[r->n++] = dir;
	r->dir[r->n++] = SYSTEM_ROOT;
}

bool fr_locate_by_id(char *buf, size_t size, const char *root, const uint8_t *id, size_t len)
{
	int n = snprintf(buf, size, "%s/.build-id/%02x/", root, len ? id[0] : 0);
	size_t i;

	if (len < 2 || len > 64 || n < 0 || (size_t)n + 2 * len + sizeof(".debug") > size)
		return false;
	for (i = 1; i < len; i++)
		n += sprintf(buf + n, "%02x", id[i]);
	strcpy(buf + n, ".debug");
	return true;
}

static bool id_equals(struct elf_file *f, const uint8_t *id, size_t len)
{
	size_t have_len = 0;
	const uint8_t *have = fr_elf_build_id(f, &have_len);

	return have && len && have_len == len && !memcmp(have, id, len);
}

static bool is_set(const char *name)
{
	const char *v = getenv(name);

	return v && !strcmp(v, "1");
}

static struct elf_file *open_same(const char *path, const struct module_ref *m, const char **why)
{
	struct elf_file *f = fr_elf_open(path, why);

	if (!f)
		return NULL;
	if (id_equals(f, m->build_id, m->build_id_len) ||
	    (!m->build_id_len && is_set("FR_TRUST_PATH")))
		return f;
	*why = m->build_id_len ? "build-id differs: the file was replaced after the recording"
			       : "no build-id recorded; link with -Wl,--build-id";
	fr_elf_close(f);
	return NULL;
}

/* Where the module's own file may be: its path, or its path as the process sees it. */
static struct elf_file *open_main(const struct module_ref *m, const char **why)
{
	char path[PATH_MAX];
	const char *ignored;
	struct elf_file *f;
	size_t i;

	if (m->path[0] != '/') {
		*why = "no path recorded";
		return NULL;
	}
	f = open_same(m->path, m, why);
	for (i = 0; !f && m->pid && m->build_id_len && i < 2; i++) {
		int n = i ? snprintf(path, sizeof(path), "/proc/%u/exe", m->pid)
			  : snprintf(path, sizeof(path), "/proc/%u/root%s", m->pid, m->path);

		if (n > 0 && (size_t)n < sizeof(path))
			f = open_same(path, m, &ignored);
	}
	return f;
}

static struct elf_file *debug_by_id(const struct roots *r, const struct module_ref *m)
{
	struct elf_file *f = NULL;
	char path[PATH_MAX];
	const char *why;
	size_t i;

	for (i = 0; i < r->n && !f && m->build_id_len; i++)
		if (fr_locate_by_id(path, sizeof(path), r->dir[i], m->build_id, m->build_id_len))
			f = open_same(path, m, &why);
	return f;
}

/* CRC of a whole file, for a debug file that carries no build-id. */
static bool crc_equals(const char *path, uint32_t want)
{
	uint8_t buf[65536];
	uLong crc = crc32(0, NULL, 0);
	struct stat st;
	int fd = fr_regular_open(path, &st);
	ssize_t n;

	if (fd < 0)
		return false;
	while ((n = read(fd, buf, sizeof(buf))) > 0)
		crc = crc32(crc, buf, (uInt)n);
	close(fd);
	return (uint32_t)crc == want;
}

struct link {
	const char *name;
	uint32_t crc;
};

static bool debuglink(struct elf_file *f, struct link *out)
{
	struct span s = fr_elf_find(f, ".gnu_debuglink");
	struct bytes b = bytes_at(s, 0);

	out->name = bytes_string(&b);
	if (b.bad || !out->name[0] || strchr(out->name, '/') || s.size < 4)
		return false;
	memcpy(&out->crc, s.data + s.size - 4, 4);
	return true;
}

static struct elf_file *try_link(const char *dir1, const char *dir2, const struct link *l,
				 const struct module_ref *m)
{
	size_t id_len = 0;
	struct elf_file *f;
	char path[PATH_MAX];
	const char *why;
	int n = snprintf(path, sizeof(path), "%s%s/%s", dir1, dir2, l->name);

	if (n < 0 || (size_t)n >= sizeof(path))
		return NULL;
	f = open_same(path, m, &why);
	if (f)
		return f;
	/* No build-id inside: the checksum that the verified module gives decides. */
	f = fr_elf_open(path, &why);
	if (f && !fr_elf_build_id(f, &id_len) && crc_equals(path, l->crc))
		return f;
	fr_elf_close(f);
	return NULL;
}

static struct elf_file *debug_by_link(const struct roots *r, const struct module_ref *m,
				      struct elf_file *main)
{
	char dir[PATH_MAX];
	struct elf_file *f;
	struct link l;
	size_t i;

	if (!main || !debuglink(main, &l) || strlen(m->path) >= sizeof(dir))
		return NULL;
	strcpy(dir, m->path);
	fr_path_up(dir);
	f = try_link(dir, "", &l, m);
	/* The link may name the stripped file itself. */
	if (f && !fr_elf_has(f, ".debug_info") && !fr_elf_has(f, ".symtab")) {
		fr_elf_close(f);
		f = NULL;
	}
	if (!f)
		f = try_link(dir, "/.debug", &l, m);
	for (i = 0; i < r->n && !f; i++)
		f = try_link(r->dir[i], dir, &l, m);
	return f;
}

static struct elf_file *debug_by_download(const struct module_ref *m)
{
	struct elf_file *f;
	const char *why;
	char *path;

	if (!m->build_id_len || !is_set("FR_DEBUGINFOD") || !getenv("DEBUGINFOD_URLS"))
		return NULL;
	path = fr_debuginfod_find(m->build_id, m->build_id_len);
	f = path ? open_same(path, m, &why) : NULL;
	free(path);
	return f;
}

void fr_locate(const struct module_ref *m, struct located *out)
{
	struct roots roots;
	const char *why = NULL;

	memset(out, 0, sizeof(*out));
	out->main = open_main(m, &why);
	if (out->main && fr_elf_has(out->main, ".debug_info")) {
		out->debug = out->main;
		out->has_dwarf = true;
		return;
	}
	roots_read(&roots);
	out->debug = debug_by_id(&roots, m);
	if (!out->debug)
		out->debug = debug_by_link(&roots, m, out->main);
	if (!out->debug)
		out->debug = debug_by_download(m);
	free(roots.copy);
	if (!out->debug)
		out->debug = out->main;
	out->has_dwarf = out->debug && fr_elf_has(out->debug, ".debug_info");
	if (!out->main)
		out->problem = why;
	if (out->main && !out->has_dwarf)
		out->problem = "no debug information: no files, lines or inlined functions";
}

void fr_locate_free(struct located *l)
{
	if (l->debug != l->main)
		fr_elf_close(l->debug);
	fr_elf_close(l->main);
	memset(l, 0, sizeof(*l));
}

/* A relative altlink is relative to the file that has it. */
static struct elf_file *open_alt_path(const char *owner, const char *name, const char **why)
{
	char path[PATH_MAX];
	int n;

	if (name[0] == '/' || !owner)
		return fr_elf_open(name, why);
	n = snprintf(path, sizeof(path), "%.*s%s", (int)(fr_path_base(owner) - owner), owner, name);
	return n > 0 && (size_t)n < sizeof(path) ? fr_elf_open(path, why) : NULL;
}

struct elf_file *fr_locate_alt(struct elf_file *file)
{
	struct span s = fr_elf_find(file, ".gnu_debugaltlink");
	struct bytes b = bytes_at(s, 0);
	const char *name = bytes_string(&b), *why;
	struct elf_file *f = NULL;
	struct module_ref m = {.build_id = b.p, .build_id_len = (uint32_t)bytes_left(&b)};
	struct roots roots;

	if (b.bad || !m.build_id_len)
		return NULL;
	f = open_alt_path(fr_elf_path(file), name, &why);
	if (f && !id_equals(f, m.build_id, m.build_id_len)) {
		fr_elf_close(f);
		f = NULL;
	}
	if (f)
		return f;
	roots_read(&roots);
	f = debug_by_id(&roots, &m);
	free(roots.copy);
	return f;
}
