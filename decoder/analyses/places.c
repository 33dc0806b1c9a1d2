/* SPDX-License-Identifier: MIT */
/*
 * places.c - which frame of a stack is the place in the program to look at.
 *
 * The first one of the user's code: of the program, or of a library that does not come with the
 * system. What everybody has is never it: libc, the C++ library and what its headers have put into
 * the program, and the recorder.
 */
#include <string.h>

#include "analyses/names.h"
#include "base/path.h"
#include "base/sbuf.h"

/* Files whose code is never the place to look at: beginnings of their names. */
static const char *const plumbing[] = {
	"libc.so",  "libc-",     "libpthread", "ld-linux", "ld-",
	"libfr.so", "libstdc++", "libgcc_s",   "[vdso]",   "libm.so",
};

/* Where the system's own libraries are. */
static const char *const system_dirs[] = {"/lib", "/usr/lib", "/usr/libexec", "/nix/store/"};

/* How much a frame is the user's, the least first. */
enum whose {
	RECORDERS,
	EVERYBODYS,
	HEADERS, /* of the C++ library, compiled into the program */
	SYSTEMS,
	USERS,
};

static bool begins(const char *s, const char *with)
{
	return !strncmp(s, with, strlen(with));
}

static bool is_plumbing(const char *mod)
{
	for (size_t i = 0; i < sizeof(plumbing) / sizeof(plumbing[0]); i++)
		if (begins(mod, plumbing[i]))
			return true;
	return false;
}

/* Libraries that are compiled into programs: beginnings of their functions' names. */
static const char *const built_in[] = {
	"std::",       "core::",     "alloc::",     "absl::",
	"parking_lot", "lock_api::", "__gnu_cxx::", "folly::",
};

/* "<std::...>::f" is a function of std as well. */
static bool is_built_in(const char *fn)
{
	fn += strspn(fn, "<&");
	for (size_t i = 0; i < sizeof(built_in) / sizeof(built_in[0]); i++)
		if (begins(fn, built_in[i]))
			return true;
	return false;
}

static bool is_header(const struct frame *f)
{
	if (f->file && strstr(f->file, "/include/") && strstr(f->file, "/c++/"))
		return true;
	return f->fn &&
	       (is_built_in(f->fn) || begins(f->fn, "void std::") || begins(f->fn, "bool std::"));
}

static bool is_of_system(const struct names *n, const char *mod)
{
	const struct recording *rec = fr_names_model(n)->rec;

	for (size_t i = 0; i < rec->n_modules; i++) {
		if (strcmp(fr_path_base(rec->modules[i].path), mod))
			continue;
		for (size_t k = 0; k < sizeof(system_dirs) / sizeof(system_dirs[0]); k++)
			if (begins(rec->modules[i].path, system_dirs[k]))
				return true;
		return false;
	}
	return false;
}

static enum whose whose(const struct names *n, const struct frame *f)
{
	const char *exe = fr_path_base(fr_names_model(n)->rec->hdr.exe);

	if (!f->mod)
		return EVERYBODYS;
	if (begins(f->mod, "libfr.so"))
		return RECORDERS;
	if (strcmp(f->mod, exe) && is_plumbing(f->mod))
		return EVERYBODYS;
	if (is_header(f))
		return HEADERS;
	if (!strcmp(f->mod, exe))
		return f->fn ? USERS : SYSTEMS;
	return is_of_system(n, f->mod) ? SYSTEMS : USERS;
}

bool fr_frame_is_own(struct names *n, const struct frame *f)
{
	return whose(n, f) >= SYSTEMS;
}

bool fr_frame_is_handler_call(const struct frame *f)
{
	return f->fn && (!strcmp(f->fn, FRAME_HANDLER_CALL) || !strcmp(f->fn, "__restore_rt"));
}

const char *fr_name_frame(struct names *n, const struct frame *f)
{
	const char *text;
	struct sbuf b = {0};

	if (f->fn) {
		fr_sbuf_text(&b, f->fn, strlen(f->fn));
		fr_sbuf_char(&b, ' ');
	}
	if (f->fn && f->file && f->line) {
		fr_sbuf_text(&b, fr_path_base(f->file), strlen(fr_path_base(f->file)));
		fr_sbuf_fmt(&b, ":%u", f->line);
	} else if (f->mod) {
		fr_sbuf_text(&b, f->mod, strlen(f->mod));
		fr_sbuf_fmt(&b, "+0x%llx", (unsigned long long)f->off);
	} else {
		fr_sbuf_fmt(&b, "0x%llx", (unsigned long long)f->off);
	}
	text = fr_name_fmt(n, "%s", fr_sbuf_cstr(&b));
	fr_sbuf_free(&b);
	return text;
}

/* The first of those that are most the user's. */
static size_t own_frame(struct names *n, const struct frame *f, size_t count)
{
	enum whose best = RECORDERS;
	size_t i, at = 0;

	for (i = 0; i < count && best != USERS; i++) {
		enum whose w = whose(n, &f[i]);

		if (w > best) {
			best = w;
			at = i;
		}
	}
	return at;
}

bool fr_name_is_elsewhere(struct names *n, uint32_t stack, uint32_t other)
{
	const struct frame *f, *g;
	size_t nf = stack ? fr_symbols_stack(fr_names_symbols(n), stack, &f) : 0;
	size_t ng = other ? fr_symbols_stack(fr_names_symbols(n), other, &g) : 0;

	if (!nf || !ng)
		return false;
	f += own_frame(n, f, nf);
	g += own_frame(n, g, ng);
	if (!f->fn || !g->fn || is_built_in(f->fn) || is_built_in(g->fn))
		return false;
	return strcmp(f->fn, g->fn) != 0 || (f->line && g->line && f->line != g->line);
}

const char *fr_name_site_from(struct names *n, uint32_t stack, size_t skip)
{
	const struct frame *f;
	size_t count = stack ? fr_symbols_stack(fr_names_symbols(n), stack, &f) : 0;

	if (skip >= count)
		return NULL;
	return fr_name_frame(n, &f[skip + own_frame(n, f + skip, count - skip)]);
}

const char *fr_name_site(struct names *n, uint32_t stack)
{
	return fr_name_site_from(n, stack, 0);
}

static bool same_function(const struct frame *a, const struct frame *b)
{
	return a->fn && b->fn && !strcmp(a->fn, b->fn) && a->mod && b->mod &&
	       !strcmp(a->mod, b->mod);
}

const char *fr_name_common_site(struct names *n, uint32_t stack, uint32_t other)
{
	const struct frame *f, *g;
	size_t nf = stack ? fr_symbols_stack(fr_names_symbols(n), stack, &f) : 0;
	size_t ng = other ? fr_symbols_stack(fr_names_symbols(n), other, &g) : 0;
	size_t k = 0;

	while (k < nf && k < ng && same_function(&f[nf - 1 - k], &g[ng - 1 - k]))
		k++;
	if (!k || !fr_frame_is_own(n, &f[nf - k]))
		return fr_name_site(n, stack);
	return fr_name_frame(n, &f[nf - k]);
}
