/* SPDX-License-Identifier: MIT */
/*
 * births.c - children whose first contact with the recorder is anything but a plain call.
 *
 *   births HOW [host] [stack]
 *
 * HOW: fork, _Fork, clone (the system call), clone3, clone_fn (libc's). host: SIGUSR1 has a handler
 * of the host's; stack: the thread has an alternate stack of the host's.
 *
 * For each act below one child, which does that first of all and then exits with 7. Says how it
 * ended; the same with and without the recorder, but for SIGUSR1 at its default, which asks for a
 * snapshot there.
 */
#include <linux/sched.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/wait.h>

#include "truth.h"

static volatile sig_atomic_t handled;
static volatile int *volatile nowhere = (int *)8;
static bool has_stack;
static _Alignas(16) char own_stack[64 << 10];

static void on_signal(int sig)
{
	handled = sig;
	free(malloc(100));
}

static void on_signal_forks(int sig, siginfo_t *si, void *uc)
{
	int status = 0;
	pid_t p = fork();

	if (p == 0)
		_exit(si->si_signo == sig && uc ? 5 : 6);
	waitpid(p, &status, 0);
	handled = WIFEXITED(status) && WEXITSTATUS(status) == 5 ? sig : -1;
}

static void on_signal_raises(int sig)
{
	handled = sig;
	syscall(SYS_kill, getpid(), SIGUSR1);
}

static void *thread(void *arg)
{
	free(malloc(5));
	return arg;
}

/* ---- the acts -------------------------------------------------------------------------------- */

static void by_signal(int sig)
{
	syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), sig);
	if (handled != sig)
		_exit(9);
}

static void act_trigger(void)
{
	syscall(SYS_kill, getpid(), SIGUSR1);
	free(malloc(10));
}

static void act_trigger_twice(void)
{
	syscall(SYS_kill, getpid(), SIGUSR1);
	syscall(SYS_kill, getpid(), SIGUSR1);
}

static void act_handler(void)
{
	by_signal(SIGUSR2);
}

static void act_handler_on_a_stack(void)
{
	by_signal(SIGALRM);
}

static void act_handler_forks(void)
{
	by_signal(SIGHUP);
}

static void act_handler_asks(void)
{
	by_signal(SIGTERM);
}

static void act_pending(void)
{
	sigset_t s;

	syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), SIGCHLD); /* blocked since before */
	sigemptyset(&s);
	sigaddset(&s, SIGCHLD);
	sigprocmask(SIG_UNBLOCK, &s, NULL);
	if (handled != SIGCHLD)
		_exit(9);
}

static void act_thread(void)
{
	pthread_t t;

	if (pthread_create(&t, NULL, thread, NULL) == 0)
		pthread_join(t, NULL);
}

static void act_fault(void)
{
	*nowhere = 1;
}

static void act_vfork(void)
{
	if (vfork() == 0)
		_exit(0);
	wait(NULL);
}

/* Its child does something before the process has done anything that is recorded. */
static void act_vfork_closes(void)
{
	const struct sigaction dfl = {.sa_handler = SIG_DFL};
	int fd = dup(1);

	if (vfork() == 0) {
		close(fd);
		sigaction(SIGUSR2, &dfl, NULL);
		_exit(0);
	}
	wait(NULL);
	if (fcntl(fd, F_GETFD) < 0)
		_exit(9);
	by_signal(SIGUSR2);
}

static void act_stack(void)
{
	stack_t st;

	if (sigaltstack(NULL, &st) != 0 ||
	    (has_stack ? st.ss_sp != (void *)own_stack : !(st.ss_flags & SS_DISABLE)))
		_exit(9);
}

static void act_view(void)
{
	struct sigaction a;

	if (sigaction(SIGUSR2, NULL, &a) != 0 || a.sa_handler != on_signal)
		_exit(9);
}

static void act_malloc(void)
{
	free(malloc(100));
}

static void act_nothing(void)
{
}

static const struct act {
	const char *name;
	void (*fn)(void);
} acts[] = {
	{"trigger", act_trigger},
	{"trigger twice", act_trigger_twice},
	{"handler", act_handler},
	{"handler on a stack", act_handler_on_a_stack},
	{"handler forks", act_handler_forks},
	{"handler asks", act_handler_asks},
	{"pending", act_pending},
	{"thread", act_thread},
	{"fault", act_fault},
	{"abort", abort},
	{"vfork", act_vfork},
	{"vfork closes", act_vfork_closes},
	{"stack", act_stack},
	{"view", act_view},
	{"malloc", act_malloc},
	{"nothing", act_nothing},
};

/* ---- births ---------------------------------------------------------------------------------- */

static int child(void *arg)
{
	const struct act *a = arg;

	a->fn();
	_exit(7);
}

static pid_t give_birth(const char *how, const struct act *a)
{
	static char stack[64 << 10];
	struct clone_args args = {.exit_signal = SIGCHLD};
	pid_t p = -1;

	if (!strcmp(how, "clone_fn"))
		return clone(child, stack + sizeof(stack), SIGCHLD, (void *)a);
	if (!strcmp(how, "fork"))
		p = fork();
	else if (!strcmp(how, "_Fork"))
		p = _Fork();
	else if (!strcmp(how, "clone"))
		p = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
	else if (!strcmp(how, "clone3"))
		p = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
	if (p == 0)
		child((void *)a);
	return p;
}

static void set_handlers(void)
{
	const stack_t st = {.ss_sp = own_stack, .ss_size = sizeof(own_stack)};
	const struct sigaction on_stack = {.sa_handler = on_signal, .sa_flags = SA_ONSTACK};
	const struct sigaction forks = {.sa_sigaction = on_signal_forks,
					.sa_flags = SA_SIGINFO | SA_NODEFER};

	if (has_stack)
		sigaltstack(&st, NULL);
	signal(SIGUSR2, on_signal);
	signal(SIGTERM, on_signal_raises);
	signal(SIGCHLD, on_signal);
	sigaction(SIGALRM, &on_stack, NULL);
	sigaction(SIGHUP, &forks, NULL);
}

int main(int argc, char **argv)
{
	sigset_t blocked;
	int status;

	if (argc < 2)
		return 2;
	for (int i = 2; i < argc; i++) {
		has_stack |= !strcmp(argv[i], "stack");
		if (!strcmp(argv[i], "host"))
			signal(SIGUSR1, on_signal);
	}
	set_handlers();
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGCHLD);
	sigprocmask(SIG_BLOCK, &blocked, NULL);
	for (size_t i = 0; i < sizeof(acts) / sizeof(*acts); i++) {
		pid_t p;

		handled = 0;
		p = give_birth(argv[1], &acts[i]);
		if (p < 0)
			broken(argv[1]);
		if (waitpid(p, &status, 0) != p)
			broken("waitpid");
		say("%s: %s %d", acts[i].name, WIFSIGNALED(status) ? "signal" : "exit",
		    WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	}
	return 0;
}
