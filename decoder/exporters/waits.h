/* SPDX-License-Identifier: MIT */
/*
 * waits.h - where the threads' time went: waits by what they were for, the largest total first.
 */
#ifndef FR_EXPORTERS_WAITS_H
#define FR_EXPORTERS_WAITS_H

#include "exporters/view.h"

struct wait_row {
	const char *kind; /* "mutex", "recv" */
	const char *what; /* "buckets[].mu (100 locks)", "10.0.0.5:8091", "clients of fd 3" */
	uint64_t total_ns;
	uint64_t count;
	uint64_t p50_ns;
	uint64_t p99_ns; /* 0 = fewer than 100 waits */
	uint64_t max_ns;
	uint64_t worst; /* event id of the longest, 0 = it is still going on */
	bool idle; /* waiting for work: accept, poll, conditions, clients' next requests */
};

/* Waits that end after FROM_NS, clipped there. The caller frees *OUT; texts belong to V. */
size_t fr_waits_top(struct view *v, uint64_t from_ns, struct wait_row **out);

#endif
