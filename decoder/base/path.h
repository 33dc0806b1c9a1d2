/* SPDX-License-Identifier: MIT */
/*
 * path.h - parts of a path.
 */
#ifndef FR_BASE_PATH_H
#define FR_BASE_PATH_H

#include <stdbool.h>
#include <string.h>

/* What is behind the last slash; the whole PATH if there is none. */
static inline const char *fr_path_base(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* PATH becomes its directory: "/a/b" to "/a" to "/" to "/". False = it has no slash. */
static inline bool fr_path_up(char *path)
{
	char *slash = strrchr(path, '/');

	if (slash)
		slash[slash == path] = 0;
	return slash != NULL;
}

#endif
