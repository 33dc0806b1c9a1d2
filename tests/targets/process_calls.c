/* SPDX-License-Identifier: MIT */
/*
 * process_calls.c - beginning processes, becoming another program, waiting.
 *
 *   process_calls truth            every call with known results, as events that must be found
 *   process_calls exec FORM        a child becomes this program again by FORM and shows what it got
 *   process_calls shown ...        what it becomes
 *   process_calls failing          execs that fail by every form, with recording before and after
 *   process_calls busy GARBAGE     the same while other threads record; then it waits to be killed
 *   process_calls leave PROGRAM    a child that recorded becomes PROGRAM, which nobody records
 *   process_calls vfork            a vfork child closes and moves descriptors of its own
 *   process_calls daemon           goes into the background
 */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "did.h"

extern char **environ;
static char *self;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

NOINLINE static void mark(void)
{
	pthread_mutex_lock(&mutex);
	pthread_mutex_unlock(&mutex);
}

static pid_t child_that_exits(int code)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(code);
	must(pid > 0, "fork");
	return pid;
}

#define WAITED(via, asked, pid, status)                                                            \
	DID("process.wait", via, "\"asked\":%d,\"pid\":%d,\"status\":%d,\"err\":%d", asked, pid,   \
	    status, err_of(pid))

NOINLINE static void waits(void)
{
	int status;
	siginfo_t info = {0};
	pid_t pid, got;

	pid = child_that_exits(3);
	got = CALL(waitpid(pid, &status, 0));
	must(WEXITSTATUS(status) == 3, "waitpid");
	WAITED("waitpid", pid, got, status);
	pid = child_that_exits(4);
	got = CALL(wait(&status));
	must(got == pid && WEXITSTATUS(status) == 4, "wait");
	WAITED("wait", -1, got, status);
	child_that_exits(5);
	got = CALL(wait3(&status, 0, NULL));
	WAITED("wait3", -1, got, status);
	pid = child_that_exits(6);
	got = CALL(wait4(pid, NULL, 0, NULL));
	WAITED("wait4", pid, got, 0);
	pid = child_that_exits(7);
	rc = CALL(waitid(P_PID, pid, &info, WEXITED));
	must(rc == 0 && info.si_pid == pid && info.si_status == 7, "waitid");
	WAITED("waitid", pid, pid, 7);
	got = CALL(waitpid(-1, &status, WNOHANG));
	must(got == -1 && errno == ECHILD, "waitpid without children");
	WAITED("waitpid", -1, got, 0);
}

#define FORKED(via, pid) DID("process.fork", via, "\"pid\":%d,\"err\":%d", pid, err_of(pid))

static _Alignas(16) char clone_stack[64 << 10];

static int ends(void *arg)
{
	syscall(SYS_exit_group, arg ? 1 : 0);
	return 0;
}

NOINLINE static void forks(void)
{
	struct rlimit none = {0, 0}, before;
	pid_t pid;

	pid = CALL(fork());
	if (pid == 0)
		_exit(0);
	FORKED("fork", pid);
	waitpid(pid, NULL, 0);
	pid = CALL(_Fork());
	if (pid == 0)
		_exit(0);
	FORKED("_Fork", pid);
	waitpid(pid, NULL, 0);
	pid = CALL(vfork());
	if (pid == 0)
		_exit(0);
	DID("process.fork", "vfork", "\"pid\":%d,\"err\":0", 0);
	waitpid(pid, NULL, 0);
	pid = CALL(clone(ends, clone_stack + sizeof(clone_stack), CLONE_VM | CLONE_VFORK | SIGCHLD,
			 NULL));
	DID("process.fork", "clone", "\"pid\":%d,\"err\":0", 0);
	waitpid(pid, NULL, 0);
	getrlimit(RLIMIT_NPROC, &before);
	none.rlim_max = before.rlim_max;
	if (geteuid() == 0 || setrlimit(RLIMIT_NPROC, &none) != 0)
		return; /* root is not limited */
	pid = CALL(fork());
	FORKED("fork", pid);
	setrlimit(RLIMIT_NPROC, &before);
}

#define SPAWNED(via, pid, path, status, err)                                                       \
	DID("process.spawn", via, "\"pid\":%d,\"path\":\"%s\",\"status\":%d,\"err\":%d", pid,      \
	    path, status, err)

NOINLINE static void spawns(void)
{
	char *args[] = {"true", NULL};
	pid_t pid = 0;
	FILE *f;

	rc = CALL(posix_spawn(&pid, "/bin/true", NULL, NULL, args, environ));
	SPAWNED("posix_spawn", pid, "/bin/true", 0, rc);
	waitpid(pid, NULL, 0);
	rc = CALL(posix_spawnp(&pid, "true", NULL, NULL, args, environ));
	SPAWNED("posix_spawnp", pid, "true", 0, rc);
	waitpid(pid, NULL, 0);
	rc = CALL(posix_spawn(&pid, "/no/such/program", NULL, NULL, args, environ));
	must(rc == ENOENT, "posix_spawn of nothing");
	SPAWNED("posix_spawn", 0, "/no/such/program", 0, rc);
	rc = CALL(system("exit 9"));
	must(WEXITSTATUS(rc) == 9, "system");
	SPAWNED("system", 0, "/bin/sh", rc, 0);
	f = CALL(popen("exit 8", "r"));
	SPAWNED("popen", 0, "/bin/sh", 0, 0);
	rc = CALL(pclose(f));
	must(WEXITSTATUS(rc) == 8, "pclose");
	DID("process.wait", "pclose", "\"asked\":-1,\"err\":%d", 0);
}

/* ---- exec ------------------------------------------------------------------------------------ */

static int by_form(const char *form, const char *path)
{
	char *args[] = {self, "shown", "two words", "", NULL};
	char *envp[] = {"MARK=given", NULL};
	const char *name = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
	int fd;

	if (strcmp(form, "execve") == 0)
		return execve(path, args, envp);
	if (strcmp(form, "execv") == 0)
		return execv(path, args);
	if (strcmp(form, "execvp") == 0)
		return execvp(name, args);
	if (strcmp(form, "execvpe") == 0)
		return execvpe(name, args, envp);
	if (strcmp(form, "execl") == 0)
		return execl(path, args[0], args[1], args[2], args[3], NULL);
	if (strcmp(form, "execlp") == 0)
		return execlp(name, args[0], args[1], args[2], args[3], NULL);
	if (strcmp(form, "execle") == 0)
		return execle(path, args[0], args[1], args[2], args[3], NULL, envp);
	if (strcmp(form, "execveat") == 0)
		return execveat(AT_FDCWD, path, args, envp, 0);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fexecve(fd, args, envp);
}

static const char *const forms[] = {"execve", "execv",  "execvp",   "execvpe", "execl",
				    "execlp", "execle", "execveat", "fexecve"};

static void exec_in_child(const char *form)
{
	char path[512];
	int status;
	pid_t pid;

	snprintf(path, sizeof(path), "%s", self);
	*strrchr(path, '/') = '\0';
	setenv("PATH", path, 1);
	setenv("MARK", "kept", 1);
	pid = fork();
	if (pid == 0) {
		mark();
		by_form(form, self);
		broken(form);
	}
	waitpid(pid, &status, 0);
	say("status %d", status);
}

/* A file that may be executed and is no program; one that is not there; one that may not be. */
static void failing(const char *garbage)
{
	int fd = open(garbage, O_WRONLY | O_CREAT | O_TRUNC, 0700);

	must(write(fd, "\177ELFgarbage", 11) == 11, "write");
	close(fd);
	setenv("PATH", "/no/such/directory", 1);
	for (size_t i = 0; i < sizeof(forms) / sizeof(*forms); i++) {
		int err;

		mark();
		errno = 0;
		rc = by_form(forms[i], "/no/such/program");
		err = errno;
		say("%s missing: %d %d", forms[i], rc, err);
		errno = 0;
		rc = by_form(forms[i], garbage);
		err = errno;
		say("%s garbage: %d %d", forms[i], rc, err);
		mark();
	}
	say("pid %d", getpid());
}

/* ---- failing while others record ------------------------------------------------------------- */

#define BUSY 3
static volatile int enough;
static struct busy {
	pthread_t thread;
	pthread_mutex_t mutex;
	int tid, locks;
} busy[BUSY];

static void *be_busy(void *arg)
{
	struct busy *b = arg;

	b->tid = tid();
	for (; !enough || b->locks < 2000; b->locks++) {
		pthread_mutex_lock(&b->mutex);
		pthread_mutex_unlock(&b->mutex);
		for (volatile int i = 0; i < 2000; i++)
			;
	}
	return NULL;
}

static void busy_while_failing(const char *garbage)
{
	/* each is born while an exec fails */
	for (int i = 0; i < BUSY; i++) {
		pthread_mutex_init(&busy[i].mutex, NULL);
		pthread_create(&busy[i].thread, NULL, be_busy, &busy[i]);
		failing(garbage);
	}
	for (int i = 0; i < 3; i++)
		failing(garbage);
	enough = 1;
	for (int i = 0; i < BUSY; i++) {
		pthread_join(busy[i].thread, NULL);
		say("{\"tid\":%d,\"locks\":%d}", busy[i].tid, busy[i].locks);
	}
	say("waiting");
	fflush(stdout);
	pause();
}

static void leave(char *program)
{
	char *args[] = {program, NULL};
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		mark();
		execv(program, args);
		broken("execv");
	}
	waitpid(pid, &status, 0);
	say("status %d", status);
}

/* ---- vfork ----------------------------------------------------------------------------------- */

/* The child's descriptors are its own: what the parent sends on its socket is still a socket's. */
static void vfork_child(void)
{
	int s[2], p[2], status;
	pid_t pid;
	char c;

	must(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0 && pipe(p) == 0, "descriptors");
	pid = vfork();
	if (pid == 0) {
		dup2(p[1], s[0]);
		close(s[1]);
		close(p[0]);
		execl(self, self, "shown", "from vfork", NULL);
		_exit(1);
	}
	waitpid(pid, &status, 0);
	must(send(s[0], "x", 1, 0) == 1 && recv(s[1], &c, 1, 0) == 1, "socket");
	say("{\"socket\":%d,\"other\":%d,\"status\":%d}", s[0], s[1], status);
}

static void background(void)
{
	pid_t before = getpid();

	mark();
	if (daemon(1, 1) != 0)
		broken("daemon");
	mark();
	say("daemon %d of %d", getpid(), before);
}

int main(int argc, char **argv)
{
	const char *kind = argc > 1 ? argv[1] : "";

	self = argv[0];
	if (strcmp(kind, "shown") == 0) {
		for (int i = 1; i < argc; i++)
			say("argument %d: %s", i, argv[i]);
		say("MARK %s", getenv("MARK") ? getenv("MARK") : "none");
	} else if (strcmp(kind, "exec") == 0) {
		exec_in_child(argv[2]);
	} else if (strcmp(kind, "failing") == 0) {
		failing(argv[2]);
	} else if (strcmp(kind, "busy") == 0) {
		busy_while_failing(argv[2]);
	} else if (strcmp(kind, "leave") == 0) {
		leave(argv[2]);
	} else if (strcmp(kind, "vfork") == 0) {
		vfork_child();
	} else if (strcmp(kind, "daemon") == 0) {
		background();
	} else {
		waits();
		forks();
		spawns();
	}
	return 0;
}
