/* SPDX-License-Identifier: MIT */
/*
 * doctor.h - fr doctor: what a check is given, and how it answers.
 *
 * A check is one row of checks.def and one function. It says what it has seen by fr_doctor_say(),
 * once or more often. What it cannot know it says as UNKNOWN; it never guesses.
 */
#ifndef FR_DOCTOR_H
#define FR_DOCTOR_H

#include "capture/program.h"
#include "doctor/objects.h"
#include "doctor/trial.h"
#include "exporters/exporters.h"

enum doctor_result {
	DOCTOR_GOOD,
	DOCTOR_NOTE, /* worth knowing, and no fault of the program */
	DOCTOR_UNKNOWN, /* not judged */
	DOCTOR_PART, /* recorded, but not all or not well */
	DOCTOR_BAD, /* not recorded */
};

struct answer {
	const char *check; /* name of the row */
	enum doctor_result result;
	char *text;
	char *next; /* what to do; NULL = nothing */
};

/* What is asked about. */
struct subject {
	const char *name; /* as given; NULL = nothing: this machine */
	uint32_t pid; /* 0 = a program */
	uid_t uid; /* who starts it, or runs it */
	gid_t gid;
	char *root; /* what its paths begin behind: "", or "/proc/PID/root" */
	char *file; /* what its program is called by us */
	bool known; /* the process is there and may be inspected */
	struct program program;
	struct objects objects; /* the program's ELF file and its libraries; n 0 = unreadable */
};

struct doctor {
	struct call *call;
	struct subject subject;
	struct trial trial;
	char library[4096]; /* libfr.so; "" = not found */
	const char *check; /* the row at work */
	struct answer *answers;
	size_t n, cap;
};

/* Fills in S for NAME, a program's name or a PID, or NULL. False with the reason in D. */
bool fr_subject_open(struct subject *s, const char *name, struct diag *d);
void fr_subject_close(struct subject *s);

/* NEXT: what to do, NULL = nothing. */
void fr_doctor_say(struct doctor *d, enum doctor_result r, const char *next, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* The worst of all answers; what is not judged is no fault. */
enum doctor_result fr_doctor_verdict(const struct doctor *d);

void fr_doctor_forget(struct doctor *d);

/* The answers as text and as JSON. */
void fr_doctor_print(const struct doctor *d);
void fr_doctor_json(const struct doctor *d);

#define CHECK(name, function, of) void function(struct doctor *d);
#include "doctor/checks.def"
#undef CHECK

#endif
