/* SPDX-License-Identifier: MIT */
/*
 * filter.h - the shared filters (-t -l -e --since --until --min-dur -n), resolved once against a
 * recording so that testing an event costs a few compares.
 */
#ifndef FR_EXPORTERS_FILTER_H
#define FR_EXPORTERS_FILTER_H

#include "exporters/exporters.h"
#include "read/events.h"

struct filter;

/* NULL with a DIAG_ERROR when the user named something that is not there. */
struct filter *fr_filter_open(const struct recording *rec, const struct options *opt,
			      struct diag *d);
/* Whether E is wanted. Does not count towards -n. */
bool fr_filter_event(const struct filter *f, const struct event *e);
/* Whether an event of KIND can be. */
bool fr_filter_kind(const struct filter *f, unsigned int kind);
bool fr_filter_thread(const struct filter *f, size_t thread_index);
void fr_filter_close(struct filter *f);

#endif
