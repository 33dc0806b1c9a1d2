/* SPDX-License-Identifier: MIT */
/*
 * program.c - the checks of a program: can the recorder be loaded into it?
 */
#include <elf.h>
#include <errno.h>
#include <limits.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/path.h"
#include "base/proc.h"
#include "base/sbuf.h"
#include "doctor/doctor.h"
#include "read/regions.h"

/* ---- a process ------------------------------------------------------------------------------- */

/* Where it was started with more rights than its user has, the loader ignores LD_PRELOAD. */
static void check_secure(struct doctor *d)
{
	FILE *f = fr_proc_open(d->subject.pid, "auxv");
	ElfW(auxv_t) a;

	while (f && fread(&a, sizeof(a), 1, f) == 1) {
		if (a.a_type == AT_SECURE && a.a_un.a_val)
			fr_doctor_say(d, DOCTOR_BAD, "start it as the user it changes to",
				      "it was started with more rights than its user has (setuid, "
				      "setgid, capabilities): the loader ignores LD_PRELOAD there");
	}
	if (f)
		fclose(f);
}

static bool same_namespace(uint32_t pid, const char *which)
{
	char path[64];
	struct stat its, ours;

	snprintf(path, sizeof(path), "/proc/%u/ns/%s", pid, which);
	if (stat(path, &its))
		return true;
	snprintf(path, sizeof(path), "/proc/self/ns/%s", which);
	return stat(path, &ours) || (its.st_ino == ours.st_ino && its.st_dev == ours.st_dev);
}

static void check_container(struct doctor *d)
{
	char there[PATH_MAX + 64];

	if (same_namespace(d->subject.pid, "mnt") && !d->subject.root[0])
		return;
	snprintf(there, sizeof(there), "/proc/%u/root%s", d->subject.pid, d->library);
	if (d->library[0] && !access(there, R_OK))
		fr_doctor_say(d, DOCTOR_GOOD, NULL,
			      "it has its own root or mounts, and %s is there too", d->library);
	else
		fr_doctor_say(d, DOCTOR_PART, "mount or copy libfr.so into it (README: Containers)",
			      "it has its own root or mounts (a container), and libfr.so is not at "
			      "the same place there");
}

void fr_check_process(struct doctor *d)
{
	char path[512], why[512], next[64];
	uint32_t pid = d->subject.pid;
	uint64_t start, end;

	if (!d->subject.known) {
		fr_doctor_say(d, DOCTOR_UNKNOWN, "ask as its user, or as root",
			      "it belongs to user %u, or may not be inspected: what its program is "
			      "cannot be read",
			      (unsigned int)d->subject.uid);
		return;
	}
	snprintf(next, sizeof(next), "fr info %u", pid);
	if (fr_process_region(pid, path, sizeof(path), &start, &end))
		fr_doctor_say(d, DOCTOR_GOOD, next, "it is recorded now, in %s",
			      path[0] ? path : "memory of its own");
	else if (fr_process_records_nothing(pid, why, sizeof(why)))
		fr_doctor_say(d, DOCTOR_PART, NULL, "%s", why);
	else
		fr_doctor_say(d, DOCTOR_GOOD, "start it anew by fr run or with LD_PRELOAD",
			      "it runs without the recorder, which comes in at the start only");
	check_secure(d);
	check_container(d);
}

/* ---- a program ------------------------------------------------------------------------------- */

static void say_fits(struct doctor *d)
{
	const struct program *p = &d->subject.program;

	if (!p->image || !strcmp(p->image, p->path))
		fr_doctor_say(d, DOCTOR_GOOD, NULL, "%s", p->path);
	else if (strcmp(fr_path_base(p->image), "env"))
		fr_doctor_say(d, DOCTOR_GOOD, NULL, "%s is a script of %s", p->path, p->image);
	else
		fr_doctor_say(d, DOCTOR_UNKNOWN, "ask about that one",
			      "%s is a script of %s, which starts another program: what is said "
			      "below is of env only",
			      p->path, p->image);
}

void fr_check_program(struct doctor *d)
{
	struct subject *s = &d->subject;
	struct diag said = {0};
	bool fits;

	if (s->pid && !s->known)
		return;
	fits = fr_program_inspect(s->file, s->uid, s->gid, &s->program, &said);
	for (size_t i = 0; i < said.n; i++)
		fr_doctor_say(d, said.entries[i].severity == DIAG_ERROR ? DOCTOR_BAD : DOCTOR_PART,
			      NULL, "%s", said.entries[i].text);
	if (fits && !said.n)
		say_fits(d);
	diag_free(&said);
	if (fits && !s->program.image)
		fr_doctor_say(d, DOCTOR_UNKNOWN, NULL, "%s: what it is cannot be read", s->file);
	else if (fits && s->pid)
		fr_objects_of_process(&s->objects, s->pid, s->program.image, s->root);
	else if (fits)
		fr_objects_of_program(&s->objects, s->program.image);
	if (s->objects.why)
		fr_doctor_say(d, DOCTOR_UNKNOWN, NULL, "%s: %s", s->file, s->objects.why);
}

void fr_check_loader(struct doctor *d)
{
	const char *loader = d->subject.program.loader;

	if (!strncmp(fr_path_base(loader), "ld-linux", 8))
		fr_doctor_say(d, DOCTOR_GOOD, NULL, "%s, of glibc", loader);
	else
		fr_doctor_say(d, DOCTOR_UNKNOWN, NULL, "%s: whose that is, is not known", loader);
}

void fr_check_libc(struct doctor *d)
{
	const struct object *libc = fr_objects_find(&d->subject.objects, "libc.so.6");
	const char *why;
	struct elf_file *ours = d->library[0] ? fr_elf_open(d->library, &why) : NULL;
	uint32_t needed = ours ? fr_object_glibc_needed(ours) : 0;
	uint32_t has = libc ? fr_object_glibc_defined(libc->elf) : 0;

	fr_elf_close(ours);
	if (!has || !needed)
		fr_doctor_say(d, DOCTOR_UNKNOWN, NULL,
			      has ? "what libfr.so needs is not known"
				  : "no libc.so.6 among its libraries");
	else if (needed > has)
		fr_doctor_say(d, DOCTOR_BAD, "take a libfr.so that was built on an older system",
			      "glibc %u.%u, and libfr.so needs %u.%u", has >> 16, has >> 8 & 255,
			      needed >> 16, needed >> 8 & 255);
	else
		fr_doctor_say(d, DOCTOR_GOOD, NULL, "glibc %u.%u; libfr.so needs %u.%u", has >> 16,
			      has >> 8 & 255, needed >> 16, needed >> 8 & 255);
}

void fr_check_libraries(struct doctor *d)
{
	const struct objects *o = &d->subject.objects;
	struct sbuf b = {0};

	for (size_t i = 0; i < o->n_missing; i++)
		fr_sbuf_fmt(&b, "%s%s", i ? ", " : "", o->missing[i]);
	if (o->n_missing)
		fr_doctor_say(d, DOCTOR_UNKNOWN, NULL, "not found, or not to be read: %s",
			      fr_sbuf_cstr(&b));
	else
		fr_doctor_say(d, DOCTOR_GOOD, NULL, "%zu%s", o->n - 1,
			      d->subject.pid ? " loaded" : " needed, all found");
	fr_sbuf_free(&b);
}
