/* SPDX-License-Identifier: MIT */
/*
 * rm.c - fr rm: removes what dead processes have left.
 *
 * A region is removed only if it is one by its content, its process is gone and nobody has it
 * mapped. What is asked for by name and cannot be removed is an error, and the rest goes all the
 * same. Must not: remove a snapshot (it was made to be kept) or anything else.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/parse.h"
#include "base/regular.h"
#include "base/units.h"
#include "exporters/exporters.h"
#include "read/regions.h"

struct removal {
	struct call *c;
	unsigned int n;
	uint64_t bytes;
	bool failed;
};

static void refuse(struct removal *rm, const char *path, const char *why)
{
	diag_add(rm->c->diag, DIAG_ERROR, "%s: not removed: %s", path, why);
	rm->failed = true;
}

/* NULL = it may go. */
static const char *objection(const struct region_info *r, int fd, const struct stat *st,
			     char buf[80])
{
	if (geteuid() && st->st_uid != geteuid())
		return "it is another user's";
	if (r->problem && strcmp(r->problem, FR_REGION_OTHER_VERSION) != 0)
		return r->problem;
	if (r->source == RECORDING_FILE)
		return "it is a snapshot, which fr leaves alone; rm removes it";
	if (r->source == RECORDING_LIVE) {
		snprintf(buf, 80, "process %u lives and records into it", r->pid);
		return buf;
	}
	return fr_region_in_use(fd) ? "a process has it mapped" : NULL;
}

/* The name may have come to mean another file since it was opened: then nothing happens. */
static bool unlink_same(const char *path, const struct stat *st)
{
	struct stat now;

	if (lstat(path, &now))
		return false;
	if (now.st_ino == st->st_ino && now.st_dev == st->st_dev)
		return unlink(path) == 0;
	errno = EBUSY;
	return false;
}

static void remove_one(struct removal *rm, const struct region_info *r)
{
	struct stat st;
	int fd = fr_regular_open_at(AT_FDCWD, r->path, &st);
	const char *why;
	char buf[80];

	if (fd < 0) {
		refuse(rm, r->path, fr_regular_why());
		return;
	}
	why = objection(r, fd, &st, buf);
	if (!why && !unlink_same(r->path, &st))
		why = strerror(errno);
	close(fd);
	if (why) {
		refuse(rm, r->path, why);
		return;
	}
	fprintf(rm->c->out, "%s\n", r->path);
	rm->n++;
	rm->bytes += r->bytes;
}

static void remove_file(struct removal *rm, const char *path)
{
	struct region_info r;

	if (!fr_regions_trust_around(path, DIAG_ERROR, rm->c->diag)) {
		rm->failed = true;
		return;
	}
	errno = 0;
	if (!fr_region_info(path, &r)) {
		refuse(rm, path, fr_regular_why());
		return;
	}
	if (fr_region_is_older(&r, rm->c->opt->older_ns))
		remove_one(rm, &r);
	free(r.path);
}

/* Left regions of DIR: all, or those of PID, whose living process is refused by name. */
static void remove_in(struct removal *rm, const char *dir, uint32_t pid)
{
	struct region_info *all;
	unsigned int seen = 0;
	size_t n;

	if (!fr_regions_trust(dir, DIAG_ERROR, rm->c->diag)) {
		rm->failed = true;
		return;
	}
	n = fr_regions_scan(dir, ".frr", &all);
	for (size_t i = 0; i < n; i++) {
		const struct region_info *r = &all[i];

		if (r->problem || (pid && r->pid != pid))
			continue;
		seen++;
		if ((pid || r->source == RECORDING_LEFT) &&
		    fr_region_is_older(r, rm->c->opt->older_ns))
			remove_one(rm, r);
	}
	if (pid && !seen) {
		diag_add(rm->c->diag, DIAG_ERROR, "PID %u: no region of it in %s", pid, dir);
		rm->failed = true;
	}
	fr_regions_free(all, n);
}

static void remove_operand(struct removal *rm, const char *arg)
{
	const struct options *opt = rm->c->opt;
	char dir[PATH_MAX];
	struct stat st = {0};
	uint64_t pid;

	if (!stat(arg, &st) || !lstat(arg, &st) || strchr(arg, '/')) {
		if (!S_ISDIR(st.st_mode))
			remove_file(rm, arg);
		else if (opt->all || opt->older_ns)
			remove_in(rm, arg, 0);
		else
			refuse(rm, arg,
			       "a directory; with --all or --older TIME what is in it goes");
		return;
	}
	if (!fr_parse_number(arg, &pid) || !pid || pid > INT_MAX) {
		refuse(rm, arg, "there is no such file, and it is no PID");
		return;
	}
	fr_regions_dir(dir, sizeof(dir));
	remove_in(rm, dir, (uint32_t)pid);
}

int fr_cmd_rm(struct call *c)
{
	struct removal rm = {.c = c};
	char amount[FR_UNITS_LEN], dir[PATH_MAX];

	if (c->argc < 2 && !c->opt->all && !c->opt->older_ns) {
		diag_add(c->diag, DIAG_ERROR,
			 "fr rm: which? fr rm REGION... or PID..., fr rm --older 1h, fr rm --all");
		return FR_EXIT_USAGE;
	}
	for (int i = 1; i < c->argc; i++)
		remove_operand(&rm, c->argv[i]);
	if (c->argc < 2) {
		fr_regions_dir(dir, sizeof(dir));
		remove_in(&rm, dir, 0);
	}
	if (rm.n)
		diag_add(c->diag, DIAG_NOTE, "%u removed, %s given back", rm.n,
			 fr_units_bytes(amount, rm.bytes));
	else if (!rm.failed)
		diag_add(c->diag, DIAG_NOTE, "nothing to remove");
	return rm.failed ? FR_EXIT_ERROR : FR_EXIT_OK;
}
