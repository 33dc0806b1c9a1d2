/* SPDX-License-Identifier: MIT */
/*
 * sample.c - the sampler's random numbers and the table of live samples.
 *
 * The table: 2048 sets of 8 addresses with their weights, lock-free, in private memory (a forked
 * child goes on with its copy: its blocks are copies too). Context: any thread, inside malloc.
 */
#include "record/sample.h"

#include "core/sys.h"

#define SETS 2048u
#define WAYS 8u

struct sample {
	_Atomic uint64_t addr;
	uint64_t weight;
};

FR_BIG _Atomic uint8_t fr_sample_filter[FR_SAMPLE_FILTER];
static struct sample *table;

void fr_sample_init(void)
{
	if (!table)
		table = fr_sys_mmap(SETS * WAYS * sizeof(*table), PROT_READ | PROT_WRITE,
				    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1);
}

/* -ln(u) for u = (r + 1) / 2^53, good to 1e-3: log2 by exponent and a quadratic of the mantissa. */
static double neg_log(uint64_t r)
{
	union {
		double d;
		uint64_t u;
	} v = {.d = (double)((r >> 11) + 1)};
	int exponent = (int)(v.u >> 52) - 1023;
	double m, log2;

	v.u = (v.u & ((1ull << 52) - 1)) | 1023ull << 52;
	m = v.d - 1.0;
	log2 = exponent + m * (1.3424 - 0.3424 * m) - 53;
	return -log2 * 0.69314718;
}

int64_t fr_sample_gap(struct fr_thread *t)
{
	t->random ^= t->random << 13;
	t->random ^= t->random >> 7;
	t->random ^= t->random << 17;
	return (int64_t)(neg_log(t->random) * FR_SAMPLE_MEAN) + 1;
}

uint64_t fr_sample_weight(struct fr_thread *t, uint64_t size)
{
	uint64_t weight = 0;

	if (size >= FR_SAMPLE_MEAN) {
		t->sample_left += (int64_t)size; /* a block of this size does not count down */
		return size;
	}
	while (t->sample_left < 0) {
		t->sample_left += fr_sample_gap(t);
		weight += FR_SAMPLE_MEAN;
	}
	return weight;
}

static struct sample *set_of(const void *p)
{
	return table + (size_t)(fr_sample_hash(p) / (FR_SAMPLE_FILTER / SETS)) * WAYS;
}

bool fr_sample_add(const void *p, uint64_t weight)
{
	struct sample *set = set_of(p);

	for (uint32_t i = 0; table && i < WAYS; i++) {
		uint64_t empty = 0;

		if (!atomic_compare_exchange_strong(&set[i].addr, &empty, 1))
			continue;
		set[i].weight = weight;
		atomic_store_explicit(&set[i].addr, (uint64_t)p, memory_order_release);
		atomic_fetch_add_explicit(&fr_sample_filter[fr_sample_hash(p)], 1,
					  memory_order_relaxed);
		return true;
	}
	fr_drop(FR_DROP_SAMPLE_FULL);
	return false;
}

uint64_t fr_sample_remove(const void *p)
{
	struct sample *set = set_of(p);

	for (uint32_t i = 0; table && i < WAYS; i++) {
		uint64_t addr = (uint64_t)p;
		uint64_t weight = set[i].weight;

		if (atomic_load_explicit(&set[i].addr, memory_order_acquire) != addr)
			continue;
		if (!atomic_compare_exchange_strong(&set[i].addr, &addr, 0))
			continue;
		atomic_fetch_sub_explicit(&fr_sample_filter[fr_sample_hash(p)], 1,
					  memory_order_relaxed);
		return weight;
	}
	return 0;
}

void fr_sample_forget(void)
{
	for (size_t i = 0; table && i < (size_t)SETS * WAYS; i++) {
		uint64_t addr = atomic_load(&table[i].addr);

		if (addr > 1)
			fr_sample_remove((const void *)addr);
	}
}
