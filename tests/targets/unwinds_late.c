/* SPDX-License-Identifier: MIT */
/*
 * unwinds_late.c - a program that loads a plugin with libunwind, after the recorder has loaded it.
 */
#include <dlfcn.h>
#include <sys/socket.h>

#include "truth.h"

int main(int argc, char **argv)
{
	int (*run)(const char *);
	void *h;

	close(socket(AF_INET, SOCK_STREAM, 0)); /* its own stack is known before */
	h = argc > 1 ? dlopen(argv[1], RTLD_NOW) : NULL;
	run = h ? (int (*)(const char *))dlsym(h, "unwinder_run") : NULL;
	if (!run)
		broken("no plugin");
	for (int i = 0; i < 6; i++)
		run("plugin");
	return 0;
}
