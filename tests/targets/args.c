/* SPDX-License-Identifier: MIT */
/*
 * args.c - what a program is given: arguments, environment, its own name, in main and in
 * constructors, its own and those of a plugin. Addresses and FR_ variables are left out.
 */
#include <dlfcn.h>
#include <stdint.h>
#include <sys/auxv.h>

#include "truth.h"

extern char **environ;

static void show(const char *where, int argc, char **argv, char **envp)
{
	int n = 0;

	for (char **e = environ; e && *e; e++)
		if (strncmp(*e, "FR_", 3) != 0 && strncmp(*e, "LD_PRELOAD=", 11) != 0)
			n++;
	say("%s: argc %d, last %s, %d variables, same environ %d, MARK %s", where, argc,
	    argc > 0 ? argv[argc - 1] : "(none)", n, envp == environ,
	    getenv("MARK") ? getenv("MARK") : "(unset)");
}

__attribute__((constructor)) static void begin(int argc, char **argv, char **envp)
{
	show("constructor", argc, argv, envp);
}

int main(int argc, char **argv, char **envp)
{
	void *h;

	show("main", argc, argv, envp);
	say("name %s, errno %d, secure %lu", program_invocation_short_name, errno,
	    getauxval(AT_SECURE));
	setenv("MARK", "changed", 1);
	unsetenv("HOME");
	show("main", argc, argv, environ);
	h = dlopen("ctor.so", RTLD_NOW);
	if (!h)
		say("%s", dlerror());
	return 0;
}
