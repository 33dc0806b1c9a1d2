/* SPDX-License-Identifier: MIT */
/*
 * symbols.c - the checks of stacks and names: what will the report be able to show?
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/sbuf.h"
#include "doctor/doctor.h"
#include "doctor/packages.h"
#include "symbols/locate.h"

void fr_check_stacks(struct doctor *d)
{
	struct object *o = &d->subject.objects.all[0];

	if (fr_elf_has(o->elf, ".eh_frame_hdr"))
		fr_doctor_say(d, DOCTOR_GOOD, NULL, "the program has call frame information");
	else
		fr_doctor_say(
			d, DOCTOR_PART, "build it with -fasynchronous-unwind-tables",
			"the program has no .eh_frame_hdr: stacks go through it only as far as "
			"frame pointers lead");
}

/* ---- names ----------------------------------------------------------------------------------- */

enum names {
	NAMES_LINES, /* functions, files, lines */
	NAMES_FUNCTIONS,
	NAMES_EXPORTED,
	NAMES_NONE,
};

static const char *const words[] = {
	[NAMES_LINES] = "functions, files and lines",
	[NAMES_FUNCTIONS] = "functions, but no files, lines or inlined ones",
	[NAMES_EXPORTED] = "only functions that are exported",
	[NAMES_NONE] = "no names",
};

static enum names names_of(const struct located *l)
{
	if (l->has_dwarf)
		return NAMES_LINES;
	if (l->debug && (fr_elf_has(l->debug, ".symtab") || fr_elf_has(l->main, ".gnu_debugdata")))
		return NAMES_FUNCTIONS;
	return l->debug && fr_elf_has(l->debug, ".dynsym") ? NAMES_EXPORTED : NAMES_NONE;
}

static enum names names_of_object(const struct doctor *d, const struct object *o)
{
	struct module_ref m = {.path = o->path, .pid = d->subject.pid};
	struct located l = {0};
	size_t len = 0;
	enum names names;

	m.build_id = fr_elf_build_id(o->elf, &len);
	m.build_id_len = (uint32_t)len;
	if (!len)
		return NAMES_NONE; /* no name is given without one */
	fr_locate(&m, &l);
	names = l.main ? names_of(&l) : NAMES_NONE;
	fr_locate_free(&l);
	return names;
}

static void say_program(struct doctor *d)
{
	struct object *o = &d->subject.objects.all[0];
	enum names names = names_of_object(d, o);
	size_t len;

	if (!fr_elf_build_id(o->elf, &len))
		fr_doctor_say(
			d, DOCTOR_PART, "link it with -Wl,--build-id",
			"the program has no build-id: no names, for none can be proven right");
	else
		fr_doctor_say(d, names == NAMES_LINES ? DOCTOR_GOOD : DOCTOR_PART, NULL,
			      "the program: %s", words[names]);
}

static bool is_loader(const struct object *o)
{
	return !strncmp(o->name, "ld-linux", 8);
}

/* Where the rest can be had: by package, else from the distribution's server. */
static void say_where(struct doctor *d, const char **paths, size_t n)
{
	const char *url = fr_packages_server();
	struct sbuf b = {0};

	fr_packages_of_symbols(paths, n, &b);
	if (b.n)
		fr_doctor_say(d, DOCTOR_NOTE, fr_sbuf_cstr(&b),
			      "the packages with the missing ones, by name (their archive may have "
			      "to be added)");
	fr_sbuf_reset(&b);
	fr_sbuf_fmt(&b, "FR_DEBUGINFOD=1 DEBUGINFOD_URLS=%s fr report ...", url);
	fr_doctor_say(d, DOCTOR_NOTE, fr_sbuf_cstr(&b), "or from the distribution's server");
	fr_sbuf_free(&b);
}

void fr_check_symbols(struct doctor *d)
{
	const struct objects *o = &d->subject.objects;
	const char **paths = fr_mem_array(o->n, sizeof(*paths));
	struct sbuf missing = {0};
	size_t n = 0, libraries = 0;

	say_program(d);
	for (size_t i = 0; i < o->n; i++) {
		if (is_loader(&o->all[i]) || names_of_object(d, &o->all[i]) == NAMES_LINES)
			continue;
		paths[n++] = o->all[i].path;
		if (!i)
			continue;
		libraries++;
		fr_sbuf_fmt(&missing, "%s%s", missing.n ? ", " : "", o->all[i].name);
	}
	if (libraries)
		fr_doctor_say(
			d, DOCTOR_NOTE, NULL,
			"%zu of %zu libraries have no debug information here, so no files and "
			"lines: %s",
			libraries, o->n - 1, fr_sbuf_cstr(&missing));
	if (n)
		say_where(d, paths, n);
	fr_sbuf_free(&missing);
	free(paths);
}
