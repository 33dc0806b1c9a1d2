/* SPDX-License-Identifier: MIT */
/*
 * old_names.c - calls every function of old_names.h, and says which event that is.
 */
#include <arpa/inet.h>

#include "did.h"
#include "old_names.h"

/* ---- locks ----------------------------------------------------------------------------------- */

#define LOCK_DID(event, via, object)                                                               \
	DID(event, via, "\"lock\":\"%p\",\"err\":%d", (void *)(object), rc)
#define UNLOCK_DID(event, via, object) DID(event, via, "\"lock\":\"%p\"", (void *)(object))

NOINLINE static void mutexes(void)
{
	static pthread_mutex_t m;

	rc = CALL(old_mutex_init(&m, NULL));
	LOCK_DID("lock.init", "__pthread_mutex_init", &m);
	rc = CALL(old_mutex_lock(&m));
	LOCK_DID("mutex.lock", "__pthread_mutex_lock", &m);
	rc = CALL(old_mutex_trylock(&m));
	must(rc == EBUSY, "second trylock");
	LOCK_DID("mutex.lock", "__pthread_mutex_trylock", &m);
	CALL(old_mutex_unlock(&m));
	UNLOCK_DID("mutex.unlock", "__pthread_mutex_unlock", &m);
	rc = CALL(old_mutex_destroy(&m));
	LOCK_DID("lock.destroy", "__pthread_mutex_destroy", &m);
}

NOINLINE static void rwlocks(void)
{
	static pthread_rwlock_t l;

	rc = CALL(old_rwlock_init(&l, NULL));
	LOCK_DID("lock.init", "__pthread_rwlock_init", &l);
	rc = CALL(old_rwlock_rdlock(&l));
	LOCK_DID("rwlock.rdlock", "__pthread_rwlock_rdlock", &l);
	rc = CALL(old_rwlock_tryrdlock(&l));
	LOCK_DID("rwlock.rdlock", "__pthread_rwlock_tryrdlock", &l);
	rc = CALL(old_rwlock_trywrlock(&l));
	must(rc == EBUSY, "trywrlock beside readers");
	LOCK_DID("rwlock.wrlock", "__pthread_rwlock_trywrlock", &l);
	for (int i = 0; i < 2; i++) {
		CALL(old_rwlock_unlock(&l));
		UNLOCK_DID("rwlock.unlock", "__pthread_rwlock_unlock", &l);
	}
	rc = CALL(old_rwlock_wrlock(&l));
	LOCK_DID("rwlock.wrlock", "__pthread_rwlock_wrlock", &l);
	old_rwlock_unlock(&l);
	rc = CALL(old_rwlock_destroy(&l));
	LOCK_DID("lock.destroy", "__pthread_rwlock_destroy", &l);
}

static int ran;

static void once_run(void)
{
	ran++;
}

NOINLINE static void once(void)
{
	static pthread_once_t o = PTHREAD_ONCE_INIT;

	rc = CALL(old_once(&o, once_run));
	must(rc == 0 && ran == 1, "once");
	DID("once", "__pthread_once", "\"once\":\"%p\",\"waited\":0", (void *)&o);
	old_once(&o, once_run);
	must(ran == 1, "once again");
}

/* ---- descriptors ----------------------------------------------------------------------------- */

#define IO_DID(event, via, f, n)                                                                   \
	DID(event, via, "\"fd\":%d,\"size\":%d,\"result\":%d,\"err\":%d", f, n, rc, err_of(rc))

NOINLINE static void descriptors(void)
{
	char c[10] = "";
	int p[2], fd;

	rc = CALL(__pipe(p));
	DID("fd.pair", "__pipe", "\"fd\":%d,\"fd2\":%d,\"kind\":\"pipe\",\"err\":0", p[0], p[1]);
	rc = (int)CALL(__write(p[1], "12345", 5));
	IO_DID("io.write", "__write", p[1], 5);
	rc = (int)CALL(__read(p[0], c, 10));
	IO_DID("io.read", "__read", p[0], 10);
	fd = CALL(__open("/dev/null", O_RDWR));
	DID("fd.open", "__open", "\"path\":\"/dev/null\",\"fd\":%d,\"flags\":2,\"err\":0", fd);
	rc = CALL(__dup2(p[1], fd));
	DID("fd.dup", "__dup2", "\"old\":%d,\"fd\":%d,\"kind\":\"pipe\",\"err\":0", p[1], fd);
	CALL(__close(fd));
	DID("fd.close", "__close", "\"fd\":%d,\"kind\":\"pipe\"", fd);
	fd = CALL(__open64("old", O_RDWR | O_CREAT | O_TRUNC, 0600));
	DID("fd.open", "__open64", "\"path\":\"old\",\"fd\":%d,\"err\":0", fd);
	rc = (int)CALL(__pwrite64(fd, "12345", 5, 7));
	IO_DID("io.write", "__pwrite64", fd, 5);
	rc = (int)CALL(__pread64(fd, c, 10, 8));
	must(rc == 4 && memcmp(c, "2345", 4) == 0, "__pread64");
	IO_DID("io.read", "__pread64", fd, 10);
	rc = CALL(__fcntl(fd, F_DUPFD, 60));
	DID("fd.dup", "__fcntl", "\"old\":%d,\"fd\":%d,\"err\":0", fd, rc);
	must(rc >= 60 && __fcntl(rc, F_GETFD) == 0, "__fcntl");
}

/* ---- sockets, waits -------------------------------------------------------------------------- */

NOINLINE static void sockets(void)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_DGRAM, 0), s[2];
	struct timeval tv = {0, 15000};
	struct pollfd p;
	fd_set r;

	to.sin_port = htons(9);
	rc = CALL(__connect(fd, (void *)&to, sizeof(to)));
	DID("net.connect", "__connect", "\"fd\":%d,\"peer\":\"127.0.0.1:9\",\"err\":0", fd);
	must(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0, "socketpair");
	rc = (int)CALL(__send(s[0], "abc", 3, 0));
	IO_DID("net.send", "__send", s[0], 3);
	rc = (int)CALL(__write(s[0], "de", 2));
	IO_DID("net.send", "__write", s[0], 2);
	p = (struct pollfd){s[1], POLLIN, 0};
	rc = CALL(__poll(&p, 1, 1000));
	DID("net.poll", "__poll", "\"fd\":%d,\"nfds\":1,\"timeout_ms\":1000,\"result\":1", s[1]);
	rc = (int)CALL(__read(s[1], (char[10]){""}, 10));
	IO_DID("net.recv", "__read", s[1], 10);
	FD_ZERO(&r);
	FD_SET(s[1], &r);
	rc = CALL(__select(s[1] + 1, &r, NULL, NULL, &tv));
	DID("net.poll", "__select", "\"fd\":%d,\"nfds\":%d,\"timeout_ms\":15,\"result\":0", s[1],
	    s[1] + 1);
	CALL(__close(s[0]));
	DID("net.close", "__close", "\"fd\":%d", s[0]);
	rc = CALL(__nanosleep(&(struct timespec){0, 2000000}, NULL));
	DID("io.sleep", "__nanosleep", "\"err\":%d", rc);
}

/* ---- processes ------------------------------------------------------------------------------- */

#define FORKED(via, pid) DID("process.fork", via, "\"pid\":%d,\"err\":0", pid)
#define WAITED(via, asked, pid, status)                                                            \
	DID("process.wait", via, "\"asked\":%d,\"pid\":%d,\"status\":%d,\"err\":%d", asked, pid,   \
	    status, err_of(pid))

NOINLINE static void processes(void)
{
	int status;
	pid_t pid, got;

	pid = CALL(__fork());
	if (pid == 0)
		_exit(3);
	FORKED("__fork", pid);
	got = CALL(__waitpid(pid, &status, 0));
	must(got == pid && WEXITSTATUS(status) == 3, "__waitpid");
	WAITED("__waitpid", pid, got, status);
	pid = CALL(__vfork());
	if (pid == 0)
		_exit(4);
	FORKED("vfork", 0);
	got = CALL(__wait(&status));
	must(got == pid && WEXITSTATUS(status) == 4, "__wait");
	WAITED("__wait", -1, got, status);
}

static volatile int handled;

static void handler(int sig)
{
	handled = sig;
}

/* The host's SIGUSR1 by an old name: it keeps it, and its view of it. */
static void signals(void)
{
	struct sigaction a = {.sa_handler = handler}, seen;

	must(__sigaction(SIGUSR1, &a, NULL) == 0, "__sigaction");
	must(__sigaction(SIGUSR1, NULL, &seen) == 0 && seen.sa_handler == handler, "the handler");
	raise(SIGUSR1);
	must(handled == SIGUSR1, "a handled signal");
}

int main(int argc, char **argv)
{
	if (argc > 1 && chdir(argv[1]) != 0)
		broken("chdir");
	mutexes();
	rwlocks();
	once();
	descriptors();
	sockets();
	processes();
	signals();
	return 0;
}
