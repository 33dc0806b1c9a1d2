/* SPDX-License-Identifier: MIT */
/*
 * crash.c - dies, or nearly dies, of one fatal signal in one of many ways.
 *
 *   crash SIGNAL WHERE HANDLER
 *
 *   SIGNAL   segv bus fpe ill abrt trap sys overflow (a stack overflow)
 *   WHERE    main, thread, held (another thread that holds a lock)
 *   HANDLER  none; longjmp: a handler of its own that gets away, three times, then exit 0;
 *            reset: a handler of its own that restores the default and raises again
 *
 * Says tid, signal, fault address, function, line and lock before it happens.
 */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>

#include "faults.h"
#include "truth.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static sigjmp_buf back;
static const char *what, *how, *place;
static int signo;
static volatile int zero;

#define FAULT(addr)                                                                                \
	say("{\"tid\":%d,\"signo\":%d,\"addr\":\"%p\",\"fn\":\"%s\",\"line\":%d,\"lock\":\"%p\"}", \
	    tid(), signo, (void *)(addr), __func__, __LINE__ + 1, (void *)&lock)

NOINLINE static void fault_segv(void)
{
	volatile int *p = (int *)0x10;

	FAULT(p);
	*p = 1;
}

NOINLINE static void fault_bus(void)
{
	int fd = memfd_create("short", MFD_CLOEXEC);
	volatile char *p = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);

	close(fd);
	FAULT(p + 64);
	(void)p[64];
}

NOINLINE static void fault_fpe(void)
{
	FAULT(NULL);
	divide_by(zero);
}

NOINLINE static void fault_ill(void)
{
	FAULT(NULL);
	__asm__ volatile(ILLEGAL);
}

NOINLINE static void fault_trap(void)
{
	FAULT(NULL);
	__asm__ volatile(BREAKPOINT);
}

NOINLINE static void fault_abrt(void)
{
	FAULT(NULL);
	abort();
}

NOINLINE static void fault_sys(void)
{
	FAULT(NULL);
	raise(SIGSYS);
}

NOINLINE static int fault_overflow(volatile char *outer)
{
	volatile char frame[2048];

	frame[0] = outer ? *outer : 0;
	return (zero ? 0 : fault_overflow(frame)) + frame[0];
}

static const struct {
	const char *name;
	int signo;
	void (*fault)(void);
} faults[] = {
	{"segv", SIGSEGV, fault_segv}, {"bus", SIGBUS, fault_bus},    {"fpe", SIGFPE, fault_fpe},
	{"ill", SIGILL, fault_ill},    {"trap", SIGTRAP, fault_trap}, {"abrt", SIGABRT, fault_abrt},
	{"sys", SIGSYS, fault_sys},
};

NOINLINE static void fault(void)
{
	if (strcmp(what, "overflow") == 0) {
		say("{\"tid\":%d,\"signo\":%d,\"fn\":\"fault_overflow\",\"lock\":\"%p\"}", tid(),
		    signo, (void *)&lock);
		fault_overflow(NULL);
	}
	for (size_t i = 0; i < sizeof(faults) / sizeof(*faults); i++)
		if (strcmp(what, faults[i].name) == 0)
			faults[i].fault();
	broken("the fault did not happen");
}

static void get_away(int sig)
{
	siglongjmp(back, sig);
}

static void reset_and_raise(int sig)
{
	struct sigaction dfl = {.sa_handler = SIG_DFL};

	say("{\"handled\":%d}", sig);
	sigaction(sig, &dfl, NULL);
	raise(sig);
}

static void handle(void)
{
	struct sigaction own = {.sa_flags = 0};

	own.sa_handler = strcmp(how, "longjmp") == 0 ? get_away : reset_and_raise;
	sigaction(signo, &own, NULL);
}

NOINLINE static void *run(void *arg)
{
	int hold = strcmp(place, "held") == 0;
	volatile int times = 0;

	if (hold)
		pthread_mutex_lock(&lock);
	if (strcmp(how, "longjmp") == 0) {
		if (sigsetjmp(back, 1) == 0 || ++times < 3)
			fault();
		say("{\"survived\":%d}", times);
	} else {
		fault();
	}
	if (hold)
		pthread_mutex_unlock(&lock);
	return arg;
}

int main(int argc, char **argv)
{
	pthread_t t;

	if (argc < 4)
		broken("usage: crash SIGNAL WHERE HANDLER");
	what = argv[1];
	place = argv[2];
	how = argv[3];
	signo = SIGSEGV;
	for (size_t i = 0; i < sizeof(faults) / sizeof(*faults); i++)
		if (strcmp(what, faults[i].name) == 0)
			signo = faults[i].signo;
	if (strcmp(how, "none") != 0)
		handle();
	if (strcmp(place, "main") == 0)
		return run(NULL) != NULL;
	if (pthread_create(&t, NULL, run, NULL) != 0)
		broken("pthread_create");
	pthread_join(t, NULL);
	return 0;
}
