/* SPDX-License-Identifier: MIT */
/*
 * objects.c - the program and its libraries: of a process from /proc, of a program as its loader
 * would find them.
 */
#include "doctor/objects.h"

#include <elf.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "base/path.h"
#include "base/proc.h"
#include "doctor/libpath.h"

#define OBJECTS_MAX 1000 /* libraries that are followed */

static bool is_known(const struct objects *o, const char *path)
{
	for (size_t i = 0; i < o->n; i++) {
		if (!strcmp(o->all[i].path, path))
			return true;
	}
	return false;
}

static void add_missing(struct objects *o, const char *name)
{
	for (size_t i = 0; i < o->n_missing; i++) {
		if (!strcmp(o->missing[i], name))
			return;
	}
	o->missing =
		fr_mem_grow(o->missing, &o->missing_cap, o->n_missing + 1, sizeof(*o->missing));
	o->missing[o->n_missing++] = fr_mem_strndup(name, strlen(name));
}

/* FILE: what we open; PATH: what it is called. */
static bool add(struct objects *o, const char *file, const char *path)
{
	const char *why;
	struct elf_file *elf = fr_elf_open(file, &why);
	struct object *new;

	if (!elf) {
		if (o->n)
			add_missing(o, path);
		else
			o->why = why;
		return false;
	}
	o->all = fr_mem_grow(o->all, &o->cap, o->n + 1, sizeof(*o->all));
	new = &o->all[o->n++];
	new->path = fr_mem_strndup(path, strlen(path));
	new->name = fr_path_base(new->path);
	new->elf = elf;
	return true;
}

void fr_objects_of_program(struct objects *o, const char *path)
{
	char found[PATH_MAX], real[PATH_MAX];
	const char *name;

	/* $ORIGIN is where it really is, and modules bear full names */
	if (realpath(path, real))
		path = real;
	add(o, path, path);
	for (size_t i = 0; i < o->n && o->n < OBJECTS_MAX; i++) {
		for (size_t k = 0; (name = fr_object_dynamic(o->all[i].elf, DT_NEEDED, k)); k++) {
			if (!fr_libpath_find(name, o->all[i].elf, o->all[i].path, o->all[0].elf,
					     o->all[0].path, found))
				add_missing(o, name);
			else if (!is_known(o, found))
				add(o, found, found);
		}
	}
}

/* A mapped file that may be executed: "lo-hi r-xp off dev ino   /path". */
struct mapped {
	uint64_t lo, hi, ino;
	const char *path;
};

static bool parse(char *line, struct mapped *m)
{
	char perms[8];
	int at = 0;

	line[strcspn(line, "\n")] = 0;
	if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %7s %*s %*s %" SCNu64 " %n", &m->lo, &m->hi,
		   perms, &m->ino, &at) < 4)
		return false;
	m->path = line + at;
	return at && perms[2] == 'x' && line[at] == '/';
}

static bool is_it(const char *file, uint64_t ino)
{
	struct stat st;

	return !stat(file, &st) && st.st_ino == ino;
}

/*
 * What to open of it: behind its root; as it is, for the kernel tells us what we would call it if
 * we can reach it; or whatever it is, which only root may ask.
 */
static bool find_file(const struct mapped *m, uint32_t pid, const char *root, char file[PATH_MAX])
{
	snprintf(file, PATH_MAX, "%s%s", root, m->path);
	if (is_it(file, m->ino))
		return true;
	snprintf(file, PATH_MAX, "%s", m->path);
	if (is_it(file, m->ino))
		return true;
	snprintf(file, PATH_MAX, "/proc/%u/map_files/%" PRIx64 "-%" PRIx64, pid, m->lo, m->hi);
	return is_it(file, m->ino);
}

/* What came in with the recorder is none of the program's. */
static void leave_out_recorder(struct objects *o)
{
	size_t n = 0;

	if (!fr_objects_find(o, "libfr.so"))
		return;
	for (size_t i = 0; i < o->n; i++) {
		if (strncmp(o->all[i].name, "libfr.so", 8) &&
		    strncmp(o->all[i].name, "libunwind.so.8", 14)) {
			o->all[n++] = o->all[i];
			continue;
		}
		free(o->all[i].path);
		fr_elf_close(o->all[i].elf);
	}
	o->n = n;
}

void fr_objects_of_process(struct objects *o, uint32_t pid, const char *exe, const char *root)
{
	FILE *maps = add(o, exe, exe) ? fr_proc_open(pid, "maps") : NULL;
	char file[PATH_MAX], *line = NULL;
	struct stat program = {0};
	struct mapped m;
	size_t cap = 0;

	stat(exe, &program);
	while (maps && getline(&line, &cap, maps) > 0 && o->n < OBJECTS_MAX) {
		if (!parse(line, &m) || m.ino == program.st_ino || is_known(o, m.path))
			continue;
		if (find_file(&m, pid, root, file))
			add(o, file, m.path);
		else
			add_missing(o, m.path);
	}
	free(line);
	if (maps)
		fclose(maps);
	leave_out_recorder(o);
}

const struct object *fr_objects_find(const struct objects *o, const char *prefix)
{
	for (size_t i = 0; i < o->n; i++) {
		if (!strncmp(o->all[i].name, prefix, strlen(prefix)))
			return &o->all[i];
	}
	return NULL;
}

void fr_objects_free(struct objects *o)
{
	for (size_t i = 0; i < o->n; i++) {
		free(o->all[i].path);
		fr_elf_close(o->all[i].elf);
	}
	for (size_t i = 0; i < o->n_missing; i++)
		free(o->missing[i]);
	free(o->all);
	free(o->missing);
	*o = (struct objects){0};
}
