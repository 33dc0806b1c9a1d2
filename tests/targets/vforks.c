/* SPDX-License-Identifier: MIT */
/*
 * vforks.c - what a child that shares our memory does to itself is not done to its parent.
 *
 *   vforks HOW signals   one call after the other that changes the child's signals; then what the
 *                        parent sees of its own, and whether its handlers still run
 *   vforks HOW rest      descriptors, locks, names, allocations; then waits for a byte on standard
 *                        input with one mutex held, and says what the recording must show
 *
 * HOW: vfork, clone (libc's, with CLONE_VM and CLONE_VFORK), itself (no child, for the rest only).
 * Signals print the same bare.
 */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "truth.h"

#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

sighandler_t __sysv_signal(int sig, sighandler_t handler);
sighandler_t bsd_signal(int sig, sighandler_t handler);
int __sigaction(int sig, const struct sigaction *act, struct sigaction *old);

static volatile int caught;
static sigjmp_buf back;
static char other_stack[64 << 10];

static void handler(int sig)
{
	caught += sig;
}

static void on_fault(int sig)
{
	siglongjmp(back, sig);
}

static void other(int sig)
{
	caught = -sig;
}

/* ---- in the child ---------------------------------------------------------------------------- */

static const struct sigaction dfl = {.sa_handler = SIG_DFL};
static const struct sigaction ign = {.sa_handler = SIG_IGN};
static const struct sigaction own = {.sa_handler = other, .sa_flags = SA_RESTART};

static void all_default(void)
{
	for (int sig = 1; sig < 32; sig++)
		sigaction(sig, &dfl, NULL);
}

static void all_ignored(void)
{
	for (int sig = 1; sig < 32; sig++)
		sigaction(sig, &ign, NULL);
}

static void all_own(void)
{
	for (int sig = 1; sig < 32; sig++)
		__sigaction(sig, &own, NULL);
}

static void by_signal(void)
{
	signal(SIGINT, SIG_DFL);
	bsd_signal(SIGUSR2, SIG_DFL);
	ssignal(SIGSEGV, SIG_DFL);
	signal(SIGUSR1, SIG_IGN);
}

static void by_sysv(void)
{
	sysv_signal(SIGINT, other);
	__sysv_signal(SIGUSR2, other);
	sigignore(SIGSEGV);
	sigset(SIGUSR1, SIG_IGN);
}

static void interrupts(void)
{
	siginterrupt(SIGINT, 1);
	siginterrupt(SIGSEGV, 1);
	siginterrupt(SIGINT, 0); /* libc's own note of it is in the memory of both */
	siginterrupt(SIGSEGV, 0);
}

static void other_altstack(void)
{
	const stack_t st = {.ss_sp = other_stack, .ss_size = sizeof(other_stack)};

	sigaltstack(&st, NULL);
	sigaction(SIGINT, &(struct sigaction){.sa_handler = other, .sa_flags = SA_ONSTACK}, NULL);
}

/* Programs that wait for SIGUSR1 themselves get another trigger: the parent does not. */
static void waits_for_signals(void)
{
	struct timespec none = {0, 0};
	sigset_t s;

	sigemptyset(&s);
	sigaddset(&s, SIGUSR1);
	close(signalfd(-1, &s, 0));
	sigprocmask(SIG_BLOCK, &s, NULL);
	sigtimedwait(&s, NULL, &none);
	sigprocmask(SIG_UNBLOCK, &s, NULL);
}

/* What the child sees: its own doings, and before them what its parent had. */
static void reads_handlers(void)
{
	struct sigaction a, b, c;
	int wrong;

	sigaction(SIGINT, NULL, &a);
	sigaction(SIGINT, &dfl, &b);
	sigaction(SIGINT, NULL, &c);
	wrong = a.sa_handler != handler || b.sa_handler != handler || c.sa_handler != SIG_DFL;
	sigaction(SIGSEGV, &own, &a);
	sigaction(SIGSEGV, NULL, &b);
	wrong += a.sa_handler != on_fault || b.sa_handler != other;
	if (wrong)
		_exit(9);
}

static void catches(void)
{
	sigaction(SIGHUP, &own, NULL);
	syscall(SYS_kill, getpid(), SIGHUP);
	syscall(SYS_kill, getpid(), SIGINT);
	if (caught != SIGINT - SIGHUP)
		_exit(9);
	caught = 0; /* a word of both */
}

static const struct deed {
	const char *name;
	void (*fn)(void);
} deeds[] = {
	{"all default", all_default},
	{"all ignored", all_ignored},
	{"all own", all_own},
	{"signal", by_signal},
	{"sysv_signal", by_sysv},
	{"siginterrupt", interrupts},
	{"sigaltstack", other_altstack},
	{"waits", waits_for_signals},
	{"reads handlers", reads_handlers},
	{"catches", catches},
};

static int child(void *arg)
{
	const struct deed *d = arg;

	d->fn();
	_exit(7);
}

static int status_of(const char *how, const struct deed *d)
{
	static char stack[64 << 10];
	int status;
	pid_t p;

	if (!strcmp(how, "vfork")) {
		p = vfork();
		if (p == 0)
			child((void *)d);
	} else {
		p = clone(child, stack + sizeof(stack), CLONE_VM | CLONE_VFORK | SIGCHLD,
			  (void *)d);
	}
	if (p < 0 || waitpid(p, &status, 0) != p)
		broken(how);
	return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

/* ---- in the parent --------------------------------------------------------------------------- */

static const char *name(sighandler_t h)
{
	return h == SIG_DFL    ? "default"
	       : h == SIG_IGN  ? "ignored"
	       : h == handler  ? "handler"
	       : h == on_fault ? "on_fault"
	       : h == other    ? "other"
			       : "somebody else's";
}

static void view(int sig)
{
	struct sigaction a;

	sigaction(sig, NULL, &a);
	say("  %d: %s, flags %x", sig, name(a.sa_handler),
	    (unsigned int)a.sa_flags & (SA_RESTART | SA_ONSTACK | SA_SIGINFO | SA_NODEFER));
}

static void see_signals(void)
{
	const int sigs[] = {SIGINT, SIGUSR2, SIGSEGV, SIGUSR1, SIGPIPE, SIGABRT, SIGHUP};
	struct sigaction a;
	stack_t st;

	for (size_t i = 0; i < sizeof(sigs) / sizeof(*sigs); i++)
		view(sigs[i]);
	caught = 0;
	raise(SIGINT);
	sigaction(SIGUSR2, NULL, &a); /* as libraries save and restore */
	sigaction(SIGUSR2, &a, NULL);
	raise(SIGUSR2);
	sigaltstack(NULL, &st);
	say("  caught %d, stack %s", caught, st.ss_flags & SS_DISABLE ? "none" : "some");
	if (sigsetjmp(back, 1) == 0)
		*(volatile int *)8 = 1;
	else
		say("  caught the fault");
}

static void signals(const char *how)
{
	struct sigaction a = {.sa_handler = handler, .sa_flags = SA_RESTART};

	sigaction(SIGINT, &a, NULL);
	a.sa_flags = 0;
	sigaction(SIGUSR2, &a, NULL);
	a = (struct sigaction){.sa_handler = on_fault, .sa_flags = SA_NODEFER};
	sigaction(SIGSEGV, &a, NULL);
	for (size_t i = 0; i < sizeof(deeds) / sizeof(*deeds); i++) {
		say("%s: %d", deeds[i].name, status_of(how, &deeds[i]));
		see_signals();
	}
}

/* ---- the rest -------------------------------------------------------------------------------- */

static pthread_mutex_t mine = PTHREAD_MUTEX_INITIALIZER, its = PTHREAD_MUTEX_INITIALIZER;
static pthread_rwlock_t its_rw = PTHREAD_RWLOCK_INITIALIZER;
static pthread_spinlock_t its_spin;
static int pair[2], spare;
static void *kept[3];

static void allocations(void)
{
	for (int i = 0; i < 3; i++)
		kept[i] = malloc(1000);
	free(kept[2]);
}

/* Leaves locks taken behind, which nobody does; but the held ones of the parent are others. */
static void everything(void)
{
	pthread_mutex_lock(&its);
	pthread_rwlock_wrlock(&its_rw);
	pthread_spin_lock(&its_spin);
	prctl(PR_SET_NAME, "the child");
	pthread_setname_np(pthread_self(), "the child too");
	dup2(spare, pair[0]);
	close(pair[1]);
	close(spare);
	closefrom(pair[1] < spare ? pair[1] : spare);
	allocations();
}

static void rest(const char *how)
{
	const struct deed d = {"everything", everything};
	char byte;

	pthread_spin_init(&its_spin, 0);
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0)
		broken("socketpair");
	spare = open("/dev/null", O_RDWR);
	pthread_setname_np(pthread_self(), "the parent");
	pthread_mutex_lock(&mine);
	if (!strcmp(how, "itself"))
		allocations();
	else if (status_of(how, &d) != 7)
		broken("the child");
	pthread_mutex_unlock(&mine);
	pthread_mutex_lock(&mine);
	if (send(pair[0], "x", 1, 0) != 1 || recv(pair[1], &byte, 1, 0) != 1)
		broken("the sockets");
	free(kept[0]);
	free(kept[1]);
	say("{\"tid\":%d,\"mine\":\"%p\",\"pair\":[%d,%d]}", tid(), (void *)&mine, pair[0],
	    pair[1]);
	if (read(0, &byte, 1) < 0)
		broken("read");
}

int main(int argc, char **argv)
{
	if (argc < 3)
		return 2;
	if (!strcmp(argv[2], "signals"))
		signals(argv[1]);
	else
		rest(argv[1]);
	return 0;
}
