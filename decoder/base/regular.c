/* SPDX-License-Identifier: MIT */
/*
 * regular.c - see regular.h.
 */
#include "base/regular.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

/* Reasons of our own, by numbers that no file system answers an open with. */
#define NOT_REGULAR EMEDIUMTYPE
#define NO_PROC ENOTUNIQ

/* "Regular", but reading is an action there: /proc/kmsg, trace_pipe. */
static bool is_made_up(int fd)
{
	static const unsigned int kinds[] = {PROC_SUPER_MAGIC, SYSFS_MAGIC, DEBUGFS_MAGIC,
					     TRACEFS_MAGIC};
	struct statfs fs;

	if (fstatfs(fd, &fs))
		return true;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if ((unsigned int)fs.f_type == kinds[i])
			return true;
	}
	return false;
}

/* Opens what PLACE stands for, whatever has happened to its name. */
static int open_for_reading(int place, struct stat *st)
{
	struct stat now;
	char path[40];
	int fd;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", place);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd >= 0 && (fstat(fd, &now) || now.st_ino != st->st_ino || now.st_dev != st->st_dev)) {
		close(fd); /* what stands at /proc is no procfs */
		errno = NO_PROC;
		return -1;
	}
	if (fd < 0 && errno == ENOENT)
		errno = NO_PROC;
	return fd;
}

static int open_at(int dir, const char *name, int follow, struct stat *st)
{
	int place = openat(dir, name, O_PATH | O_CLOEXEC | follow), fd = -1, err;

	if (place < 0)
		return -1;
	if (fstat(place, st) || !S_ISREG(st->st_mode) || is_made_up(place))
		errno = NOT_REGULAR;
	else
		fd = open_for_reading(place, st);
	err = errno;
	close(place);
	errno = err;
	return fd;
}

int fr_regular_open(const char *path, struct stat *st)
{
	return open_at(AT_FDCWD, path, 0, st);
}

int fr_regular_open_at(int dir, const char *name, struct stat *st)
{
	return open_at(dir, name, O_NOFOLLOW, st);
}

const char *fr_regular_why(void)
{
	if (errno == NOT_REGULAR)
		return "not a regular file";
	return errno == NO_PROC ? "/proc is not mounted" : strerror(errno);
}
