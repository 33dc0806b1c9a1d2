/* SPDX-License-Identifier: MIT */
/*
 * calls.c - the functions that the recorder stood in front of: their names, and how a thread waits
 * in them.
 *
 * The recording says both; of one that is older than that, hooks.def says the second, by the
 * exact name: the numbers are the recorder's.
 */
#include <string.h>

#include "base/mem.h"
#include "preload/wire/wire_control.h"
#include "read/impl.h"

/* Does a wait that belongs to this row of triggers.def count for `stuck`? */
enum { FLAG, HOLD, PERIODIC, END, WAIT, WAIT_FD, WAIT_STUCK, WAIT_FD_STUCK };
#define TRIGGER(number, name, unit, where, help)                                                   \
	STUCK_##name = (where) == WAIT_STUCK || (where) == WAIT_FD_STUCK,
enum {
	STUCK_none = 0,
#include "preload/wire/triggers.def"
};
#undef TRIGGER

#define HOOK(id, fn, klass, wait, trigger, version) {#fn, FR_WAIT_##wait, STUCK_##trigger},
static const struct {
	const char *name;
	uint8_t wait;
	bool stuck;
} hooks[] = {
#include "preload/wire/hooks.def"
};
#undef HOOK

uint32_t fr_hook_flags(const struct fr_hook_rec *r)
{
	if (r->flags & FR_HOOK_TOLD)
		return r->flags;
	for (size_t i = 0; i < sizeof(hooks) / sizeof(hooks[0]); i++) {
		if (!strncmp(hooks[i].name, r->name, sizeof(r->name)))
			return r->flags | (hooks[i].stuck ? FR_HOOK_STUCK : 0) |
			       (uint32_t)hooks[i].wait << FR_HOOK_WAIT_SHIFT;
	}
	return r->flags;
}

static enum fr_wait_kind wait_of(const struct fr_hook_rec *r)
{
	uint32_t kind = fr_hook_flags(r) >> FR_HOOK_WAIT_SHIFT & 0xff;

	return kind < FR_WAIT_KINDS ? (enum fr_wait_kind)kind : FR_WAIT_NONE;
}

void fr_calls_load(struct recording *rec, struct diag *d)
{
	const struct section_view *v = &rec->sec[FR_SEC_HOOKS];
	struct recording_impl *impl = rec->impl;
	struct fr_hook_rec r;

	if (!v->data) {
		LOSS(rec, d, "no table of hooks in the recording: names of calls are missing");
		return;
	}
	impl->n_calls = v->size / v->record_size;
	impl->calls = fr_mem_alloc(impl->n_calls * sizeof(*impl->calls));
	for (size_t i = 0; i < impl->n_calls; i++) {
		memcpy(&r, v->data + i * v->record_size, sizeof(r));
		impl->calls[i].wait = wait_of(&r);
		if (r.name[0])
			impl->calls[i].name =
				fr_arena_strndup(&impl->arena, r.name, sizeof(r.name));
	}
}

const char *fr_recording_call(const struct recording *rec, uint32_t hook_id)
{
	const struct recording_impl *impl = rec->impl;

	return hook_id < impl->n_calls && impl->calls[hook_id].name ? impl->calls[hook_id].name
								    : "?";
}

enum fr_wait_kind fr_recording_call_wait(const struct recording *rec, uint32_t hook_id)
{
	const struct recording_impl *impl = rec->impl;

	return hook_id < impl->n_calls ? impl->calls[hook_id].wait : FR_WAIT_NONE;
}
