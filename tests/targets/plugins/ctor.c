/* SPDX-License-Identifier: MIT */
/* ctor.c - a plugin whose constructor looks at what it is given. */
#include <stdio.h>
#include <unistd.h>

extern char **environ;

__attribute__((constructor)) static void begin(int argc, char **argv, char **envp)
{
	char text[200];
	int n = snprintf(text, sizeof(text), "plugin: argc %d, last %s, same environ %d\n", argc,
			 argc > 0 && argv ? argv[argc - 1] : "(none)", envp == environ);

	if (write(1, text, n) != n)
		_exit(98);
}
