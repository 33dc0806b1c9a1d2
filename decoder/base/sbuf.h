/* SPDX-License-Identifier: MIT */
/*
 * sbuf.h - a growable string, and the ways in which foreign bytes may enter one.
 *
 * Everything that comes from a recording or from the host's files is foreign: thread names, paths,
 * peers, symbol names, log texts. It goes to a terminal through fr_sbuf_text() only, and to JSON
 * through fr_sbuf_json() or, for libjansson, through fr_sbuf_utf8().
 */
#ifndef FR_BASE_SBUF_H
#define FR_BASE_SBUF_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct sbuf {
	char *s; /* NUL-terminated once something was added; use fr_sbuf_cstr() */
	size_t n;
	size_t cap;
}; /* {0} is an empty string */

void fr_sbuf_grow(struct sbuf *b, size_t n);

/* Room for N bytes and a NUL at the end of B; whoever fills it adds to b->n. */
static inline char *fr_sbuf_room(struct sbuf *b, size_t n)
{
	if (__builtin_expect(b->cap - b->n <= n, 0))
		fr_sbuf_grow(b, n);
	return b->s + b->n;
}

static inline void fr_sbuf_add(struct sbuf *b, const void *bytes, size_t n)
{
	char *p = fr_sbuf_room(b, n);

	if (n)
		memcpy(p, bytes, n);
	b->n += n;
	p[n] = 0;
}

static inline void fr_sbuf_str(struct sbuf *b, const char *s)
{
	fr_sbuf_add(b, s, strlen(s));
}

static inline void fr_sbuf_char(struct sbuf *b, char c)
{
	char *p = fr_sbuf_room(b, 1);

	p[0] = c;
	p[1] = 0;
	b->n++;
}

void fr_sbuf_pad(struct sbuf *b, char c, size_t n);
void fr_sbuf_fmt(struct sbuf *b, const char *fmt, ...)
	__attribute__((format(printf, 2, 3), nonnull(2)));
void fr_sbuf_vfmt(struct sbuf *b, const char *fmt, va_list ap);
void fr_sbuf_u64(struct sbuf *b, uint64_t v);
void fr_sbuf_i64(struct sbuf *b, int64_t v);
void fr_sbuf_hex(struct sbuf *b, uint64_t v); /* 0x1f */

/*
 * Foreign bytes for a terminal: printable UTF-8 stays; control characters, ESC, DEL, C1, direction
 * marks, backslash and whatever is not UTF-8 become \n, \t, \\ or \xNN.
 */
void fr_sbuf_text(struct sbuf *b, const void *bytes, size_t n);

/* Foreign bytes as a JSON string with its quotes; what is not UTF-8 becomes U+FFFD. */
void fr_sbuf_json(struct sbuf *b, const void *bytes, size_t n);

/* Foreign bytes as valid UTF-8 without NUL (both become U+FFFD), control characters kept. */
void fr_sbuf_utf8(struct sbuf *b, const void *bytes, size_t n);
/* JSON that libjansson has written, or a part of it, without what could steer a terminal. */
void fr_sbuf_json_dumped(struct sbuf *b, const char *text, size_t n);

const char *fr_sbuf_cstr(const struct sbuf *b); /* "" if empty */
void fr_sbuf_reset(struct sbuf *b); /* empty, memory kept */
void fr_sbuf_free(struct sbuf *b);

#endif
