/* SPDX-License-Identifier: MIT */
/*
 * process.c - what /proc tells about the process that a region belongs to.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/units.h"
#include "read/regions.h"

static FILE *maps_open(uint32_t pid)
{
	char path[40];

	snprintf(path, sizeof(path), "/proc/%u/maps", pid);
	return fopen(path, "re");
}

static bool is_zombie(uint32_t pid)
{
	char path[40], buf[512];
	const char *p;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%u/stat", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return true;
	n = read(fd, buf, sizeof(buf) - 1);
	close(fd);
	buf[n > 0 ? n : 0] = 0;
	p = strrchr(buf, ')'); /* the command's name may hold anything */
	return !p || p[1] != ' ' || p[2] == 'Z' || p[2] == 'X';
}

static bool line_is_file(const char *line, uint64_t dev, uint64_t ino)
{
	unsigned int hi, lo;
	uint64_t inode;

	return sscanf(line, "%*s %*s %*s %x:%x %" SCNu64, &hi, &lo, &inode) == 3 && inode == ino &&
	       makedev(hi, lo) == dev;
}

enum process_maps fr_process_maps(uint32_t pid, uint64_t dev, uint64_t ino)
{
	FILE *f = maps_open(pid);
	bool found = false;
	char *line = NULL;
	size_t cap = 0;

	if (!f)
		return errno == EACCES && !is_zombie(pid) ? PROCESS_HIDDEN : PROCESS_GONE;
	while (!found && getline(&line, &cap, f) > 0)
		found = line_is_file(line, dev, ino);
	free(line);
	fclose(f);
	return found ? PROCESS_HAS_IT : PROCESS_OTHER;
}

bool fr_process_is_gone(uint32_t pid)
{
	return pid && pid <= INT32_MAX &&
	       ((kill((pid_t)pid, 0) && errno == ESRCH) || is_zombie(pid));
}

static bool ends_with(const char *s, const char *suffix)
{
	size_t n = strlen(s), k = strlen(suffix);

	return n >= k && !strcmp(s + n - k, suffix);
}

/* A region's mappings in one line each: "start-end perms offset dev inode   path". */
static bool map_line(const char *line, char *path, size_t size, uint64_t *start, uint64_t *end)
{
	uint64_t from, to, off;
	int at = 0;

	if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %*s %" SCNx64 " %*s %*s %n", &from, &to, &off,
		   &at) < 3 ||
	    !at)
		return false;
	line += at;
	if (*end && off && from == *end) { /* a later piece of the memfd found before */
		*end = to;
		return false;
	}
	if (off || *end)
		return false;
	/* of a file that was removed the memory is left as well (a failed exec, a tidy admin) */
	if (strncmp(line, "/memfd:fr-", 10) == 0 || ends_with(line, ".frr (deleted)")) {
		*path = 0;
		*start = from;
		*end = to;
		return false; /* go on: it may have more pieces */
	}
	if (!ends_with(line, ".frr") || strlen(line) >= size)
		return false;
	strcpy(path, line);
	return true;
}

bool fr_process_region(uint32_t pid, char *path, size_t size, uint64_t *start, uint64_t *end)
{
	FILE *f = maps_open(pid);
	bool found = false;
	char *line = NULL;
	size_t cap = 0;

	if (!f)
		return false;
	*path = 0;
	*start = *end = 0;
	while (!found && getline(&line, &cap, f) > 0) {
		line[strcspn(line, "\n")] = 0;
		found = map_line(line, path, size, start, end);
	}
	free(line);
	fclose(f);
	return found || *end;
}

/* ---- a process without a region -------------------------------------------------------------- */

static bool has_recorder(uint32_t pid)
{
	FILE *f = maps_open(pid);
	bool found = false;
	char *line = NULL;
	size_t cap = 0;

	while (f && !found && getline(&line, &cap, f) > 0) {
		line[strcspn(line, "\n")] = 0;
		found = ends_with(line, "/libfr.so");
	}
	free(line);
	if (f)
		fclose(f);
	return found;
}

/* UINT64_MAX = no limit, or not to be known. */
static uint64_t file_size_limit(uint32_t pid)
{
	uint64_t limit = UINT64_MAX;
	char path[40], line[256];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%u/limits", pid);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "Max file size %" SCNu64, &limit) == 1)
			break;
	}
	if (f)
		fclose(f);
	return limit;
}

bool fr_process_records_nothing(uint32_t pid, char *why, size_t size)
{
	char amount[FR_UNITS_LEN];
	uint64_t limit;

	if (!has_recorder(pid))
		return false;
	limit = file_size_limit(pid);
	if (limit != UINT64_MAX)
		snprintf(why, size,
			 "it is not recorded, for its files may have no more than %s (Max file "
			 "size, ulimit -f) and a region needs more",
			 fr_units_bytes(amount, limit));
	else
		snprintf(why, size,
			 "it has the recorder loaded, but is not recorded; started with "
			 "FR_VERBOSE=1 it says why");
	return true;
}
