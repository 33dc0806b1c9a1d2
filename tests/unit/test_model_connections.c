/* SPDX-License-Identifier: MIT */
/*
 * test_model_connections.c - which connects and accepts of a process belong to each other, and who
 * woke whom by that. What may be wrong must not be said.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/lib/scene.h"

#define LINK 0x123456u

static void receives(struct synth *s, uint32_t t, double from, double to, uint32_t fd)
{
	SYNTH_SLOW(s, t, MS(to), FR_EV_NET_RECV, 0, fd, 100, 1, NS(to) - NS(from));
}

static void connects(struct synth *s, uint32_t t, double from, double to, uint32_t fd,
		     const char *peer)
{
	const uint64_t args[] = {fd, 0, NS(to) - NS(from), 0, 0, 0, LINK};
	uint8_t bytes[128];

	synth_event(s, t, MS(to), FR_EV_NET_CONNECT, 0, args, 7, bytes,
		    synth_sockaddr(bytes, peer));
}

static void accepts(struct synth *s, uint32_t t, double from, double to, uint32_t fd,
		    const char *peer)
{
	const uint64_t args[] = {9, fd, 0, NS(to) - NS(from), 0, 0, LINK};
	uint8_t bytes[128];

	synth_event(s, t, MS(to), FR_EV_NET_ACCEPT, 0, args, 7, bytes, synth_sockaddr(bytes, peer));
}

static void listens(struct synth *s, const char *name)
{
	uint8_t bytes[128];

	synth_event(s, 1, MS(1), FR_EV_NET_LISTEN, 0, (const uint64_t[]){9, 0, 5}, 3, bytes,
		    synth_sockaddr(bytes, name));
}

static void other_end(const struct scene *sc, int fd, int other)
{
	for (size_t i = 0; i < sc->m->n_socks; i++) {
		const struct sock *s = &sc->m->socks[i];

		if (s->fd != fd)
			continue;
		assert_int_equal(s->other_end == MODEL_NONE ? 0 : sc->m->socks[s->other_end].fd,
				 other);
		return;
	}
	fail_msg("no descriptor %d", fd);
}

/* ---- connections ----------------------------------------------------------------------------- */

static void tcp(void **state)
{
	struct synth *s = scene_four();
	struct scene sc;

	accepts(s, 1, 10, 20, 10, "127.0.0.1:99");
	connects(s, 2, 19, 21, 20, "127.0.0.1:80"); /* is stamped later */
	receives(s, 1, 22, 30, 10);
	scene_send(s, 2, 29, 29.1, 20);
	receives(s, 2, 29.2, 31, 20);
	scene_send(s, 1, 30.5, 30.6, 10);
	SYNTH_EVENT(s, 1, MS(40), FR_EV_NET_CLOSE, 0, 10);
	SYNTH_EVENT(s, 2, MS(40), FR_EV_NET_CLOSE, 0, 20);
	connects(s, 2, 41, 42, 21, "127.0.0.1:80"); /* the same ports again, to somebody else */
	SYNTH_EVENT(s, 2, MS(50), FR_EV_NET_CLOSE, 0, 21);
	accepts(s, 1, 40.5, 60, 11, "127.0.0.1:99");
	scene_open(&sc, s);
	scene_woken(&sc, 1, 20, 2);
	scene_woken(&sc, 1, 30, 2);
	scene_woken(&sc, 2, 31, 1);
	scene_woken(&sc, 1, 60, 0);
	other_end(&sc, 10, 20);
	other_end(&sc, 11, 0);
	scene_close(&sc);
}

/* An accept of long ago from a port that is now one of ours: its connect was another process's. */
static void tcp_port_of_another(void **state)
{
	struct synth *s = scene_four();
	struct scene sc;

	accepts(s, 1, 10, 20, 10, "127.0.0.1:99");
	connects(s, 2, 41, 42, 21, "127.0.0.1:80");
	scene_open(&sc, s);
	scene_woken(&sc, 1, 20, 0);
	other_end(&sc, 10, 0);
	other_end(&sc, 21, 0);
	scene_close(&sc);
}

#define NAME "unix:/run/x"

static void unix_order(void **state)
{
	struct synth *s = scene_four();
	struct scene sc;

	listens(s, NAME);
	connects(s, 2, 2, 3, 20, NAME);
	connects(s, 3, 4, 5, 21, NAME);
	accepts(s, 1, 10, 10.1, 10, NAME);
	accepts(s, 1, 11, 11.1, 11, NAME);
	connects(s, 2, 20, 30, 22, NAME); /* at once, and this one is stamped last */
	connects(s, 3, 21, 22, 23, NAME);
	accepts(s, 1, 23, 23.1, 12, NAME);
	accepts(s, 1, 31, 31.1, 13, NAME);
	connects(s, 2, 40, 41, 24, NAME);
	accepts(s, 1, 42, 42.1, 14, NAME);
	scene_open(&sc, s);
	other_end(&sc, 10, 20);
	other_end(&sc, 11, 21);
	other_end(&sc, 12, 0);
	other_end(&sc, 13, 0);
	other_end(&sc, 14, 24);
	scene_close(&sc);
}

/* Two accepts at once; that the first was given the second connect is seen at the end. */
static void unix_late_connect(void **state)
{
	struct synth *s = scene_four();
	struct scene sc;

	listens(s, NAME);
	connects(s, 3, 2, 3, 20, NAME);
	accepts(s, 1, 1.5, 5, 10, NAME);
	accepts(s, 2, 1.6, 7, 11, NAME);
	connects(s, 4, 5.5, 6.5, 22, NAME);
	connects(s, 3, 4, 8, 21, NAME);
	scene_open(&sc, s);
	other_end(&sc, 10, 0);
	other_end(&sc, 11, 0);
	scene_woken(&sc, 1, 5, 0);
	scene_close(&sc);
}

/* The first connect of all, put aside for a hundred others, makes all of them unsure. */
static void unix_very_late_connect(void **state)
{
	struct synth *s = scene_four();
	struct scene sc;

	listens(s, NAME);
	for (int i = 0; i < 100; i++) {
		connects(s, 3, 3 + i, 3.1 + i, (uint32_t)(200 + i), NAME);
		accepts(s, 1, 3.2 + i, 3.3 + i, (uint32_t)(400 + i), NAME);
	}
	connects(s, 2, 2, 110, 20, NAME);
	accepts(s, 1, 111, 112, 10, NAME);
	connects(s, 2, 120, 121, 21, NAME);
	accepts(s, 1, 122, 123, 11, NAME);
	scene_open(&sc, s);
	for (int i = 0; i < 100; i++)
		other_end(&sc, 400 + i, 0);
	other_end(&sc, 10, 0);
	other_end(&sc, 11, 21);
	scene_close(&sc);
}

/* Without the beginning of the queue nothing is known, until it was empty. */
static void unix_unknown_queue(void **state)
{
	struct synth *s = scene_four();
	struct scene sc;

	connects(s, 2, 2, 3, 20, NAME);
	accepts(s, 1, 4, 4.1, 10, NAME);
	SYNTH_EVENT(s, 1, MS(6), FR_EV_NET_ACCEPT, 0, 9, (uint64_t)-1, 0, NS(.1), 11);
	connects(s, 2, 7, 8, 21, NAME);
	accepts(s, 1, 9, 9.1, 11, NAME);
	scene_open(&sc, s);
	other_end(&sc, 10, 0);
	other_end(&sc, 11, 21);
	scene_close(&sc);
}

/* A child that was forked may accept too: then only a single connect is sure. */
static void unix_with_children(void **state)
{
	struct synth *s = scene_four();
	struct scene sc;

	listens(s, NAME);
	SYNTH_EVENT(s, 1, MS(1.5), FR_EV_PROCESS_FORK, 0, 99);
	connects(s, 2, 2, 3, 20, NAME);
	connects(s, 3, 4, 5, 21, NAME);
	accepts(s, 1, 10, 10.1, 10, NAME);
	accepts(s, 1, 11, 11.1, 11, NAME);
	scene_open(&sc, s);
	other_end(&sc, 10, 0);
	other_end(&sc, 11, 0);
	scene_close(&sc);
}

#define CROWD 200000

/*
 * A file says of all its connects and accepts that they took for ever. Compared each with each that
 * would be minutes; it is a second.
 */
static void unix_all_at_once(void **state)
{
	struct synth *s = scene_four();
	struct scene sc;

	alarm(60);
	listens(s, NAME);
	for (uint32_t i = 0; i < CROWD; i++) {
		connects(s, 2, 2, 3 + i * .01, 1000 + i, NAME);
		accepts(s, 1, 2, 3.005 + i * .01, 500000 + i, NAME);
	}
	scene_open(&sc, s);
	for (int i = 0; i < CROWD; i += 100)
		other_end(&sc, 500000 + i, 0);
	scene_close(&sc);
	alarm(0);
}

/* Many connections one after the other are no crowd, and neither is what a new listener gets. */
static void unix_listener_again(void **state)
{
	struct synth *s = scene_four();
	struct scene sc;

	listens(s, NAME);
	for (uint32_t i = 0; i < CROWD; i++) {
		connects(s, 2, 2 + i * .02, 2.001 + i * .02, 1000 + i, NAME);
		accepts(s, 1, 2.002 + i * .02, 2.003 + i * .02, 500000 + i, NAME);
	}
	SYNTH_EVENT(s, 1, MS(9000), FR_EV_NET_CLOSE, 0, 9);
	SYNTH_EVENT(s, 1, MS(9001), FR_EV_NET_LISTEN, 0, 9, 0, 5);
	connects(s, 2, 9002, 9003, 20, NAME);
	accepts(s, 1, 9004, 9005, 10, NAME);
	scene_open(&sc, s);
	other_end(&sc, 500000 + CROWD - 1, (int)(1000 + CROWD - 1));
	other_end(&sc, 10, 20);
	scene_close(&sc);
}

/* ---- chance ---------------------------------------------------------------------------------- */

static uint32_t dice(uint32_t n)
{
	static uint64_t x = 1;

	x = x * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(x >> 33) % n;
}

/* Mostly soon, sometimes the thread is put aside. */
static double a_while(void)
{
	return dice(5) ? dice(100) * .001 : dice(1000) * .001;
}

#define CLIENTS 4u
#define SERVERS 3u
#define CONNECTS 200u
#define ROUNDS 300

struct act {
	double from, done, to;
	uint32_t thread, fd;
};

static int by_done(const void *a, const void *b)
{
	const struct act *x = a, *y = b;

	return x->done < y->done ? -1 : x->done > y->done;
}

static int by_to(const void *a, const void *b)
{
	const struct act *x = a, *y = b;

	return x->to < y->to ? -1 : x->to > y->to;
}

/* PAUSE: 0 is a crowd. */
static void make_connects(struct act *c, uint32_t pause)
{
	double now[CLIENTS];

	for (uint32_t i = 0; i < CLIENTS; i++)
		now[i] = 2 + a_while();
	for (uint32_t i = 0; i < CONNECTS; i++) {
		uint32_t who = dice(CLIENTS);

		c[i] = (struct act){.from = now[who], .thread = 1 + who, .fd = 1000 + i};
		c[i].done = c[i].from + .001 + a_while();
		c[i].to = c[i].done + .001 + a_while();
		now[who] = c[i].to + .001 + a_while() * pause;
	}
	qsort(c, CONNECTS, sizeof(*c), by_done);
}

/* The queue hands them out in order; who of those that wait comes first is chance. */
static void make_accepts(const struct act *c, struct act *a)
{
	double now[SERVERS] = {0}, last = 0;

	for (uint32_t i = 0; i < CONNECTS; i++) {
		uint32_t who = dice(SERVERS);

		for (uint32_t k = 0; k < SERVERS; k++)
			if (now[who] > c[i].done && now[k] < now[who])
				who = k;
		a[i] = (struct act){.from = now[who], .thread = 1 + CLIENTS + who, .fd = 5000 + i};
		a[i].done = now[who] > c[i].done ? now[who] : c[i].done;
		a[i].done = (a[i].done > last ? a[i].done : last) + .0005;
		last = a[i].done;
		a[i].to = a[i].done + .001 + a_while();
		now[who] = a[i].to + .001 + a_while();
	}
}

static uint32_t right_ends(const struct scene *sc, const struct act *c, const struct act *a)
{
	uint32_t said = 0;

	for (size_t i = 0; i < sc->m->n_socks; i++) {
		const struct sock *s = &sc->m->socks[i];

		if (s->fd < 5000 || s->other_end == MODEL_NONE)
			continue;
		for (uint32_t k = 0; k < CONNECTS; k++)
			if ((int)a[k].fd == s->fd)
				assert_int_equal(sc->m->socks[s->other_end].fd, c[k].fd);
		said++;
	}
	return said;
}

/* Nothing that is said is wrong, and something is. */
static void unix_by_chance(void **state)
{
	struct act c[CONNECTS], a[CONNECTS], late[CONNECTS];
	uint32_t said = 0;

	for (int round = 0; round < ROUNDS; round++) {
		struct synth *s = scene_synth(10000);
		struct scene sc;

		for (uint32_t i = 0; i < CLIENTS + SERVERS; i++)
			synth_thread(s, 100 + i, "t");
		listens(s, NAME);
		make_connects(c, (uint32_t)round % 6 * 20);
		make_accepts(c, a);
		memcpy(late, c, sizeof(c));
		qsort(late, CONNECTS, sizeof(*late), by_to);
		for (uint32_t i = 0; i < CONNECTS; i++)
			connects(s, late[i].thread, late[i].from, late[i].to, late[i].fd, NAME);
		memcpy(late, a, sizeof(a));
		qsort(late, CONNECTS, sizeof(*late), by_to);
		for (uint32_t i = 0; i < CONNECTS; i++)
			accepts(s, late[i].thread, late[i].from, late[i].to, late[i].fd, NAME);
		scene_open(&sc, s);
		said += right_ends(&sc, c, a);
		scene_close(&sc);
	}
	print_message("%u of %u are known\n", said, ROUNDS * CONNECTS);
	assert_true(said > ROUNDS * CONNECTS / 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tcp),
		cmocka_unit_test(tcp_port_of_another),
		cmocka_unit_test(unix_order),
		cmocka_unit_test(unix_late_connect),
		cmocka_unit_test(unix_very_late_connect),
		cmocka_unit_test(unix_unknown_queue),
		cmocka_unit_test(unix_with_children),
		cmocka_unit_test(unix_all_at_once),
		cmocka_unit_test(unix_listener_again),
		cmocka_unit_test(unix_by_chance),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
