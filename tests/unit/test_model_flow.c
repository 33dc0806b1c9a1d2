/* SPDX-License-Identifier: MIT */
/*
 * test_model_flow.c - who woke who waits for data: of several writers, readers and descriptors.
 * What may be wrong must not be said. Connections: test_model_connections.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/lib/scene.h"

#define R 3u /* a pipe: its ends */
#define W 4u

/* Threads 1 to 4 and a pipe. */
static struct synth *four(void)
{
	struct synth *s = scene_four();

	SYNTH_EVENT(s, 1, MS(1), FR_EV_FD_PAIR, 0, R, W, FR_FD_PIPE);
	return s;
}

static void reads(struct synth *s, uint32_t t, double from, double to, uint32_t fd)
{
	SYNTH_SLOW(s, t, MS(to), FR_EV_IO_READ, 0, fd, 100, 1, NS(to) - NS(from), 0, FR_FD_PIPE);
}

static void writes(struct synth *s, uint32_t t, double from, double to, uint32_t fd)
{
	SYNTH_SLOW(s, t, MS(to), FR_EV_IO_WRITE, 0, fd, 1, 1, NS(to) - NS(from), 0, FR_FD_PIPE);
}

static void waited(struct synth *s, uint32_t t, double from, double to, uint32_t fd,
		   const char *call, const char *ready, uint32_t n)
{
	const uint64_t args[] = {fd, 9, (uint64_t)-1, n, NS(to) - NS(from), 0, synth_call(s, call)};

	synth_tier(s, FR_TIER_RARE);
	synth_event(s, t, MS(to), FR_EV_NET_POLL, 0, args, 7, ready, strlen(ready));
	synth_tier(s, -1);
}

/* ---- one reader ------------------------------------------------------------------------------ */

static void the_first_write_wakes(void **state)
{
	struct synth *s = four();
	struct scene sc;

	reads(s, 1, 10, 20, R);
	writes(s, 2, 19.5, 19.6, W);
	writes(s, 3, 19.7, 19.8, W);
	reads(s, 1, 30, 40, R); /* both writers at once */
	writes(s, 2, 39.5, 39.8, W);
	writes(s, 3, 39.6, 39.7, W);
	reads(s, 1, 50, 60, R); /* one has begun before, and has woken nobody */
	writes(s, 2, 49, 55, W);
	writes(s, 3, 59.5, 59.6, W);
	reads(s, 1, 70, 80, R); /* it woke this one, and is stamped late */
	writes(s, 2, 79.5, 82, W);
	reads(s, 1, 81, 90, R);
	writes(s, 3, 89.5, 89.6, W);
	scene_open(&sc, s);
	scene_woken(&sc, 1, 20, 2);
	scene_woken(&sc, 1, 40, 0);
	scene_woken(&sc, 1, 60, 0);
	scene_woken(&sc, 1, 80, 2);
	scene_woken(&sc, 1, 90, 3);
	scene_close(&sc);
}

/* More writes than are remembered: the first is not among them. */
static void a_storm_of_writes(void **state)
{
	struct synth *s = four();
	struct scene sc;

	writes(s, 3, 11, 11.1, W);
	for (int i = 0; i < 20; i++)
		writes(s, 2, 12 + i * .1, 12.05 + i * .1, W);
	reads(s, 1, 10, 20, R);
	scene_open(&sc, s);
	scene_woken(&sc, 1, 20, 0);
	scene_close(&sc);
}

/* Nothing came, or the end did. */
static void no_data(void **state)
{
	struct synth *s = four();
	struct scene sc;

	SYNTH_SLOW(s, 1, MS(20), FR_EV_IO_READ, 0, R, 100, 0, NS(10), 0, FR_FD_PIPE);
	SYNTH_SLOW(s, 1, MS(40), FR_EV_IO_READ, 0, R, 100, (uint64_t)-1, NS(10), 4, FR_FD_PIPE);
	writes(s, 2, 19, 19.1, W);
	writes(s, 2, 39, 39.1, W);
	scene_open(&sc, s);
	scene_woken(&sc, 1, 20, 0);
	scene_woken(&sc, 1, 40, 0);
	scene_close(&sc);
}

/* ---- several readers, several descriptors ---------------------------------------------------- */

static void two_readers(void **state)
{
	struct synth *s = four();
	struct scene sc;

	reads(s, 1, 10, 20, R); /* two waits, two writes: which for whom? */
	writes(s, 3, 19, 19.1, W);
	writes(s, 3, 19.2, 19.3, W);
	reads(s, 2, 10, 21, R);
	reads(s, 1, 30, 40, R); /* one write: it can be no other */
	writes(s, 3, 39, 39.1, W);
	scene_open(&sc, s);
	scene_woken(&sc, 1, 20, 0);
	scene_woken(&sc, 2, 21, 0);
	scene_woken(&sc, 1, 40, 3);
	scene_close(&sc);
}

static void level(struct synth *s, double at, uint32_t klass, uint32_t now, uint32_t before)
{
	SYNTH_EVENT(s, 4, MS(at), FR_EV_LEVEL, 0, klass, now, before);
}

/* While nothing was recorded, numbers may have come to mean something else. */
static void off_for_a_while(void **state)
{
	struct synth *s = four();
	struct scene sc;

	reads(s, 1, 10, 20, R);
	writes(s, 2, 19, 19.1, W);
	level(s, 21, FR_CLASS_IO, FR_LEVEL_OFF, FR_LEVEL_SLOW);
	level(s, 25, FR_CLASS_IO, FR_LEVEL_SLOW, FR_LEVEL_OFF);
	reads(s, 1, 30, 40, R);
	writes(s, 2, 39, 39.1, W);
	scene_open(&sc, s);
	scene_woken(&sc, 1, 20, 2);
	scene_woken(&sc, 1, 40, 0);
	scene_close(&sc);
}

/* At level slow only slow sends are recorded: another one may have come before. */
static void not_every_send(void **state)
{
	struct synth *s = four();
	struct scene sc;

	SYNTH_EVENT(s, 1, MS(2), FR_EV_FD_PAIR, 0, 5, 6, FR_FD_SOCKET);
	for (int i = 0; i < 3; i++) {
		SYNTH_SLOW(s, 1, MS(20 + 20 * i), FR_EV_NET_RECV, 0, 5, 9, 2, NS(10));
		scene_send(s, 2, 19 + 20 * i, 19.1 + 20 * i, 6);
	}
	level(s, 30, FR_CLASS_NET, FR_LEVEL_FULL, FR_LEVEL_SLOW);
	level(s, 50, FR_CLASS_NET, FR_LEVEL_SLOW, FR_LEVEL_FULL);
	scene_open(&sc, s);
	scene_woken(&sc, 1, 20, 0);
	scene_woken(&sc, 1, 40, 2);
	scene_woken(&sc, 1, 60, 0);
	scene_close(&sc);
}

/* recv() may have been told to wait for all of what it got. */
static void whole_messages(void **state)
{
	struct synth *s = four();
	struct scene sc;

	SYNTH_EVENT(s, 1, MS(2), FR_EV_FD_PAIR, 0, 5, 6, FR_FD_SOCKET);
	SYNTH_SLOW(s, 1, MS(20), FR_EV_NET_RECV, 0, 5, 2, 2, NS(10));
	SYNTH_SLOW(s, 1, MS(40), FR_EV_NET_RECV, 0, 5, 9, 2, NS(10));
	scene_send(s, 2, 18, 18.1, 6);
	scene_send(s, 3, 19, 19.1, 6);
	scene_send(s, 2, 38, 38.1, 6);
	scene_send(s, 3, 39, 39.1, 6);
	scene_open(&sc, s);
	scene_woken(&sc, 1, 20, 0);
	scene_woken(&sc, 1, 40, 2);
	scene_close(&sc);
}

static void polls(void **state)
{
	struct synth *s = four();
	struct scene sc;

	SYNTH_EVENT(s, 1, MS(2), FR_EV_FD_PAIR, 0, 5, 6, FR_FD_PIPE);
	waited(s, 1, 10, 20, R, "poll", "3r", 1);
	waited(s, 1, 30, 40, R, "poll", "3r,5r", 2); /* the other was first */
	waited(s, 1, 50, 60, R, "poll", "3r,7r", 2); /* 7 may have been */
	waited(s, 1, 70, 80, R, "poll", "3r", 2); /* the list was cut */
	waited(s, 1, 90, 100, R, "poll", "3rw", 1);
	waited(s, 1, 110, 120, R, "poll", "3w", 1);
	waited(s, 1, 130, 140, R, "poll", "", 0);
	waited(s, 1, 150, 160, R, "select", "5r", 1);
	for (int i = 0; i < 8; i++)
		writes(s, 2, 19 + 20 * i, 19.1 + 20 * i, W);
	writes(s, 3, 38, 38.1, 6);
	writes(s, 3, 158, 158.1, 6);
	scene_open(&sc, s);
	scene_woken(&sc, 1, 20, 2);
	scene_woken(&sc, 1, 40, 3);
	for (int i = 0; i < 5; i++)
		scene_woken(&sc, 1, 60 + 20 * i, 0);
	scene_woken(&sc, 1, 160, 3);
	scene_close(&sc);
}

static void watch(struct synth *s, double at, uint32_t op, uint32_t fd, uint32_t bits,
		  uint64_t data)
{
	SYNTH_SLOW(s, 1, MS(at), FR_EV_NET_WATCH, 0, 8, fd, op, bits, data);
}

static void epolls(void **state)
{
	struct synth *s = four();
	struct scene sc;

	SYNTH_EVENT(s, 1, MS(2), FR_EV_FD_PAIR, 0, 5, 6, FR_FD_PIPE);
	watch(s, 3, 1, R, 1, 1000);
	waited(s, 1, 10, 20, 8, "epoll_wait", "1000r", 1);
	waited(s, 1, 30, 40, 8, "epoll_wait", "3r", 1); /* a number of the program's */
	waited(s, 1, 50, 60, 8, "epoll_wait", "1000rw", 1);
	watch(s, 61, 3, R, 1u << 31 | 5, 2000); /* edges tell both */
	waited(s, 1, 70, 80, 8, "epoll_wait", "2000rw", 1);
	waited(s, 1, 90, 100, 8, "epoll_wait", "1000r", 1);
	watch(s, 101, 1, 5, 1, 2000); /* two of one number */
	waited(s, 1, 110, 120, 8, "epoll_wait", "2000r", 1);
	watch(s, 121, 2, R, 0, 0);
	watch(s, 122, 1, R, 1, 3000);
	waited(s, 1, 130, 140, 8, "epoll_wait", "3000r", 1);
	for (int i = 0; i < 7; i++)
		writes(s, 2, 19 + 20 * i, 19.1 + 20 * i, W);
	writes(s, 3, 118, 118.1, 6);
	scene_open(&sc, s);
	for (int i = 0; i < 7; i++)
		scene_woken(&sc, 1, 20 + 20 * i, i == 0 || i == 3 || i == 6 ? 2 : 0);
	scene_close(&sc);
}

/* ---- too much at once ------------------------------------------------------------------------ */

#define CROWD 200000

/*
 * A file says of each of its writes that it began at the beginning of all. Each compared with every
 * wait would be minutes; it is a second.
 */
static void writes_for_ever(void **state)
{
	struct synth *s = four();
	struct scene sc;

	alarm(60);
	reads(s, 1, 2, 2.5, R);
	writes(s, 2, 2.4, 2.45, W);
	for (int i = 0; i < CROWD; i++) {
		reads(s, 1, 3 + i * .02, 3.015 + i * .02, R);
		writes(s, 2 + (uint32_t)i % 2, 2.1, 3.02 + i * .02, W);
	}
	reads(s, 1, 9000, 9010, R);
	writes(s, 3, 9005, 9006, W);
	scene_open(&sc, s);
	scene_woken(&sc, 1, 2.5, 0);
	for (int i = 0; i < CROWD; i += 1000)
		scene_woken(&sc, 1, 3.015 + i * .02, 0);
	scene_woken(&sc, 1, 9010, 3);
	scene_close(&sc);
	alarm(0);
}

/* The same, and the waits are for thirty descriptors each. */
static void polls_for_ever(void **state)
{
	char ready[128] = "";
	struct synth *s = four();
	struct scene sc;

	alarm(60);
	for (int i = 10; i < 40; i++)
		sprintf(ready + strlen(ready), "%s%dr", i > 10 ? "," : "", i);
	for (int i = 0; i < CROWD / 10; i++) {
		waited(s, 1, 3 + i * .02, 3.015 + i * .02, 10, "poll", ready, 30);
		for (uint32_t k = 0; k < 10; k++)
			writes(s, 2, 3, 3.016 + i * .02 + k * .0001,
			       10 + (10 * (uint32_t)i + k) % 30);
	}
	scene_open(&sc, s);
	for (int i = 1; i < CROWD / 10; i += 1000)
		scene_woken(&sc, 1, 3.015 + i * .02, 0);
	scene_close(&sc);
	alarm(0);
}

#define TEN "10r,11r,12r,13r,14r,15r,16r,17r,18r,19r"

/*
 * A wait that ever more writes may have ended is looked at no more, and then nothing is said of it:
 * the next one may be of another thread.
 */
static void asked_too_often(void **state)
{
	struct synth *s = four();
	struct scene sc;

	waited(s, 1, 10, 20, 10, "poll", TEN, 10);
	for (uint32_t i = 0; i < 70; i++)
		writes(s, 2, 15, 21 + i * .001, 10 + i % 10);
	writes(s, 3, 12, 22, 10);
	waited(s, 1, 30, 40, 10, "poll", TEN, 10);
	for (uint32_t i = 0; i < 30; i++)
		writes(s, 2, 35, 41 + i * .001, 10 + i % 10);
	scene_open(&sc, s);
	scene_woken(&sc, 1, 20, 0);
	scene_woken(&sc, 1, 40, 2);
	scene_close(&sc);
}

/* Levels that are changed all the time, with a million descriptors. */
static void levels_for_ever(void **state)
{
	struct synth *s = four();
	struct scene sc;

	alarm(60);
	reads(s, 1, 2, 2.5, 1 << 20);
	for (int i = 0; i <= CROWD; i++) {
		double at = 3 + i * .02;

		SYNTH_EVENT(s, 4, MS(at), FR_EV_LEVEL, 0, FR_CLASS_NET, FR_LEVEL_FULL,
			    FR_LEVEL_OFF);
		SYNTH_EVENT(s, 1, MS(at + .001), FR_EV_FD_PAIR, 0, 5, 6, FR_FD_SOCKET);
		SYNTH_SLOW(s, 1, MS(at + .015), FR_EV_NET_RECV, 0, 5, 9, 2, NS(.013));
		scene_send(s, 2, at + .01, at + .011, 6);
	}
	scene_open(&sc, s);
	for (int i = 0; i < CROWD; i += 1000)
		scene_woken(&sc, 1, 3.015 + i * .02, 0);
	scene_woken(&sc, 1, 3.015 + CROWD * .02, 2);
	scene_close(&sc);
	alarm(0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_write_wakes),
		cmocka_unit_test(a_storm_of_writes),
		cmocka_unit_test(no_data),
		cmocka_unit_test(two_readers),
		cmocka_unit_test(off_for_a_while),
		cmocka_unit_test(not_every_send),
		cmocka_unit_test(whole_messages),
		cmocka_unit_test(polls),
		cmocka_unit_test(epolls),
		cmocka_unit_test(writes_for_ever),
		cmocka_unit_test(polls_for_ever),
		cmocka_unit_test(asked_too_often),
		cmocka_unit_test(levels_for_ever),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
