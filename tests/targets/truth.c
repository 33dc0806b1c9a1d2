/* SPDX-License-Identifier: MIT */
/*
 * truth.c - calls every function of the spine with known arguments and says what it did.
 *
 * Each line names the event that must be found in the recording: its thread, arguments and
 * result, the function that made the call and the line. test_truth.py compares.
 */
#include <arpa/inet.h>
#include <malloc.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "truth.h"

static __thread int line;
static __thread int rc;

/* The call and its line number stand on one source line; the result is kept for DID. */
#define CALL(x) (line = __LINE__, (x))

/* An event, the function really called, then arguments by name. */
#define DID(event, via, fmt, ...)                                                                  \
	say("{\"event\":\"%s\",\"via\":\"%s\",\"tid\":%d,\"fn\":\"%s\",\"line\":%d," fmt "}",      \
	    event, via, tid(), __func__, line, __VA_ARGS__)

static void must(int ok, const char *what)
{
	if (!ok)
		broken(what);
}

/* ---- locks ----------------------------------------------------------------------------------- */

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t strict; /* error checking: relock and foreign unlock fail */
static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;

#define LOCK_DID(event, via, object)                                                               \
	DID(event, via, "\"lock\":\"%p\",\"err\":%d", (void *)(object), rc)
#define UNLOCK_DID(event, via, object) DID(event, via, "\"lock\":\"%p\"", (void *)(object))

NOINLINE static void mutexes(void)
{
	struct timespec t = in_ms(CLOCK_REALTIME, 1000);

	rc = CALL(pthread_mutex_lock(&mutex));
	LOCK_DID("mutex.lock", "pthread_mutex_lock", &mutex);
	CALL(pthread_mutex_unlock(&mutex));
	UNLOCK_DID("mutex.unlock", "pthread_mutex_unlock", &mutex);

	rc = CALL(pthread_mutex_trylock(&mutex));
	LOCK_DID("mutex.lock", "pthread_mutex_trylock", &mutex);
	rc = CALL(pthread_mutex_trylock(&mutex));
	must(rc == EBUSY, "second trylock");
	LOCK_DID("mutex.lock", "pthread_mutex_trylock", &mutex);
	t = in_ms(CLOCK_REALTIME, 20);
	rc = CALL(pthread_mutex_timedlock(&mutex, &t));
	must(rc == ETIMEDOUT, "timedlock");
	LOCK_DID("mutex.lock", "pthread_mutex_timedlock", &mutex);
	t = in_ms(CLOCK_MONOTONIC, 20);
	rc = CALL(pthread_mutex_clocklock(&mutex, CLOCK_MONOTONIC, &t));
	must(rc == ETIMEDOUT, "clocklock");
	LOCK_DID("mutex.lock", "pthread_mutex_clocklock", &mutex);
	CALL(pthread_mutex_unlock(&mutex));
	UNLOCK_DID("mutex.unlock", "pthread_mutex_unlock", &mutex);

	rc = CALL(pthread_mutex_lock(&strict));
	LOCK_DID("mutex.lock", "pthread_mutex_lock", &strict);
	rc = CALL(pthread_mutex_lock(&strict));
	must(rc == EDEADLK, "relock of an error checking mutex");
	LOCK_DID("mutex.lock", "pthread_mutex_lock", &strict);
	CALL(pthread_mutex_unlock(&strict));
	UNLOCK_DID("mutex.unlock", "pthread_mutex_unlock", &strict);
}

NOINLINE static void rwlocks(void)
{
	struct timespec t = in_ms(CLOCK_REALTIME, 1000);

	rc = CALL(pthread_rwlock_rdlock(&rwlock));
	LOCK_DID("rwlock.rdlock", "pthread_rwlock_rdlock", &rwlock);
	rc = CALL(pthread_rwlock_tryrdlock(&rwlock));
	LOCK_DID("rwlock.rdlock", "pthread_rwlock_tryrdlock", &rwlock);
	rc = CALL(pthread_rwlock_timedrdlock(&rwlock, &t));
	LOCK_DID("rwlock.rdlock", "pthread_rwlock_timedrdlock", &rwlock);
	rc = CALL(pthread_rwlock_trywrlock(&rwlock));
	must(rc == EBUSY, "trywrlock beside readers");
	LOCK_DID("rwlock.wrlock", "pthread_rwlock_trywrlock", &rwlock);
	for (int i = 0; i < 3; i++) {
		CALL(pthread_rwlock_unlock(&rwlock));
		UNLOCK_DID("rwlock.unlock", "pthread_rwlock_unlock", &rwlock);
	}
	rc = CALL(pthread_rwlock_wrlock(&rwlock));
	LOCK_DID("rwlock.wrlock", "pthread_rwlock_wrlock", &rwlock);
	CALL(pthread_rwlock_unlock(&rwlock));
	UNLOCK_DID("rwlock.unlock", "pthread_rwlock_unlock", &rwlock);
	t = in_ms(CLOCK_MONOTONIC, 1000);
	rc = CALL(pthread_rwlock_clockwrlock(&rwlock, CLOCK_MONOTONIC, &t));
	LOCK_DID("rwlock.wrlock", "pthread_rwlock_clockwrlock", &rwlock);
	CALL(pthread_rwlock_unlock(&rwlock));
	UNLOCK_DID("rwlock.unlock", "pthread_rwlock_unlock", &rwlock);
	rc = CALL(pthread_rwlock_timedwrlock(&rwlock, &t));
	LOCK_DID("rwlock.wrlock", "pthread_rwlock_timedwrlock", &rwlock);
	CALL(pthread_rwlock_unlock(&rwlock));
	UNLOCK_DID("rwlock.unlock", "pthread_rwlock_unlock", &rwlock);
	rc = CALL(pthread_rwlock_clockrdlock(&rwlock, CLOCK_MONOTONIC, &t));
	LOCK_DID("rwlock.rdlock", "pthread_rwlock_clockrdlock", &rwlock);
	CALL(pthread_rwlock_unlock(&rwlock));
	UNLOCK_DID("rwlock.unlock", "pthread_rwlock_unlock", &rwlock);
}

#define WAIT_DID(via)                                                                              \
	DID("cond.wait", via, "\"cond\":\"%p\",\"lock\":\"%p\",\"err\":%d", (void *)&cond,         \
	    (void *)&mutex, rc)

NOINLINE static void conditions(void)
{
	struct timespec t = in_ms(CLOCK_REALTIME, 15);

	pthread_mutex_lock(&mutex);
	rc = CALL(pthread_cond_timedwait(&cond, &mutex, &t));
	must(rc == ETIMEDOUT, "cond_timedwait");
	WAIT_DID("pthread_cond_timedwait");
	t = in_ms(CLOCK_MONOTONIC, 15);
	rc = CALL(pthread_cond_clockwait(&cond, &mutex, CLOCK_MONOTONIC, &t));
	must(rc == ETIMEDOUT, "cond_clockwait");
	WAIT_DID("pthread_cond_clockwait");
	pthread_mutex_unlock(&mutex);
	CALL(pthread_cond_signal(&cond));
	DID("cond.signal", "pthread_cond_signal", "\"cond\":\"%p\",\"waiters\":0", (void *)&cond);
	CALL(pthread_cond_broadcast(&cond));
	DID("cond.broadcast", "pthread_cond_broadcast", "\"cond\":\"%p\",\"waiters\":0",
	    (void *)&cond);
}

static int waiter_tid;
static int signalled;

NOINLINE static void *cond_waiter(void *arg)
{
	pthread_mutex_lock(&mutex);
	waiter_tid = tid();
	while (!signalled) {
		rc = CALL(pthread_cond_wait(&cond, &mutex));
		WAIT_DID("pthread_cond_wait");
	}
	pthread_mutex_unlock(&mutex);
	return arg;
}

/* ---- threads --------------------------------------------------------------------------------- */

NOINLINE static void threads(void)
{
	pthread_t t;
	int waiter = 0;

	rc = CALL(pthread_create(&t, NULL, cond_waiter, NULL));
	DID("thread.create", "pthread_create", "\"handle\":\"0x%lx\",\"routine\":\"%p\",\"err\":%d",
	    t, (void *)cond_waiter, rc);
	rc = CALL(pthread_setname_np(t, "cond-waiter"));
	DID("thread.name", "pthread_setname_np",
	    "\"handle\":\"0x%lx\",\"name\":\"cond-waiter\",\"err\":%d", t, rc);
	rc = CALL(pthread_setname_np(t, "a name of more than fifteen"));
	must(rc == ERANGE, "long thread name");
	while (!waiter) {
		pthread_mutex_lock(&mutex);
		waiter = waiter_tid;
		pthread_mutex_unlock(&mutex);
	}
	say("{\"event\":\"thread.start\",\"via\":\"\",\"tid\":%d,\"handle\":\"0x%lx\",\"routine\":"
	    "\"%p\",\"creator\":%d}",
	    waiter, t, (void *)cond_waiter, tid());
	wait_blocked(waiter, SYS_futex);
	pthread_mutex_lock(&mutex);
	signalled = 1;
	CALL(pthread_cond_signal(&cond));
	DID("cond.signal", "pthread_cond_signal", "\"cond\":\"%p\",\"waiters\":1", (void *)&cond);
	pthread_mutex_unlock(&mutex);
	rc = CALL(pthread_join(t, NULL));
	DID("thread.join", "pthread_join", "\"handle\":\"0x%lx\",\"err\":%d", t, rc);
	say("{\"event\":\"thread.exit\",\"via\":\"\",\"tid\":%d,\"handle\":\"0x%lx\"}", waiter, t);
}

/* ---- contention: who waits for whom, how long ------------------------------------------------ */

static pthread_mutex_t contended = PTHREAD_MUTEX_INITIALIZER;
static volatile int loser_tid;

NOINLINE static void *contender(void *owner)
{
	long start;

	loser_tid = tid();
	start = now_ms();
	rc = CALL(pthread_mutex_lock(&contended));
	DID("mutex.lock", "pthread_mutex_lock",
	    "\"lock\":\"%p\",\"err\":%d,\"owner\":%d,\"waited_ms\":%ld", (void *)&contended, rc,
	    *(int *)owner, now_ms() - start);
	pthread_mutex_unlock(&contended);
	return NULL;
}

NOINLINE static void contention(void)
{
	int owner = tid();
	pthread_t t;

	pthread_mutex_lock(&contended);
	must(pthread_create(&t, NULL, contender, &owner) == 0, "create");
	while (!loser_tid)
		;
	wait_blocked(loser_tid, SYS_futex);
	poll(NULL, 0, 40); /* the length of the wait that must be found */
	CALL(pthread_mutex_unlock(&contended));
	DID("mutex.unlock", "pthread_mutex_unlock", "\"lock\":\"%p\",\"contended\":1",
	    (void *)&contended);
	pthread_join(t, NULL);
}

/* ---- memory ---------------------------------------------------------------------------------- */

#define ALLOC_DID(via, p, n)                                                                       \
	DID("mem.alloc", via, "\"ptr\":\"%p\",\"size\":%zu", (void *)(p), (size_t)(n))

NOINLINE static void give_back(void *p)
{
	uintptr_t was = (uintptr_t)p;

	CALL(free(p));
	DID("mem.free", "free", "\"ptr\":\"0x%lx\"", was);
}

NOINLINE static void memory(void)
{
	size_t odd = 1237;
	void *p, *q = NULL;
	uintptr_t old;

	p = CALL(malloc(odd));
	ALLOC_DID("malloc", p, odd);
	old = (uintptr_t)p;
	p = CALL(realloc(p, odd * 300));
	DID("mem.realloc", "realloc", "\"old\":\"0x%lx\",\"ptr\":\"%p\",\"size\":%zu", old, p,
	    odd * 300);
	old = (uintptr_t)p;
	p = CALL(reallocarray(p, 17, odd));
	DID("mem.realloc", "reallocarray", "\"old\":\"0x%lx\",\"ptr\":\"%p\",\"size\":%zu", old, p,
	    odd * 17);
	give_back(p);
	p = CALL(calloc(7, odd));
	ALLOC_DID("calloc", p, 7 * odd);
	give_back(p);
	rc = CALL(posix_memalign(&q, 256, odd));
	ALLOC_DID("posix_memalign", q, odd);
	give_back(q);
	p = CALL(aligned_alloc(64, 64 * 19));
	ALLOC_DID("aligned_alloc", p, 64 * 19);
	give_back(p);
	p = CALL(memalign(128, odd));
	ALLOC_DID("memalign", p, odd);
	give_back(p);
	p = CALL(valloc(odd));
	ALLOC_DID("valloc", p, odd);
	give_back(p);
	p = CALL(pvalloc(odd));
	ALLOC_DID("pvalloc", p, odd);
	give_back(p);
}

/* ---- sockets --------------------------------------------------------------------------------- */

#define SOCKET_DID(f, d, t, err)                                                                   \
	DID("net.socket", "socket", "\"fd\":%d,\"domain\":%d,\"type\":%d,\"err\":%d", f, d, t, err)
#define IO_DID(event, via, f, n)                                                                   \
	DID(event, via, "\"fd\":%d,\"size\":%d,\"result\":%d,\"err\":%d", f, n, rc,                \
	    rc < 0 ? errno : 0)

#if __USE_FORTIFY_LEVEL > 0
#define FORTIFIED(name) "__" name "_chk"
#else
#define FORTIFIED(name) name
#endif

NOINLINE static int serve(int *port)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(a);
	int fd = CALL(socket(AF_INET, SOCK_STREAM, 0));

	SOCKET_DID(fd, AF_INET, SOCK_STREAM, 0);
	must(bind(fd, (void *)&a, len) == 0 && listen(fd, 5) == 0, "listen");
	must(getsockname(fd, (void *)&a, &len) == 0, "getsockname");
	*port = ntohs(a.sin_port);
	return fd;
}

NOINLINE static void close_fd(int fd)
{
	CALL(close(fd));
	DID("net.close", "close", "\"fd\":%d", fd);
}

NOINLINE static void transfer(int a, int b)
{
	char buf[400];
	struct iovec v = {buf, 100};
	struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1};

	memset(buf, 'x', sizeof(buf));
	rc = CALL(send(a, buf, 11, 0));
	IO_DID("net.send", "send", a, 11);
	rc = CALL(recv(b, buf, sizeof(buf), 0));
	IO_DID("net.recv", "recv", b, 400);
	rc = CALL(sendto(a, buf, 12, 0, NULL, 0));
	IO_DID("net.send", "sendto", a, 12);
	rc = CALL(recvfrom(b, buf, sizeof(buf), 0, NULL, NULL));
	IO_DID("net.recv", "recvfrom", b, 400);
	rc = CALL(sendmsg(a, &m, 0));
	IO_DID("net.send", "sendmsg", a, 100);
	rc = CALL(recvmsg(b, &m, 0));
	IO_DID("net.recv", "recvmsg", b, 100);
	rc = CALL(write(a, buf, 14));
	IO_DID("net.send", "write", a, 14);
	rc = CALL(read(b, buf, 300));
	IO_DID("net.recv", "read", b, 300);
	rc = CALL(recv(b, buf, 10, MSG_DONTWAIT));
	must(rc < 0 && errno == EAGAIN, "recv from an empty socket");
	IO_DID("net.recv", "recv", b, 10);
}

/* Lengths the compiler does not know: with _FORTIFY_SOURCE the checked names are called. */
NOINLINE static void more_transfer(int a, int b)
{
	volatile int unknown = 60;
	char buf[64] = "";
	struct iovec v[2] = {{buf, 10}, {buf, 20}};

	rc = CALL(writev(a, v, 2));
	IO_DID("net.send", "writev", a, 30);
	rc = CALL(readv(b, v, 2));
	IO_DID("net.recv", "readv", b, 30);
	for (int i = 0; i < 3; i++)
		must(send(a, buf, 8, 0) == 8, "send");
	rc = CALL(recv(b, buf, unknown - 52, 0));
	IO_DID("net.recv", FORTIFIED("recv"), b, 8);
	rc = CALL(recvfrom(b, buf, unknown - 52, 0, NULL, NULL));
	IO_DID("net.recv", FORTIFIED("recvfrom"), b, 8);
	rc = CALL(read(b, buf, unknown));
	IO_DID("net.recv", FORTIFIED("read"), b, 60);
}

NOINLINE static void more_waits(int b)
{
	struct epoll_event ev = {.events = EPOLLIN};
	struct timespec t = {0, 17000000};
	struct pollfd p = {b, POLLIN, 0};
	volatile int one = 1;
	int ep = epoll_create1(0);

	rc = CALL(ppoll(&p, 1, &t, NULL));
	DID("net.poll", "ppoll", "\"fd\":%d,\"nfds\":1,\"timeout_ms\":17,\"result\":%d", b, rc);
	rc = CALL(poll(&p, one, 18));
	DID("net.poll", FORTIFIED("poll"), "\"fd\":%d,\"nfds\":1,\"timeout_ms\":18,\"result\":%d",
	    b, rc);
	must(epoll_ctl(ep, EPOLL_CTL_ADD, b, &ev) == 0, "epoll_ctl");
	rc = CALL(epoll_pwait(ep, &ev, 1, 19, NULL));
	DID("net.poll", "epoll_pwait", "\"fd\":%d,\"timeout_ms\":19,\"result\":%d", ep, rc);
	close(ep);
}

NOINLINE static void waits(int a, int b)
{
	struct epoll_event ev = {.events = EPOLLIN};
	struct pollfd p = {b, POLLIN, 0};
	int ep = epoll_create1(0);

	rc = CALL(poll(&p, 1, 15));
	DID("net.poll", "poll", "\"fd\":%d,\"nfds\":1,\"timeout_ms\":15,\"result\":%d", b, rc);
	must(epoll_ctl(ep, EPOLL_CTL_ADD, b, &ev) == 0, "epoll_ctl");
	rc = CALL(epoll_wait(ep, &ev, 1, 16));
	DID("net.poll", "epoll_wait", "\"fd\":%d,\"timeout_ms\":16,\"result\":%d", ep, rc);
	must(send(a, "y", 1, 0) == 1, "send");
	rc = CALL(poll(&p, 1, -1));
	DID("net.poll", "poll", "\"fd\":%d,\"nfds\":1,\"timeout_ms\":-1,\"result\":%d", b, rc);
	rc = CALL(epoll_wait(ep, &ev, 1, -1));
	DID("net.poll", "epoll_wait", "\"fd\":%d,\"timeout_ms\":-1,\"result\":%d", ep, rc);
	close(ep);
}

NOINLINE static void sockets(void)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct sockaddr_in peer;
	socklen_t len = sizeof(peer);
	int port, listener = serve(&port), fd, got;

	to.sin_port = htons(port);
	for (int v4 = 0; v4 < 2; v4++) {
		fd = CALL(socket(AF_INET, SOCK_STREAM, 0));
		SOCKET_DID(fd, AF_INET, SOCK_STREAM, 0);
		rc = CALL(connect(fd, (void *)&to, sizeof(to)));
		DID("net.connect", "connect", "\"fd\":%d,\"peer\":\"127.0.0.1:%d\",\"err\":0", fd,
		    port);
		if (v4) {
			got = CALL(accept4(listener, (void *)&peer, &len, SOCK_CLOEXEC));
			DID("net.accept", "accept4",
			    "\"listener\":%d,\"fd\":%d,\"peer\":\"127.0.0.1:%d\",\"err\":0",
			    listener, got, ntohs(peer.sin_port));
		} else {
			got = CALL(accept(listener, (void *)&peer, &len));
			DID("net.accept", "accept",
			    "\"listener\":%d,\"fd\":%d,\"peer\":\"127.0.0.1:%d\",\"err\":0",
			    listener, got, ntohs(peer.sin_port));
		}
		transfer(fd, got);
		more_transfer(fd, got);
		more_waits(got);
		waits(fd, got);
		close_fd(fd);
		close_fd(got);
	}
	close_fd(listener);
	fd = CALL(socket(AF_INET, SOCK_STREAM, 0));
	SOCKET_DID(fd, AF_INET, SOCK_STREAM, 0);
	rc = CALL(connect(fd, (void *)&to, sizeof(to)));
	must(rc < 0 && errno == ECONNREFUSED, "connect to a closed port");
	DID("net.connect", "connect", "\"fd\":%d,\"peer\":\"127.0.0.1:%d\",\"err\":%d", fd, port,
	    errno);
	close_fd(fd);
}

int main(void)
{
	pthread_mutexattr_t attr;

	pthread_mutexattr_init(&attr);
	pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_ERRORCHECK);
	pthread_mutex_init(&strict, &attr);
	mutexes();
	rwlocks();
	conditions();
	threads();
	contention();
	memory();
	sockets();
	return 0;
}
