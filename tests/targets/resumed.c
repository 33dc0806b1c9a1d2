/* SPDX-License-Identifier: MIT */
/*
 * resumed.c - waits in a call that the kernel never restarts, and says how that ended.
 *
 *   resumed CALL   says its thread, then waits; SIGUSR2 is what the program itself waits for
 *
 * Those with a timeout have 800 ms.
 */
#include <signal.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>

#include "truth.h"

static int semaphores, letters, handled;
static sigset_t usr2;
static const struct timespec timeout = {0, 800000000};
static struct {
	long type;
	char text[4096];
} letter = {1, ""};

/* Exported by libc, declared by no header. */
int __sigsuspend(const sigset_t *mask);

static void on_usr2(int sig)
{
	(void)sig;
	handled++;
}

static sigset_t nothing_blocked(void)
{
	sigset_t s;

	sigemptyset(&s);
	return s;
}

static long do_sigsuspend(void)
{
	sigset_t none = nothing_blocked();

	return sigsuspend(&none);
}

static long do_old_sigsuspend(void)
{
	sigset_t none = nothing_blocked();

	return __sigsuspend(&none);
}

static long do_pause(void)
{
	return pause();
}

static void block_usr2(void)
{
	sigprocmask(SIG_BLOCK, &usr2, NULL);
}

static long do_sigwaitinfo(void)
{
	block_usr2();
	return sigwaitinfo(&usr2, NULL);
}

static long do_sigtimedwait(void)
{
	block_usr2();
	return sigtimedwait(&usr2, NULL, &timeout);
}

static struct sembuf take = {0, -1, 0};

static long do_semop(void)
{
	return semop(semaphores, &take, 1);
}

static long do_semtimedop(void)
{
	return semtimedop(semaphores, &take, 1, &timeout);
}

static long do_msgrcv(void)
{
	return msgrcv(letters, &letter, sizeof(letter.text), 7, 0);
}

static long do_msgsnd(void)
{
	while (msgsnd(letters, &letter, sizeof(letter.text), IPC_NOWAIT) == 0)
		;
	return msgsnd(letters, &letter, sizeof(letter.text), 0);
}

static const struct {
	const char *name;
	long (*run)(void);
} calls[] = {
	{"pause", do_pause},
	{"sigsuspend", do_sigsuspend},
	{"__sigsuspend", do_old_sigsuspend},
	{"sigwaitinfo", do_sigwaitinfo},
	{"sigtimedwait", do_sigtimedwait},
	{"semop", do_semop},
	{"semtimedop", do_semtimedop},
	{"msgrcv", do_msgrcv},
	{"msgsnd", do_msgsnd},
};

static void run(const char *name)
{
	long start = now_ms(), rc = -9;

	say("{\"tid\":%d}", tid());
	errno = 0;
	for (size_t i = 0; i < sizeof(calls) / sizeof(*calls); i++) {
		if (strcmp(calls[i].name, name) == 0)
			rc = calls[i].run();
	}
	say("{\"result\":%ld,\"errno\":%d,\"handled\":%d,\"took_ms\":%ld}", rc, errno, handled,
	    now_ms() - start);
}

int main(int argc, char **argv)
{
	signal(SIGUSR2, on_usr2);
	sigemptyset(&usr2);
	sigaddset(&usr2, SIGUSR2);
	semaphores = semget(IPC_PRIVATE, 1, 0600);
	letters = msgget(IPC_PRIVATE, 0600);
	if (argc < 2 || semaphores < 0 || letters < 0)
		broken("System V");
	run(argv[1]);
	semctl(semaphores, 0, IPC_RMID);
	msgctl(letters, IPC_RMID, NULL);
	return 0;
}
