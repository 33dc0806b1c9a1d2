/* SPDX-License-Identifier: MIT */
/*
 * main.c - fr: finds the command, opens its recording, prints what went wrong, exits.
 *
 * The only file of the decoder that writes to stderr and decides exit codes. Data goes to stdout
 * (or -o), talk to stderr. What the diag list holds is foreign text and is escaped here. A reader
 * that goes away ends fr quietly by SIGPIPE, and the shell's limit on the size of files is an error
 * and no death by SIGXFSZ; only fr run leaves these signals as it found them.
 */
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/output.h"
#include "base/sbuf.h"
#include "commands.h"

static void say_text(const char *text)
{
	struct sbuf b = {0};

	fr_sbuf_str(&b, "fr: ");
	fr_sbuf_text(&b, text, strlen(text));
	fr_sbuf_char(&b, '\n');
	fputs(fr_sbuf_cstr(&b), stderr);
	fr_sbuf_free(&b);
}

static void say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static void say(const char *fmt, ...)
{
	char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) >= 0)
		say_text(text);
	va_end(ap);
	free(text);
}

static void no_memory(size_t size)
{
	fprintf(stderr, "fr: no memory left (%zu bytes were needed)\n", size);
	_exit(FR_EXIT_ERROR);
}

static void print_diag(const struct diag *d)
{
	size_t i;

	for (i = 0; i < d->n; i++)
		say_text(d->entries[i].text);
	if (d->suppressed)
		say("%zu more messages left out", d->suppressed);
}

/* ---- output ---------------------------------------------------------------------------------- */

static bool wants_color(const struct time_text *times, FILE *out)
{
	const char *when = times->color ? times->color : "auto", *no = getenv("NO_COLOR");
	const char *term = getenv("TERM");

	if (!strcmp(when, "always"))
		return true;
	return strcmp(when, "never") && !(no && *no) && isatty(fileno(out)) && term &&
	       strcmp(term, "dumb");
}

static bool open_output(struct call *c, struct options *opt, struct output *file)
{
	struct winsize w;
	const char *why;

	if (opt->output && !fr_output_open(file, opt->output, 0666, &why)) {
		diag_add(c->diag, DIAG_ERROR, "%s: cannot be written: %s", opt->output, why);
		return false;
	}
	c->out = opt->output ? fdopen(file->fd, "w") : stdout;
	if (!c->out)
		no_memory(sizeof(*c->out));
	if (isatty(fileno(c->out)) && !ioctl(fileno(c->out), TIOCGWINSZ, &w))
		opt->width = w.ws_col;
	return true;
}

/* A full disk is an error. WELL: what was written is worth its name. */
static bool close_output(struct call *c, struct output *file, bool well)
{
	bool failed = fflush(c->out) || ferror(c->out);
	int err = errno;

	if (c->out != stdout) {
		failed |= fclose(c->out) != 0;
		if (!fr_output_end(file, well && !failed) && well && !failed) {
			failed = true;
			err = errno;
		}
	}
	if (failed)
		diag_add(c->diag, DIAG_ERROR, "writing the output failed: %s", fr_output_why(err));
	return !failed;
}

/* ---- one command ----------------------------------------------------------------------------- */

static bool check_color(const struct time_text *times, struct diag *d)
{
	static const char *const whens[] = {"auto", "always", "never"};
	size_t i;

	for (i = 0; times->color && i < 3; i++) {
		if (!strcmp(times->color, whens[i]))
			return true;
	}
	if (times->color)
		diag_add(d, DIAG_ERROR, "--color: auto, always or never, not '%s'", times->color);
	return !times->color;
}

static int with_recording(const struct command *cmd, struct call *c, struct options *opt,
			  const struct time_text *times)
{
	struct output file;
	int code;

	if (cmd->needs == RECORDING) {
		if (c->argc != 2) {
			diag_add(c->diag, DIAG_ERROR,
				 "fr %s needs one recording: a file, a left region or a PID%s",
				 cmd->name, c->argc > 2 ? ", not several" : "; fr list shows them");
			return FR_EXIT_USAGE;
		}
		c->spec = c->argv[1];
		c->rec = fr_recording_open(c->spec, c->diag);
		if (!c->rec)
			return FR_EXIT_ERROR;
	}
	if (!fr_options_times(times, c->rec, opt, c->diag))
		return FR_EXIT_USAGE;
	if (!open_output(c, opt, &file))
		return FR_EXIT_ERROR;
	opt->color = wants_color(times, c->out);
	code = cmd->run(c);
	if (!close_output(c, &file, code != FR_EXIT_ERROR && code != FR_EXIT_USAGE))
		code = FR_EXIT_ERROR;
	if (code == FR_EXIT_OK && ((c->rec && c->rec->losses) || diag_has(c->diag, DIAG_LOSS)))
		code = FR_EXIT_LOSSES;
	return code;
}

static int run(const struct command *cmd, int argc, char **argv)
{
	struct diag diag = {0};
	struct options opt = {0};
	struct time_text times = {0};
	struct call c = {.opt = &opt, .out = stdout, .diag = &diag, .say = say};
	int code = FR_EXIT_USAGE;

	if (cmd->needs == ARGUMENTS) {
		c.argc = argc;
		c.argv = argv;
		code = cmd->run(&c);
		fflush(stdout);
	} else if (signal(SIGPIPE, SIG_DFL) != SIG_ERR && signal(SIGXFSZ, SIG_IGN) != SIG_ERR &&
		   fr_options_parse(cmd, &argc, argv, &opt, &times, &diag) &&
		   check_color(&times, &diag)) {
		c.argc = argc;
		c.argv = argv;
		code = with_recording(cmd, &c, &opt, &times);
	}
	print_diag(&diag);
	fr_recording_close(c.rec);
	diag_free(&diag);
	return code;
}

static int call_by_name(const char *name, int argc, char **argv)
{
	return run(fr_command_find(name), argc, argv);
}

/* fr RECORDING: what is no command must be something that is there. */
static bool is_recording(const char *arg)
{
	return !access(arg, F_OK) || strchr(arg, '/') || strspn(arg, "0123456789") == strlen(arg);
}

int main(int argc, char **argv)
{
	const struct command *cmd;
	const char *similar;

	fr_mem_on_failure(no_memory);
	if (argc < 2) {
		char *help[] = {"help", NULL};

		call_by_name("help", 1, help);
		return FR_EXIT_USAGE;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")) {
		argv[1] = "help";
		return call_by_name("help", argc - 1, argv + 1);
	}
	if (!strcmp(argv[1], "--version") || !strcmp(argv[1], "-V")) {
		printf("fr %s, recording format %d\n", FR_RELEASE, FR_VERSION);
		return fflush(stdout) ? FR_EXIT_ERROR : FR_EXIT_OK;
	}
	cmd = fr_command_find(argv[1]);
	if (cmd && argc > 2 && (!strcmp(argv[2], "--help") || !strcmp(argv[2], "-h"))) {
		char *help[] = {"help", argv[1], NULL};

		return call_by_name("help", 2, help);
	}
	if (cmd)
		return run(cmd, argc - 1, argv + 1);
	if (argv[1][0] != '-' && is_recording(argv[1]))
		return call_by_name("report", argc, argv);
	similar = fr_command_similar(argv[1]);
	say("there is no command or recording '%s'%s%s%s (fr help lists the commands)", argv[1],
	    similar ? "; did you mean '" : "", similar ? similar : "", similar ? "'?" : "");
	return FR_EXIT_USAGE;
}
