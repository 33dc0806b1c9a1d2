/* SPDX-License-Identifier: MIT */
/*
 * here.c - what this machine and this user allow: the checks that need no program. Most read what
 * the recorder has said about itself in the trial.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/path.h"
#include "base/proc.h"
#include "base/units.h"
#include "capture/run.h"
#include "doctor/doctor.h"

void fr_check_library(struct doctor *d)
{
	char path[PATH_MAX];
	struct diag why = {0};

	if (fr_run_library(path, &why))
		fr_doctor_say(d, DOCTOR_GOOD, NULL, "%s", path);
	else
		fr_doctor_say(d, DOCTOR_BAD, NULL, "%s", why.entries[0].text);
	diag_free(&why);
	if (strpbrk(d->library, " :"))
		fr_doctor_say(d, DOCTOR_BAD, "put it elsewhere and set FR_LIB",
			      "LD_PRELOAD cannot name a file with a space or a colon in its path");
}

/* What the recorder has noted about itself. Of libunwind and directories other checks tell. */
static void say_notes(struct doctor *d)
{
	char note[512];

	for (size_t i = 0; fr_trial_note(&d->trial, i, note); i++) {
		if (!strstr(note, "libunwind") && strncmp(note, "no region in ", 13))
			fr_doctor_say(d, DOCTOR_PART, NULL, "%s", note);
	}
}

void fr_check_trial(struct doctor *d)
{
	const struct trial *t = &d->trial;
	const char *as = t->as_user ? ", as the user of the process" : "";

	if (!d->library[0])
		fr_doctor_say(d, DOCTOR_UNKNOWN, NULL, "without libfr.so nothing can be tried");
	else if (t->why)
		fr_doctor_say(d, DOCTOR_UNKNOWN, NULL, "not made: %s", t->why);
	else if (t->rec)
		fr_doctor_say(d, DOCTOR_GOOD, NULL, "cat was recorded here%s", as);
	else
		fr_doctor_say(d, DOCTOR_BAD, NULL, "cat ran here unrecorded%s%s%s", as,
			      t->said[0] ? ": " : "", t->said);
	if (t->rec)
		say_notes(d);
}

void fr_check_unwind(struct doctor *d)
{
	char note[512];

	if (!d->trial.rec) {
		fr_doctor_say(d, DOCTOR_UNKNOWN, NULL, "known only from a trial");
		return;
	}
	if (d->trial.rec->hdr.unwind_kind == FR_UNWIND_LIBUNWIND) {
		fr_doctor_say(d, DOCTOR_GOOD, NULL,
			      "found, and its answers were right: full stacks");
		return;
	}
	for (size_t i = 0; fr_trial_note(&d->trial, i, note); i++) {
		if (!strstr(note, "libunwind"))
			continue;
		fr_doctor_say(d, DOCTOR_PART,
			      "apt-get install libunwind8, or libunwind.so.8 "
			      "beside libfr.so",
			      "%s", note);
		return;
	}
	fr_doctor_say(d, DOCTOR_PART, NULL,
		      "not used: stacks only as far as frame pointers lead (FR_UNWIND?)");
}

/* ---- the directory of regions ---------------------------------------------------------------- */

static void say_refused(struct doctor *d)
{
	char note[512];

	for (size_t i = 0; fr_trial_note(&d->trial, i, note); i++) {
		if (!strncmp(note, "no region in ", 13))
			fr_doctor_say(d, DOCTOR_PART, NULL, "%s", note);
	}
}

static void say_room(struct doctor *d, const char *dir)
{
	uint64_t max = d->trial.rec->hdr.max_bytes, left, all;
	char a[FR_UNITS_LEN], b[FR_UNITS_LEN], c[FR_UNITS_LEN];
	struct statvfs fs;

	if (statvfs(dir, &fs)) {
		fr_doctor_say(d, DOCTOR_UNKNOWN, NULL, "%s: its room cannot be known", dir);
		return;
	}
	left = (uint64_t)fs.f_bavail * fs.f_frsize;
	all = (uint64_t)fs.f_blocks * fs.f_frsize;
	if (left >= max)
		fr_doctor_say(d, DOCTOR_GOOD, NULL,
			      "%s: %s of %s free; each recorded process takes up to %s "
			      "(FR_MAX_BYTES)",
			      dir, fr_units_bytes(a, left), fr_units_bytes(b, all),
			      fr_units_bytes(c, max));
	else
		fr_doctor_say(d, DOCTOR_PART,
			      "make it bigger (docker: --shm-size), or set FR_DIR or a smaller "
			      "FR_MAX_BYTES",
			      "%s: %s of %s free, and each recorded process takes up to %s: it "
			      "will record less of the past",
			      dir, fr_units_bytes(a, left), fr_units_bytes(b, all),
			      fr_units_bytes(c, max));
}

void fr_check_directory(struct doctor *d)
{
	char dir[sizeof(d->trial.region)];

	if (!d->trial.rec) {
		fr_doctor_say(d, DOCTOR_UNKNOWN, NULL, "known only from a trial");
		return;
	}
	say_refused(d);
	snprintf(dir, sizeof(dir), "%s", d->trial.region);
	if (dir[0] && fr_path_up(dir))
		say_room(d, dir);
	else
		fr_doctor_say(d, DOCTOR_PART, "set FR_DIR to a directory on tmpfs, ext4 or xfs",
			      "no directory will do: the region is memory of the process, and is "
			      "lost when that is killed");
}

/* ---- limits ---------------------------------------------------------------------------------- */

/* Of the process, or ours. */
static uint64_t limit(const struct doctor *d, __rlimit_resource_t what)
{
	struct rlimit l;

	if (prlimit((pid_t)d->subject.pid, what, NULL, &l))
		return UINT64_MAX;
	return l.rlim_cur == RLIM_INFINITY ? UINT64_MAX : l.rlim_cur;
}

static bool check_files(struct doctor *d)
{
	uint64_t most = limit(d, RLIMIT_FSIZE);
	char a[FR_UNITS_LEN], b[FR_UNITS_LEN];

	if (most == UINT64_MAX)
		return false;
	if (!d->trial.bytes)
		fr_doctor_say(
			d, DOCTOR_UNKNOWN, "raise ulimit -f (systemd: LimitFSIZE=)",
			"files may have no more than %s (ulimit -f); a region's size is known "
			"only from a trial",
			fr_units_bytes(a, most));
	else if (most < d->trial.bytes)
		fr_doctor_say(d, DOCTOR_BAD,
			      "raise ulimit -f (systemd: LimitFSIZE=), or set a "
			      "smaller FR_MAX_BYTES",
			      "files may have no more than %s (ulimit -f), and a region needs %s: "
			      "the program would run unrecorded",
			      fr_units_bytes(a, most), fr_units_bytes(b, d->trial.bytes));
	else
		return false;
	return true;
}

static bool check_memory(struct doctor *d, __rlimit_resource_t what, const char *name)
{
	uint64_t most = limit(d, what);
	char a[FR_UNITS_LEN];

	if (most == UINT64_MAX)
		return false;
	fr_doctor_say(d, DOCTOR_PART, NULL,
		      "%s is limited to %s: the recorder takes at most a quarter of what is left "
		      "at start, and nothing where less than 64 MiB are",
		      name, fr_units_bytes(a, most));
	return true;
}

/* Its cgroup of version 2: "0::/system.slice/x.service". Ours the trial has felt. */
static uint64_t cgroup_limit(uint32_t pid)
{
	FILE *f = fr_proc_open(pid, "cgroup");
	char line[512], path[600] = "";
	unsigned long long most = 0;

	while (f && fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = 0;
		if (!strncmp(line, "0::/", 4))
			snprintf(path, sizeof(path), "/sys/fs/cgroup%s/memory.max", line + 3);
	}
	if (f)
		fclose(f);
	f = path[0] ? fopen(path, "re") : NULL;
	if (!f || fscanf(f, "%llu", &most) != 1)
		most = 0;
	if (f)
		fclose(f);
	return most;
}

static bool check_cgroup(struct doctor *d)
{
	uint64_t most = d->subject.pid ? cgroup_limit(d->subject.pid) : 0;
	char a[FR_UNITS_LEN];

	if (most)
		fr_doctor_say(
			d, DOCTOR_PART, NULL,
			"its cgroup's memory is limited to %s: a region takes at most a quarter "
			"of what is left at start",
			fr_units_bytes(a, most));
	return most != 0;
}

void fr_check_limits(struct doctor *d)
{
	bool any = check_files(d);

	any |= check_cgroup(d);
	any |= check_memory(d, RLIMIT_AS, "address space (ulimit -v)");
	any |= check_memory(d, RLIMIT_DATA, "data (ulimit -d)");
	if (!any)
		fr_doctor_say(d, DOCTOR_GOOD, NULL,
			      "none of file size, address space or data is in the way");
}

/* ---- filters --------------------------------------------------------------------------------- */

static int status_number(uint32_t pid, const char *key)
{
	FILE *f = fr_proc_open(pid, "status");
	size_t n = strlen(key);
	int value = -1;
	char line[256];

	while (f && fgets(line, sizeof(line), f)) {
		if (!strncmp(line, key, n))
			value = atoi(line + n);
	}
	if (f)
		fclose(f);
	return value;
}

void fr_check_filter(struct doctor *d)
{
	bool ours = status_number(0, "Seccomp:") == 2;
	int its = d->subject.pid ? status_number(d->subject.pid, "Seccomp:") : ours * 2;

	if (its < 0)
		fr_doctor_say(d, DOCTOR_UNKNOWN, NULL, "the kernel does not tell");
	else if (its == 0)
		fr_doctor_say(d, DOCTOR_GOOD, NULL, "no filter of system calls%s",
			      d->subject.name && !d->subject.pid ? " here; the program may set one"
								 : "");
	else if (ours && d->trial.rec)
		fr_doctor_say(d, DOCTOR_GOOD, NULL,
			      "system calls are filtered here, and the trial was recorded all the "
			      "same");
	else
		fr_doctor_say(d, DOCTOR_PART, NULL,
			      "the process is under a filter of system calls: if it came with the "
			      "start (systemd, a container), test before you rely on it; if the "
			      "program set it, it is recorded on, but the region no longer grows");
}
