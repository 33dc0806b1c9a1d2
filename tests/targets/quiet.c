/* SPDX-License-Identifier: MIT */
/*
 * quiet.c - a program that has nothing to record: it computes and allocates. Then one thing happens.
 *
 *   quiet spin           "ready", then nothing at all, until somebody ends it
 *   quiet allocs N SIZE  allocates and frees N blocks of SIZE, then sleeps, "ready"
 *   quiet fork           a child made by a bare system call sleeps; the parent has nothing to tell
 *   quiet filter         puts itself under a system call filter that kills for openat, sleeps,
 *                        "ready"
 *   quiet altstack       says whether it has an alternate stack
 *   quiet overflow       calls itself until the stack is full
 *
 * What it says goes to the kernel by libc's stdio, which no hook sees.
 */
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static volatile int depth;

static __attribute__((noinline)) int overflow(int n)
{
	volatile char space[4096];

	space[0] = (char)n;
	if (++depth < 0)
		return 0;
	return overflow(n + 1) + space[0];
}

/* Until somebody ends it. */
static void spin(void)
{
	for (;;)
		depth++;
}

static void nap(void)
{
	struct timespec ms = {0, 1000000};

	nanosleep(&ms, NULL);
}

static void allocs(long n, size_t size)
{
	for (long i = 0; i < n; i++) {
		void *volatile p = malloc(size);

		free(p);
	}
	nap();
}

static void forks(void)
{
	long pid = syscall(SYS_fork);

	if (pid == 0) {
		nap();
		pause();
	}
	printf("{\"child\":%ld}\n", pid);
	fflush(stdout);
	spin();
}

static void filter(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {sizeof(code) / sizeof(*code), code};
	int rc = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);

	rc |= prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
	nap();
	printf("{\"filtered\":%d}\n", rc == 0);
}

static void altstack(void)
{
	stack_t now = {0};

	sigaltstack(NULL, &now);
	printf("{\"altstack\":%d}\n", now.ss_sp || !(now.ss_flags & SS_DISABLE));
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	if (strcmp(what, "allocs") == 0 && argc > 3)
		allocs(atol(argv[2]), (size_t)atol(argv[3]));
	else if (strcmp(what, "fork") == 0)
		forks();
	else if (strcmp(what, "filter") == 0)
		filter();
	else if (strcmp(what, "altstack") == 0)
		altstack();
	else if (strcmp(what, "overflow") == 0)
		return overflow(0);
	else if (strcmp(what, "spin") != 0)
		return 2;
	puts("ready");
	fflush(stdout);
	if (strcmp(what, "altstack") != 0)
		spin();
	return 0;
}
