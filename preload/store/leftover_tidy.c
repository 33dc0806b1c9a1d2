/* SPDX-License-Identifier: MIT */
/*
 * leftover_tidy.c - what each start of a program does about the files that others have left.
 *
 * Context: birth, one thread.
 */
#include "store/leftover.h"

#include "core/clock.h"
#include "core/config.h"
#include "core/sys.h"

#define ALIVE_MAX 64u /* so many files of living processes are looked at from outside, */
#define UNSURE_MAX 8u /* and so many opened, where there seems to be too much */

struct tidy {
	struct fr_leftover_desk *desk;
	uint64_t n, bytes; /* left */
	uint64_t unsure, unsure_bytes; /* of a process that lives, or has the same number */
	uint64_t first; /* of these, which are looked into now */
};

static void count(struct tidy *t, const struct fr_leftover_entry *e)
{
	t->n++;
	t->bytes += e->bytes;
}

static void tidy_one(void *arg, const struct fr_leftover_entry *e)
{
	struct tidy *t = arg;
	struct fr_leftover_state state = {FR_LEFTOVER_LEFT, false, 0};

	if (e->alive) {
		t->unsure++;
		t->unsure_bytes += e->bytes;
		return;
	}
	if (!e->seen)
		state = fr_leftover_inspect(t->desk, e);
	if (state.verdict == FR_LEFTOVER_LEFT)
		count(t, e);
	if (state.verdict == FR_LEFTOVER_RUBBISH)
		fr_sys3(SYS_unlinkat, t->desk->dirfd, e->name, 0);
}

/* Has the process's number been given to another one since? */
static void resolve_one(void *arg, const struct fr_leftover_entry *e)
{
	struct tidy *t = arg;
	uint64_t i;

	if (!e->alive)
		return;
	i = t->unsure++ - t->first;
	if (i < UNSURE_MAX && fr_leftover_inspect(t->desk, e).verdict == FR_LEFTOVER_LEFT)
		count(t, e);
}

static bool too_much(uint64_t n, uint64_t bytes)
{
	return n > fr_config.keep_max[FR_KEEP_FILES] || bytes > fr_config.keep_max[FR_KEEP_BYTES];
}

static void tidy(struct fr_leftover_desk *d)
{
	struct tidy t = {.desk = d};

	fr_leftover_walk(d, ALIVE_MAX, tidy_one, &t);
	if (t.unsure && too_much(t.n + t.unsure, t.bytes + t.unsure_bytes)) {
		/* others at each start: many that live are no reason to open them all */
		if (t.unsure > UNSURE_MAX)
			t.first = fr_clock_ns(CLOCK_MONOTONIC) / 1000 % t.unsure;
		t.unsure = 0;
		fr_leftover_walk(d, ALIVE_MAX, resolve_one, &t);
	}
	if (too_much(t.n, t.bytes))
		fr_leftover_trim(d, t.n, t.bytes);
}

void fr_leftover_tidy(int dirfd, bool forked)
{
	struct fr_leftover_desk *d;

	/* by the clock: pids may come in step with what a server forks */
	if (forked && fr_clock_ns(CLOCK_MONOTONIC) / 1000 % 8)
		return;
	d = fr_sys_mmap(sizeof(*d), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	if (!d)
		return; /* the next start will have some */
	d->dirfd = dirfd;
	tidy(d);
	fr_sys_munmap(d, sizeof(*d));
}
