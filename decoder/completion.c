/* SPDX-License-Identifier: MIT */
/*
 * completion.c - what can be completed, from the tables that the parsers and the help are made of;
 * and the file for bash. completion_zsh.c and completion_fish.c have the other two.
 *
 * Must not: know an option or a command that a table does not.
 */
#include "completion.h"

#include <string.h>

#include "capture/ctl.h"
#include "capture/run.h"

static const struct value values[] = {
	{"FILE", OPERAND_FILE, NULL},
	{"DIR", OPERAND_DIRECTORY, NULL},
	{"WHEN", OPERAND_WORDS, "auto always never"},
	{"LEVELS", OPERAND_WORDS, "off slow sampled full"},
};

const struct value *fr_completion_value(const char *name)
{
	static const struct value unknown = {"", OPERAND_NONE, NULL};

	for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++) {
		if (!strcmp(values[i].name, name))
			return &values[i];
	}
	return &unknown;
}

static enum operand operand_of(const struct command *c)
{
	const struct {
		int (*run)(struct call *c);
		enum operand operand;
	} special[] = {
		{fr_cmd_run, OPERAND_PROGRAM},    {fr_cmd_snapshot, OPERAND_PROCESS},
		{fr_cmd_ctl, OPERAND_PROCESS},    {fr_cmd_doctor, OPERAND_SUBJECT},
		{fr_cmd_list, OPERAND_DIRECTORY}, {fr_cmd_rm, OPERAND_RECORDING},
	};

	for (size_t i = 0; i < sizeof(special) / sizeof(*special); i++) {
		if (c->run == special[i].run)
			return special[i].operand;
	}
	return c->needs == RECORDING ? OPERAND_RECORDING : OPERAND_COMMAND; /* fr help COMMAND */
}

struct completed fr_completion_of(const struct command *c)
{
	struct completed its = {.command = c, .operand = operand_of(c)};

	if (c->run == fr_cmd_run)
		its.arguments = *fr_run_arguments();
	else if (c->needs != ARGUMENTS)
		its.arguments = fr_options_arguments(c);
	return its;
}

void fr_completion_text(const char *text, const char *special, FILE *out)
{
	for (; *text; text++) {
		if (strchr(special, *text))
			fputc('\\', out);
		fputc(*text, out);
	}
}

/* ---- bash ------------------------------------------------------------------------------------ */

static const char bash_head[] =
	"# bash completion for fr, written by fr help --completion bash.\n"
	"\n"
	"_fr_pids() { # processes that are recorded\n"
	"\tfr list --json 2>/dev/null | sed -n '/\"kind\": \"live\"/ { n; "
	"s/[^0-9]*\\([0-9]*\\).*/\\1/p; }'\n"
	"}\n"
	"\n"
	"_fr_processes() { # all there are\n"
	"\tlocal dir\n"
	"\tfor dir in /proc/[0-9]*; do echo \"${dir#/proc/}\"; done\n"
	"}\n"
	"\n"
	"_fr_take() { # COMPGEN-ARGUMENT...: one candidate a line\n"
	"\tlocal line\n"
	"\twhile IFS= read -r line; do COMPREPLY+=(\"$line\"); done < <(compgen \"$@\" -- "
	"\"$cur\")\n"
	"}\n"
	"\n"
	"_fr_operand() { # KIND [WORDS]\n"
	"\tcase $1 in\n"
	"\twords) _fr_take -W \"$2\" ;;\n"
	"\tfile) compopt -o filenames; _fr_take -f ;;\n"
	"\tdirectory) compopt -o filenames; _fr_take -d ;;\n"
	"\tprocess) _fr_take -W \"$(_fr_pids)\" ;;\n"
	"\tprogram) compopt -o filenames; _fr_take -c; [[ $cur != */* ]] || _fr_take -f ;;\n"
	"\tsubject) _fr_operand program; [[ $cur != [0-9]* ]] || _fr_take -W \"$(_fr_processes)\" "
	";;\n"
	"\trecording) compopt -o filenames; _fr_take -f -X '!*.fr[dr]'; _fr_take -d\n"
	"\t\t_fr_take -W \"$(_fr_pids)\" ;;\n"
	"\tesac\n"
	"}\n"
	"\n"
	"_fr_program() { # FIRST: the word from which on it is a program's own command line\n"
	"\tif [ \"$COMP_CWORD\" -eq \"$1\" ]; then\n"
	"\t\t_fr_operand program\n"
	"\telif declare -F _command_offset >/dev/null; then\n"
	"\t\t_command_offset \"$1\"\n"
	"\telse\n"
	"\t\t_fr_operand file\n"
	"\tfi\n"
	"}\n"
	"\n"
	"_fr() {\n"
	"\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} i\n"
	"\tlocal command=${COMP_WORDS[1]} options='' operand='' words='' valued=' '\n"
	"\tCOMPREPLY=()\n";

static const char bash_tail[] =
	"\t*) return ;;\n"
	"\tesac\n"
	"\tif [ \"$prev\" = = ] || [ \"$cur\" = = ]; then # --output=FILE is three words\n"
	"\t\t[ \"$cur\" != = ] || cur='' COMP_CWORD=$((COMP_CWORD + 1))\n"
	"\t\tprev=${COMP_WORDS[COMP_CWORD - 2]}\n"
	"\tfi\n"
	"\tif [ \"$operand\" = program ]; then\n"
	"\t\tfor ((i = 2; i < COMP_CWORD; i++)); do\n"
	"\t\t\tcase ${COMP_WORDS[i]} in\n"
	"\t\t\t--) _fr_program $((i + 1)); return ;;\n"
	"\t\t\t=) ((i++)) ;;\n"
	"\t\t\t-*) [[ $valued != *\" ${COMP_WORDS[i]} \"* || ${COMP_WORDS[i + 1]} = = ]] || "
	"((i++)) ;;\n"
	"\t\t\t*) _fr_program $i; return ;;\n"
	"\t\t\tesac\n"
	"\t\tdone\n"
	"\tfi\n"
	"\tif [[ $valued = *\" $prev \"* ]]; then\n"
	"\t\t_fr_value \"$command $prev\"\n"
	"\telif [[ $cur = -* ]]; then\n"
	"\t\t_fr_take -W \"$options\"\n"
	"\telse\n"
	"\t\t[ -z \"$words\" ] || _fr_take -W \"$words\"\n"
	"\t\t_fr_operand \"$operand\" \"$commands\"\n"
	"\tfi\n"
	"}\n"
	"complete -F _fr fr\n";

static const char *const kinds[] = {
	[OPERAND_NONE] = "none",           [OPERAND_COMMAND] = "words",
	[OPERAND_RECORDING] = "recording", [OPERAND_PROCESS] = "process",
	[OPERAND_PROGRAM] = "program",     [OPERAND_SUBJECT] = "subject",
	[OPERAND_FILE] = "file",           [OPERAND_DIRECTORY] = "directory",
	[OPERAND_WORDS] = "words",
};

/* "--output -o " for each row that is the command's; VALUED: only of those that take a value. */
static void bash_options(const struct arguments *a, bool valued, FILE *out)
{
	for (size_t i = 0; i < a->n; i++) {
		const struct argument *r = &a->rows[i];

		if (!fr_completion_has(a, i) || (valued && !r->value))
			continue;
		fprintf(out, "--%s ", r->name);
		if (r->letter)
			fprintf(out, "-%c ", r->letter);
	}
}

static void bash_command(const struct command *c, FILE *out)
{
	struct completed its = fr_completion_of(c);
	const struct arguments *ctl = fr_ctl_arguments();

	fprintf(out, "\t%s)\n\t\toptions='", c->name);
	bash_options(&its.arguments, false, out);
	fputs("--help'\n\t\tvalued=' ", out);
	bash_options(&its.arguments, true, out);
	fprintf(out, "' operand=%s\n", kinds[its.operand]);
	if (c->run == fr_cmd_ctl) {
		fputs("\t\twords='", out);
		for (size_t i = 0; i < ctl->n; i++) {
			if (fr_completion_has(ctl, i))
				fprintf(out, "%s%s ", ctl->rows[i].name,
					ctl->rows[i].value ? "=" : "");
		}
		fputs("'\n\t\tcompopt -o nospace\n", out);
	}
	fputs("\t\t;;\n", out);
}

/* _fr_value "run --dir": what stands behind that option. */
static void bash_values(const struct command *commands, FILE *out)
{
	fputs("_fr_value() { # COMMAND OPTION\n\tcase $1 in\n", out);
	for (const struct command *c = commands; c->name; c++) {
		struct completed its = fr_completion_of(c);

		for (size_t i = 0; i < its.arguments.n; i++) {
			const struct argument *r = &its.arguments.rows[i];
			const struct value *v = r->value ? fr_completion_value(r->value) : NULL;

			if (!v || v->takes == OPERAND_NONE || !fr_completion_has(&its.arguments, i))
				continue;
			fprintf(out, "\t\"%s --%s\"", c->name, r->name);
			if (r->letter)
				fprintf(out, " | \"%s -%c\"", c->name, r->letter);
			fprintf(out, ") _fr_operand %s '%s' ;;\n", kinds[v->takes],
				v->words ? v->words : "");
		}
	}
	fputs("\tesac\n}\n\n", out);
}

void fr_completion_bash(const struct command *commands, FILE *out)
{
	const struct command *c;
	const char *at = strstr(bash_head, "_fr() {");

	fwrite(bash_head, 1, (size_t)(at - bash_head), out);
	bash_values(commands, out);
	fputs(at, out);
	fputs("\tlocal commands='", out);
	for (c = commands; c->name; c++)
		fprintf(out, "%s%s", c == commands ? "" : " ", c->name);
	fputs("'\n\tif [ \"$COMP_CWORD\" -eq 1 ]; then\n"
	      "\t\t_fr_take -W \"$commands --help --version\"\n"
	      "\t\t_fr_operand recording\n\t\treturn\n\tfi\n"
	      "\tcase $command in\n",
	      out);
	for (c = commands; c->name; c++)
		bash_command(c, out);
	fputs(bash_tail, out);
}
