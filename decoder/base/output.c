/* SPDX-License-Identifier: MIT */
/*
 * output.c - see output.h.
 */
#include "base/output.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/parse.h"

const char *fr_output_why(int err)
{
	return err == EFBIG ? "over the file size limit (ulimit -f) of this shell" : strerror(err);
}

/* Root's doings can be trusted: /dev, and links that a distribution makes. */
static bool is_trusted(const struct stat *st)
{
	return st->st_uid == geteuid() || !st->st_uid;
}

/* Links of the kernel to what is open already, perhaps in the middle: not to be opened again. Else
 * -1. */
static int open_already(const char *path)
{
	static const char *const places[] = {"/dev/fd/", "/proc/self/fd/"};

	if (!strcmp(path, "/dev/stdout"))
		return STDOUT_FILENO;
	if (!strcmp(path, "/dev/stderr"))
		return STDERR_FILENO;
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		size_t n = strlen(places[i]);
		uint64_t fd;

		if (!strncmp(path, places[i], n) && fr_parse_number(path + n, &fd) && fd <= INT_MAX)
			return (int)fd;
	}
	return -1;
}

static bool in_place(struct output *o, const char *path, int flags, const char **why)
{
	o->fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY | flags, 0666);
	if (o->fd < 0)
		*why = strerror(errno);
	return o->fd >= 0;
}

/* OLD: what is there now, to be replaced; NULL = nothing. */
static bool beside(struct output *o, const char *path, mode_t mode, const struct stat *old,
		   const char **why)
{
	if (asprintf(&o->part, "%s.%d.part", path, (int)getpid()) < 0) {
		o->part = NULL;
		*why = strerror(ENOMEM);
		return false;
	}
	o->fd = open(o->part, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
	if (o->fd >= 0) {
		o->path = strdup(path);
		if (old && old->st_uid == geteuid())
			fchmod(o->fd, old->st_mode & mode);
		return true;
	}
	*why = strerror(errno);
	free(o->part);
	o->part = NULL;
	/* a file of ours in a directory that is not */
	return old && old->st_uid == geteuid() && old->st_nlink == 1 &&
	       in_place(o, path, O_TRUNC | O_NOFOLLOW, why);
}

/* Is PATH, perhaps by a link, a terminal, a device or a pipe that nobody can have put there? */
static bool is_no_file(const char *path, const struct stat *self)
{
	struct stat st;

	return is_trusted(self) && !stat(path, &st) && !S_ISREG(st.st_mode) && is_trusted(&st);
}

bool fr_output_open(struct output *o, const char *path, mode_t mode, const char **why)
{
	struct stat st;

	*o = (struct output){.fd = -1};
	if (open_already(path) >= 0) {
		o->fd = fcntl(open_already(path), F_DUPFD_CLOEXEC, 3);
		*why = strerror(errno);
		return o->fd >= 0;
	}
	if (lstat(path, &st))
		return beside(o, path, mode, NULL, why);
	if (S_ISREG(st.st_mode))
		return beside(o, path, mode, &st, why);
	if (is_no_file(path, &st))
		return in_place(o, path, 0, why);
	if (S_ISLNK(st.st_mode))
		return beside(o, path, mode, NULL, why); /* in place of the link */
	*why = "another user has put something there that is no plain file";
	return false;
}

bool fr_output_end(struct output *o, bool well)
{
	int err;

	if (o->part) {
		well = well && o->path && !rename(o->part, o->path);
		err = errno;
		if (!well)
			unlink(o->part);
		errno = err;
	}
	free(o->part);
	free(o->path);
	*o = (struct output){.fd = -1};
	return well;
}
