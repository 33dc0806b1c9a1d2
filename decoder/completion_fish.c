/* SPDX-License-Identifier: MIT */
/*
 * completion_fish.c - the completion file for fish.
 */
#include "capture/ctl.h"
#include "completion.h"

static const char head[] =
	"# fish completion for fr, written by fr help --completion fish.\n"
	"\n"
	"function __fr_pids # processes that are recorded\n"
	"\tfr list --json 2>/dev/null |\n"
	"\t\tsed -n '/\"kind\": \"live\"/ { n; s/[^0-9]*\\([0-9]*\\).*/\\1/p; }'\n"
	"end\n"
	"\n"
	"function __fr_recordings\n"
	"\t__fr_pids\n"
	"\t__fish_complete_suffix .frd\n"
	"\t__fish_complete_suffix .frr\n"
	"end\n"
	"\n"
	"complete -c fr -f\n"
	"complete -c fr -n __fish_use_subcommand -a '(__fr_recordings)'\n";

#define SPECIAL "'\\" /* between single quotes */

static const char *const actions[] = {
	[OPERAND_NONE] = NULL,
	[OPERAND_COMMAND] = NULL,
	[OPERAND_RECORDING] = "-a '(__fr_recordings)'",
	[OPERAND_PROCESS] = "-a '(__fr_pids)'",
	[OPERAND_PROGRAM] = "-a '(__fish_complete_subcommand --fcs-skip=2)'",
	[OPERAND_SUBJECT] = "-F -a '(__fish_complete_command; __fish_complete_pids)'",
	[OPERAND_FILE] = "-F",
	[OPERAND_DIRECTORY] = "-a '(__fish_complete_directories)'",
	[OPERAND_WORDS] = NULL,
};

static void put_help(const char *text, FILE *out)
{
	fputs(" -d '", out);
	fr_completion_text(text, SPECIAL, out);
	fputs("'\n", out);
}

static void put_begin(const char *command, FILE *out)
{
	fprintf(out, "complete -c fr -n '__fish_seen_subcommand_from %s'", command);
}

static void put_option(const char *command, const struct argument *r, FILE *out)
{
	const struct value *v = r->value ? fr_completion_value(r->value) : NULL;

	put_begin(command, out);
	fprintf(out, " -l %s", r->name);
	if (r->letter)
		fprintf(out, " -s %c", r->letter);
	if (v && v->takes == OPERAND_WORDS)
		fprintf(out, " -x -a '%s'", v->words);
	else if (v)
		fprintf(out, " -r %s", actions[v->takes] ? actions[v->takes] : "-f");
	put_help(r->help, out);
}

static void put_settings(FILE *out)
{
	const struct arguments *a = fr_ctl_arguments();

	for (size_t i = 0; i < a->n; i++) {
		if (!fr_completion_has(a, i))
			continue;
		put_begin("ctl", out);
		fprintf(out, " -a '%s%s'", a->rows[i].name, a->rows[i].value ? "=" : "");
		put_help(a->rows[i].help, out);
	}
}

static void put_command(const struct command *c, const struct command *commands, FILE *out)
{
	struct completed its = fr_completion_of(c);

	fprintf(out, "\ncomplete -c fr -n __fish_use_subcommand -a %s", c->name);
	put_help(c->help, out);
	for (size_t i = 0; i < its.arguments.n; i++) {
		if (fr_completion_has(&its.arguments, i))
			put_option(c->name, &its.arguments.rows[i], out);
	}
	if (c->run == fr_cmd_ctl)
		put_settings(out);
	if (actions[its.operand]) {
		put_begin(c->name, out);
		fprintf(out, " %s\n", actions[its.operand]);
	}
	if (its.operand != OPERAND_COMMAND)
		return;
	for (const struct command *other = commands; other->name; other++) {
		put_begin(c->name, out);
		fprintf(out, " -a %s", other->name);
		put_help(other->help, out);
	}
}

void fr_completion_fish(const struct command *commands, FILE *out)
{
	fputs(head, out);
	for (const struct command *c = commands; c->name; c++)
		put_command(c, commands, out);
}
