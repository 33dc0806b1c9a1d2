/* SPDX-License-Identifier: MIT */
/*
 * help.c - fr help, the table of commands, and what was probably meant.
 */
#include <string.h>

#include "capture/ctl.h"
#include "capture/run.h"
#include "commands.h"
#include "completion.h"

#define COMMAND(name, function, needs, options, help) {#name, function, needs, options, help},
const struct command fr_commands[] = {
#include "commands.def"
	{0}};
#undef COMMAND

const struct command *fr_command_find(const char *name)
{
	const struct command *c;

	for (c = fr_commands; c->name; c++) {
		if (!strcmp(c->name, name))
			return c;
	}
	return NULL;
}

#define NAME_MAX_LEN 16u

/* How many letters must be added, removed, changed or swapped to make B of A. */
static unsigned int distance(const char *a, const char *b)
{
	unsigned int d[NAME_MAX_LEN + 1][NAME_MAX_LEN + 1];
	size_t na = strlen(a), nb = strlen(b), i, k;

	if (na > NAME_MAX_LEN || nb > NAME_MAX_LEN)
		return NAME_MAX_LEN;
	for (i = 0; i <= na; i++) {
		for (k = 0; k <= nb; k++) {
			unsigned int v;

			if (!i || !k) {
				d[i][k] = (unsigned int)(i + k);
				continue;
			}
			v = d[i - 1][k - 1] + (a[i - 1] != b[k - 1]);
			v = d[i - 1][k] + 1 < v ? d[i - 1][k] + 1 : v;
			v = d[i][k - 1] + 1 < v ? d[i][k - 1] + 1 : v;
			if (i > 1 && k > 1 && a[i - 1] == b[k - 2] && a[i - 2] == b[k - 1] &&
			    d[i - 2][k - 2] + 1 < v)
				v = d[i - 2][k - 2] + 1;
			d[i][k] = v;
		}
	}
	return d[na][nb];
}

const char *fr_command_similar(const char *name)
{
	const struct command *c, *best = NULL;
	unsigned int least = 3;

	for (c = fr_commands; c->name; c++) {
		unsigned int far = distance(name, c->name);

		if (far < least && far < strlen(name)) {
			least = far;
			best = c;
		}
	}
	return best ? best->name : NULL;
}

static void help_all(FILE *out)
{
	const struct command *c;

	fprintf(out, "usage: fr COMMAND RECORDING [options]\n"
		     "       fr RECORDING               the same as fr report RECORDING\n"
		     "       fr run [options] -- PROGRAM [ARGUMENT...]\n\n"
		     "RECORDING is a snapshot (.frd), the region a process left behind, or the PID "
		     "of a\n"
		     "process that runs under the recorder.\n\n");
	for (c = fr_commands; c->name; c++)
		fprintf(out, "  %-10s %s\n", c->name, c->help);
	fprintf(out, "\nexit codes: 0 fine, 1 error, 2 usage, 3 printed what could be read of a "
		     "damaged\n"
		     "recording. fr --version shows the version, fr help --man [libfr] the manual\n"
		     "pages, fr help --completion bash|zsh|fish what completes its commands.\n");
}

static void help_one(FILE *out, const struct command *c)
{
	fprintf(out, "fr %s: %s\n\n", c->name, c->help);
	if (c->needs == RECORDING)
		fprintf(out, "usage: fr %s RECORDING [options]\n\noptions:\n", c->name);
	else if (c->run == fr_cmd_ctl)
		fr_ctl_help(out);
	else if (c->needs == NO_RECORDING)
		fprintf(out, "usage: fr %s [options]\n\noptions:\n", c->name);
	if (c->needs != ARGUMENTS)
		fr_options_help(c, out);
	else if (c->run == fr_cmd_run)
		fr_run_help(out);
	else
		fprintf(out, "usage: fr %s [COMMAND]\n", c->name);
}

static void manual_libfr(const struct command *commands, FILE *out)
{
	fr_manual_libfr(out);
}

/* Files that the build makes of the tables: fr help --man libfr, fr help --completion zsh. */
static int help_file(struct call *c)
{
	static const struct {
		const char *option, *name;
		void (*write)(const struct command *commands, FILE *out);
	} files[] = {
		{"--man", "fr", fr_manual},
		{"--man", "libfr", manual_libfr},
		{"--completion", "bash", fr_completion_bash},
		{"--completion", "zsh", fr_completion_zsh},
		{"--completion", "fish", fr_completion_fish},
	};
	const char *name = c->argc > 2 ? c->argv[2] : "fr";

	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
		if (strcmp(c->argv[1], files[i].option) || strcmp(name, files[i].name))
			continue;
		files[i].write(fr_commands, c->out);
		return FR_EXIT_OK;
	}
	diag_add(c->diag, DIAG_ERROR,
		 "fr help COMMAND, --man [fr|libfr], or --completion bash|zsh|fish");
	return FR_EXIT_USAGE;
}

int fr_cmd_help(struct call *c)
{
	const struct command *cmd;
	const char *similar;

	if (c->argc > 1 && c->argv[1][0] == '-')
		return help_file(c);
	if (c->argc < 2) {
		help_all(c->out);
		return FR_EXIT_OK;
	}
	cmd = fr_command_find(c->argv[1]);
	if (cmd) {
		help_one(c->out, cmd);
		return FR_EXIT_OK;
	}
	similar = fr_command_similar(c->argv[1]);
	diag_add(c->diag, DIAG_ERROR, "there is no command '%s'%s%s%s (fr help lists them)",
		 c->argv[1], similar ? "; did you mean '" : "", similar ? similar : "",
		 similar ? "'?" : "");
	return FR_EXIT_USAGE;
}
