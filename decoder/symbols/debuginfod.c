/* SPDX-License-Identifier: MIT */
/*
 * debuginfod.c - the client library, loaded when wanted: it pulls in some thirty others, which a
 * decoder that nobody asked to download anything should not load.
 */
#include "symbols/debuginfod.h"

#include <stddef.h>
#include <unistd.h>

#include "base/optional.h"

#define LIBRARY "libdebuginfod.so.1"

char *fr_debuginfod_find(const uint8_t *build_id, uint32_t len)
{
	void *(*begin)(void);
	int (*find)(void *, const unsigned char *, int, char **);
	void (*end)(void *);
	void *client;
	char *path = NULL;
	int fd;

	fr_optional(LIBRARY, "debuginfod_begin", (void **)&begin);
	fr_optional(LIBRARY, "debuginfod_find_debuginfo", (void **)&find);
	fr_optional(LIBRARY, "debuginfod_end", (void **)&end);
	if (!begin || !find || !end)
		return NULL;
	client = begin();
	if (!client)
		return NULL;
	fd = find(client, build_id, (int)len, &path);
	if (fd >= 0)
		close(fd);
	else
		path = NULL;
	end(client);
	return path;
}
