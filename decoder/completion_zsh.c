/* SPDX-License-Identifier: MIT */
/*
 * completion_zsh.c - the completion file for zsh.
 */
#include <string.h>

#include "capture/ctl.h"
#include "completion.h"

static const char head[] =
	"#compdef fr\n"
	"# zsh completion for fr, written by fr help --completion zsh.\n"
	"\n"
	"_fr_pids() { # processes that are recorded\n"
	"\tlocal -a pids\n"
	"\tpids=(${(f)\"$(fr list --json 2>/dev/null |\n"
	"\t\tsed -n '/\"kind\": \"live\"/ { n; s/[^0-9]*\\([0-9]*\\).*/\\1/p; }')\"})\n"
	"\tcompadd -a pids\n"
	"}\n"
	"\n"
	"_fr_recordings() {\n"
	"\t_alternative 'files:recording:_files -g \"*.fr[dr](-.)\"' 'pids:process:_fr_pids'\n"
	"}\n"
	"\n"
	"_fr_subjects() {\n"
	"\t_alternative 'programs:program:_command_names -e' 'files:file:_files' "
	"'pids:process:_pids'\n"
	"}\n"
	"\n";

static const char tail[] = "_fr \"$@\"\n";

#define SPECIAL "[]:\\" /* in a specification of _arguments */

/* What _arguments calls; "" = nothing can be said. */
static void put_action(enum operand operand, const char *words, FILE *out)
{
	static const char *const actions[] = {
		[OPERAND_NONE] = " ",
		[OPERAND_COMMAND] = "_fr_commands",
		[OPERAND_RECORDING] = "_fr_recordings",
		[OPERAND_PROCESS] = "_fr_pids",
		[OPERAND_PROGRAM] = "_command_names -e",
		[OPERAND_SUBJECT] = "_fr_subjects",
		[OPERAND_FILE] = "_files",
		[OPERAND_DIRECTORY] = "_files -/",
		[OPERAND_WORDS] = "",
	};

	fputs(actions[operand], out);
	if (words)
		fprintf(out, "(%s)", words);
}

/* Text in single quotes: there is none within. */
static void put_help(const char *text, FILE *out)
{
	for (; *text; text++) {
		char c[2] = {*text, 0};

		if (*text == '\'')
			fputs("'\\''", out);
		else
			fr_completion_text(c, SPECIAL, out);
	}
}

static void put_option(const struct argument *r, FILE *out)
{
	const struct value *v = r->value ? fr_completion_value(r->value) : NULL;

	fputs("\t\t", out);
	if (r->letter)
		fprintf(out, "'(-%c --%s)'{-%c%s,--%s%s}'[", r->letter, r->name, r->letter,
			v ? "+" : "", r->name, v ? "=" : "");
	else
		fprintf(out, "'--%s%s[", r->name, v ? "=" : "");
	put_help(r->help, out);
	fputs("]", out);
	if (v) {
		fprintf(out, ":%s:", r->value);
		put_action(v->takes, v->words, out);
	}
	fputs("' \\\n", out);
}

static void put_command(const struct command *c, FILE *out)
{
	struct completed its = fr_completion_of(c);

	fprintf(out, "\t%s)\n\t\t_arguments -s -S \\\n", c->name);
	for (size_t i = 0; i < its.arguments.n; i++) {
		if (fr_completion_has(&its.arguments, i))
			put_option(&its.arguments.rows[i], out);
	}
	if (its.operand == OPERAND_PROGRAM) {
		fputs("\t\t'(-)1:program:_command_names -e' '*::argument:_normal'\n\t\t;;\n", out);
		return;
	}
	if (c->run == fr_cmd_ctl) {
		fputs("\t\t'1:process:_fr_pids' '*:setting:_fr_settings'\n\t\t;;\n", out);
		return;
	}
	fputs("\t\t'*:operand:", out);
	put_action(its.operand, NULL, out);
	fputs("'\n\t\t;;\n", out);
}

static void put_list(const char *name, const char *what, FILE *out)
{
	fprintf(out, "\t)\n\t_describe -t %s %s list\n}\n\n", name, what);
}

static void put_commands(const struct command *commands, FILE *out)
{
	fputs("_fr_commands() {\n\tlocal -a list\n\tlist=(\n", out);
	for (const struct command *c = commands; c->name; c++) {
		fprintf(out, "\t\t'%s:", c->name);
		put_help(c->help, out);
		fputs("'\n", out);
	}
	put_list("commands", "command", out);
}

static void put_settings(FILE *out)
{
	const struct arguments *a = fr_ctl_arguments();

	fputs("_fr_settings() {\n\tlocal -a list\n\tlist=(\n", out);
	for (size_t i = 0; i < a->n; i++) {
		if (!fr_completion_has(a, i))
			continue;
		fprintf(out, "\t\t'%s%s:", a->rows[i].name, a->rows[i].value ? "=" : "");
		put_help(a->rows[i].help, out);
		fputs("'\n", out);
	}
	fputs("\t)\n\t_describe -t settings setting list -S ''\n}\n\n", out);
}

void fr_completion_zsh(const struct command *commands, FILE *out)
{
	fputs(head, out);
	put_commands(commands, out);
	put_settings(out);
	fputs("_fr() {\n"
	      "\tlocal curcontext=$curcontext\n"
	      "\tif ((CURRENT == 2)); then\n"
	      "\t\t_alternative 'commands:command:_fr_commands' "
	      "'recordings:recording:_fr_recordings'\n"
	      "\t\treturn\n"
	      "\tfi\n"
	      "\tshift words\n"
	      "\t((CURRENT--))\n"
	      "\tcase $words[1] in\n",
	      out);
	for (const struct command *c = commands; c->name; c++)
		put_command(c, out);
	fputs("\tesac\n}\n\n", out);
	fputs(tail, out);
}
