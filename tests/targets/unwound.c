/* SPDX-License-Identifier: MIT */
/*
 * unwound.c - calls with some stacks, and says what a broken unwinder could have done to it: is a
 * handler or a mask other than it was?
 *
 * "own": a constructor sets a handler for SIGSEGV, which steps over each fault. "busy": and starts
 * a thread that faults all the time.
 */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <ucontext.h>

#include "truth.h"

static atomic_int faults, handled;
static atomic_bool stop;
static bool own, busy;
static pthread_t faulter;

NOINLINE static void fault(void)
{
#if defined(__x86_64__)
	__asm__ volatile("movl $0, 8"); /* 11 bytes */
#else
	raise(SIGSEGV);
#endif
}

static void on_fault(int sig, siginfo_t *si, void *uc)
{
	atomic_fetch_add(&handled, 1);
#if defined(__x86_64__)
	((ucontext_t *)uc)->uc_mcontext.gregs[REG_RIP] += 11;
#endif
}

static void *fault_always(void *arg)
{
	while (!atomic_load(&stop)) {
		atomic_fetch_add(&faults, 1);
		fault();
	}
	return NULL;
}

__attribute__((constructor)) static void early(int argc, char **argv)
{
	struct sigaction a = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO};

	busy = argc > 1 && strcmp(argv[1], "busy") == 0;
	own = busy || (argc > 1 && strcmp(argv[1], "own") == 0);
	if (own && sigaction(SIGSEGV, &a, NULL) != 0)
		broken("sigaction");
	if (busy && pthread_create(&faulter, NULL, fault_always, NULL) != 0)
		broken("pthread_create");
	while (busy && atomic_load(&faults) < 10)
		;
}

/* What the kernel says of this thread: masks and handlers, as hexadecimal words. */
static void say_status(void)
{
	char line[256];
	FILE *f = fopen("/proc/thread-self/status", "r");

	while (f && fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = '\0';
		if (strncmp(line, "Sig", 3) == 0)
			say("{\"status\":\"%.6s\",\"is\":\"%s\"}", line, line + 8);
	}
	if (!f)
		broken("status");
	fclose(f);
}

NOINLINE static int inner(int domain)
{
	int fd = socket(domain, SOCK_STREAM, 0);

	if (fd < 0)
		broken("socket");
	return fd;
}

NOINLINE static int outer(int domain)
{
	int fd = inner(domain);

	return close(fd);
}

NOINLINE static int further(int domain)
{
	int rc = outer(domain);

	return rc + outer(domain);
}

int main(void)
{
	struct sigaction a;

	say_status();
	for (int i = 0; i < 20; i++)
		further(AF_UNIX);
	outer(AF_INET);
	sigaction(SIGSEGV, NULL, &a);
	say("{\"handler\":\"%s\",\"its\":%d}", own ? "own" : "default",
	    own ? a.sa_sigaction == on_fault : a.sa_handler == SIG_DFL);
	if (busy) {
		atomic_store(&stop, true);
		pthread_join(faulter, NULL);
	}
	say("{\"each_fault_once\":%d}", atomic_load(&faults) == atomic_load(&handled));
	if (own)
		fault();
	say("{\"end\":%d}", own ? atomic_load(&handled) > 0 : 1);
	return 0;
}
