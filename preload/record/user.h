/* SPDX-License-Identifier: MIT */
/*
 * user.h - what the recorder keeps per thread of the program's own annotations (fr.h).
 */
#ifndef FR_USER_H
#define FR_USER_H

#include <stdbool.h>
#include <stdint.h>

#define FR_USER_NAME 64u /* bytes of a name or key with its end */
#define FR_USER_ZONES 32u /* zones inside each other that keep name and start */
#define FR_USER_LABELS 8u
#define FR_USER_LABEL_BYTES 496u

/* The texts of labels: key, NUL, value, NUL, one after the other. */
struct fr_user {
	uint64_t task; /* the current one, 0 = none */
	uint32_t n_labels;
	uint32_t label_bytes;
	char label[FR_USER_LABEL_BYTES];
	bool unsaid; /* labels changed while nobody listened: the recording knows others */
	uint32_t depth; /* zones open, stored or not */
	struct {
		uint64_t since; /* ticks */
		char name[FR_USER_NAME];
	} zone[FR_USER_ZONES];
};

/*
 * A forked child goes on with the labels of the thread that forked: kept when that thread's block
 * is given up, taken by the first thread that is born then. Tasks and zones stay the parent's.
 */
void fr_user_keep(const struct fr_user *u);
void fr_user_take(struct fr_user *u);

struct fr_thread;

/* A rare chunk begins: says the labels in force again, so that it can be read alone. */
void fr_user_again(struct fr_thread *t, uint64_t ticks);

#endif
