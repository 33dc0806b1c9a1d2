/* SPDX-License-Identifier: MIT */
/*
 * ended.c - rule ended-by-signal: somebody told the process to end, and it has no handler for that.
 * No fault of the program's, but its answer to "who was it, and what did it do just then?".
 */
#include "analyses/crash.h"
#include "base/units.h"
#include "read/death.h"

enum rule_result fr_rule_ended(struct analysis *a)
{
	const struct fr_crash *c = &a->m->rec->crash;
	char sig[FR_UNITS_LEN];
	struct finding *f;
	long t;

	if (fr_recording_death(a->m->rec) != FR_DEATH_TOLD)
		return RULE_OK;
	t = fr_recording_thread_by_tid(a->m->rec, c->tid, a->m->end_ns);
	f = fr_finding_new(a);
	f->score = 20;
	f->title = fr_name_fmt(a->names, "the process was ended by %s, %s",
			       fr_units_signal(sig, c->signo), fr_crash_sender(a, c));
	f->site = fr_name_site(a->names, c->stack);
	f->why = "the program has no handler for it: it ended at once, with the status it would "
		 "have had without the recorder";
	f->next = "fr threads shows what its threads were doing; if it ought to end in order, give "
		  "it a handler";
	if (t >= 0) {
		fr_finding_thread(f, (uint32_t)t);
		fr_finding_stack(f, fr_name_thread(a->names, (uint32_t)t), c->stack);
	}
	return RULE_FOUND;
}
