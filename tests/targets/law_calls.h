/* SPDX-License-Identifier: MIT */
/*
 * law_calls.h - what the rows of law_quick.def and law_blocking.def are made of. C and C++.
 */
#ifndef TARGET_LAW_CALLS_H
#define TARGET_LAW_CALLS_H

#include <arpa/inet.h>
#include <dirent.h>
#include <dlfcn.h>
#include <malloc.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/sendfile.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <threads.h>

#include "old_names.h"
#include "truth.h"

/* What fortified programs call, and OpenSSL without its headers. */
#ifdef __cplusplus
extern "C" {
#endif
ssize_t __recv_chk(int, void *, size_t, size_t, int);
ssize_t __recvfrom_chk(int, void *, size_t, size_t, int, struct sockaddr *, socklen_t *);
ssize_t __read_chk(int, void *, size_t, size_t);
int __poll_chk(struct pollfd *, nfds_t, int, size_t);
int __ppoll_chk(struct pollfd *, nfds_t, const struct timespec *, const sigset_t *, size_t);
int __open_2(const char *, int);
int __open64_2(const char *, int);
int __openat_2(int, const char *, int);
int __openat64_2(int, const char *, int);
ssize_t __pread_chk(int, void *, size_t, off_t, size_t);
ssize_t __pread64_chk(int, void *, size_t, off64_t, size_t);
sighandler_t __sysv_signal(int, sighandler_t);
sighandler_t bsd_signal(int, sighandler_t);
void *SSL_CTX_new(const void *);
const void *TLS_method(void);
void *SSL_new(void *);
int SSL_set_fd(void *, int);
void SSL_set_connect_state(void *);
void SSL_set_accept_state(void *);
int SSL_connect(void *);
int SSL_accept(void *);
int SSL_do_handshake(void *);
int SSL_read(void *, void *, int);
int SSL_write(void *, const void *, int);
int SSL_read_ex(void *, void *, size_t, size_t *);
int SSL_write_ex(void *, const void *, size_t, size_t *);
#ifdef __cplusplus
}
#endif

/* ---- anew before each row -------------------------------------------------------------------- */

static pthread_mutex_t mutex, strict; /* strict: an unlock by another thread fails */
static pthread_rwlock_t rwlock;
static pthread_cond_t cond;
static pthread_spinlock_t spin;
static pthread_once_t once;
static pthread_barrier_t barrier;
static sem_t sem;
static mtx_t mtx; /* strict as well */
static cnd_t cnd;
static once_flag flag;
static sem_t *named;
static FILE *stream;
static DIR *directory;
static sigset_t alarms;
static void *block, *handle, *ssl;

static void on_alarm(int sig)
{
	(void)sig;
}

static bool block_alarms(void)
{
	return pthread_sigmask(SIG_BLOCK, &alarms, NULL) == 0;
}

/* One is pending. */
static bool raise_blocked(void)
{
	return block_alarms() && kill(getpid(), SIGALRM) == 0;
}

/* One comes every 5 ms: whoever waits for a signal is not too late. */
static bool ring(void)
{
	struct itimerval often = {{0, 5000}, {0, 5000}};

	return setitimer(ITIMER_REAL, &often, NULL) == 0;
}

static void no_alarms(void)
{
	struct itimerval off;

	memset(&off, 0, sizeof(off));
	setitimer(ITIMER_REAL, &off, NULL);
	pthread_sigmask(SIG_UNBLOCK, &alarms, NULL); /* what was pending comes now */
}

static void fresh(void)
{
	pthread_mutexattr_t a;

	no_alarms();
	memset(&mutex, 0, sizeof(mutex));
	memset(&rwlock, 0, sizeof(rwlock));
	memset(&cond, 0, sizeof(cond));
	memset(&once, 0, sizeof(once));
	memset(&flag, 0, sizeof(flag));
	memset(&strict, 0, sizeof(strict));
	memset(&mtx, 0, sizeof(mtx));
	memset(&cnd, 0, sizeof(cnd));
	pthread_mutexattr_init(&a);
	pthread_mutexattr_settype(&a, PTHREAD_MUTEX_ERRORCHECK);
	pthread_mutex_init(&strict, &a);
	mtx_init(&mtx, mtx_timed | mtx_recursive);
	cnd_init(&cnd);
	pthread_spin_init(&spin, 0);
	pthread_barrier_init(&barrier, NULL, 1);
	sem_init(&sem, 0, 0);
}

/* ---- once ------------------------------------------------------------------------------------ */

static const struct timespec no_wait = {0, 0};
static const struct timespec expired = {1, 0}, bad_time = {0, 2000000000}, minute = {60, 0};
static struct timespec far_off; /* CLOCK_REALTIME */
static struct timeval no_time;
static volatile size_t huge = SIZE_MAX / 3;
static void *volatile wild = (void *)8;
static int *volatile nowhere = (int *)8;
static int idle[2], full[2], empty[2]; /* nothing to read, no room to write, an empty pipe */
static int ended, listener, outside, epoll, zero, file, two[2], status, herr;
static char bytes[1 << 16], fifo[64];
static struct iovec vector = {bytes, sizeof(bytes)};
static struct msghdr message;
static struct mmsghdr messages;
static struct sockaddr_un local;
static struct pollfd ready = {-1, POLLIN, 0}, never;
static struct epoll_event event;
static struct addrinfo hints, *found;
static struct hostent host, *answer;
static struct flock whole;
static struct sigaction ignore;
static stack_t tiny;
static siginfo_t information;
static socklen_t length = sizeof(int);
static size_t count;
static eventfd_t value;
static const struct timespec no_timespec = {0, 0};
static pid_t child, holder;
static char *arguments[] = {bytes, NULL};
static pthread_t thread, sleeper;
static pthread_attr_t detached;
static thrd_t thrd;
static sigset_t usr2, no_signals;
static struct sembuf take = {0, -1, 0};
static struct {
	long type;
	char text[4096];
} letter = {1, ""};
static int semaphores, letters, full_letters; /* of System V */
static void *tls_context;

static void nop(void)
{
}

static void *nothing(void *arg)
{
	return arg;
}

static int nothing_c11(void *arg)
{
	return arg != NULL;
}

static void wait_for_ever(void)
{
	char c;

	if (read(idle[0], &c, 1) != 0)
		broken("read");
}

static void *sleep_for_ever(void *arg)
{
	wait_for_ever();
	return arg;
}

static bool open_semaphore(void)
{
	char name[64];

	snprintf(name, sizeof(name), "/fr-law-%d", getpid());
	named = sem_open(name, O_CREAT, 0600, 0);
	sem_unlink(name);
	return named != SEM_FAILED;
}

static void *tls(int fd, bool server)
{
	void *s = SSL_new(tls_context);

	SSL_set_fd(s, fd);
	if (server)
		SSL_set_accept_state(s);
	else
		SSL_set_connect_state(s);
	return s;
}

/* After any form of fork. Not a cancellation point. */
static long ended_child(pid_t pid)
{
	int saved = errno;

	if (pid == 0)
		_exit(0);
	if (pid > 0)
		syscall(SYS_wait4, pid, NULL, 0, NULL);
	errno = saved;
	return pid;
}

/* What clone() runs, and the end of a stack for it. */
static char clone_stack[64 << 10] __attribute__((aligned(16)));
static char *const end_of_stack = clone_stack + sizeof(clone_stack);

static int no_child(void *arg)
{
	syscall(SYS_exit_group, arg ? 1 : 0);
	return 0;
}

/* Result and errno of daemon() where it comes back: in the child of a child. */
static long daemon_in_child(void)
{
	int answer_pipe[2], said[2] = {-9, 0};
	pid_t pid;

	if (pipe(answer_pipe) != 0)
		broken("pipe");
	pid = fork();
	if (pid == 0) {
		errno = 77;
		said[0] = daemon(1, 1);
		said[1] = errno;
		syscall(SYS_write, answer_pipe[1], said, sizeof(said));
		_exit(0);
	}
	syscall(SYS_wait4, pid, NULL, 0, NULL);
	syscall(SYS_close, answer_pipe[1]);
	syscall(SYS_read, answer_pipe[0], said, sizeof(said));
	syscall(SYS_close, answer_pipe[0]);
	errno = said[1];
	return said[0];
}

/* A listener that nobody calls; one that takes nobody more, and a socket outside. */
static void set_up_listener(void)
{
	int fd, crowded = socket(AF_UNIX, SOCK_STREAM, 0);

	local.sun_family = AF_UNIX;
	snprintf(local.sun_path + 1, sizeof(local.sun_path) - 1, "fr-law-%d", getpid());
	listener = socket(AF_UNIX, SOCK_STREAM, 0);
	outside = socket(AF_UNIX, SOCK_STREAM, 0);
	if (bind(listener, (struct sockaddr *)&local, sizeof(sa_family_t)) || listen(listener, 1) ||
	    bind(crowded, (struct sockaddr *)&local, sizeof(local)) || listen(crowded, 0))
		broken("listener");
	do
		fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
	while (connect(fd, (struct sockaddr *)&local, sizeof(local)) == 0);
}

static void set_up_values(void)
{
	far_off = in_ms(CLOCK_REALTIME, 60000);
	message.msg_iov = &vector;
	message.msg_iovlen = 1;
	messages.msg_hdr = message;
	never.fd = idle[0];
	never.events = POLLIN;
	hints.ai_flags = AI_NUMERICHOST;
	whole.l_type = F_WRLCK;
	ignore.sa_handler = SIG_IGN;
	tiny.ss_sp = bytes;
	tiny.ss_size = 16;
	pthread_attr_init(&detached);
	pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
	tls_context = SSL_CTX_new(TLS_method());
	sigaddset(&usr2, SIGUSR2);
}

static void set_up_system_v(void)
{
	semaphores = semget(IPC_PRIVATE, 1, 0600);
	letters = msgget(IPC_PRIVATE, 0600);
	full_letters = msgget(IPC_PRIVATE, 0600);
	if (semaphores < 0 || letters < 0 || full_letters < 0)
		broken("System V");
	while (msgsnd(full_letters, &letter, sizeof(letter.text), IPC_NOWAIT) == 0)
		;
}

static void set_up(void)
{
	char name[] = "/tmp/fr-law-XXXXXX";
	int gone[2];

	signal(SIGPIPE, SIG_IGN);
	signal(SIGALRM, on_alarm);
	sigaddset(&alarms, SIGALRM);
	snprintf(fifo, sizeof(fifo), "/tmp/fr-law-fifo.%d", getpid());
	file = mkstemp(name);
	unlink(name);
	epoll = epoll_create1(EPOLL_CLOEXEC);
	zero = eventfd(0, 0);
	if (file < 0 || mkfifo(fifo, 0600) || pipe(empty) ||
	    socketpair(AF_UNIX, SOCK_STREAM, 0, idle) ||
	    socketpair(AF_UNIX, SOCK_STREAM, 0, full) || socketpair(AF_UNIX, SOCK_STREAM, 0, gone))
		broken("descriptors");
	close(gone[1]);
	ended = gone[0];
	while (send(full[0], bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
		;
	set_up_listener();
	set_up_values();
	set_up_system_v();
	fresh();
	block_alarms(); /* the sleeper takes none */
	if (pthread_create(&sleeper, NULL, sleep_for_ever, NULL))
		broken("pthread_create");
}

/* A child that does not end and holds all locks of the file; another descriptor has its own. */
static void set_up_holder(void)
{
	int go[2];
	char c;

	if (pipe(go) != 0)
		broken("pipe");
	holder = fork();
	if (holder == 0) {
		if (fcntl(file, F_SETLK, &whole) != 0 || write(go[1], "x", 1) != 1)
			broken("holder");
		for (;;)
			pause();
	}
	if (read(go[0], &c, 1) != 1)
		broken("holder");
	close(go[0]);
	close(go[1]);
}

static void tear_down(void)
{
	unlink(fifo);
	semctl(semaphores, 0, IPC_RMID);
	msgctl(letters, IPC_RMID, NULL);
	msgctl(full_letters, IPC_RMID, NULL);
	if (holder > 0) {
		kill(holder, SIGKILL);
		waitpid(holder, NULL, 0);
	}
}

#endif
