/* SPDX-License-Identifier: MIT */
/*
 * labels.c - see labels.h.
 *
 * The recorder says the labels in force again at the start of each rare chunk, so that a thread
 * whose older chunks are overwritten has the right ones from its first kept chunk on. While class
 * user is off nobody knows: then there are none.
 */
#include "model/labels.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define LABELS_MAX 16u /* the recorder keeps 8 */

struct thread_labels {
	struct label label[LABELS_MAX];
	size_t n;
};

struct labels {
	struct thread_labels **threads; /* NULL = never had one */
	size_t n_threads;
	bool known; /* label events of this recording have a pair */
};

struct labels *fr_labels_open(const struct recording *rec)
{
	const struct fr_event_rec *row = fr_event_schema(rec, FR_EV_LABEL);
	struct labels *l = fr_mem_alloc(sizeof(*l));

	l->n_threads = rec->n_threads;
	l->threads = fr_mem_alloc((rec->n_threads + 1) * sizeof(l->threads[0]));
	l->known = row && row->type[FR_A(LABEL, label)] == FR_ARG_PAIR;
	return l;
}

void fr_labels_close(struct labels *l)
{
	if (!l)
		return;
	for (size_t i = 0; i < l->n_threads; i++)
		free(l->threads[i]);
	free(l->threads);
	free(l);
}

struct label fr_label_split(const uint8_t *bytes, uint64_t n)
{
	const uint8_t *nul = n ? memchr(bytes, 0, n) : NULL;
	size_t key = nul ? (size_t)(nul - bytes) : n;

	return (struct label){.key = (const char *)bytes,
			      .value = (const char *)bytes + key + (nul != NULL),
			      .n_key = key,
			      .n_value = n - key - (nul != NULL)};
}

static bool same_key(const struct label *a, const struct label *b)
{
	return a->n_key == b->n_key && !memcmp(a->key, b->key, a->n_key);
}

static void set(struct thread_labels *t, const struct label *new)
{
	size_t i = 0;

	while (i < t->n && !same_key(&t->label[i], new))
		i++;
	if (new->n_value) {
		if (i < LABELS_MAX)
			t->label[i] = *new;
		if (i == t->n && i < LABELS_MAX)
			t->n++;
		return;
	}
	if (i == t->n)
		return;
	t->n--;
	memmove(&t->label[i], &t->label[i + 1], (t->n - i) * sizeof(t->label[0]));
}

static void forget_all(struct labels *l)
{
	for (size_t i = 0; i < l->n_threads; i++)
		if (l->threads[i])
			l->threads[i]->n = 0;
}

void fr_labels_change(struct labels *l, const struct event *e)
{
	struct thread_labels **t;
	struct label new;

	if (e->kind == FR_EV_LEVEL) {
		if (e->arg[FR_A(LEVEL, class)] == FR_CLASS_USER &&
		    e->arg[FR_A(LEVEL, level)] <= FR_LEVEL_OFF)
			forget_all(l);
		return;
	}
	if (!l->known || !e->blob || e->thread >= l->n_threads)
		return;
	t = &l->threads[e->thread];
	if (!*t)
		*t = fr_mem_alloc(sizeof(**t));
	new = fr_label_split(e->blob, e->arg[FR_A(LABEL, label)]);
	if (new.n_key)
		set(*t, &new);
	else
		(*t)->n = 0; /* others were taken over from another thread */
}

size_t fr_labels_of(const struct labels *l, uint32_t thread, const struct label **labels)
{
	const struct thread_labels *t = thread < l->n_threads ? l->threads[thread] : NULL;

	*labels = t ? t->label : NULL;
	return t ? t->n : 0;
}
