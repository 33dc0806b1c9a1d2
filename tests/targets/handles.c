/* SPDX-License-Identifier: MIT */
/*
 * handles.c - faults that reach a handler of its own, and what that does with them.
 *
 *   handles _exit      the handler ends the process by _exit(3)
 *   handles exit       by exit(3)
 *   handles jumps      it leaves by siglongjmp; later, deeper in the stack, exit(0)
 *   handles returns    2000 times the page is made writable and the access done again; exit(0)
 *   handles aborts     SIGABRT: sets SIG_DFL and comes back into abort()
 *   handles raises     raise(SIGABRT), whose handler comes back: it goes on; exit(0)
 *   handles crashes    the handler of SIGSEGV faults itself
 *   handles blocked    SIGSEGV while the thread has all signals blocked
 *   handles ignored    SIGSEGV while it is ignored
 *   handles assert     assert() fails, without a handler
 */
#include <assert.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/mman.h>

#include "truth.h"

static const char *what;
static sigjmp_buf back;
static char *volatile page;

static bool does(const char *name)
{
	return !strcmp(what, name);
}

static void handler(int sig)
{
	if (does("_exit"))
		_exit(3);
	if (does("exit"))
		exit(3);
	if (does("jumps"))
		siglongjmp(back, 1);
	if (does("returns"))
		mprotect(page, 4096, PROT_READ | PROT_WRITE);
	if (does("aborts"))
		signal(sig, SIG_DFL);
	if (does("crashes"))
		*(volatile int *)16 = 1;
}

NOINLINE static void faults(void)
{
	*page = 1;
}

NOINLINE static int goes_deep(int n)
{
	volatile char frame[200] = {(char)n};

	if (n == 0)
		exit(0);
	return frame[0] ? goes_deep(n - 1) + frame[0] : 0;
}

static void returns(void)
{
	for (int i = 0; i < 2000; i++) {
		mprotect(page, 4096, PROT_NONE);
		faults();
	}
	exit(0);
}

NOINLINE static void gives_up(void)
{
	abort();
}

int main(int argc, char **argv)
{
	sigset_t all;

	what = argc > 1 ? argv[1] : "";
	page = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	say("{\"tid\":%d,\"page\":\"%p\"}", tid(), (void *)page);
	if (does("assert"))
		assert(page == NULL);
	signal(SIGSEGV, does("ignored") ? SIG_IGN : handler);
	signal(SIGABRT, handler);
	sigfillset(&all);
	if (does("blocked"))
		pthread_sigmask(SIG_SETMASK, &all, NULL);
	if (does("returns"))
		returns();
	if (does("aborts"))
		gives_up();
	if (does("raises"))
		exit(raise(SIGABRT));
	if (does("jumps") && sigsetjmp(back, 1))
		goes_deep(50);
	faults();
	return 9;
}
