/* SPDX-License-Identifier: MIT */
/*
 * manual_libfr.c - the manual page libfr(7): the recorder, from the tables that it is made of.
 *
 * The build writes it to libfr.7 (fr help --man libfr). Must not: say what a table does not, but
 * for what no table knows: how it is loaded and where its files are.
 */
#include <string.h>

#include "base/arguments.h"
#include "commands.h"
#include "exporters/words.h"
#include "preload/wire/wire.h"

struct row {
	unsigned int id; /* of its class */
	const char *name, *help;
};

#define HOOK(id, name, klass, ...) {FR_CLASS_##klass, #name, NULL},
static const struct row hooks[] = {
#include "preload/wire/hooks.def"
};
#undef HOOK

#define EVENT(id, NAME, name, klass, ...) {FR_CLASS_##klass, name, NULL},
static const struct row events[] = {
#include "preload/wire/events.def"
};
#undef EVENT

#define DROP(id, NAME, name, help) {0, name, help},
static const struct row drops[] = {
#include "preload/wire/drops.def"
};
#undef DROP

#define PLACE(id, NAME, name, meaning) {0, name, meaning},
static const struct row places[] = {
#include "preload/wire/places.def"
};
#undef PLACE

#define TRIGGER(id, name, unit, when, help) {FR_MANUAL_##unit, #name, help},
enum { FR_MANUAL_NS, FR_MANUAL_BYTES, FR_MANUAL_FLAG };
static const struct row conditions[] = {
#include "preload/wire/triggers.def"
};
#undef TRIGGER

#define N(rows) (sizeof(rows) / sizeof(*(rows)))

/* "pthread_mutex_lock, sem_wait, ..." */
static void names(const struct row *rows, size_t n, unsigned int id, FILE *out)
{
	bool first = true;

	for (size_t i = 0; i < n; i++) {
		if (rows[i].id != id)
			continue;
		fputs(first ? "" : ",\n", out);
		fr_manual_text(rows[i].name, out);
		first = false;
	}
	fputs(".\n", out);
}

static void list(const struct row *rows, size_t n, FILE *out)
{
	static const char *const units[] = {">\\fITIME\\fR", ">\\fISIZE\\fR", ""};

	for (size_t i = 0; i < n; i++) {
		fputs(".TP\n\\fB", out);
		fr_manual_text(rows[i].name, out);
		fprintf(out, "\\fR%s\n\\&", rows == conditions ? units[rows[i].id] : "");
		fr_manual_text(rows[i].help, out);
		fputs(".\n", out);
	}
}

static void classes(FILE *out)
{
	fputs(".SH WHAT IS RECORDED\nOf each class: the events, and the functions that are stood "
	      "in "
	      "front of.\nWhat programs say themselves through fr.h is class user.\n",
	      out);
	for (unsigned int k = 0; k < FR_CLASS_USER; k++) {
		fprintf(out, ".TP\n\\fB%s\\fR\n", fr_word_class(k));
		names(events, N(events), k, out);
		fputs(".IP\n", out);
		names(hooks, N(hooks), k, out);
	}
}

static void top(FILE *out)
{
	fputs(".TH LIBFR 7 " FR_RELEASED " \"fr " FR_RELEASE "\" \"Flight recorder\"\n"
	      ".SH NAME\nlibfr \\- records the last seconds of a native program\n"
	      ".SH SYNOPSIS\n\\fBfr run \\-\\-\\fR \\fIPROGRAM\\fR [\\fIARGUMENT\\fR...]\n"
	      ".br\n\\fBLD_PRELOAD=\\fR\\fI/path/to/\\fR\\fBlibfr.so\\fR \\fIPROGRAM\\fR "
	      "[\\fIARGUMENT\\fR...]\n"
	      ".SH DESCRIPTION\nThe library stands in front of functions of libc and writes what "
	      "they did, with the full stack, into\na file in shared memory, the region.\n"
	      "The region is of bounded size and survives its process.\n"
	      "What there is to see of it \\fBfr\\fR(1) shows: of a process that runs, of one that "
	      "was killed,\nand of a snapshot.\n"
	      "Whether a program can be recorded, and how well, \\fBfr doctor\\fR "
	      "\\fIPROGRAM\\fR says.\n",
	      out);
}

void fr_manual_libfr(FILE *out)
{
	top(out);
	fr_manual_settings(out);
	fputs(".SH CONDITIONS OF FR_TRIGGER\nWhat makes a snapshot when it takes longer, or is "
	      "more, "
	      "than is said.\n",
	      out);
	list(conditions, N(conditions), out);
	classes(out);
	fputs(".SH WHAT IS LOST\nCounted by reason, and shown by \\fBfr info\\fR.\n", out);
	list(drops, N(drops), out);
	fputs(".SH FILES\nRegions are in FR_DIR, else in /dev/shm/fr\\-<uid>, snapshots in FR_OUT, "
	      "else where the program was started.\n"
	      "Both are of mode 0600: the program's user and root can read them.\n"
	      "A directory is not used for one of these reasons:\n",
	      out);
	list(places, N(places), out);
	fputs(".SH SEE ALSO\n\\fBfr\\fR(1), \\fBld.so\\fR(8)\n", out);
}
