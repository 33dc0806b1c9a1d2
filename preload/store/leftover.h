/* SPDX-License-Identifier: MIT */
/*
 * leftover.h - region files that nobody writes to any more: this process's earlier images, and
 * those of processes that ended.
 */
#ifndef FR_LEFTOVER_H
#define FR_LEFTOVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/wire.h"

/*
 * Tidies the directory DIRFD of regions, before the own one is made. Gone are then: regions of this
 * process's earlier images (exec replaces the program but not the file), those which ended
 * processes could not remove, what was never finished, and what is more than FR_KEEP_MAX. System
 * calls only, little stack; holds no descriptor. FORKED: one child of eight does it, for a server
 * whose workers die one after the other never starts a program.
 */
void fr_leftover_tidy(int dirfd, bool forked);

/* ---- for leftover*.c ------------------------------------------------------------------------- */

/* What the name NAME-PID-TIME.frr says; the longest is 15 + 1 + 10 + 1 + 16 + 4 bytes. */
#define FR_LEFTOVER_NAME 48u

enum fr_leftover {
	FR_LEFTOVER_OTHER, /* not a region, not ours, in use, or not to be judged from here */
	FR_LEFTOVER_LEFT, /* of a process that is gone: what somebody may look for */
	FR_LEFTOVER_RUBBISH, /* nobody wants it */
};

/* Too big for the stacks that a forked child may be on. */
struct fr_leftover_desk {
	int dirfd;
	bool host_known;
	_Alignas(8) char entries[4096];
	struct fr_header here; /* boot and host of it */
	struct fr_header h;
	struct fr_clock_pair pairs[FR_CLOCK_PAIRS];
};

struct fr_leftover_state {
	enum fr_leftover verdict;
	bool crashed;
	uint64_t died_s; /* CLOCK_REALTIME: the last second in which something was recorded */
};

struct fr_leftover_entry {
	const char *name;
	long pid;
	bool seen; /* was looked into before, and is left */
	bool alive; /* there is a process of that number, and it was not seen */
	uint64_t bytes;
	uint64_t mtime_s;
};

/* Opens the file, and marks it as seen if it is left. */
struct fr_leftover_state fr_leftover_inspect(struct fr_leftover_desk *d,
					     const struct fr_leftover_entry *e);

/* Left regions beyond FR_KEEP_MAX go; N and BYTES are what there is. */
void fr_leftover_trim(struct fr_leftover_desk *d, uint64_t n, uint64_t bytes);

/*
 * Calls FN for each file that may be a region of this user, by name, kind and owner. Those
 * of living processes beyond ALIVE_MAX are left out: they cost a system call each.
 */
void fr_leftover_walk(struct fr_leftover_desk *d, unsigned int alive_max,
		      void (*fn)(void *arg, const struct fr_leftover_entry *e), void *arg);

#endif
