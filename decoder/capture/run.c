/* SPDX-License-Identifier: MIT */
/*
 * run.c - fr run: sets LD_PRELOAD and FR_ variables, becomes the program.
 *
 * It execs: the PID stays, the exit status is the program's own. What cannot be recorded is
 * refused before it starts, with what to do instead (program.c). Must not: fork, touch signals or
 * descriptors that the program inherits.
 */
#include "capture/run.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "capture/program.h"
#include "exporters/exporters.h"

struct run_option {
	char letter;
	const char *name;
	const char *variable;
	const char *argument;
	const char *help;
};

#define RUN_OPTION(letter, name, variable, argument, help) {letter, name, variable, argument, help},
static const struct run_option rows[] = {
#include "capture/run_options.def"
};
#undef RUN_OPTION
#define ROWS (sizeof(rows) / sizeof(rows[0]))

void fr_run_help(FILE *out)
{
	size_t i;

	fprintf(out, "usage: fr run [options] -- PROGRAM [ARGUMENT...]\n\noptions:\n");
	for (i = 0; i < ROWS; i++) {
		char left[64];

		snprintf(left, sizeof(left), "%c%c%c --%s %s", rows[i].letter ? '-' : ' ',
			 rows[i].letter ? rows[i].letter : ' ', rows[i].letter ? ',' : ' ',
			 rows[i].name, rows[i].argument ? rows[i].argument : "");
		fprintf(out, "  %-24s %s\n", left, rows[i].help);
	}
	fprintf(out, "  %-24s %s\n", "-q, --quiet", "say nothing when the program starts");
	fprintf(out, "\nThe library is found beside fr, in ../lib, or where $FR_LIB says.\n");
}

/* ---- the command line --------------------------------------------------------------------- */

static const struct run_option *find_option(const char *arg, const char **value)
{
	size_t i, n;

	*value = NULL;
	for (i = 0; i < ROWS; i++) {
		if (arg[1] != '-' && rows[i].letter == arg[1]) {
			*value = arg[2] ? arg + 2 : NULL;
			return &rows[i];
		}
		n = strlen(rows[i].name);
		if (arg[1] == '-' && !strncmp(arg + 2, rows[i].name, n) &&
		    (!arg[2 + n] || arg[2 + n] == '=')) {
			*value = arg[2 + n] ? arg + 2 + n + 1 : NULL;
			return &rows[i];
		}
	}
	return NULL;
}

/* Index of PROGRAM in argv; 0 = a usage error. */
static int parse(struct call *c, bool *quiet)
{
	int i;

	for (i = 1; i < c->argc && c->argv[i][0] == '-' && c->argv[i][1]; i++) {
		const struct run_option *o;
		const char *arg = c->argv[i], *value;

		if (!strcmp(arg, "--"))
			return i + 1 < c->argc ? i + 1 : 0;
		if (!strcmp(arg, "-q") || !strcmp(arg, "--quiet")) {
			*quiet = true;
			continue;
		}
		o = find_option(arg, &value);
		if (o && o->argument && !value && i + 1 < c->argc)
			value = c->argv[++i];
		if (!o || (o->argument && !value) || (!o->argument && value)) {
			diag_add(c->diag, DIAG_ERROR, "fr run: %s %s; see fr help run", arg,
				 !o            ? "is no option"
				 : o->argument ? "needs a value"
					       : "takes no value");
			return 0;
		}
		setenv(o->variable, o->argument ? value : "1", 1);
	}
	return i < c->argc ? i : 0;
}

/* ---- the environment ---------------------------------------------------------------------- */

static bool own_dir(char *dir, size_t size)
{
	ssize_t n = readlink("/proc/self/exe", dir, size - 1);
	char *slash;

	if (n <= 0)
		return false;
	dir[n] = 0;
	slash = strrchr(dir, '/');
	if (slash)
		*slash = 0;
	return slash != NULL;
}

static bool find_library(char path[PATH_MAX], struct diag *d)
{
	static const char *const places[] = {"libfr.so", "../lib/libfr.so", "../lib64/libfr.so"};
	const char *set = getenv("FR_LIB");
	char dir[PATH_MAX - 64], at[PATH_MAX];
	size_t i;

	if (set && *set) {
		if (realpath(set, path))
			return true;
		diag_add(d, DIAG_ERROR, "FR_LIB: %s: %s", set, strerror(errno));
		return false;
	}
	for (i = 0; own_dir(dir, sizeof(dir)) && i < sizeof(places) / sizeof(places[0]); i++) {
		snprintf(at, sizeof(at), "%s/%s", dir, places[i]);
		if (realpath(at, path))
			return true;
	}
	diag_add(d, DIAG_ERROR,
		 "libfr.so is neither beside fr nor in ../lib; say where it is in FR_LIB");
	return false;
}

static bool set_preload(struct diag *d)
{
	const char *before = getenv("LD_PRELOAD");
	char lib[PATH_MAX], *value;

	if (!find_library(lib, d))
		return false;
	if (strpbrk(lib, " :")) {
		diag_add(d, DIAG_ERROR,
			 "%s: LD_PRELOAD cannot name a file with a space or a colon in its path; "
			 "put "
			 "libfr.so elsewhere and set FR_LIB",
			 lib);
		return false;
	}
	if (asprintf(&value, "%s%s%s", lib, before && *before ? ":" : "", before ? before : "") < 0)
		return false;
	setenv("LD_PRELOAD", value, 1);
	free(value);
	return true;
}

/* Makes the directory of snapshots and its path absolute: the program may change directory. */
static bool set_output(char out[PATH_MAX], struct diag *d)
{
	const char *dir = getenv("FR_OUT");

	if (!dir || !*dir)
		return getcwd(out, PATH_MAX) != NULL;
	if (mkdir(dir, 0777) && errno != EEXIST) {
		diag_add(d, DIAG_ERROR, "%s cannot be made: %s", dir, strerror(errno));
		return false;
	}
	if (!realpath(dir, out) || access(out, W_OK | X_OK)) {
		diag_add(d, DIAG_ERROR, "snapshots cannot be written to %s: %s", dir,
			 strerror(errno));
		return false;
	}
	setenv("FR_OUT", out, 1);
	return true;
}

/* ---- the start ---------------------------------------------------------------------------- */

/*
 * Whether there will be a region, only the recorder can tell: it says so when there is one, in the
 * process that has this PID (preload/start/tell.h).
 */
static void have_it_told(bool quiet)
{
	char pid[16];

	snprintf(pid, sizeof(pid), "%d", getpid());
	if (quiet)
		unsetenv("FR_TELL");
	else
		setenv("FR_TELL", pid, 1);
}

int fr_cmd_run(struct call *c)
{
	char out[PATH_MAX];
	char *program;
	bool quiet = false;
	int at = parse(c, &quiet);

	if (!at) {
		if (!diag_has(c->diag, DIAG_ERROR))
			diag_add(
				c->diag, DIAG_ERROR,
				"fr run: which program? fr run [options] -- PROGRAM [ARGUMENT...]");
		return FR_EXIT_USAGE;
	}
	program = fr_program_find(c->argv[at], c->diag);
	if (!program)
		return FR_EXIT_ERROR;
	if (set_preload(c->diag) && set_output(out, c->diag)) {
		size_t i;

		for (i = 0; i < c->diag->n; i++)
			c->say("%s", c->diag->entries[i].text);
		have_it_told(quiet);
		execv(program, c->argv + at);
		diag_add(c->diag, DIAG_ERROR, "%s: %s", program, strerror(errno));
	}
	free(program);
	return FR_EXIT_ERROR;
}
