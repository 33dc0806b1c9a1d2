/* SPDX-License-Identifier: MIT */
/*
 * verdicts.c - programs with a fault, and beside each its healthy twin.
 *
 *   doorbell                two mutexes in a ring, given back by the other thread: healthy, idle
 *   news      answer        a receive after +OK: healthy; the fourth answer never comes
 *   leader    keeper        a pool accepts under a lock: healthy; one sleeps under it
 *   turns     starve        readers leave gaps for the writer: healthy; one always has the lock
 *   forkfree  forklock      the child takes a lock that was free at the fork, or was not
 *   reads     filter        a child fills a pipe that we read: healthy; that we read after its end
 *   joined    joincycle     a join of a thread that sleeps: healthy; of one that needs our lock
 *   condwait  condcycle     a wait for who sleeps: healthy; for who needs our lock
 *   stay      pipe          healthy; writes to a connection that is closed: dies of SIGPIPE
 *
 * Says so once all is as it should be, then goes on until it is killed.
 */
#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "truth.h"

static pthread_mutex_t first = PTHREAD_MUTEX_INITIALIZER, second = PTHREAD_MUTEX_INITIALIZER;
static pthread_rwlock_t table = PTHREAD_RWLOCK_INITIALIZER;
static pthread_cond_t told = PTHREAD_COND_INITIALIZER;
static volatile int turn, waiting, is_fault, from_child;
static int ends[2], listener;

static void ms(long n)
{
	struct timespec t = {n / 1000, n % 1000 * 1000000};

	nanosleep(&t, NULL);
}

static pthread_t start(void *(*work)(void *), long arg)
{
	pthread_t t;

	if (pthread_create(&t, NULL, work, (void *)arg))
		broken("pthread_create");
	return t;
}

static void *sleep_on(void *arg)
{
	for (;;)
		ms(50);
	return arg;
}

/* ---- doorbell -------------------------------------------------------------------------------- */

static void *answer_bell(void *arg)
{
	for (;;) {
		pthread_mutex_lock(&first);
		turn++;
		pthread_mutex_unlock(&second);
	}
	return arg;
}

static void *ring_bell(void *arg)
{
	for (;;) {
		pthread_mutex_lock(&second);
		ms(turn < 5 ? 2 : 60000);
		pthread_mutex_unlock(&first);
	}
	return arg;
}

static void doorbell(void)
{
	pthread_mutex_lock(&first);
	pthread_mutex_lock(&second);
	start(answer_bell, 0);
	start(ring_bell, 0);
	pthread_mutex_unlock(&first);
	while (turn < 5)
		ms(1);
}

/* ---- news, answer ---------------------------------------------------------------------------- */

static void *serve(void *arg)
{
	int c = accept(listener, NULL, NULL);
	char b[16];

	for (int i = 0; recv(c, b, sizeof(b), 0) > 0; i++) {
		ms(2);
		if (i < 4 || !is_fault)
			send(c, "+OK", 3, 0);
	}
	return arg;
}

NOINLINE static void next_message(int c)
{
	char b[16];

	if (recv(c, b, sizeof(b), 0) <= 0) /* the receive */
		broken("recv");
}

static void *ask(void *arg)
{
	struct sockaddr_storage a;
	socklen_t len = sizeof(a);
	int c = socket(AF_INET, SOCK_STREAM, 0);

	if (getsockname(listener, (struct sockaddr *)&a, &len) ||
	    connect(c, (struct sockaddr *)&a, len))
		broken("connect");
	for (turn = 0; turn < 5; turn++) {
		send(c, "SUBSCRIBE", 9, 0);
		if (turn == 4)
			waiting = tid();
		next_message(c);
	}
	for (;;)
		next_message(c);
	return arg;
}

static void connection(void)
{
	listener = socket(AF_INET, SOCK_STREAM, 0);
	if (listen(listener, 5))
		broken("listen");
	start(serve, 0);
	start(ask, 0);
	while (turn < (is_fault ? 4 : 5))
		ms(1);
	wait_blocked(waiting, SYS_recvfrom);
}

/* ---- leader, keeper -------------------------------------------------------------------------- */

static void *lead(void *arg)
{
	pthread_mutex_lock(&first);
	if (is_fault)
		ms(60000);
	else
		accept(listener, NULL, NULL);
	pthread_mutex_unlock(&first);
	return arg;
}

static void *queue_up(void *arg)
{
	waiting = tid();
	return lead(arg);
}

static void pool(void)
{
	listener = socket(AF_INET, SOCK_STREAM, 0);
	if (listen(listener, 5))
		broken("listen");
	start(lead, 0);
	while (!pthread_mutex_trylock(&first)) {
		pthread_mutex_unlock(&first);
		ms(1);
	}
	start(queue_up, 0);
	while (!waiting)
		ms(1);
	wait_blocked(waiting, SYS_futex);
}

/* ---- turns, starve --------------------------------------------------------------------------- */

NOINLINE static void look_up(long arg)
{
	pthread_rwlock_rdlock(&table);
	ms(4);
	pthread_rwlock_unlock(&table);
	if (!is_fault)
		ms(4 + arg);
}

static void *reader(void *arg)
{
	ms((long)arg);
	for (;;)
		look_up((long)arg);
	return arg;
}

NOINLINE static void update(void)
{
	pthread_rwlock_wrlock(&table); /* the writer */
	turn++;
	pthread_rwlock_unlock(&table);
}

static void *writer(void *arg)
{
	for (;;) {
		update();
		ms(10);
	}
	return arg;
}

static void readers(void)
{
	for (long i = 0; i < 4; i++)
		start(reader, i);
	ms(20);
	start(writer, 0);
}

/* ---- forkfree, forklock ---------------------------------------------------------------------- */

static void *keep_lock(void *arg)
{
	pthread_mutex_lock(&first);
	turn = 1;
	return sleep_on(arg);
}

NOINLINE static void log_line(void)
{
	pthread_mutex_lock(&first); /* the child's lock */
	pthread_mutex_unlock(&first);
}

static void *wait_for_child(void *arg)
{
	waitpid((pid_t)(long)arg, NULL, 0); /* the wait for the child */
	return arg;
}

static void forked(void)
{
	pid_t child;

	if (is_fault) {
		start(keep_lock, 0);
		while (!turn)
			ms(1);
	}
	child = fork();
	if (!child) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		log_line();
		sleep_on(NULL);
	}
	from_child = child;
	start(wait_for_child, child);
}

/* ---- reads, filter --------------------------------------------------------------------------- */

static void *read_all(void *arg)
{
	char b[4096];

	while (read(ends[0], b, sizeof(b)) > 0)
		;
	return arg;
}

NOINLINE static void fill_pipe(void)
{
	static char b[4096];

	for (int i = 0; i < 100; i++)
		if (write(ends[1], b, sizeof(b)) < 0) /* the full pipe */
			broken("write");
}

static void filter(void)
{
	pid_t child;

	if (pipe(ends))
		broken("pipe");
	child = fork();
	if (!child) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(ends[0]);
		fill_pipe();
		sleep_on(NULL);
	}
	close(ends[1]);
	if (!is_fault)
		start(read_all, 0);
	start(wait_for_child, child);
	from_child = child;
}

/* ---- joined, joincycle; condwait, condcycle -------------------------------------------------- */

static void *needs_first(void *arg)
{
	while (!turn)
		ms(1);
	ms(5);
	if (is_fault)
		pthread_mutex_lock(&first);
	else
		ms(60000);
	return arg;
}

static void *joins(void *arg)
{
	pthread_t t = start(needs_first, 0);

	pthread_mutex_lock(&first);
	turn = 1;
	pthread_join(t, NULL); /* the join */
	return arg;
}

static void *wakes(void *arg)
{
	for (int i = 0; i < 4; i++) {
		ms(5);
		pthread_mutex_lock(&second);
		pthread_cond_signal(&told);
		pthread_mutex_unlock(&second);
	}
	return needs_first(arg);
}

static void *is_woken(void *arg)
{
	pthread_mutex_lock(&first);
	start(wakes, 0);
	turn = 1;
	pthread_mutex_lock(&second);
	for (;;)
		pthread_cond_wait(&told, &second); /* the condition */
	return arg;
}

static void joined(void)
{
	start(joins, 0);
}

static void condition(void)
{
	start(is_woken, 0);
}

/* ---- stay, pipe ------------------------------------------------------------------------------ */

NOINLINE static void send_reply(int fd)
{
	send(fd, "x", 1, 0); /* the broken pipe */
}

static void broken_pipe(void)
{
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends))
		broken("socketpair");
	close(ends[1]);
	say("{\"kind\":\"pipe\"}");
	send_reply(ends[0]);
}

static void stay(void)
{
	start(sleep_on, 0);
}

static const struct {
	const char *healthy, *fault;
	void (*run)(void);
} kinds[] = {
	{"doorbell", "", doorbell},       {"news", "answer", connection},
	{"leader", "keeper", pool},       {"turns", "starve", readers},
	{"forkfree", "forklock", forked}, {"reads", "filter", filter},
	{"joined", "joincycle", joined},  {"condwait", "condcycle", condition},
	{"stay", "pipe", stay},
};

int main(int argc, char **argv)
{
	const char *kind = argc > 1 ? argv[1] : "stay";

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		is_fault = !strcmp(kind, kinds[i].fault);
		if (!is_fault && strcmp(kind, kinds[i].healthy))
			continue;
		if (!strcmp(kind, "pipe"))
			broken_pipe();
		kinds[i].run();
		say("{\"kind\":\"%s\",\"child\":%d}", kind, from_child);
		sleep_on(NULL);
	}
	broken(kind);
}
