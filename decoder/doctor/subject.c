/* SPDX-License-Identifier: MIT */
/*
 * subject.c - what fr doctor is asked about: a program, a process, or nothing but this machine.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/parse.h"
#include "base/proc.h"
#include "doctor/doctor.h"

static char *copy(const char *s)
{
	return fr_mem_strndup(s, strlen(s));
}

/* The real user and group: those that started it. */
static bool read_user(struct subject *s)
{
	FILE *f = fr_proc_open(s->pid, "status");
	unsigned int id;
	char line[256];

	if (!f)
		return false;
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "Uid: %u", &id) == 1)
			s->uid = id;
		else if (sscanf(line, "Gid: %u", &id) == 1)
			s->gid = id;
	}
	fclose(f);
	return true;
}

static bool same_file(const char *a, const char *b)
{
	struct stat x, y;

	return !stat(a, &x) && !stat(b, &y) && x.st_ino == y.st_ino && x.st_dev == y.st_dev;
}

/* By its name if that leads to the file that it runs: so it is called in what is said. */
static void find_executable(struct subject *s)
{
	char link[40], exe[PATH_MAX], there[PATH_MAX + 40], root[40];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/%u/exe", s->pid);
	snprintf(root, sizeof(root), "/proc/%u/root", s->pid);
	n = readlink(link, exe, sizeof(exe) - 1);
	s->known = n > 0;
	exe[n > 0 ? n : 0] = 0;
	snprintf(there, sizeof(there), "%s%s", root, exe);
	if (s->known && same_file(exe, link)) {
		s->root = copy("");
		s->file = copy(exe);
	} else {
		s->root = copy(root);
		s->file = copy(s->known && same_file(there, link) ? there : link);
	}
}

static bool open_process(struct subject *s, struct diag *d)
{
	if (!read_user(s)) {
		diag_add(d, DIAG_ERROR, "there is no process %u", s->pid);
		return false;
	}
	find_executable(s);
	return true;
}

bool fr_subject_open(struct subject *s, const char *name, struct diag *d)
{
	uint64_t pid;

	*s = (struct subject){.name = name, .uid = geteuid(), .gid = getegid()};
	if (!name)
		return true;
	if (!strchr(name, '/') && fr_parse_number(name, &pid) && pid && pid <= INT32_MAX) {
		s->pid = (uint32_t)pid;
		return open_process(s, d);
	}
	s->root = copy("");
	s->file = copy(name);
	return true;
}

void fr_subject_close(struct subject *s)
{
	free(s->root);
	free(s->file);
	fr_program_free(&s->program);
	fr_objects_free(&s->objects);
}
