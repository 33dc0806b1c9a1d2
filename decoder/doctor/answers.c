/* SPDX-License-Identifier: MIT */
/*
 * answers.c - what the checks of fr doctor have said, and the worst of it.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/sbuf.h"
#include "doctor/doctor.h"

void fr_doctor_say(struct doctor *d, enum doctor_result r, const char *next, const char *fmt, ...)
{
	struct answer *a;
	struct sbuf b = {0};
	va_list ap;

	va_start(ap, fmt);
	fr_sbuf_vfmt(&b, fmt, ap);
	va_end(ap);
	d->answers = fr_mem_grow(d->answers, &d->cap, d->n + 1, sizeof(*d->answers));
	a = &d->answers[d->n++];
	a->check = d->check;
	a->result = r;
	a->text = fr_mem_strndup(fr_sbuf_cstr(&b), b.n);
	a->next = next ? fr_mem_strndup(next, strlen(next)) : NULL;
	fr_sbuf_free(&b);
}

enum doctor_result fr_doctor_verdict(const struct doctor *d)
{
	enum doctor_result worst = DOCTOR_GOOD;

	for (size_t i = 0; i < d->n; i++) {
		if (d->answers[i].result > worst && d->answers[i].result >= DOCTOR_PART)
			worst = d->answers[i].result;
	}
	return worst;
}

void fr_doctor_forget(struct doctor *d)
{
	for (size_t i = 0; i < d->n; i++) {
		free(d->answers[i].text);
		free(d->answers[i].next);
	}
	free(d->answers);
}
