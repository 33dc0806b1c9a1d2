/* SPDX-License-Identifier: MIT */
/*
 * symbolize.c - the facade: stacks and addresses of a recording to frames.
 *
 * PCs are collected over all stacks asked for, made unique, and go to their modules in batches;
 * frames per PC and per stack are kept. Owns everything that it hands out.
 *
 * PCs in the depot are return addresses: what is looked up is pc - 1, the last byte of the call.
 */
#include "symbols/symbols.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uthash.h>

#include "base/arena.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/regular.h"
#include "symbols/cache.h"
#include "symbols/modsyms.h"

#define VDSO "[vdso]"
/* With more modules than this their workers end after each batch. */
#define WORKERS_KEPT 64

struct module_state {
	const struct rec_module *m;
	const char *name; /* base name, cleaned */
	struct modsyms *syms; /* opened at first use; NULL for the vDSO */
	bool told; /* its problem stands in the diag list */
	bool shared; /* said that its addresses were another module's before */
};

/* One PC of the depot, or one stack: the key is the PC or the id. */
struct known {
	uint64_t key;
	struct frame *frames;
	size_t n;
	UT_hash_handle hh;
};

struct data_name {
	uint64_t addr;
	const char *name; /* NULL = none */
	UT_hash_handle hh;
};

struct symbols {
	const struct recording *rec;
	struct diag *d;
	struct arena arena;
	struct module_state *modules; /* parallel to rec->modules */
	struct known *pcs;
	struct known *stacks;
	struct data_name *data;
	size_t batch_max; /* modules asked at the same time */
};

struct symbols *fr_symbols_open(const struct recording *rec, struct diag *d)
{
	struct symbols *sy = fr_mem_alloc(sizeof(*sy));
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	char why[PATH_MAX + 100];
	size_t i;

	if (fr_cache_refused(why, sizeof(why)))
		diag_add(d, DIAG_NOTE, "%s", why);

	sy->rec = rec;
	sy->d = d;
	sy->batch_max = cpus < 2 ? 2 : cpus > 16 ? 16 : (size_t)cpus;
	sy->modules = fr_mem_alloc((rec->n_modules + 1) * sizeof(*sy->modules));
	for (i = 0; i < rec->n_modules; i++) {
		char *name = fr_arena_strdup(&sy->arena, fr_path_base(rec->modules[i].path));

		fr_image_clean(name);
		sy->modules[i].m = &rec->modules[i];
		sy->modules[i].name = name[0] ? name : "?";
	}
	return sy;
}

static void free_known(struct known **table)
{
	struct known *k, *next;

	HASH_ITER(hh, *table, k, next)
	HASH_DEL(*table, k);
}

void fr_symbols_close(struct symbols *sy)
{
	struct data_name *dn, *next;
	size_t i;

	if (!sy)
		return;
	free_known(&sy->pcs);
	free_known(&sy->stacks);
	HASH_ITER(hh, sy->data, dn, next)
	HASH_DEL(sy->data, dn);
	for (i = 0; i < sy->rec->n_modules; i++)
		fr_modsyms_close(sy->modules[i].syms);
	free(sy->modules);
	fr_arena_free(&sy->arena);
	free(sy);
}

static struct module_state *module_at(struct symbols *sy, uint64_t addr)
{
	const struct rec_module *m = fr_recording_module(sy->rec, addr, 0);

	return m ? &sy->modules[m - sy->rec->modules] : NULL;
}

static bool is_vdso(const struct module_state *mod)
{
	return !strcmp(mod->m->path, VDSO);
}

static struct modsyms *syms_of(struct symbols *sy, struct module_state *mod)
{
	const struct fr_module_rec *r = &mod->m->r;
	bool lives = sy->rec->source == RECORDING_LIVE;
	struct module_ref ref = {
		.path = mod->m->path,
		.build_id = r->build_id,
		.build_id_len = r->build_id_len,
		.pid = lives ? sy->rec->hdr.pid : 0,
	};

	if (!mod->syms)
		mod->syms = fr_modsyms_open(&ref);
	return mod->syms;
}

static const char *advice(const struct modsyms_state *st)
{
	if (st->best == FRAME_DWARF)
		return "";
	if (getenv("DEBUGINFOD_URLS"))
		return "; install its debug package or set FR_DEBUGINFOD=1";
	return "; install its debug package or name its directory in FR_DEBUG_PATH";
}

static void tell(struct symbols *sy, struct module_state *mod)
{
	struct modsyms_state st;
	char *path;

	if (mod->told)
		return;
	mod->told = true;
	fr_modsyms_state(mod->syms, &st);
	if (!st.problem)
		return;
	path = fr_arena_strdup(&sy->arena, mod->m->path);
	fr_image_clean(path);
	diag_add(sy->d, DIAG_NOTE, "symbols of %s: %s%s",
		 path[0] ? path : "a module without a path", st.problem, advice(&st));
}

/* Asks all modules that want something, some at a time. */
static void run_batches(struct symbols *sy)
{
	struct module_state **asked = fr_mem_alloc(sy->batch_max * sizeof(struct module_state *));
	size_t i = 0, n, k;

	while (i < sy->rec->n_modules) {
		for (n = 0; i < sy->rec->n_modules && n < sy->batch_max; i++)
			if (sy->modules[i].syms && fr_modsyms_ask(sy->modules[i].syms))
				asked[n++] = &sy->modules[i];
		for (k = 0; k < n; k++) {
			fr_modsyms_receive(asked[k]->syms);
			if (sy->rec->n_modules > WORKERS_KEPT)
				fr_modsyms_rest(asked[k]->syms);
		}
	}
	free(asked);
	for (i = 0; i < sy->rec->n_modules; i++)
		if (sy->modules[i].syms)
			tell(sy, &sy->modules[i]);
}

/* ---- PCs ------------------------------------------------------------------------------------- */

static struct known *known_find(struct known *table, uint64_t key)
{
	struct known *k;

	HASH_FIND(hh, table, &key, sizeof(key), k);
	return k;
}

static struct known *known_add(struct symbols *sy, struct known **table, uint64_t key, size_t n)
{
	struct known *k = fr_arena_alloc(&sy->arena, sizeof(*k));

	k->key = key;
	k->n = n;
	k->frames = fr_arena_alloc(&sy->arena, (n ? n : 1) * sizeof(*k->frames));
	HASH_ADD(hh, *table, key, sizeof(k->key), k);
	return k;
}

static void want_pc(struct symbols *sy, uint64_t pc)
{
	struct module_state *mod;

	if (known_find(sy->pcs, pc))
		return;
	mod = module_at(sy, pc - 1);
	if (mod && !is_vdso(mod))
		fr_modsyms_want(syms_of(sy, mod), IMAGE_CODE, pc - 1 - mod->m->r.bias);
}

static void fill_frame(struct frame *f, const struct image *img, const struct image_frame *from)
{
	f->fn = fr_image_string(img, from->fn);
	f->file = fr_image_string(img, from->file);
	f->line = from->line;
	f->fn_off = from->fn_off;
	f->inl = from->inl;
	f->origin = from->origin;
}

/*
 * A stack has no time: where one module took the place of another that was unloaded, its frames
 * may be either's. They get the later one's names, and that is said.
 */
static void tell_shared(struct symbols *sy, struct module_state *mod, uint64_t addr)
{
	size_t i;

	for (i = 0; i < sy->rec->n_modules && !mod->shared; i++) {
		const struct module_state *other = &sy->modules[i];

		if (other == mod || addr < other->m->r.base || addr >= other->m->r.end ||
		    !strcmp(other->m->path, mod->m->path))
			continue;
		mod->shared = true;
		diag_add(
			sy->d, DIAG_NOTE,
			"%s and %s were loaded in the same place one after the other: frames named "
			"by the one may be the other's",
			mod->name, other->name);
	}
}

/*
 * libc's trampoline, to which a handler returns: mov $15, %rax; syscall. It has no name but in the
 * debug file, and what stands before it is another function's.
 */
static bool is_handler_call(const struct module_state *mod, uint64_t off)
{
	static const uint8_t code[] = {0x48, 0xc7, 0xc0, 0x0f, 0, 0, 0, 0x0f, 0x05};
	uint8_t there[sizeof(code)];
	struct stat st;
	ssize_t n;
	int fd;

	if (strncmp(mod->name, "libc.so", 7) && strncmp(mod->name, "libpthread", 10))
		return false;
	fd = fr_regular_open(mod->m->path, &st);
	if (fd < 0)
		return false;
	n = pread(fd, there, sizeof(there), (off_t)off);
	close(fd);
	return n == (ssize_t)sizeof(there) && !memcmp(there, code, sizeof(code));
}

/* The frames of PC; its module has been asked. */
static struct known *resolve_pc(struct symbols *sy, uint64_t pc)
{
	struct known *k = known_find(sy->pcs, pc);
	const struct image_addr *a = NULL;
	struct module_state *mod;
	const struct image *img = NULL;
	uint64_t off;
	size_t i;

	if (k)
		return k;
	mod = module_at(sy, pc - 1);
	off = mod ? pc - 1 - mod->m->r.bias : pc;
	if (mod)
		tell_shared(sy, mod, pc - 1);
	if (mod && mod->syms)
		a = fr_modsyms_find(mod->syms, IMAGE_CODE, off, &img);
	k = known_add(sy, &sy->pcs, pc, a && a->n ? a->n : 1);
	for (i = 0; i < k->n; i++) {
		struct frame *f = &k->frames[i];

		f->fn_off = UINT32_MAX;
		f->mod = mod ? mod->name : NULL;
		f->off = off;
		if (a && a->n)
			fill_frame(f, img, &img->frames[a->first + i]);
		else if (mod && is_vdso(mod))
			f->fn = VDSO;
		if (mod && (!f->fn || !f->file) && is_handler_call(mod, off + 1)) {
			f->fn = FRAME_HANDLER_CALL;
			f->fn_off = UINT32_MAX;
		}
	}
	return k;
}

static void want_stack(struct symbols *sy, uint32_t id)
{
	const uint64_t *pcs = NULL;
	size_t n, i;

	if (known_find(sy->stacks, id))
		return;
	n = fr_recording_stack(sy->rec, id, &pcs, NULL);
	for (i = 0; i < n; i++)
		want_pc(sy, pcs[i]);
}

static struct known *resolve_stack(struct symbols *sy, uint32_t id)
{
	const uint64_t *pcs = NULL;
	size_t n = fr_recording_stack(sy->rec, id, &pcs, NULL);
	size_t i, total = 0;
	struct known *s;

	for (i = 0; i < n; i++)
		total += resolve_pc(sy, pcs[i])->n;
	s = known_add(sy, &sy->stacks, id, total);
	total = 0;
	for (i = 0; i < n; i++) {
		const struct known *k = known_find(sy->pcs, pcs[i]);

		memcpy(s->frames + total, k->frames, k->n * sizeof(*k->frames));
		total += k->n;
	}
	return s;
}

void fr_symbols_prefetch(struct symbols *sy, const uint32_t *stack_ids, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		want_stack(sy, stack_ids[i]);
	run_batches(sy);
}

size_t fr_symbols_stack(struct symbols *sy, uint32_t stack_id, const struct frame **frames)
{
	struct known *s = known_find(sy->stacks, stack_id);

	if (!s) {
		fr_symbols_prefetch(sy, &stack_id, 1);
		s = resolve_stack(sy, stack_id);
	}
	*frames = s->frames;
	return s->n;
}

bool fr_symbols_code(struct symbols *sy, uint64_t addr, struct frame *out)
{
	const struct known *k;
	const struct frame *f;

	/* Stored like a return address: what is looked up is ADDR itself. */
	want_pc(sy, addr + 1);
	run_batches(sy);
	k = resolve_pc(sy, addr + 1);
	f = &k->frames[k->n - 1];
	*out = f->fn_off ? k->frames[0] : *f;
	return out->fn != NULL;
}

static void want_data(struct symbols *sy, uint64_t addr)
{
	struct module_state *mod = module_at(sy, addr);
	struct data_name *dn;

	HASH_FIND(hh, sy->data, &addr, sizeof(addr), dn);
	if (!dn && mod && !is_vdso(mod))
		fr_modsyms_want(syms_of(sy, mod), IMAGE_DATA, addr - mod->m->r.bias);
}

void fr_symbols_prefetch_data(struct symbols *sy, const uint64_t *addrs, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		want_data(sy, addrs[i]);
	run_batches(sy);
}

const char *fr_symbols_data(struct symbols *sy, uint64_t addr)
{
	struct module_state *mod = module_at(sy, addr);
	const struct image_addr *a = NULL;
	const struct image *img = NULL;
	struct data_name *dn;

	HASH_FIND(hh, sy->data, &addr, sizeof(addr), dn);
	if (dn)
		return dn->name;
	fr_symbols_prefetch_data(sy, &addr, 1);
	if (mod && mod->syms)
		a = fr_modsyms_find(mod->syms, IMAGE_DATA, addr - mod->m->r.bias, &img);
	dn = fr_arena_alloc(&sy->arena, sizeof(*dn));
	dn->addr = addr;
	dn->name = a && a->n ? fr_image_string(img, img->frames[a->first].fn) : NULL;
	HASH_ADD(hh, sy->data, addr, sizeof(dn->addr), dn);
	return dn->name;
}

void fr_symbols_module(struct symbols *sy, const struct rec_module *m, struct module_symbols *out)
{
	struct module_state *mod = &sy->modules[m - sy->rec->modules];
	struct modsyms_state st;

	*out = (struct module_symbols){.best = FRAME_NONE};
	if (is_vdso(mod))
		return;
	fr_modsyms_state(syms_of(sy, mod), &st);
	out->best = st.best;
	out->file = st.source;
	out->problem = st.problem;
}
