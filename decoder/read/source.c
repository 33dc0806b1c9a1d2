/* SPDX-License-Identifier: MIT */
/*
 * source.c - from what the user typed to readable bytes: a file, a region, a process's memory.
 *
 * Everything is read by pread() and never mapped: a file that shrinks while it is read is then a
 * short read and not a SIGBUS.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/parse.h"
#include "base/regular.h"
#include "read/impl.h"
#include "read/regions.h"

#define COMM_LEN 15u /* as long as the kernel keeps it */

size_t fr_source_read(const struct source *src, uint64_t off, void *buf, size_t n)
{
	size_t done = 0;

	if (off > src->size)
		return 0;
	if (n > src->size - off)
		n = (size_t)(src->size - off);
	while (done < n) {
		ssize_t r = pread(src->fd, (char *)buf + done, n - done,
				  (off_t)(src->base + off + done));

		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0)
			break;
		done += (size_t)r;
	}
	return done;
}

static bool open_file(struct source *src, const char *path, struct diag *d)
{
	struct stat st;

	src->fd = fr_regular_open(path, &st);
	if (src->fd < 0) {
		diag_add(d, DIAG_ERROR, "%s: cannot be opened: %s", path, fr_regular_why());
		return false;
	}
	src->size = (uint64_t)st.st_size;
	src->stored = (uint64_t)st.st_blocks * 512;
	return true;
}

static bool open_memory(struct source *src, uint32_t pid, uint64_t start, uint64_t end,
			struct diag *d)
{
	char path[40];

	snprintf(path, sizeof(path), "/proc/%u/mem", pid);
	src->fd = open(path, O_RDONLY | O_CLOEXEC);
	if (src->fd < 0) {
		diag_add(d, DIAG_ERROR,
			 "PID %u: its region is anonymous memory and %s cannot be opened: %s; "
			 "try as root",
			 pid, path, strerror(errno));
		return false;
	}
	src->base = start;
	src->size = src->stored = end - start;
	src->kind = RECORDING_LIVE;
	return true;
}

/* The region file of PID: that of the running process (*LIVE), else the youngest left one. */
static char *region_of(uint32_t pid, bool *live, struct diag *d)
{
	struct region_info *regions;
	char dir[PATH_MAX];
	char *path = NULL;
	size_t n;

	*live = false;
	fr_regions_dir(dir, sizeof(dir));
	if (!fr_regions_trust(dir, DIAG_NOTE, d))
		return NULL;
	n = fr_regions_scan(dir, ".frr", &regions);
	for (size_t i = 0; i < n; i++) {
		if (regions[i].problem || regions[i].pid != pid || *live)
			continue;
		*live = regions[i].source == RECORDING_LIVE;
		free(path);
		path = fr_mem_strndup(regions[i].path, strlen(regions[i].path));
	}
	fr_regions_free(regions, n);
	return path;
}

/* Another user can have put there what he likes, unless the directory is ours, and the file. */
static bool open_region(struct source *src, const char *path, struct diag *d)
{
	struct stat st;

	if (!fr_regions_trust_around(path, DIAG_ERROR, d) || !open_file(src, path, d))
		return false;
	if (!geteuid() || (!fstat(src->fd, &st) && st.st_uid == geteuid()))
		return true;
	diag_add(d, DIAG_ERROR, "%s: is another user's", path);
	close(src->fd);
	return false;
}

/* The region that the process itself has mapped: a file's path, or *SRC is its memory. */
static char *region_inside(struct source *src, uint32_t pid, struct diag *d)
{
	char path[PATH_MAX], inside[PATH_MAX + 32];
	uint64_t start, end;

	if (!fr_process_region(pid, path, sizeof(path), &start, &end))
		return NULL;
	if (!*path)
		return open_memory(src, pid, start, end, d) ? fr_mem_strndup("memfd", 5) : NULL;
	snprintf(inside, sizeof(inside), "/proc/%u/root%s", pid, path);
	return fr_mem_strndup(access(path, R_OK) ? inside : path, sizeof(inside));
}

static void say_none(uint32_t pid, struct diag *d)
{
	char dir[PATH_MAX], why[200];

	if (diag_has(d, DIAG_ERROR))
		return;
	fr_regions_dir(dir, sizeof(dir));
	if (fr_process_records_nothing(pid, why, sizeof(why)))
		diag_add(d, DIAG_ERROR, "PID %u: no recording: %s", pid, why);
	else
		diag_add(d, DIAG_ERROR,
			 "PID %u: no recording: neither a region in %s nor a running process "
			 "with the recorder loaded; see fr list",
			 pid, dir);
}

static char *open_pid(struct source *src, uint32_t pid, struct diag *d)
{
	bool live;
	char *found = region_of(pid, &live, d);

	/* one that was left may be of another process, which had the same number before */
	if (!live) {
		char *inside = region_inside(src, pid, d);

		if (inside || diag_has(d, DIAG_ERROR)) {
			free(found);
			found = inside;
		}
	}
	if (!found)
		say_none(pid, d);
	if (!found || src->fd >= 0 || open_region(src, found, d))
		return found;
	free(found);
	return NULL;
}

static bool is_pid(const char *spec, uint32_t *pid)
{
	uint64_t v;

	if (!fr_parse_number(spec, &v) || !v || v > INT_MAX || access(spec, F_OK) == 0)
		return false;
	*pid = (uint32_t)v;
	return true;
}

/* The processes called NAME that have a region: of several that live, all are told. */
static bool pid_of(const char *name, uint32_t *pid, struct diag *d)
{
	struct region_info *regions;
	char dir[PATH_MAX], list[200] = "";
	size_t n, live = 0, used = 0;

	*pid = 0;
	fr_regions_dir(dir, sizeof(dir));
	if (strchr(name, '/') || !*name || !fr_regions_trust(dir, DIAG_NOTE, d))
		return false;
	n = fr_regions_scan(dir, ".frr", &regions); /* the oldest first */
	for (size_t i = 0; i < n; i++) {
		bool lives = regions[i].source == RECORDING_LIVE;

		if (regions[i].problem || strncmp(regions[i].comm, name, COMM_LEN) != 0 ||
		    (live && !lives))
			continue;
		*pid = regions[i].pid;
		live += lives;
		if (lives && used < sizeof(list))
			used += (size_t)snprintf(list + used, sizeof(list) - used, " %u", *pid);
	}
	fr_regions_free(regions, n);
	if (live > 1)
		diag_add(d, DIAG_ERROR, "%zu processes are called %s: say which by its PID:%s",
			 live, name, list);
	return *pid;
}

char *fr_source_open(struct source *src, const char *spec, struct diag *d)
{
	uint32_t pid;

	*src = (struct source){.fd = -1, .kind = RECORDING_FILE};
	if (is_pid(spec, &pid))
		return open_pid(src, pid, d);
	if (access(spec, F_OK) && pid_of(spec, &pid, d))
		return diag_has(d, DIAG_ERROR) ? NULL : open_pid(src, pid, d);
	return open_file(src, spec, d) ? fr_mem_strndup(spec, strlen(spec)) : NULL;
}
