/* SPDX-License-Identifier: MIT */
/*
 * cache_load.c - a load for memcached: CONNECTIONS clients, one request under way each.
 *
 *   cache_load PORT CONNECTIONS REQUESTS
 *
 * Nine gets to one set of 100 bytes over 10 000 keys, all of which are set first: so the length of
 * each answer is known, and an answer of another length or content is an error. Prints JSON:
 * requests a second, p50 and p99 in microseconds.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define KEYS 10000
#define SIZE 100
#define MAX 1024

struct client {
	int fd;
	size_t got, want;
	double sent_at;
};

static struct client clients[MAX];
static char value[SIZE + 1];
static unsigned int seed = 1;

static double now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e6 + (double)ts.tv_nsec / 1e3;
}

static void broken(const char *what)
{
	perror(what);
	exit(1);
}

static int dial(int port)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof(a)) != 0)
		broken("connect");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	return fd;
}

static void ask(struct client *c, unsigned int key, int set)
{
	char text[256];
	int n;

	if (set)
		n = snprintf(text, sizeof(text), "set k%05u 0 0 %d\r\n%s\r\n", key, SIZE, value);
	else
		n = snprintf(text, sizeof(text), "get k%05u\r\n", key);
	/* STORED, or VALUE kNNNNN 0 100, the bytes, END */
	c->want = set ? 8 : 6 + 6 + 2 + 4 + 2 + SIZE + 2 + 5;
	c->got = 0;
	c->sent_at = now_us();
	if (write(c->fd, text, (size_t)n) != n)
		broken("write");
}

/* 1: the whole answer is there. */
static int listen_to(struct client *c)
{
	char text[512];
	ssize_t n = read(c->fd, text, sizeof(text));

	if (n <= 0)
		broken("read");
	if (c->got == 0 && text[0] != (c->want == 8 ? 'S' : 'V'))
		broken("answer");
	c->got += (size_t)n;
	if (c->got > c->want || (c->got == c->want && text[n - 1] != '\n'))
		broken("length of an answer");
	return c->got == c->want;
}

static void fill(void)
{
	for (unsigned int k = 0; k < KEYS; k++) {
		ask(&clients[0], k, 1);
		while (!listen_to(&clients[0]))
			;
	}
}

static void ask_any(struct client *c)
{
	unsigned int r = (unsigned int)rand_r(&seed);

	ask(c, r / 16 % KEYS, r % 10 == 0);
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void run(int ep, int n_clients, size_t n, double *us)
{
	struct epoll_event ready[64];
	size_t asked = 0, done = 0;

	for (; asked < (size_t)n_clients && asked < n; asked++)
		ask_any(&clients[asked]);
	while (done < n) {
		int k = epoll_wait(ep, ready, 64, 10000);

		if (k <= 0)
			broken("no answer in 10 s");
		for (int i = 0; i < k; i++) {
			struct client *c = ready[i].data.ptr;

			if (!listen_to(c))
				continue;
			us[done++] = now_us() - c->sent_at;
			if (asked++ < n)
				ask_any(c);
		}
	}
}

int main(int argc, char **argv)
{
	int n_clients = argc > 2 ? atoi(argv[2]) : 0, ep = epoll_create1(0);
	size_t n = argc > 3 ? (size_t)atol(argv[3]) : 0;
	double *us, t0;

	if (n_clients < 1 || n_clients > MAX || n < 1)
		return 2;
	us = calloc(n, sizeof(*us));
	memset(value, 'v', SIZE);
	for (int i = 0; i < n_clients; i++) {
		struct epoll_event e = {.events = EPOLLIN, .data.ptr = &clients[i]};

		clients[i].fd = dial(atoi(argv[1]));
		epoll_ctl(ep, EPOLL_CTL_ADD, clients[i].fd, &e);
	}
	fill();
	t0 = now_us();
	run(ep, n_clients, n, us);
	t0 = now_us() - t0;
	qsort(us, n, sizeof(*us), by_value);
	printf("{\"per_s\": %.0f, \"p50_us\": %.1f, \"p99_us\": %.1f}\n", (double)n / t0 * 1e6,
	       us[n / 2], us[n * 99 / 100]);
	return 0;
}
