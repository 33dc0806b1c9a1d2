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

#include "base/arguments.h"
#include "base/path.h"
#include "capture/program.h"
#include "capture/values.h"
#include "exporters/exporters.h"
#include "preload/wire/wire_settings.h"

#define IS_FLAG(type) (FR_UNIT_OF_##type == FR_UNIT_FLAG)

/* A row per setting; of group 0, which is nobody's, if fr run has no option for it. */
#define SETTING(name, variable, type, dflt, least, most, change, letter, option, help)             \
	{option, IS_FLAG(type) ? NULL : FR_VALUE_OF_##type,                                        \
	 sizeof(dflt) > 1 && !IS_FLAG(type) ? help " (default " dflt ")" : help,                   \
	 sizeof(option) > 1, letter},
static const struct argument rows[] = {
#include "preload/wire/config.def"
	{"quiet", NULL, "say nothing when the program starts", 1, 'q'},
};
#undef SETTING

#define SETTING(name, variable, ...) variable,
static const char *const variables[FR_SETTINGS] = {
#include "preload/wire/config.def"
};
#undef SETTING

/* INTO: the flag for `quiet`, the only row that is no setting. */
static bool set(void *into, size_t row, const char *value)
{
	if ((row == FR_SETTING_out || row == FR_SETTING_dir) && value) /* looked at later */
		return *value && !setenv(variables[row], value, 1);
	if (row < FR_SETTINGS && value && !fr_value_is_taken((enum fr_setting)row, value))
		return false;
	if (row < FR_SETTINGS)
		return !setenv(variables[row], value ? value : "1", 1);
	*(bool *)into = true;
	return true;
}

static const struct arguments arguments = {
	.command = "run",
	.rows = rows,
	.n = sizeof(rows) / sizeof(rows[0]),
	.groups = 1,
	.operand_ends = true,
	.set = set,
};

const struct arguments *fr_run_arguments(void)
{
	return &arguments;
}

void fr_run_help(FILE *out)
{
	fprintf(out, "usage: fr run [options] -- PROGRAM [ARGUMENT...]\n\noptions:\n");
	fr_arguments_help(&arguments, out);
	fprintf(out, "\nThe library is found beside fr, in ../lib/fr, or where $FR_LIB says.\n");
}

/* ---- the environment ------------------------------------------------------------------------- */

static bool own_dir(char *dir, size_t size)
{
	ssize_t n = readlink("/proc/self/exe", dir, size - 1);

	if (n <= 0)
		return false;
	dir[n] = 0;
	return fr_path_up(dir);
}

bool fr_run_library(char path[PATH_MAX], struct diag *d)
{
	static const char *const places[] = {
		"libfr.so",
		"../lib/fr/libfr.so",
		"../lib64/fr/libfr.so",
		"../lib/libfr.so",
		"../lib64/libfr.so",
#ifdef FR_LIBDIR
		FR_LIBDIR "/libfr.so",
#endif
	};
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
		snprintf(at, sizeof(at), "%s%s%s", *places[i] == '/' ? "" : dir,
			 *places[i] == '/' ? "" : "/", places[i]);
		if (realpath(at, path))
			return true;
	}
	diag_add(d, DIAG_ERROR,
		 "libfr.so is neither beside fr nor in ../lib/fr; say where it is in FR_LIB");
	return false;
}

static bool set_preload(struct diag *d)
{
	const char *before = getenv("LD_PRELOAD");
	char lib[PATH_MAX], *value;

	if (!fr_run_library(lib, d))
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

/* The directory of regions, if an option named it. The recorder makes none. */
static bool set_dir(const char *before, struct diag *d)
{
	const char *dir = getenv("FR_DIR");
	char path[PATH_MAX];

	if (dir == before || !dir || !*dir)
		return true;
	if (!realpath(dir, path)) {
		diag_add(d, DIAG_ERROR, "fr run: --dir %s: %s", dir, strerror(errno));
		return false;
	}
	setenv("FR_DIR", path, 1);
	if (fr_value_is_taken(FR_SETTING_dir, path))
		return true;
	diag_add(d, DIAG_ERROR,
		 "fr run: --dir %s: regions cannot be written there: no directory, not writable or "
		 "its "
		 "path is too long",
		 path);
	return false;
}

/* ---- the start ------------------------------------------------------------------------------- */

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

/* The program's own command line in argv[1..argc). */
static bool parse(struct call *c, bool *quiet)
{
	struct arguments a = arguments;

	a.into = quiet;
	if (!fr_arguments_parse(&a, &c->argc, c->argv, c->diag))
		return false;
	if (c->argc < 2)
		diag_add(c->diag, DIAG_ERROR,
			 "fr run: which program? fr run [options] -- PROGRAM [ARGUMENT...]");
	c->argv[c->argc] = NULL;
	return c->argc >= 2;
}

/* Returns only if that fails. */
static void become(struct call *c, const char *program, bool quiet)
{
	for (size_t i = 0; i < c->diag->n; i++)
		c->say("%s", c->diag->entries[i].text);
	have_it_told(quiet);
	execv(program, c->argv + 1);
	diag_add(c->diag, DIAG_ERROR, "%s: %s", program, strerror(errno));
}

int fr_cmd_run(struct call *c)
{
	char out[PATH_MAX];
	const char *before = getenv("FR_DIR");
	char *program;
	bool quiet = false;

	if (!parse(c, &quiet) || !set_dir(before, c->diag))
		return FR_EXIT_USAGE;
	program = fr_program_find(c->argv[1], c->diag);
	if (!program)
		return FR_EXIT_ERROR;
	if (!set_output(out, c->diag)) {
		free(program);
		return FR_EXIT_USAGE;
	}
	if (set_preload(c->diag))
		become(c, program, quiet);
	free(program);
	return FR_EXIT_ERROR;
}
