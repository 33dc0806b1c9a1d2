/* SPDX-License-Identifier: MIT */
/*
 * path.h - parts of a path.
 */
#ifndef FR_BASE_PATH_H
#define FR_BASE_PATH_H

#include <string.h>

/* What is behind the last slash; the whole PATH if there is none. */
static inline const char *fr_path_base(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

#endif
