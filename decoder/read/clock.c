/* SPDX-License-Identifier: MIT */
/*
 * clock.c - ticks to CLOCK_MONOTONIC and CLOCK_REALTIME, in integers.
 *
 * The pairs are untrusted: the longest chain of pairs that agree with each other (both clocks
 * rise, at a possible rate) is used, the others are ignored. The result is monotonic, so that
 * chunks can be merged by ticks.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "read/impl.h"

#define PAIRS_MAX FR_CLOCK_PAIRS
#define SECOND 1000000000ull
#define CLOSE_NS (10 * 1000000ull) /* pairs nearer than this say more about jitter than rate */
#define SLACK_NS (86400 * SECOND)
#define SHIFT_MAX 16u

/* Not by number: of two threads that write one at the same time, the first may read the clock last.
 */
static int by_raw(const void *a, const void *b)
{
	const struct fr_clock_pair *x = a, *y = b;

	return x->raw < y->raw ? -1 : x->raw > y->raw;
}

static size_t collect(const struct recording *rec, struct fr_clock_pair *pairs)
{
	const struct section_view *v = &rec->sec[FR_SEC_CLOCKS];
	size_t n = 0;

	for (uint64_t at = 0; v->data && v->record_size <= v->size - at && n < PAIRS_MAX;
	     at += v->record_size) {
		memcpy(&pairs[n], v->data + at, sizeof(pairs[n]));
		n += pairs[n].x_seq && pairs[n].mono_ns && pairs[n].mono_ns < INT64_MAX;
	}
	qsort(pairs, n, sizeof(*pairs), by_raw);
	return n;
}

/* Both clocks rise from A to B, by 0.01 to 1000 ns for each unit of the raw clock. */
static bool agree(const struct fr_clock_pair *a, const struct fr_clock_pair *b)
{
	unsigned __int128 raw, ns;

	if (b->raw <= a->raw || b->mono_ns <= a->mono_ns)
		return false;
	raw = b->raw - a->raw;
	ns = b->mono_ns - a->mono_ns;
	return ns * 100 >= raw && ns <= raw * 1000;
}

/* Keeps the longest chain in which each pair agrees with the one before; returns its length. */
static size_t chain(struct fr_clock_pair *p, size_t n)
{
	size_t len[PAIRS_MAX], prev[PAIRS_MAX], best = 0;
	size_t order[PAIRS_MAX], k;

	for (size_t i = 0; i < n; i++) {
		len[i] = 1;
		prev[i] = i;
		for (size_t j = 0; j < i; j++)
			if (len[j] >= len[i] && agree(&p[j], &p[i])) {
				len[i] = len[j] + 1;
				prev[i] = j;
			}
		if (len[i] > len[best])
			best = i;
	}
	if (!n)
		return 0;
	k = len[best];
	for (size_t i = k, at = best; i-- > 0; at = prev[at])
		order[i] = at;
	for (size_t i = 0; i < k; i++)
		p[i] = p[order[i]];
	return k;
}

/* Drops pairs that follow another one too closely; the first and the last always stay. */
static size_t thin(struct fr_clock_pair *p, size_t n)
{
	size_t kept = n ? 1 : 0;

	for (size_t i = 1; i < n; i++) {
		if (p[i].mono_ns - p[kept - 1].mono_ns >= CLOSE_NS)
			p[kept++] = p[i];
		else if (i + 1 == n)
			p[kept == 1 ? kept++ : kept - 1] = p[i];
	}
	return kept;
}

static uint64_t rate(uint64_t ticks, uint64_t ns)
{
	unsigned __int128 mul = ((unsigned __int128)ns << CLOCK_FRACTION) / (ticks ? ticks : 1);

	return mul >> 63 ? (uint64_t)1 << 62 : (uint64_t)mul;
}

/*
 * A process that died within its first second wrote one pair. Trigger and crash carry ticks and
 * CLOCK_REALTIME, which together with the pair's make a second one.
 */
static size_t second_pair(const struct recording *rec, struct fr_clock_pair *p, uint32_t shift)
{
	const uint64_t ticks[] = {rec->trigger.ticks, rec->crash.ticks};
	const uint64_t real[] = {rec->trigger.real_ns, rec->crash.real_ns};

	for (size_t i = 0; i < 2; i++) {
		p[1] = p[0];
		p[1].raw = ticks[i] << shift;
		p[1].mono_ns = p[0].mono_ns + (real[i] - p[0].real_ns);
		p[1].real_ns = real[i];
		if (agree(&p[0], &p[1]))
			return 2;
	}
	return 1;
}

static void build_tsc(struct recording *rec, struct fr_clock_pair *p, size_t n, uint32_t shift,
		      struct diag *d)
{
	struct clock *c = &rec->impl->clock;
	uint64_t first, last;

	if (n == 1)
		n = second_pair(rec, p, shift);
	if (n < 2) {
		LOSS(rec, d, "only %zu usable clock pair: durations are not to be trusted", n);
		*c->segments = (struct clock_segment){n ? p[0].raw >> shift : 0,
						      n ? p[0].mono_ns : rec->hdr.start_mono_ns,
						      (uint64_t)1 << (CLOCK_FRACTION + shift)};
		c->mean = c->segments[0].mul;
		c->n = 1;
		return;
	}
	n = thin(p, n);
	for (size_t i = 0; i + 1 < n; i++) {
		uint64_t t0 = p[i].raw >> shift, t1 = p[i + 1].raw >> shift;

		c->segments[c->n++] = (struct clock_segment){
			t0, p[i].mono_ns, rate(t1 - t0, p[i + 1].mono_ns - p[i].mono_ns)};
	}
	first = p[0].raw >> shift;
	last = p[n - 1].raw >> shift;
	c->mean = rate(last - first, p[n - 1].mono_ns - p[0].mono_ns);
}

static void build_real(struct recording *rec, const struct fr_clock_pair *p, size_t n)
{
	struct clock *c = &rec->impl->clock;

	for (size_t i = 0; i < n; i++)
		c->real[i] = (struct clock_real){p[i].mono_ns, p[i].real_ns - p[i].mono_ns};
	c->n_real = n;
	if (n)
		return;
	c->real[0] = (struct clock_real){rec->hdr.start_mono_ns,
					 rec->hdr.start_real_ns - rec->hdr.start_mono_ns};
	c->n_real = 1;
}

/* No event can be a day later than the last pair, the trigger or the crash. */
static uint64_t latest(const struct recording *rec, const struct fr_clock_pair *p, size_t n,
		       uint32_t shift)
{
	uint64_t t = n ? p[n - 1].raw >> shift : UINT64_MAX;
	uint64_t mean = rec->impl->clock.mean;
	uint64_t slack =
		(uint64_t)(((unsigned __int128)SLACK_NS << CLOCK_FRACTION) / (mean ? mean : 1));

	if (t != UINT64_MAX && n >= 2 && rec->trigger.ticks > t && rec->trigger.ticks - t < slack)
		t = rec->trigger.ticks;
	return t > UINT64_MAX - slack ? UINT64_MAX : t + slack;
}

void fr_clock_load(struct recording *rec, struct diag *d)
{
	struct fr_clock_pair pairs[PAIRS_MAX] = {0};
	struct clock *c = &rec->impl->clock;
	size_t n = collect(rec, pairs), used = chain(pairs, n);
	uint32_t shift = rec->hdr.tick_shift;

	if (used < n)
		LOSS(rec, d, "%zu of %zu clock pairs contradict the others and are ignored",
		     n - used, n);
	if (shift > SHIFT_MAX) {
		LOSS(rec, d, "a tick of 2^%u units makes no sense", shift);
		shift = 0;
	}
	build_real(rec, pairs, used);
	if (rec->hdr.clock_kind == FR_CLOCK_TSC) {
		build_tsc(rec, pairs, used, shift, d);
	} else {
		c->segments[0].mul = c->mean = (uint64_t)1 << (CLOCK_FRACTION + shift);
		c->n = 1;
	}
	c->limit = latest(rec, pairs, used, shift);
}

uint64_t fr_recording_ns(const struct recording *rec, uint64_t ticks)
{
	const struct clock *c = &rec->impl->clock;
	size_t i = c->n - 1;

	while (i && ticks < c->segments[i].t0)
		i--;
	return fr_clock_ns(&c->segments[i], ticks);
}

uint64_t fr_recording_dur_ns(const struct recording *rec, uint64_t ticks)
{
	return fr_clock_scale(ticks, rec->impl->clock.mean);
}

uint64_t fr_recording_real_ns(const struct recording *rec, uint64_t mono_ns)
{
	const struct clock *c = &rec->impl->clock;
	size_t i = c->n_real - 1;

	while (i && mono_ns < c->real[i].mono_ns)
		i--;
	return mono_ns + c->real[i].offset;
}
