/* SPDX-License-Identifier: MIT */
/*
 * manual.c - the manual page fr(1), from the tables that the help and the parsers are made of.
 *
 * The build writes it to fr.1 (fr help --man). Must not: say a thing that a table does not.
 */
#include <inttypes.h>
#include <string.h>

#include "base/arguments.h"
#include "base/sbuf.h"
#include "capture/ctl.h"
#include "capture/run.h"
#include "commands.h"
#include "exporters/settings.h"

struct setting {
	const char *name, *variable, *dflt, *value, *option, *help;
	uint64_t least, most;
	enum fr_setting_unit unit;
	bool live;
};

#define SETTING(name, variable, type, dflt, least, most, change, letter, option, help)             \
	{#name, variable, dflt, FR_VALUE_OF_##type, option,                                        \
	 help,  least,    most, FR_UNIT_OF_##type,  FR_LIVE_##change},
static const struct setting settings[FR_SETTINGS] = {
#include "preload/wire/config.def"
};
#undef SETTING

/* "From 1 to 254."; nothing where the parser knows. */
static void range(const struct setting *s, FILE *out)
{
	struct sbuf b = {0};

	if (!s->most || s->unit == FR_UNIT_TEXT || s->unit == FR_UNIT_FLAG)
		return;
	fr_sbuf_str(&b, s->least ? "From " : "At most ");
	if (s->least) {
		fr_setting_number_text(&b, s->unit, s->least);
		fr_sbuf_str(&b, " to ");
	}
	fr_setting_number_text(&b, s->unit, s->most);
	fprintf(out, "%s.\n", fr_sbuf_cstr(&b));
	fr_sbuf_free(&b);
}

static void setting(const struct setting *s, FILE *out)
{
	fprintf(out, ".TP\n\\fB%s\\fR=\\fI%s\\fR\n\\&", s->variable, s->value);
	fr_manual_text(s->help, out);
	fputs(".\n", out);
	if (s->dflt[0]) {
		fputs("Default: ", out);
		fr_manual_text(s->dflt, out);
		fputs(".\n", out);
	}
	range(s, out);
	if (s->option[0]) {
		fputs("\\fBfr run\\fR: \\fB\\-\\-", out);
		fr_manual_text(s->option, out);
		fputs("\\fR.\n", out);
	}
	if (s->live)
		fprintf(out, "\\fBfr ctl\\fR: \\fB%s=\\fI%s\\fR.\n", s->name, s->value);
}

static void command(const struct command *c, FILE *out)
{
	fprintf(out, ".SS fr %s\n\\&", c->name);
	fr_manual_text(c->help, out);
	fputc('\n', out);
	if (c->run == fr_cmd_run)
		fr_arguments_manual(fr_run_arguments(), out);
	if (c->run == fr_cmd_ctl)
		fr_arguments_manual(fr_ctl_arguments(), out);
	if (c->needs != ARGUMENTS)
		fr_options_manual(c, out);
}

void fr_manual_settings(FILE *out)
{
	fputs(".SH SETTINGS\nEnvironment variables, read once when the program starts. A value "
	      "that "
	      "is not understood\ndisables nothing: the default is used, and \\fBfr info\\fR says "
	      "so.\n",
	      out);
	for (size_t i = 0; i < FR_SETTINGS; i++)
		setting(&settings[i], out);
}

void fr_manual(const struct command *commands, FILE *out)
{
	fputs(".TH FR 1 " FR_RELEASED " \"fr " FR_RELEASE
	      "\" \"Flight recorder\"\n.SH NAME\nfr \\- flight recorder for native programs\n"
	      ".SH SYNOPSIS\n\\fBfr run\\fR [\\fIoptions\\fR] \\-\\- \\fIPROGRAM\\fR "
	      "[\\fIARGUMENT\\fR...]\n.br\n"
	      "\\fBfr\\fR \\fICOMMAND\\fR \\fIRECORDING\\fR [\\fIoptions\\fR]\n.br\n"
	      "\\fBfr\\fR \\fIRECORDING\\fR\n"
	      ".SH DESCRIPTION\n"
	      "A \\fIRECORDING\\fR is a snapshot (.frd), the region that a process left behind, or "
	      "the PID of a\nprocess that runs under the recorder.\n"
	      "\\fBfr\\fR \\fIRECORDING\\fR is \\fBfr report\\fR \\fIRECORDING\\fR.\n"
	      ".SH COMMANDS\n",
	      out);
	for (const struct command *c = commands; c->name; c++)
		command(c, out);
	fr_manual_settings(out);
	fputs(".SH EXIT STATUS\n0 fine, 1 error, 2 usage, 3 printed what could be read of a "
	      "damaged "
	      "recording.\n"
	      ".SH SEE ALSO\n\\fBlibfr\\fR(7)\n",
	      out);
}
