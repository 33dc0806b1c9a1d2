/* SPDX-License-Identifier: MIT */
/*
 * unwound.c - calls with some stacks, and says what a broken unwinder could have done to it: is a
 * handler or a mask other than it was?
 *
 * "own": a constructor sets a handler for SIGSEGV, which steps over each fault. "busy": and starts
 * a thread that faults all the time.
 */
#include <sys/socket.h>

#include "plugins/faulter.h"
#include "truth.h"

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
	say("{\"handler\":\"%s\",\"its\":%d}", faulter_own ? "own" : "default",
	    faulter_own ? a.sa_sigaction == faulter_handler : a.sa_handler == SIG_DFL);
	say("{\"each_fault_once\":%d}", faulter_end());
	if (faulter_own)
		faulter_fault();
	say("{\"end\":%d}", faulter_end());
	return 0;
}
