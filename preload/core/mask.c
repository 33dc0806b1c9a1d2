/* SPDX-License-Identifier: MIT */
/*
 * mask.c - see mask.h.
 *
 * A secret is the value of a name (mask.def): name=value, "name": "value", --name value, or the
 * pairs and command lines in which NUL stands between them. It goes as far as its form lets it:
 * rather too far than not far enough. Names alone, as of files, are no secrets.
 *
 * Context: hooks, signal handlers. Must not: touch errno, read beyond the text.
 */
#include "core/mask.h"

#include <stddef.h>
#include <string.h>

#include "core/config.h"

enum where {
	ANY,
	END,
};

static const struct {
	const char *part;
	enum where where;
} rows[] = {
#include "core/mask.def"
};

struct text {
	const char *p;
	uint32_t n;
};

/* Bytes [from, to) of a text. */
struct part {
	uint32_t from, to;
};

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

static bool in_name(char c)
{
	c = lower(c);
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.';
}

static bool is_quote(char c)
{
	return c == '"' || c == '\'';
}

/* PART stands in the name at S, at its end or anywhere. */
static bool has(const char *s, uint32_t n, const char *part, uint32_t size, enum where where)
{
	if (size > n || !size)
		return false;
	for (uint32_t i = where == END ? n - size : 0; i + size <= n; i++) {
		uint32_t k = 0;

		while (k < size && lower(s[i + k]) == lower(part[k]))
			k++;
		if (k == size)
			return true;
	}
	return false;
}

/* One of the words of FR_MASK, which commas or spaces keep apart. */
static bool is_added(const char *s, uint32_t n)
{
	for (const char *p = fr_config.mask; *p;) {
		uint32_t size = (uint32_t)strcspn(p, ", ");

		if (has(s, n, p, size, ANY))
			return true;
		p += size + (p[size] != '\0');
	}
	return false;
}

static bool is_secret_name(const char *s, uint32_t n)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (has(s, n, rows[i].part, (uint32_t)strlen(rows[i].part), rows[i].where))
			return true;
	}
	return is_added(s, n);
}

/* The name that ends before the separator at AT. */
static struct part name_before(struct text t, uint32_t at)
{
	struct part name = {at, at};

	if (t.p[at] == '=' || t.p[at] == ':') {
		while (name.to && (is_quote(t.p[name.to - 1]) || t.p[name.to - 1] == ' '))
			name.to--;
	}
	name.from = name.to;
	while (name.from && in_name(t.p[name.from - 1]))
		name.from--;
	return name;
}

/* Where a value ends that the separator SEP has begun, at FROM. */
static uint32_t value_end(struct text t, uint32_t from, char sep)
{
	const char *stop = sep == ':' ? "\n\r\"" : sep == '=' ? " \t\n\r&\"'" : " \t\n\r\"'";
	char quote = '\0';
	uint32_t i = from;

	if (sep == '\0')
		stop = "";
	if (from && is_quote(t.p[from - 1]))
		quote = t.p[from - 1];
	for (; i < t.n && t.p[i]; i++) {
		if (quote ? t.p[i] == quote : strchr(stop, t.p[i]) != NULL)
			break;
	}
	return i;
}

/* Does the separator at AT stand behind a name whose value is secret? A space only behind some. */
static bool is_secret_at(struct text t, uint32_t at)
{
	struct part name = name_before(t, at);
	const char *s = t.p + name.from;
	uint32_t n = name.to - name.from;
	char sep = t.p[at];

	if (!n || (sep == ' ' && s[0] != '-' && !has(s, n, "bearer", 6, END)))
		return false;
	if (sep == '\0' && n == 3 && has(s, n, "key", 3, END))
		return false; /* the key of a pair, which is called so */
	return is_secret_name(s, n);
}

static struct part value_at(struct text t, uint32_t at)
{
	char sep = t.p[at];
	struct part v = {at + 1, at + 1};

	while (v.from < t.n && (t.p[v.from] == ' ' || is_quote(t.p[v.from])) && sep != '\0') {
		v.from++;
		if (is_quote(t.p[v.from - 1]))
			break;
	}
	v.to = value_end(t, v.from, sep);
	if ((sep == ' ' || sep == '\0') && v.from < t.n && t.p[v.from] == '-')
		v.to = v.from; /* the next option: this one has no value */
	return v;
}

/* The password of the URL whose "://" stands at AT. */
static struct part password_at(struct text t, uint32_t at)
{
	struct part v = {0, 0};

	for (uint32_t i = at + 3; i < t.n && t.p[i] && !strchr("/ \"'?#\n", t.p[i]); i++) {
		if (t.p[i] == ':' && !v.from)
			v.from = i + 1;
		if (t.p[i] == '@' && v.from)
			v.to = i;
	}
	return v.to > v.from ? v : (struct part){0, 0};
}

/* The first secret from FROM on; empty at the end: there is none. */
static struct part next(struct text t, uint32_t from)
{
	for (uint32_t i = from; i < t.n; i++) {
		char c = t.p[i];
		struct part v = {0, 0};

		if (c != '=' && c != ':' && c != ' ' && c != '\0')
			continue;
		if (c == ':' && i + 2 < t.n && t.p[i + 1] == '/' && t.p[i + 2] == '/')
			v = password_at(t, i);
		else if (is_secret_at(t, i))
			v = value_at(t, i);
		if (v.to > v.from)
			return v;
	}
	return (struct part){t.n, t.n};
}

bool fr_mask_copy(char *to, const char *from, uint32_t n)
{
	struct text t = {from, n};
	bool found = false;
	uint32_t at = 0;

	while (at < n) {
		struct part v = next(t, at);

		memmove(to + at, from + at, v.from - at);
		memset(to + v.from, '*', v.to - v.from);
		found |= v.to > v.from;
		at = v.to;
	}
	return found;
}
