/* SPDX-License-Identifier: MIT */
/*
 * command.c - see command.h.
 */
#include "tests/lib/command.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

struct recording *command_reopen(struct synth *s, const char *path, struct diag *d)
{
	synth_write(s, path);
	synth_free(s);
	*d = (struct diag){0};
	return fr_recording_open(path, d);
}

static void say(const char *fmt, ...)
{
}

int command_run(int (*run)(struct call *c), const char *path, const char *arg, struct options opt,
		char **text, size_t *n)
{
	char *argv[] = {"fr", (char *)arg, NULL};
	struct diag d = {0};
	struct recording *rec = fr_recording_open(path, &d);
	FILE *f = open_memstream(text, n);
	struct call c = {.rec = rec,
			 .spec = path,
			 .opt = &opt,
			 .out = f,
			 .diag = &d,
			 .argc = 2,
			 .argv = argv,
			 .say = say};
	int rc;

	assert_non_null(rec);
	if (!opt.until_ns)
		opt.until_ns = UINT64_MAX;
	rc = run(&c);
	fclose(f);
	fr_recording_close(rec);
	diag_free(&d);
	return rc;
}
