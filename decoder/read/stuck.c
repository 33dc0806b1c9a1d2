/* SPDX-License-Identifier: MIT */
/*
 * stuck.c - threads of a live process that may be stuck, seen from outside: whether the whole
 * recording is worth the time to read it.
 *
 * Reads the small sections only and no events. The process runs on meanwhile: a state that changes
 * while it is read is no wait. Must not: trust anything it reads.
 */
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "preload/wire/wire_control.h"
#include "read/recording.h"
#include "read/regions.h"

#define SECOND 1000000000ull
#define LIMIT_NS SECOND /* while FR_TRIGGER says nothing of `stuck`: see model/stands.c */
#define THREADS_MAX 65536u

struct peek {
	int fd;
	uint64_t base; /* where the region begins in it */
	const struct fr_header *hdr;
	struct fr_clock_pair first, last;
	uint64_t now_ns, limit_ns;
};

/* Record I of section ID, as much of it as SIZE. */
static bool get(const struct peek *p, uint32_t id, uint64_t i, void *out, size_t size)
{
	for (uint32_t k = 0; k < p->hdr->section_count && k < FR_SECTIONS_MAX; k++) {
		const struct fr_section *s = &p->hdr->sections[k];

		if (s->id != id)
			continue;
		if (s->record_size < size || s->offset > INT64_MAX / 4 ||
		    i >= s->x_used / s->record_size || s->x_used > INT64_MAX / 4)
			return false;
		return pread(p->fd, out, size, (off_t)(p->base + s->offset + i * s->record_size)) ==
		       (ssize_t)size;
	}
	return false;
}

/* The two pairs that are the farthest from each other tell the rate. */
static bool read_clock(struct peek *p)
{
	struct fr_clock_pair pair;
	struct timespec now;

	p->first.mono_ns = UINT64_MAX;
	for (uint32_t i = 0; i < FR_CLOCK_PAIRS; i++) {
		if (!get(p, FR_SEC_CLOCKS, i, &pair, sizeof(pair)) || !pair.x_seq || !pair.mono_ns)
			continue;
		if (pair.mono_ns < p->first.mono_ns)
			p->first = pair;
		if (pair.mono_ns > p->last.mono_ns)
			p->last = pair;
	}
	clock_gettime(CLOCK_MONOTONIC, &now);
	p->now_ns = (uint64_t)now.tv_sec * SECOND + (uint64_t)now.tv_nsec;
	return p->last.raw > p->first.raw && p->hdr->tick_shift < 17;
}

static uint64_t age_ns(const struct peek *p, uint64_t ticks)
{
	double rate =
		(double)(p->last.mono_ns - p->first.mono_ns) / (double)(p->last.raw - p->first.raw);
	double since = (double)(ticks << p->hdr->tick_shift) - (double)p->last.raw;
	double age = (double)p->now_ns - (double)p->last.mono_ns - since * rate;

	return age > 0 && age < 1e18 ? (uint64_t)age : 0;
}

uint64_t fr_stuck_limit(const struct fr_control *c)
{
	for (unsigned int i = 0; i < FR_RULES_MAX; i++) {
		if (!strncmp(c->rules[i].name, "stuck", sizeof(c->rules[i].name)) &&
		    c->in_force.limit[i])
			return c->in_force.limit[i];
	}
	return 0;
}

static uint64_t read_limit(const struct peek *p)
{
	struct fr_control c;
	uint64_t ns = get(p, FR_SEC_CONTROL, 0, &c, sizeof(c)) ? fr_stuck_limit(&c) : 0;

	return ns ? ns : LIMIT_NS;
}

/* ---- the threads ----------------------------------------------------------------------------- */

#define STATE_SIZE offsetof(struct fr_thread_rec, held)

/* Two copies that agree: nobody was writing. */
static bool waiting(const struct peek *p, uint64_t i, struct fr_thread_rec *t)
{
	struct fr_thread_rec again;

	return get(p, FR_SEC_THREADS, i, t, STATE_SIZE) && t->x_life == FR_THREAD_LIVE &&
	       !(t->st_seq & 1) && t->st_call && get(p, FR_SEC_THREADS, i, &again, STATE_SIZE) &&
	       again.st_seq == t->st_seq;
}

static bool may_be_stuck(const struct fr_hook_rec *hook)
{
	uint32_t flags = fr_hook_flags(hook), kind = flags >> FR_HOOK_WAIT_SHIFT & 0xff;

	return flags & FR_HOOK_STUCK || kind == FR_WAIT_RECV || kind == FR_WAIT_TLS;
}

void fr_region_stuck(int fd, uint64_t base, const struct fr_header *hdr, struct region_stuck *out)
{
	struct peek p = {.fd = fd, .base = base, .hdr = hdr};
	struct fr_thread_rec t;
	struct fr_hook_rec hook;

	if (!read_clock(&p))
		return;
	p.limit_ns = read_limit(&p);
	for (uint64_t i = 0; i < THREADS_MAX && get(&p, FR_SEC_THREADS, i, &t, 4); i++) {
		uint64_t age;

		if (!waiting(&p, i, &t) || !get(&p, FR_SEC_HOOKS, t.st_call, &hook, sizeof(hook)) ||
		    !memchr(hook.name, 0, sizeof(hook.name)) || !may_be_stuck(&hook))
			continue;
		age = age_ns(&p, t.st_since);
		if (age <= p.limit_ns)
			continue;
		out->threads++;
		if (age > out->longest_ns) {
			out->longest_ns = age;
			memcpy(out->call, hook.name, sizeof(out->call));
		}
	}
}
