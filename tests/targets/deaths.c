/* SPDX-License-Identifier: MIT */
/*
 * deaths.c - one death of each kind that the stack of a crash tells apart.
 *
 *   deaths assert | abort | overrun | fortify | twice | invalid | virtual | again | inside
 *
 * again, inside: its own handler for SIGSEGV raises the signal once more; it comes when the handler
 * is left, or at once. Says nothing but that it starts.
 */
#include <assert.h>
#include <dlfcn.h>
#include <signal.h>

#include "truth.h"

void __stack_chk_fail(void);
void __chk_fail(void);

static void *volatile block;
static volatile int sink;

static void on_fault(int signo)
{
	signal(signo, SIG_DFL);
	raise(signo);
}

NOINLINE static void parse_field(int *field)
{
	sink += *field; /* the fault */
}

NOINLINE static void give_back(void)
{
	free(block); /* the free */
}

NOINLINE static void call_virtual(void)
{
	void *lib = dlopen("libstdc++.so.6", RTLD_NOW);
	void (*call)(void) = lib ? (void (*)(void))dlsym(lib, "__cxa_pure_virtual") : NULL;

	if (!call)
		broken("libstdc++");
	call();
	sink++; /* no tail call */
}

NOINLINE static void die(const char *kind)
{
	if (!strcmp(kind, "assert"))
		assert(sink); /* the assertion */
	if (!strcmp(kind, "abort"))
		abort();
	if (!strcmp(kind, "overrun"))
		__stack_chk_fail();
	if (!strcmp(kind, "fortify"))
		__chk_fail();
	block = malloc(3000);
	if (!strcmp(kind, "twice"))
		give_back();
	if (!strcmp(kind, "invalid"))
		block = (char *)block + 8;
	give_back();
}

int main(int argc, char **argv)
{
	const char *kind = argc > 1 ? argv[1] : "abort";

	say("{\"kind\":\"%s\"}", kind);
	if (!strcmp(kind, "virtual"))
		call_virtual();
	if (!strcmp(kind, "again") || !strcmp(kind, "inside")) {
		struct sigaction sa = {.sa_handler = on_fault,
				       .sa_flags = strcmp(kind, "again") ? SA_NODEFER : 0};

		sigaction(SIGSEGV, &sa, NULL);
		parse_field(NULL);
	}
	die(kind);
	return 0;
}
