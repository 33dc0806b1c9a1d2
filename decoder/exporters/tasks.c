/* SPDX-License-Identifier: MIT */
/*
 * tasks.c - what the kernel knew of a thread, as JSON: what it did not say is null.
 */
#include <jansson.h>

#include "exporters/json.h"
#include "exporters/view.h"

static json_t *number(const struct fr_task_rec *t, unsigned int known, uint64_t value)
{
	return t->known & known ? json_integer((json_int_t)value) : json_null();
}

static json_t *syscall_json(const struct view *v, const struct fr_task_rec *t)
{
	json_t *o, *args = json_array();

	if (!(t->known & FR_TASK_SYSCALL) || t->syscall < 0) {
		json_decref(args);
		return json_null();
	}
	o = json_object();
	for (unsigned int i = 0; i < 3; i++)
		json_array_append_new(args, fr_json_addr(t->arg[i]));
	json_object_set_new(o, "nr", json_integer((json_int_t)t->syscall));
	json_object_set_new(o, "name",
			    fr_json_text(fr_name_syscall(v->m->rec->hdr.arch, t->syscall)));
	json_object_set_new(o, "args", args);
	return o;
}

json_t *fr_task_json(const struct view *v, const struct rec_thread *th)
{
	const struct fr_task_rec *t = &th->task;
	char state[2] = {t->state, 0};
	json_t *o;

	if (!t->known)
		return json_null();
	o = json_object();
	json_object_set_new(o, "state",
			    t->known & FR_TASK_STAT ? fr_json_text(state) : json_null());
	json_object_set_new(o, "ran_since", json_boolean(th->ran));
	json_object_set_new(o, "cpu_ns", number(t, FR_TASK_SCHED, t->cpu_ns));
	json_object_set_new(o, "queued_ns", number(t, FR_TASK_SCHED, t->queued_ns));
	json_object_set_new(o, "voluntary", number(t, FR_TASK_SWITCHES, t->voluntary));
	json_object_set_new(o, "involuntary", number(t, FR_TASK_SWITCHES, t->involuntary));
	json_object_set_new(o, "minor_faults", number(t, FR_TASK_STAT, t->minor_faults));
	json_object_set_new(o, "major_faults", number(t, FR_TASK_STAT, t->major_faults));
	json_object_set_new(o, "syscall", syscall_json(v, t));
	json_object_set_new(o, "wchan", t->wchan[0] ? fr_json_text(t->wchan) : json_null());
	return o;
}
