/* SPDX-License-Identifier: MIT */
/*
 * needs.h - whether a recording has what a rule needs to say that all is fine.
 */
#ifndef FR_ANALYSES_NEEDS_H
#define FR_ANALYSES_NEEDS_H

#include "analyses/analysis.h"

#define NEED(NAME, must, function) NEED_AT_##NAME,
enum {
#include "analyses/needs.def"
	NEEDS
};
#undef NEED
#define NEED(NAME, must, function) NEED_##NAME = 1 << NEED_AT_##NAME,
enum need {
#include "analyses/needs.def"
};
#undef NEED

/* The first of NEEDS that is not there, in words; NULL = all are. MUST: those alone. */
const char *fr_need_missing(struct analysis *a, unsigned int needs, bool must);

/* How much was seen of the threads that live, where that is not all; NULL = all. */
const char *fr_need_seen(struct analysis *a);
/* Fills INDEX with the threads of which it is not known where they stood; returns how many. */
size_t fr_need_unexplained(const struct analysis *a, uint32_t *index);

#define NEED(NAME, must, function) const char *function(struct analysis *a, unsigned int needs);
#include "analyses/needs.def"
#undef NEED

#endif
