/* SPDX-License-Identifier: MIT */
/*
 * runtimes.c - the checks that follow from what a program is made of: runtimes.def, allocators.def.
 */
#include <stdlib.h>
#include <string.h>

#include "doctor/doctor.h"

enum sign_kind {
	LIBRARY,
	SYMBOL,
	TEXT,
};

#define RUNTIME(name, how, sign, result, words) {name, sign, words, how, DOCTOR_##result},
static const struct runtime {
	const char *name;
	const char *sign;
	const char *words;
	enum sign_kind how;
	enum doctor_result result;
} runtimes[] = {
#include "doctor/runtimes.def"
};
#undef RUNTIME

#define ALLOCATOR(name, library, symbol) {name, library, symbol},
static const struct allocator {
	const char *name, *library, *symbol;
} allocators[] = {
#include "doctor/allocators.def"
};
#undef ALLOCATOR

static bool is_seen(const struct runtime *r, const struct objects *o)
{
	switch (r->how) {
	case LIBRARY:
		return fr_objects_find(o, r->sign) != NULL;
	case SYMBOL:
		return fr_object_defines(&o->all[0], r->sign);
	case TEXT:
		return fr_object_has_text(&o->all[0], r->sign);
	}
	return false;
}

void fr_check_runtimes(struct doctor *d)
{
	const char *said = "";
	bool any = false;

	for (size_t i = 0; i < sizeof(runtimes) / sizeof(*runtimes); i++) {
		const struct runtime *r = &runtimes[i];

		if (!strcmp(said, r->name) || !is_seen(r, &d->subject.objects))
			continue;
		said = r->name;
		any = true;
		fr_doctor_say(d, r->result, NULL, "%s", r->words);
	}
	if (!any)
		fr_doctor_say(d, DOCTOR_GOOD, NULL, "no sign of one that would be in the way");
}

/* ---- allocators ------------------------------------------------------------------------------ */

/* "" = of a kind we do not know. */
static const char *linked_in(const struct object *program)
{
	for (size_t i = 0; i < sizeof(allocators) / sizeof(*allocators); i++) {
		if (fr_object_defines(program, allocators[i].symbol))
			return allocators[i].name;
	}
	return "";
}

static const struct allocator *as_library(const struct objects *o)
{
	for (size_t i = 0; i < sizeof(allocators) / sizeof(*allocators); i++) {
		if (fr_objects_find(o, allocators[i].library))
			return &allocators[i];
	}
	return NULL;
}

void fr_check_memory(struct doctor *d)
{
	const struct objects *o = &d->subject.objects;
	const char *own = linked_in(&o->all[0]);
	const struct allocator *library = as_library(o);

	if (fr_object_defines(&o->all[0], "malloc"))
		fr_doctor_say(d, DOCTOR_PART, "link the allocator as a library to have memory seen",
			      "the program has a malloc of its own%s%s: memory is not seen",
			      *own ? ", " : "", own);
	else if (*own)
		fr_doctor_say(d, DOCTOR_PART, NULL,
			      "%s is linked in under other names: what goes through it is not seen",
			      own);
	else if (library)
		fr_doctor_say(d, DOCTOR_GOOD, NULL,
			      "%s as a library: malloc is seen on the way there", library->name);
	else
		fr_doctor_say(d, DOCTOR_GOOD, NULL, "malloc of libc");
}
