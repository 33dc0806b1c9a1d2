/* SPDX-License-Identifier: MIT */
/*
 * tls.c - see tls.h.
 *
 * Context: OpenSSL calls of the host, never signal handlers. Must not: keep a plugin loaded (its
 * handle is given back at once), or let go of a libssl whose functions are remembered.
 */
#include "host/tls.h"

#include <errno.h>
#include <link.h>
#include <stdatomic.h>
#include <string.h>

#include "core/lookup.h"
#include "core/real.h"
#include "core/text.h"
#include "record/modules.h"
#include "store/describe.h"
#include "store/region.h"

struct symbol {
	const char *name;
	const char *version[FR_TLS_FAMILIES];
	size_t slot;
};

#define V1_1 "OPENSSL_1_1_0"
#define V1_1_1 "OPENSSL_1_1_1"
#define V3 "OPENSSL_3.0.0"

static const struct symbol symbols[] = {
	{"SSL_connect", {V1_1, V3}, offsetof(struct fr_tls, connect)},
	{"SSL_accept", {V1_1, V3}, offsetof(struct fr_tls, accept)},
	{"SSL_do_handshake", {V1_1, V3}, offsetof(struct fr_tls, do_handshake)},
	{"SSL_read", {V1_1, V3}, offsetof(struct fr_tls, read)},
	{"SSL_write", {V1_1, V3}, offsetof(struct fr_tls, write)},
	{"SSL_read_ex", {V1_1_1, V3}, offsetof(struct fr_tls, read_ex)},
	{"SSL_write_ex", {V1_1_1, V3}, offsetof(struct fr_tls, write_ex)},
	{"SSL_get_fd", {V1_1, V3}, offsetof(struct fr_tls, get_fd)},
	{"SSL_get_rbio", {V1_1, V3}, offsetof(struct fr_tls, get_rbio)},
	{"SSL_get_servername", {V1_1, V3}, offsetof(struct fr_tls, get_servername)},
	{"SSL_get_error", {V1_1, V3}, offsetof(struct fr_tls, get_error)},
};
#define SYMBOLS (sizeof(symbols) / sizeof(symbols[0]))

/* ---- looking up ------------------------------------------------------------------------------ */

static bool in_libssl(const void *fn)
{
	Dl_info info;

	return fr_libc.dladdr(fn, &info) && info.dli_fname &&
	       !strncmp(fr_text_base(info.dli_fname), "libssl", 6);
}

/*
 * What the loader would have bound in the global scope behind us: the version, or a definition
 * without versions (another preloaded library's) that comes before it.
 */
static void *next(const struct symbol *s, enum fr_tls_family family)
{
	void *versioned = fr_libc.dlvsym(RTLD_NEXT, s->name, s->version[family]);
	void *plain = fr_libc.dlsym(RTLD_NEXT, s->name);

	return plain && plain != versioned && !in_libssl(plain) ? plain : versioned;
}

/* Of the linker: where this library begins and ends. */
extern const char __ehdr_start[] __attribute__((visibility("hidden")));
extern const char _end[] __attribute__((visibility("hidden")));

static bool is_ours(uintptr_t pc)
{
	return pc >= (uintptr_t)__ehdr_start && pc < (uintptr_t)_end;
}

/* HANDLE NULL: the global scope. Never a function of ours: it would call itself for ever. */
static bool fill(struct fr_tls *tls, enum fr_tls_family family, void *handle)
{
	if (!fr_libc.dlvsym) /* an old libc without libdl, which libssl cannot be without */
		return false;
	for (size_t i = 0; i < SYMBOLS; i++) {
		const struct symbol *s = &symbols[i];
		void *fn = handle ? fr_libc.dlvsym(handle, s->name, s->version[family])
				  : next(s, family);

		if (is_ours((uintptr_t)fn))
			fn = NULL;
		memcpy((char *)tls + s->slot, &fn, sizeof(fn));
	}
	return tls->connect;
}

/* From an object that is loaded already, and what it is linked with. */
static bool fill_from(struct fr_tls *tls, enum fr_tls_family family, const char *path)
{
	void *handle = path && *path ? FR_REAL(dlopen)(path, RTLD_LAZY | RTLD_NOLOAD) : NULL;
	bool found;

	if (!handle)
		return false;
	found = fill(tls, family, handle);
	FR_REAL(dlclose)(handle);
	return found;
}

#define CANDIDATES 8
struct candidates {
	char path[CANDIDATES][256];
	int n;
};

static int candidate(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct candidates *c = arg;

	if (c->n < CANDIDATES && info->dlpi_name && strlen(info->dlpi_name) < 256 &&
	    !strncmp(fr_text_base(info->dlpi_name), "libssl", 6))
		strcpy(c->path[c->n++], info->dlpi_name);
	return 0;
}

/* The caller cannot be told (a jump left no return address): any libssl of the right version. */
static bool fill_from_any(struct fr_tls *tls, enum fr_tls_family family)
{
	struct candidates c = {.n = 0};

	dl_iterate_phdr(candidate, &c);
	for (int i = 0; i < c.n; i++) {
		if (fill_from(tls, family, c.path[i]))
			return true;
	}
	return false;
}

/* libssl pins itself as a rule; what is remembered here must not depend on it. */
static void pin(const struct fr_tls *tls)
{
	Dl_info info;

	if (fr_libc.dladdr((void *)tls->connect, &info) && info.dli_fname)
		FR_REAL(dlopen)(info.dli_fname, RTLD_LAZY | RTLD_NOLOAD);
}

static bool lookup(struct fr_tls *tls, enum fr_tls_family family, const char *caller)
{
	bool found = fill(tls, family, NULL) || fill_from(tls, family, caller) ||
		     fill_from_any(tls, family);

	if (found)
		pin(tls);
	fr_libc.dlerror(); /* a name that was missing is not the host's concern */
	return found;
}

/* ---- remembering ----------------------------------------------------------------------------- */

enum { FREE = 0, FILLING, READY, STALE };

/* One calling object. Entries are never used again: a reader may be looking. */
struct caller {
	atomic_int state;
	_Atomic uint32_t generation; /* of fr_modules_generation, when it was last known to live */
	enum fr_tls_family family;
	uintptr_t base, end;
	uint64_t name; /* hash: another object may come to lie at the same addresses */
	struct fr_tls tls;
};
#define CALLERS 48
static FR_BIG struct caller callers[CALLERS];

/* The coverage says which libssl was found first. */
static void cover(const struct fr_tls *tls)
{
	if (fr_real.SSL_connect)
		return;
	fr_real.SSL_connect = tls->connect;
	fr_real.SSL_accept = tls->accept;
	fr_real.SSL_do_handshake = tls->do_handshake;
	fr_real.SSL_read = tls->read;
	fr_real.SSL_write = tls->write;
	fr_real.SSL_read_ex = tls->read_ex;
	fr_real.SSL_write_ex = tls->write_ex;
	if (fr_region.hdr)
		fr_describe();
}

static uint64_t hash_of(const char *s)
{
	uint64_t h = 14695981039346656037u;

	while (s && *s)
		h = (h ^ (unsigned char)*s++) * 1099511628211u;
	return h;
}

/* Still the object that it was? */
static bool is_current(struct caller *c, uintptr_t pc)
{
	uint32_t generation = fr_modules_generation;
	struct fr_object o;

	if (c->generation == generation)
		return true;
	if (!fr_modules_find(pc, &o) || o.base != c->base || hash_of(o.name) != c->name) {
		c->state = STALE;
		return false;
	}
	c->generation = generation;
	return true;
}

static const struct fr_tls *recall(enum fr_tls_family family, uintptr_t pc)
{
	for (int i = 0; i < CALLERS; i++) {
		struct caller *c = &callers[i];

		if (c->state == FREE)
			return NULL;
		if (c->state == READY && c->family == family && pc >= c->base && pc < c->end &&
		    is_current(c, pc))
			return &c->tls;
	}
	return NULL;
}

static void remember(enum fr_tls_family family, const struct fr_object *o, const struct fr_tls *tls)
{
	for (int i = 0; i < CALLERS; i++) {
		struct caller *c = &callers[i];
		int unused = FREE;

		if (!atomic_compare_exchange_strong(&c->state, &unused, FILLING))
			continue;
		c->generation = fr_modules_generation;
		c->family = family;
		c->base = o->base;
		c->end = o->end;
		c->name = hash_of(o->name);
		c->tls = *tls;
		atomic_store_explicit(&c->state, READY, memory_order_release);
		return;
	}
}

/*
 * Who called, as far as that is known. libssl's SSL_connect ends with a jump to SSL_do_handshake,
 * which comes here again and seems to return into our own SSL_connect: its caller is meant. Our
 * frames have frame pointers.
 */
static uintptr_t caller_of(struct fr_site s)
{
	for (int i = 0; i < 4 && is_ours(s.pc); i++) {
		const uintptr_t *frame = (const uintptr_t *)s.fp;

		s.fp = frame[0];
		s.pc = frame[1];
	}
	return s.pc;
}

const struct fr_tls *fr_tls_find(enum fr_tls_family family, struct fr_site s, struct fr_tls *room)
{
	uintptr_t pc = caller_of(s);
	const struct fr_tls *known = recall(family, pc);
	struct fr_object o = {0};
	int saved = errno;
	bool found, located;

	if (known)
		return known;
	located = fr_modules_find(pc, &o);
	found = lookup(room, family, located ? o.name : NULL);
	if (found && located)
		remember(family, &o, room);
	if (found)
		cover(room);
	errno = saved;
	return found ? room : NULL;
}
