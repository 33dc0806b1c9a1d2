/* SPDX-License-Identifier: MIT */
/*
 * labels.h - the labels of each thread as they change over a stream of events.
 *
 * A label holds for all events of its thread from the event that sets it on. Feed every event of a
 * stream, in order; ask before or after. Keys and values stay where they are in the recording.
 */
#ifndef FR_MODEL_LABELS_H
#define FR_MODEL_LABELS_H

#include "read/events.h"

struct label {
	const char *key;
	const char *value;
	size_t n_key;
	size_t n_value;
};

struct labels;
struct labels *fr_labels_open(const struct recording *rec);
void fr_labels_close(struct labels *l);

/* Not for calling: fr_labels_feed() without its test. */
void fr_labels_change(struct labels *l, const struct event *e);

static inline void fr_labels_feed(struct labels *l, const struct event *e)
{
	if (__builtin_expect(e->kind == FR_EV_LABEL || e->kind == FR_EV_LEVEL, 0))
		fr_labels_change(l, e);
}

/* Those in force on THREAD (index into rec->threads), in the order they were first set. */
size_t fr_labels_of(const struct labels *l, uint32_t thread, const struct label **labels);

/* Splits the bytes of a FR_ARG_PAIR. Without a NUL all of it is the key. */
struct label fr_label_split(const uint8_t *bytes, uint64_t n);

#endif
