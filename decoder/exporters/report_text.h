/* SPDX-License-Identifier: MIT */
/*
 * report_text.h - the head of the report, and words about a whole recording.
 */
#ifndef FR_EXPORTERS_REPORT_TEXT_H
#define FR_EXPORTERS_REPORT_TEXT_H

#include "exporters/view.h"

/* The lines above the findings: process, trigger, window, losses, symbols. */
void fr_report_header(struct view *v);
const char *fr_report_trigger(const struct recording *rec); /* "signal", "left", ... */
/* From when on totals are told: the common window, unless that is a small part of the whole. */
uint64_t fr_report_from(const struct model *m);

#endif
