/* SPDX-License-Identifier: MIT */
/*
 * demangle.c - asks libiberty, bounds what it is asked, and drops parameter lists.
 *
 * Without DMGL_PARAMS libiberty also drops the parameters of function types inside template
 * arguments ("thread< (&)(), void>"), so the whole name is made and shortened here.
 */
#include "symbols/demangle.h"

#include <ctype.h>
#include <libiberty/demangle.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Longer ones exist, but their demangled form helps nobody and costs seconds. */
#define LENGTH_MAX 4096

/* What follows the bracket that closes the one at S; the end if none does. */
static const char *skip_group(const char *s)
{
	int depth = 0;

	for (; *s; s++) {
		if (strchr("([{<", *s))
			depth++;
		else if (strchr(")]}", *s) || (*s == '>' && s[-1] != '-'))
			depth--;
		if (!depth)
			return s + 1;
	}
	return s;
}

/* The name of an operator may hold brackets that do not pair: past "operator<<", "operator()". */
static const char *skip_operator(const char *s)
{
	s += strlen("operator");
	if (!strncmp(s, "()", 2) || !strncmp(s, "[]", 2))
		return s + 2;
	return s + strspn(s, "<>=!+-*/%^&|~,");
}

static bool is_word(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

/* What may follow a parameter list: " const", " volatile", " &", "&&". */
static const char *skip_qualifiers(const char *s)
{
	static const char *const words[] = {" const", " volatile", " &&", " &", "&&", "&"};
	size_t i = 0;

	while (i < sizeof(words) / sizeof(words[0])) {
		size_t n = strlen(words[i]);

		if (!strncmp(s, words[i], n)) {
			s += n;
			i = 0;
		} else {
			i++;
		}
	}
	return s;
}

/* "a(int)::b<void (int)>(char) const" becomes "a::b<void (int)>", in place. */
static void drop_parameters(char *name)
{
	const char *s = name, *next;
	char *out = name;

	while (*s) {
		bool boundary = s == name || !is_word(s[-1]);

		next = s + 1;
		if (boundary && !strncmp(s, "operator", 8) && !is_word(s[8])) {
			next = skip_operator(s);
		} else if (*s == '(' && strncmp(s, "(anonymous", 10) && out != name &&
			   (is_word(s[-1]) || strchr(">})]~=<*-+!/%&|^,", s[-1]))) {
			s = skip_qualifiers(skip_group(s));
			continue;
		} else if (strchr("([{<", *s)) {
			next = skip_group(s);
		}
		memmove(out, s, (size_t)(next - s));
		out += next - s;
		s = next;
	}
	*out = 0;
}

char *fr_demangle(const char *name)
{
	bool mangled =
		!strncmp(name, "_Z", 2) || !strncmp(name, "_R", 2) || !strncmp(name, "__Z", 3);
	char *s;

	if (!mangled || strnlen(name, LENGTH_MAX) == LENGTH_MAX)
		return NULL;
	s = cplus_demangle(name, DMGL_RUST);
	if (s)
		return s;
	s = cplus_demangle(name, DMGL_GNU_V3 | DMGL_PARAMS | DMGL_ANSI | DMGL_RET_DROP);
	if (s)
		drop_parameters(s);
	return s;
}
