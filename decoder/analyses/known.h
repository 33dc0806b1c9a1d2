/* SPDX-License-Identifier: MIT */
/*
 * known.h - primitives of libraries, known by the functions in the stack of a wait: their names,
 * and whether waiting in them is for a lock.
 */
#ifndef FR_KNOWN_H
#define FR_KNOWN_H

#include "model/model.h"
#include "symbols/symbols.h"

enum known_what {
	KNOWN_WORK, /* no lock: idle */
	KNOWN_SHARED,
	KNOWN_PARKED, /* the futex is the waiting thread's own: which lock is not known */
	KNOWN_EXCLUSIVE,
};

struct known {
	const char *function;
	const char *outer;
	enum known_what what;
	const char *words; /* "Rust std::sync::Mutex" */
};

/* What a thread with STACK waits in, or NULL. */
const struct known *fr_known_stack(struct symbols *sy, uint32_t stack);
/* The words of lock.known; NULL = none. */
const char *fr_known_words(uint8_t number);
bool fr_known_is_parked(uint8_t number);

/*
 * The model of REC in which futexes that are known to be locks are locks. Stacks of other
 * recordings are not looked at.
 */
struct model *fr_known_model(const struct recording *rec, struct symbols *sy, struct diag *d);

#endif
