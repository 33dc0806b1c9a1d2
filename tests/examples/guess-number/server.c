/* SPDX-License-Identifier: MIT */
/*
 * server.c - a guess-number game over HTTP, with the mistake of Go's flight recorder example.
 *
 *   client ── GET /guess-number?guess=N ──> worker ──> handleGuess() ── buckets[N].mu
 *                                                                          │
 *   report server <── POST the counts ── reporter: sendReport() ── locks every bucket
 *
 * Each number has a bucket with a lock. Once a period the thread "reporter" sends all counts to a
 * second server; its unlocks come only when sendReport() returns, after the answer. It runs on
 * plain POSIX threads and sockets and knows nothing of the recorder.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define N_BUCKETS 100
#define REQUEST_MAX 2048

struct bucket {
	pthread_mutex_t mu;
	int guesses;
};

static struct bucket buckets[N_BUCKETS];
static int answer;
static int listener;
static int port = 8090;
static int report_port = 8091;
static int period_ms = 300;
static int n_workers = 16;

static double now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static struct sockaddr_in local(int at)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(at)};

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return a;
}

static int send_all(int fd, const char *data, size_t size)
{
	while (size > 0) {
		ssize_t n = send(fd, data, size, MSG_NOSIGNAL);

		if (n <= 0)
			return -1;
		data += n;
		size -= n;
	}
	return 0;
}

static int respond(int fd, const char *status, const char *text)
{
	char out[512];
	int n = snprintf(out, sizeof(out),
			 "HTTP/1.1 %s\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\n\r\n%s",
			 status, strlen(text), text);

	return send_all(fd, out, n);
}

/* GET /guess-number?guess=N: counts the guess in its bucket and says whether it was right. */
__attribute__((noinline)) static int handleGuess(int fd, const char *request)
{
	const char *arg = strstr(request, "?guess=");
	double start = now_ms();
	char text[64];
	struct bucket *b;
	char *end;
	long guess;
	int rc;

	guess = arg ? strtol(arg + 7, &end, 10) : -1;
	if (!arg || end == arg + 7 || guess < 0 || guess >= N_BUCKETS)
		return respond(fd, "400 Bad Request", "invalid 'guess' value\n");

	b = &buckets[guess];
	pthread_mutex_lock(&b->mu); /* handleGuess waits here */
	b->guesses++;
	pthread_mutex_unlock(&b->mu);

	snprintf(text, sizeof(text), "guess: %ld, correct: %s\n", guess,
		 guess == answer ? "true" : "false");
	rc = respond(fd, "200 OK", text);
	printf("HTTP request: endpoint=/guess-number guess=%ld duration=%.3fms\n", guess,
	       now_ms() - start);
	return rc;
}

/* The counts as a JSON array. */
static int marshal(char *out, size_t size, const int *counts)
{
	int n = 0;

	for (int i = 0; i < N_BUCKETS; i++)
		n += snprintf(out + n, size - n, "%c%d", i ? ',' : '[', counts[i]);
	return n + snprintf(out + n, size - n, "]");
}

/* Posts the state of the buckets to the report server. */
__attribute__((noinline)) static void sendReport(void)
{
	struct sockaddr_in to = local(report_port);
	int counts[N_BUCKETS];
	char json[2048], head[256], reply[256];
	int fd = -1, n;

	for (int i = 0; i < N_BUCKETS; i++) {
		pthread_mutex_lock(&buckets[i].mu);
		counts[i] = buckets[i].guesses;
	}

	n = marshal(json, sizeof(json), counts);
	snprintf(head, sizeof(head),
		 "POST /guess-number-report HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
		 "Content-Type: application/json\r\nContent-Length: %d\r\n\r\n",
		 n);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0 ||
	    send_all(fd, head, strlen(head)) < 0 || send_all(fd, json, n) < 0) {
		printf("failed to send report: %s\n", strerror(errno));
		goto out;
	}
	while (recv(fd, reply, sizeof(reply), 0) > 0) /* the answer of the report server */
		;
out:
	if (fd >= 0)
		close(fd);
	for (int i = N_BUCKETS - 1; i >= 0; i--)
		pthread_mutex_unlock(&buckets[i].mu);
}

static void *reporter(void *unused)
{
	struct timespec period = {period_ms / 1000, period_ms % 1000 * 1000000L};

	for (;;) {
		nanosleep(&period, NULL);
		sendReport();
	}
	return unused;
}

/* Serves one connection until the client closes it. */
static void serve(int fd)
{
	char in[REQUEST_MAX + 1];
	size_t have = 0;

	while (have < REQUEST_MAX) {
		ssize_t n = recv(fd, in + have, REQUEST_MAX - have, 0);
		char *end;
		int rc;

		if (n <= 0)
			return;
		have += n;
		in[have] = '\0';
		end = strstr(in, "\r\n\r\n");
		if (!end)
			continue;
		if (strncmp(in, "GET /guess-number", 17) == 0)
			rc = handleGuess(fd, in);
		else
			rc = respond(fd, "404 Not Found", "not found\n");
		if (rc < 0 || strstr(in, "Connection: close"))
			return;
		have -= end + 4 - in;
		memmove(in, end + 4, have);
	}
}

static void *worker(void *unused)
{
	for (;;) {
		int fd = accept(listener, NULL, NULL);

		if (fd < 0)
			continue;
		serve(fd);
		close(fd);
	}
	return unused;
}

static void start_thread(void *(*run)(void *), const char *name)
{
	pthread_t t;

	errno = pthread_create(&t, NULL, run, NULL);
	if (errno)
		die("pthread_create");
	pthread_setname_np(t, name);
	pthread_detach(t);
}

static void start_listening(void)
{
	struct sockaddr_in at = local(port);
	int on = 1;

	listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(listener, (struct sockaddr *)&at, sizeof(at)) < 0 || listen(listener, 128) < 0)
		die("listen");
}

int main(int argc, char **argv)
{
	sigset_t stop;
	int sig;

	if (argc > 1)
		port = atoi(argv[1]);
	if (argc > 2)
		report_port = atoi(argv[2]);
	if (argc > 3)
		period_ms = atoi(argv[3]);
	if (argc > 4)
		n_workers = atoi(argv[4]);

	/* SIGTERM and SIGINT end the server from here; the threads inherit the blocked mask. */
	sigemptyset(&stop);
	sigaddset(&stop, SIGTERM);
	sigaddset(&stop, SIGINT);
	pthread_sigmask(SIG_BLOCK, &stop, NULL);

	setvbuf(stdout, NULL, _IOLBF, 0);
	srand(time(NULL));
	answer = rand() % N_BUCKETS;
	for (int i = 0; i < N_BUCKETS; i++)
		pthread_mutex_init(&buckets[i].mu, NULL);

	start_listening();
	for (int i = 0; i < n_workers; i++) {
		char name[32];

		snprintf(name, sizeof(name), "worker-%d", i + 1);
		start_thread(worker, name);
	}
	start_thread(reporter, "reporter");
	printf("listening on 127.0.0.1:%d, reports to 127.0.0.1:%d each %d ms\n", port, report_port,
	       period_ms);

	sigwait(&stop, &sig);
	return 0;
}
