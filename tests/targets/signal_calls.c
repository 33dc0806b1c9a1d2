/* SPDX-License-Identifier: MIT */
/*
 * signal_calls.c - every way to set a handler, and what the program sees of it afterwards.
 *
 * Prints the same with and without the recorder.
 */
#include <signal.h>
#include <sys/time.h>

#include "truth.h"

#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

sighandler_t __sysv_signal(int sig, sighandler_t handler);
sighandler_t bsd_signal(int sig, sighandler_t handler);
int __sigaction(int sig, const struct sigaction *act, struct sigaction *old);

static volatile int called, depth, deepest;

static void handler(int sig)
{
	called++;
	if (++depth > deepest)
		deepest = depth;
	if (called == 1)
		raise(sig); /* nested where it is not blocked */
	depth--;
}

static void other(int sig)
{
	(void)sig;
	called += 100;
}

static const char *name(sighandler_t h)
{
	return h == SIG_DFL    ? "default"
	       : h == SIG_IGN  ? "ignored"
	       : h == SIG_ERR  ? "error"
	       : h == SIG_HOLD ? "held"
	       : h == handler  ? "handler"
	       : h == other    ? "other"
			       : "somebody else's";
}

/* What sigaction and the mask say. */
static void view(const char *what, int sig)
{
	const int flags = SA_RESTART | SA_RESETHAND | SA_NODEFER | SA_ONSTACK | SA_SIGINFO;
	struct sigaction a;
	sigset_t mask;

	if (sigaction(sig, NULL, &a) != 0 || sigprocmask(SIG_BLOCK, NULL, &mask) != 0)
		broken("sigaction");
	say("%s %d: %s, flags %x, blocks itself %d, blocked %d", what, sig, name(a.sa_handler),
	    (unsigned int)(a.sa_flags & flags), sigismember(&a.sa_mask, sig),
	    sigismember(&mask, sig));
}

static void set_default(int sig)
{
	struct sigaction dfl = {.sa_handler = SIG_DFL};

	sigaction(sig, &dfl, NULL);
}

static void by(const char *what, sighandler_t (*set)(int, sighandler_t), int sig)
{
	sighandler_t first = set(sig, other), second = set(sig, handler);

	say("%s: %s, then %s", what, name(first), name(second));
	view(what, sig);
	called = depth = deepest = 0;
	if (set != sysv_signal && set != __sysv_signal) {
		raise(sig);
		say("%s: called %d, depth %d", what, called, deepest);
	} else {
		called = 1; /* no second one: it would be deadly */
		raise(sig);
		say("%s: called %d, depth %d", what, called, deepest);
	}
	view(what, sig);
	say("%s: %s", what, name(set(sig, SIG_IGN)));
	raise(sig);
	say("%s: %s", what, name(set(sig, SIG_DFL)));
	set_default(sig);
}

static void by_sigset(int sig)
{
	say("hold: %s", name(sigset(sig, SIG_HOLD)));
	view("hold", sig);
	say("handler: %s", name(sigset(sig, handler)));
	view("handler", sig);
	say("hold: %s", name(sigset(sig, SIG_HOLD)));
	called = 1;
	raise(sig);
	say("held: %d, hold again: %s", called, name(sigset(sig, SIG_HOLD)));
	say("let go: %s", name(sigset(sig, other)));
	say("called %d, errors %s %s", called, name(sigset(SIGKILL, handler)),
	    name(sigset(sig, SIG_ERR)));
	set_default(sig);
}

/* Does a handler of SIG end a read? A timer sends SIGALRM until it has been seen. */
static void read_under(const char *what)
{
	struct itimerval often = {{0, 30000}, {0, 30000}}, never = {{0, 0}, {0, 0}};
	int p[2];
	char c;
	long n;

	if (pipe(p) != 0)
		broken("pipe");
	called = 5; /* the handler only counts */
	setitimer(ITIMER_REAL, &often, NULL);
	fcntl(p[0], F_SETFL, 0);
	n = fork();
	if (n == 0) {
		struct timespec t = {0, 200000000};

		syscall(SYS_nanosleep, &t, NULL);
		_exit(write(p[1], "x", 1) != 1);
	}
	n = read(p[0], &c, 1);
	say("%s: read %ld errno %d", what, n, n < 0 ? errno : 0);
	setitimer(ITIMER_REAL, &never, NULL);
	close(p[0]);
	close(p[1]);
}

static void interrupting(void)
{
	say("siginterrupt: %d", siginterrupt(SIGALRM, 1));
	signal(SIGALRM, handler);
	view("signal after siginterrupt", SIGALRM);
	read_under("interrupting");
	say("siginterrupt: %d", siginterrupt(SIGALRM, 0));
	view("siginterrupt off", SIGALRM);
	read_under("restarting");
	say("siginterrupt: %d", siginterrupt(SIGALRM, 1));
	view("siginterrupt on", SIGALRM);
	siginterrupt(SIGALRM, 0);
	say("signal: %s", name(signal(SIGALRM, handler)));
	view("signal", SIGALRM);
	set_default(SIGALRM);
}

static void old_action(int sig)
{
	struct sigaction a = {.sa_handler = handler}, was;

	say("__sigaction: %d", __sigaction(sig, &a, &was));
	say("was %s", name(was.sa_handler));
	called = 5;
	raise(sig);
	say("called %d", called);
	view("__sigaction", sig);
	set_default(sig);
}

int main(void)
{
	const int signals[] = {SIGUSR1, SIGUSR2, SIGSEGV, SIGRTMAX - 1};

	signal(SIGCHLD, SIG_IGN);
	for (size_t i = 0; i < sizeof(signals) / sizeof(*signals); i++) {
		by("signal", signal, signals[i]);
		by("bsd_signal", bsd_signal, signals[i]);
		by("ssignal", ssignal, signals[i]);
		by("sysv_signal", sysv_signal, signals[i]);
		by("__sysv_signal", __sysv_signal, signals[i]);
		by("sigset", sigset, signals[i]);
		by_sigset(signals[i]);
		say("sigignore: %d", sigignore(signals[i]));
		view("sigignore", signals[i]);
		raise(signals[i]);
		set_default(signals[i]);
		old_action(signals[i]);
	}
	interrupting();
	return 0;
}
