/* SPDX-License-Identifier: MIT */
/*
 * client.c - the players of the guess-number game, and the report server.
 *
 *   client [PORT [REPORT_PORT [DELAY_MS [CLIENTS [SECONDS]]]]]
 *
 * Each client guesses numbers over one connection; the report server answers DELAY_MS late, as
 * slow services do. At the first answer that took longer than 100 ms all clients finish their
 * current guess, the worst answer is printed and the exit status is 0; it is 1 if no answer was
 * slow within SECONDS. CLIENTS is 16, SECONDS 20 unless given. That report server and client
 * share a process only saves a third one.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define SLOW_MS 100.0
#define CLIENTS_MAX 256

struct player {
	pthread_t thread;
	unsigned int seed;
	long answers;
	int slow;
	double worst_ms;
	int worst_guess;
};

static int port = 8090;
static int report_port = 8091;
static int delay_ms = 112;
static int n_players = 16;
static int seconds = 20;
static int report_listener;
static atomic_int stop;

static double now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

static void die(const char *what)
{
	perror(what);
	exit(2);
}

static void pause_ms(int ms)
{
	struct timespec t = {ms / 1000, ms % 1000 * 1000000L};

	nanosleep(&t, NULL);
}

static struct sockaddr_in local(int at)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(at)};

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return a;
}

/* Reads head and body of one HTTP message; returns false when the peer is gone. */
static int read_message(int fd)
{
	char in[8192];
	size_t have = 0;

	while (have < sizeof(in) - 1) {
		ssize_t n = recv(fd, in + have, sizeof(in) - 1 - have, 0);
		const char *body, *length;

		if (n <= 0)
			return 0;
		have += n;
		in[have] = '\0';
		body = strstr(in, "\r\n\r\n");
		if (!body)
			continue;
		length = strstr(in, "Content-Length: ");
		if (in + have >= body + 4 + (length ? atoi(length + 16) : 0))
			return 1;
	}
	return 0;
}

static void *report_server(void *unused)
{
	static const char ok[] = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n"
				 "Connection: close\r\n\r\nok\n";

	for (;;) {
		int fd = accept(report_listener, NULL, NULL);

		if (fd < 0)
			continue;
		if (read_message(fd)) {
			pause_ms(delay_ms);
			send(fd, ok, sizeof(ok) - 1, MSG_NOSIGNAL);
		}
		close(fd);
	}
	return unused;
}

static void start_report_server(void)
{
	struct sockaddr_in at = local(report_port);
	pthread_t t;
	int on = 1;

	report_listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(report_listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(report_listener, (struct sockaddr *)&at, sizeof(at)) < 0 ||
	    listen(report_listener, 16) < 0)
		die("report server: listen");
	errno = pthread_create(&t, NULL, report_server, NULL);
	if (errno)
		die("pthread_create");
	pthread_detach(t);
}

static int connect_server(void)
{
	struct sockaddr_in to = local(port);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0)
		die("connect to the guess-number server");
	return fd;
}

static int guess(int fd, int number)
{
	char out[128];
	int n = snprintf(out, sizeof(out),
			 "GET /guess-number?guess=%d HTTP/1.1\r\nHost: localhost\r\n\r\n", number);

	return send(fd, out, n, MSG_NOSIGNAL) == n && read_message(fd);
}

static void *play(void *arg)
{
	struct player *p = arg;
	int fd = connect_server();
	double end = now_ms() + seconds * 1e3;

	while (!atomic_load(&stop) && now_ms() < end) {
		int number = rand_r(&p->seed) % 100;
		double start = now_ms(), took;

		if (!guess(fd, number)) {
			fprintf(stderr, "client: the server closed the connection\n");
			break;
		}
		took = now_ms() - start;
		p->answers++;
		if (took > p->worst_ms) {
			p->worst_ms = took;
			p->worst_guess = number;
		}
		if (took > SLOW_MS) {
			p->slow++;
			atomic_store(&stop, 1);
		}
		pause_ms(1 + rand_r(&p->seed) % 4); /* a player thinks */
	}
	close(fd);
	return NULL;
}

int main(int argc, char **argv)
{
	static struct player players[CLIENTS_MAX];
	int *args[] = {&port, &report_port, &delay_ms, &n_players, &seconds};
	struct player *worst = &players[0];
	long answers = 0;
	int slow = 0;

	for (int i = 1; i < argc && i <= 5; i++)
		*args[i - 1] = atoi(argv[i]);
	if (n_players < 1 || n_players > CLIENTS_MAX) {
		fprintf(stderr, "client: 1 to %d clients\n", CLIENTS_MAX);
		return 2;
	}

	start_report_server();
	for (int i = 0; i < n_players; i++) {
		players[i].seed = i + 1;
		errno = pthread_create(&players[i].thread, NULL, play, &players[i]);
		if (errno)
			die("pthread_create");
	}
	for (int i = 0; i < n_players; i++) {
		pthread_join(players[i].thread, NULL);
		answers += players[i].answers;
		slow += players[i].slow;
		if (players[i].worst_ms > worst->worst_ms)
			worst = &players[i];
	}
	printf("%ld answers, %d slower than %.0f ms; worst: guess=%d took %.3f ms\n", answers, slow,
	       SLOW_MS, worst->worst_guess, worst->worst_ms);
	return slow > 0 ? 0 : 1;
}
