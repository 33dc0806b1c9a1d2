/* SPDX-License-Identifier: MIT */
/*
 * debuginfod.c - the client library through dlopen: it pulls in some thirty others, which a
 * decoder that nobody asked to download anything should not load.
 */
#include "symbols/debuginfod.h"

#include <dlfcn.h>
#include <stddef.h>
#include <unistd.h>

char *fr_debuginfod_find(const uint8_t *build_id, uint32_t len)
{
	void *(*begin)(void);
	int (*find)(void *, const unsigned char *, int, char **);
	void (*end)(void *);
	void *lib = dlopen("libdebuginfod.so.1", RTLD_NOW | RTLD_LOCAL);
	void *client;
	char *path = NULL;
	int fd;

	if (!lib)
		return NULL;
	*(void **)&begin = dlsym(lib, "debuginfod_begin");
	*(void **)&find = dlsym(lib, "debuginfod_find_debuginfo");
	*(void **)&end = dlsym(lib, "debuginfod_end");
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
