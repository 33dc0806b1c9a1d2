/* SPDX-License-Identifier: MIT */
/*
 * arguments.c - argv against a table.
 *
 * Must not: print or exit; what is wrong goes to the diag list and main.c decides.
 */
#include "base/arguments.h"

#include <ctype.h>
#include <string.h>

/* The value that is glued to ARG behind N characters of a name: "=T7"; false = another name. */
static bool ends_at(const char *arg, size_t n, const char **value)
{
	*value = arg[n] == '=' ? arg + n + 1 : NULL;
	return !arg[n] || arg[n] == '=';
}

static bool is_named(const struct arguments *a, const struct argument *row, const char *arg,
		     const char **value)
{
	size_t dashes = a->words ? 0 : 2, n = strlen(row->name);

	if (!a->words && arg[1] != '-') {
		*value = arg[2] ? arg + 2 : NULL;
		return row->letter && row->letter == arg[1];
	}
	return !strncmp(arg + dashes, row->name, n) && ends_at(arg, dashes + n, value);
}

/* The row for ARG and what is glued to it; N = there is none. */
static size_t find_row(const struct arguments *a, const char *arg, const char **value)
{
	size_t i;

	for (i = 0; i < a->n; i++)
		if ((a->rows[i].group & a->groups) && is_named(a, &a->rows[i], arg, value))
			break;
	return i;
}

/* Negative numbers such as -1.5s are values or operands, never options. */
static bool is_operand(const struct arguments *a, const char *arg)
{
	if (a->words)
		return false;
	return arg[0] != '-' || !arg[1] || isdigit((unsigned char)arg[1]) || arg[1] == '.';
}

/* Row R as the help writes it: "--min-dur TIME", "slow=TIME". */
static const char *spelled(const struct arguments *a, const struct argument *r, char buf[64])
{
	snprintf(buf, 64, "%s%s%s%s", a->words ? "" : "--", r->name,
		 !r->value  ? ""
		 : a->words ? "="
			    : " ",
		 r->value ? r->value : "");
	return buf;
}

static bool wrong(const struct arguments *a, const struct argument *r, struct diag *d,
		  const char *arg, const char *what)
{
	char buf[64];

	diag_add(d, DIAG_ERROR, "fr %s: %s %s; %s: %s", a->command, arg, what, spelled(a, r, buf),
		 r->help);
	return false;
}

/* Takes argv[*I], and the one behind it if that is its value. */
static bool take(const struct arguments *a, int argc, char **argv, int *i, struct diag *d)
{
	const char *arg = argv[*i], *value;
	size_t row = find_row(a, arg, &value);
	const struct argument *r = &a->rows[row];

	if (row == a->n) {
		diag_add(d, DIAG_ERROR, "fr %s has no %s %s; see fr help %s", a->command,
			 a->words ? "setting" : "option", arg, a->command);
		return false;
	}
	if (!r->value && value)
		return wrong(a, r, d, arg, "takes no value");
	if (r->value && !value && !a->words && *i + 1 < argc)
		value = argv[++*i];
	if (r->value && !value)
		return wrong(a, r, d, arg, "needs a value");
	return a->set(a->into, row, value) ||
	       wrong(a, r, d, arg == argv[*i] ? arg : value, "is not understood");
}

bool fr_arguments_parse(const struct arguments *a, int *argc, char **argv, struct diag *d)
{
	bool operands = false;
	int i, kept = 1;

	for (i = 1; i < *argc; i++) {
		if (!operands && !a->words && !strcmp(argv[i], "--")) {
			operands = true;
		} else if (operands || is_operand(a, argv[i])) {
			argv[kept++] = argv[i];
			operands |= a->operand_ends;
		} else if (!take(a, *argc, argv, &i, d)) {
			return false;
		}
	}
	*argc = kept;
	return true;
}

static void row_help(const struct arguments *a, const struct argument *r, FILE *out)
{
	char name[64], left[80];

	if (a->words)
		spelled(a, r, left);
	else
		snprintf(left, sizeof(left), "%c%c%c %s", r->letter ? '-' : ' ',
			 r->letter ? r->letter : ' ', r->letter ? ',' : ' ', spelled(a, r, name));
	fprintf(out, "  %-24s %s\n", left, r->help);
}

void fr_arguments_help(const struct arguments *a, FILE *out)
{
	size_t i;

	for (i = 0; i < a->n; i++)
		if (a->rows[i].group & a->groups)
			row_help(a, &a->rows[i], out);
}

void fr_manual_text(const char *text, FILE *out)
{
	for (; *text; text++) {
		if (*text == '-' || *text == '\\')
			fputs(*text == '-' ? "\\-" : "\\e", out);
		else
			fputc(*text, out);
	}
}

void fr_arguments_manual(const struct arguments *a, FILE *out)
{
	for (size_t i = 0; i < a->n; i++) {
		const struct argument *r = &a->rows[i];
		char name[64];

		if (!(r->group & a->groups))
			continue;
		fputs(".TP\n\\fB", out);
		if (r->letter)
			fprintf(out, "\\-%c, ", r->letter);
		fr_manual_text(spelled(a, r, name), out);
		fputs("\\fR\n\\&", out);
		fr_manual_text(r->help, out);
		fputc('\n', out);
	}
}
