/* SPDX-License-Identifier: MIT */
/*
 * doctor.c - fr doctor: whether and how well a program can be recorded here.
 *
 * Goes through checks.def. Must not: run the program, or change anything of it.
 */
#include "doctor/doctor.h"

#include "capture/run.h"

enum check_of {
	HERE,
	SUBJECT,
	IMAGE,
	PROCESS,
};

#define CHECK(name, function, of) {name, function, of},
static const struct check {
	const char *name;
	void (*run)(struct doctor *d);
	enum check_of of;
} checks[] = {
#include "doctor/checks.def"
};
#undef CHECK

static bool concerns(const struct subject *s, enum check_of of)
{
	switch (of) {
	case HERE:
		return true;
	case SUBJECT:
		return s->name != NULL;
	case IMAGE:
		return s->objects.n > 0;
	case PROCESS:
		return s->pid != 0;
	}
	return false;
}

static void prepare(struct doctor *d)
{
	struct diag why = {0};

	if (!fr_run_library(d->library, &why))
		d->library[0] = 0;
	diag_free(&why);
	if (d->library[0])
		fr_trial_run(&d->trial, d->library, d->subject.pid, d->subject.uid, d->subject.gid);
}

static void run_checks(struct doctor *d)
{
	for (size_t i = 0; i < sizeof(checks) / sizeof(*checks); i++) {
		if (!concerns(&d->subject, checks[i].of))
			continue;
		d->check = checks[i].name;
		checks[i].run(d);
	}
}

int fr_cmd_doctor(struct call *c)
{
	struct doctor d = {.call = c};
	enum doctor_result verdict = DOCTOR_BAD;

	if (c->argc > 2) {
		diag_add(c->diag, DIAG_ERROR, "fr doctor looks at one program or process");
		return FR_EXIT_USAGE;
	}
	if (fr_subject_open(&d.subject, c->argc > 1 ? c->argv[1] : NULL, c->diag)) {
		prepare(&d);
		run_checks(&d);
		verdict = fr_doctor_verdict(&d);
		if (c->opt->json)
			fr_doctor_json(&d);
		else
			fr_doctor_print(&d);
	}
	fr_doctor_forget(&d);
	fr_trial_close(&d.trial);
	fr_subject_close(&d.subject);
	return verdict == DOCTOR_BAD ? FR_EXIT_ERROR : FR_EXIT_OK;
}
