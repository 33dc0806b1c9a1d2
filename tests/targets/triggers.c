/* SPDX-License-Identifier: MIT */
/*
 * triggers.c - does things that take so long as it is told, and says what they were.
 *
 *   triggers ITEM...   items are done one after the other:
 *     lock:MS    a thread waits for a mutex that another one holds for MS
 *     rdlock:MS  the same with a rwlock
 *     hold:MS    holds a mutex for MS, nobody waits
 *     recv:MS    waits in recv() until another thread sends after MS
 *     eventfd:MS waits in eventfd_read() until another thread writes after MS
 *     cond:MS    waits for a condition with a timeout of MS
 *     poll:MS    poll() with a timeout of MS
 *     sem:MS     waits for a semaphore that another thread posts after MS
 *     connect:MS connects to a socket whose queue is full, until another thread accepts after MS
 *     accept:MS  accepts until another thread connects after MS
 *     send:MS    sends into a full socket, until another thread reads after MS
 *     dns:MS     looks up a name at a server of its own, which answers after MS
 *     file:MS    waits for the lock of a file that another descriptor has for MS
 *     child:MS   waits for a child that lasts MS
 *     join:MS    joins a thread that lasts MS
 *     stuck:MS   a thread waits for a mutex for MS while this one makes small calls
 *     rss:MB     touches MB of memory and keeps it; frees what it had
 *     calls:MS   small socket calls for MS
 *     stay       waits to be killed
 */
#include <arpa/inet.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <resolv.h>
#include <semaphore.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "truth.h"

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static int pair[2];
static volatile int waiter;
static long wanted_ms;

static void nap(long ms)
{
	struct timespec t = {ms / 1000, ms % 1000 * 1000000};

	syscall(SYS_nanosleep, &t, NULL);
}

static void *lock_it(void *arg)
{
	pthread_setname_np(pthread_self(), "waiter");
	waiter = tid();
	pthread_mutex_lock(&mutex);
	pthread_mutex_unlock(&mutex);
	return arg;
}

static void *read_lock_it(void *arg)
{
	pthread_setname_np(pthread_self(), "waiter");
	waiter = tid();
	pthread_rwlock_rdlock(&rwlock);
	pthread_rwlock_unlock(&rwlock);
	return arg;
}

static void *send_late(void *arg)
{
	nap(wanted_ms);
	if (send(pair[1], "x", 1, 0) != 1)
		broken("send");
	return arg;
}

static void *last(void *arg)
{
	nap(wanted_ms);
	return arg;
}

static pthread_t start(void *(*run)(void *))
{
	pthread_t t;

	if (pthread_create(&t, NULL, run, NULL) != 0)
		broken("pthread_create");
	return t;
}

/* Until the thread sleeps in the lock, then MS more. */
static void let_wait(long ms)
{
	while (!waiter)
		sched_yield();
	wait_blocked(waiter, SYS_futex);
	nap(ms);
}

static void small_calls(long ms)
{
	long end = now_ms() + ms;
	char c;

	do {
		if (send(pair[1], "x", 1, 0) != 1 || recv(pair[0], &c, 1, 0) != 1)
			broken("small calls");
		nap(1);
	} while (now_ms() < end);
}

static void do_lock(long ms)
{
	pthread_t t;

	waiter = 0;
	pthread_mutex_lock(&mutex);
	t = start(lock_it);
	let_wait(ms);
	say("{\"did\":\"lock\",\"lock\":\"%p\",\"waiter\":%d,\"owner\":%d}", (void *)&mutex, waiter,
	    tid());
	pthread_mutex_unlock(&mutex);
	pthread_join(t, NULL);
}

static void do_rdlock(long ms)
{
	pthread_t t;

	waiter = 0;
	pthread_rwlock_wrlock(&rwlock);
	t = start(read_lock_it);
	let_wait(ms);
	say("{\"did\":\"rdlock\",\"lock\":\"%p\",\"waiter\":%d}", (void *)&rwlock, waiter);
	pthread_rwlock_unlock(&rwlock);
	pthread_join(t, NULL);
}

static void do_stuck(long ms)
{
	pthread_t t;

	waiter = 0;
	pthread_mutex_lock(&mutex);
	t = start(lock_it);
	let_wait(0);
	say("{\"did\":\"stuck\",\"lock\":\"%p\",\"waiter\":%d}", (void *)&mutex, waiter);
	small_calls(ms);
	pthread_mutex_unlock(&mutex);
	pthread_join(t, NULL);
}

static void do_hold(long ms)
{
	pthread_mutex_lock(&mutex);
	nap(ms);
	pthread_mutex_unlock(&mutex);
	say("{\"did\":\"hold\",\"lock\":\"%p\"}", (void *)&mutex);
}

static void do_recv(long ms)
{
	pthread_t t = start(send_late);
	char c;

	if (recv(pair[0], &c, 1, 0) != 1)
		broken("recv");
	say("{\"did\":\"recv\",\"fd\":%d,\"tid\":%d}", pair[0], tid());
	pthread_join(t, NULL);
}

static int counter;

static void *write_late(void *arg)
{
	nap(wanted_ms);
	if (eventfd_write(counter, 1) != 0)
		broken("eventfd_write");
	return arg;
}

static void do_eventfd(long ms)
{
	eventfd_t v;
	pthread_t t;

	counter = eventfd(0, 0);
	t = start(write_late);
	if (counter < 0 || eventfd_read(counter, &v) != 0)
		broken("eventfd_read");
	say("{\"did\":\"eventfd\",\"fd\":%d,\"tid\":%d}", counter, tid());
	pthread_join(t, NULL);
	close(counter);
}

static void do_cond(long ms)
{
	static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
	struct timespec until = in_ms(CLOCK_REALTIME, ms);

	pthread_mutex_lock(&mutex);
	pthread_cond_timedwait(&cond, &mutex, &until);
	pthread_mutex_unlock(&mutex);
	say("{\"did\":\"cond\",\"cond\":\"%p\"}", (void *)&cond);
}

static void do_poll(long ms)
{
	struct pollfd p = {pair[0], POLLIN, 0};

	if (poll(&p, 1, (int)ms) != 0)
		broken("poll");
	say("{\"did\":\"poll\",\"fd\":%d}", pair[0]);
}

static void do_join(long ms)
{
	pthread_join(start(last), NULL);
	say("{\"did\":\"join\"}");
}

/* ---- others that make this thread wait ------------------------------------------------------- */

static sem_t sem;
static int listener, lock_fd;
static struct sockaddr_un address = {.sun_family = AF_UNIX};

static void *post_late(void *arg)
{
	nap(wanted_ms);
	sem_post(&sem);
	return arg;
}

static void do_sem(long ms)
{
	pthread_t t;

	sem_init(&sem, 0, 0);
	t = start(post_late);
	sem_wait(&sem);
	say("{\"did\":\"sem\"}");
	pthread_join(t, NULL);
}

/* An abstract name: nothing to tidy up. */
static void listen_here(int backlog)
{
	snprintf(address.sun_path + 1, sizeof(address.sun_path) - 1, "fr-triggers-%d-%d", getpid(),
		 backlog);
	listener = socket(AF_UNIX, SOCK_STREAM, 0);
	if (bind(listener, (void *)&address, sizeof(address)) || listen(listener, backlog))
		broken("listen");
}

static void *accept_late(void *arg)
{
	nap(wanted_ms);
	for (;;) {
		int fd = (int)syscall(SYS_accept4, listener, NULL, NULL, SOCK_NONBLOCK);

		if (fd < 0)
			return arg;
	}
}

static void do_connect(long ms)
{
	pthread_t t;
	int fd;

	listen_here(0);
	do
		fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
	while (connect(fd, (void *)&address, sizeof(address)) == 0);
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	fcntl(listener, F_SETFL, O_NONBLOCK);
	t = start(accept_late);
	if (connect(fd, (void *)&address, sizeof(address)) != 0)
		broken("connect");
	say("{\"did\":\"connect\"}");
	pthread_join(t, NULL);
}

static void *connect_late(void *arg)
{
	nap(wanted_ms);
	if (connect(socket(AF_UNIX, SOCK_STREAM, 0), (void *)&address, sizeof(address)) != 0)
		broken("connect");
	return arg;
}

static void do_accept(long ms)
{
	pthread_t t;

	listen_here(5);
	t = start(connect_late);
	if (accept(listener, NULL, NULL) < 0)
		broken("accept");
	say("{\"did\":\"accept\"}");
	pthread_join(t, NULL);
}

static char bytes[1 << 16];

static void *drain_late(void *arg)
{
	nap(wanted_ms);
	while (syscall(SYS_recvfrom, pair[0], bytes, sizeof(bytes), MSG_DONTWAIT, NULL, NULL) > 0)
		;
	return arg;
}

static void do_send(long ms)
{
	pthread_t t;

	while (send(pair[1], bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
		;
	t = start(drain_late);
	if (send(pair[1], bytes, sizeof(bytes), 0) <= 0)
		broken("send");
	say("{\"did\":\"send\"}");
	pthread_join(t, NULL);
}

/* A name server that knows no name. Its own calls are raw: they are not what is timed. */
static void *answer_late(void *arg)
{
	struct sockaddr_in from;
	socklen_t len = sizeof(from);
	unsigned char m[512];
	long n;

	n = syscall(SYS_recvfrom, *(int *)arg, m, sizeof(m), 0, &from, &len);
	nap(wanted_ms);
	m[2] |= 0x80; /* an answer: */
	m[3] = 3; /* no such name */
	syscall(SYS_sendto, *(int *)arg, m, n, 0, &from, len);
	return arg;
}

static void do_dns(long ms)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	const struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM};
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	struct addrinfo *found = NULL;
	socklen_t len = sizeof(a);
	pthread_t t;

	if (bind(fd, (void *)&a, len) || getsockname(fd, (void *)&a, &len) || res_init())
		broken("name server");
	_res.nscount = 1;
	_res.nsaddr_list[0] = a;
	_res.retrans = 30;
	if (pthread_create(&t, NULL, answer_late, &fd) != 0)
		broken("pthread_create");
	if (getaddrinfo("slow.example.", NULL, &hints, &found) == 0)
		broken("getaddrinfo found it");
	say("{\"did\":\"dns\"}");
	pthread_cancel(t); /* where nobody asked the server, it still waits */
	pthread_join(t, NULL);
}

static void *unlock_late(void *arg)
{
	nap(wanted_ms);
	flock(lock_fd, LOCK_UN);
	return arg;
}

static void do_file(long ms)
{
	pthread_t t;

	lock_fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	if (flock(lock_fd, LOCK_EX) != 0)
		broken("flock");
	t = start(unlock_late);
	if (flock(open("/proc/self/exe", O_RDONLY | O_CLOEXEC), LOCK_EX) != 0)
		broken("flock");
	say("{\"did\":\"file\"}");
	pthread_join(t, NULL);
}

static void do_child(long ms)
{
	pid_t pid = fork();

	if (pid == 0) {
		nap(ms);
		syscall(SYS_exit_group, 0);
	}
	if (waitpid(pid, NULL, 0) != pid)
		broken("waitpid");
	say("{\"did\":\"child\"}");
}

/* ---- other ----------------------------------------------------------------------------------- */

static void do_rss(long mb)
{
	static size_t size;
	static char *p;

	if (p)
		munmap(p, size);
	size = (size_t)mb << 20;
	p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1,
		 0);
	if (p == MAP_FAILED)
		broken("mmap");
	say("{\"did\":\"rss\"}");
}

static void do_stay(long ms)
{
	say("{\"did\":\"stay\"}");
	for (;;)
		nap(1000);
}

static const struct {
	const char *name;
	void (*run)(long n);
} items[] = {
	{"lock", do_lock}, {"rdlock", do_rdlock},   {"hold", do_hold},       {"recv", do_recv},
	{"cond", do_cond}, {"poll", do_poll},       {"join", do_join},       {"stuck", do_stuck},
	{"sem", do_sem},   {"connect", do_connect}, {"accept", do_accept},   {"send", do_send},
	{"dns", do_dns},   {"file", do_file},       {"child", do_child},     {"rss", do_rss},
	{"stay", do_stay}, {"calls", small_calls},  {"eventfd", do_eventfd},
};

int main(int argc, char **argv)
{
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0)
		broken("socketpair");
	say("{\"did\":\"begin\"}");
	for (int i = 1; i < argc; i++) {
		size_t n = strcspn(argv[i], ":");

		wanted_ms = argv[i][n] ? atol(argv[i] + n + 1) : 0;
		for (size_t k = 0; k < sizeof(items) / sizeof(*items); k++) {
			if (strlen(items[k].name) == n && !strncmp(items[k].name, argv[i], n))
				items[k].run(wanted_ms);
		}
	}
	say("{\"did\":\"all\"}");
	return 0;
}
