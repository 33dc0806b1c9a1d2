/* SPDX-License-Identifier: MIT */
/*
 * batch.c - asks the providers of names in order: DWARF, .symtab of the debug file and of the
 * module, .gnu_debugdata, .dynsym.
 *
 * Context: a worker process, so that a crash in here costs only the better names.
 */
#include "symbols/batch.h"

#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "symbols/answers.h"
#include "symbols/debugdata.h"
#include "symbols/demangle.h"
#include "symbols/dwarf.h"
#include "symbols/symbols.h"
#include "symbols/symtab.h"

#define NAME_MAX_BYTES 512

/* One symbol table that may name addresses. */
struct provider {
	struct elf_file *file;
	uint32_t table; /* SHT_SYMTAB or SHT_DYNSYM */
	enum frame_origin origin;
};
#define PROVIDERS_MAX 5

struct batch {
	struct module_ref ref;
	struct located files;
	struct elf_file *packed; /* .gnu_debugdata */
	void *packed_bytes;
	struct dwarf *dwarf;
	const char *problem;
	struct provider providers[PROVIDERS_MAX];
	size_t n_providers;
};

static bool has_table(struct elf_file *f, uint32_t table)
{
	size_t i;

	for (i = 1; f && i < fr_elf_count(f); i++)
		if (fr_elf_section(f, i)->type == table)
			return true;
	return false;
}

static void provide(struct batch *b, struct elf_file *f, uint32_t table, enum frame_origin origin)
{
	if (has_table(f, table))
		b->providers[b->n_providers++] = (struct provider){f, table, origin};
}

static void open_providers(struct batch *b)
{
	struct located *l = &b->files;

	if (l->main)
		b->packed = fr_debugdata_open(l->main, &b->packed_bytes);
	if (l->debug != l->main)
		provide(b, l->debug, SHT_SYMTAB, FRAME_SYMTAB);
	provide(b, l->main, SHT_SYMTAB, FRAME_SYMTAB);
	provide(b, b->packed, SHT_SYMTAB, FRAME_DEBUGDATA);
	provide(b, l->main, SHT_DYNSYM, FRAME_DYNSYM);
}

struct batch *fr_batch_open(const struct module_ref *m, bool use_dwarf)
{
	struct batch *b = calloc(1, sizeof(*b));

	if (!b)
		return NULL;
	b->ref = *m;
	fr_locate(m, &b->files);
	b->problem = b->files.problem;
	if (use_dwarf && b->files.has_dwarf)
		b->dwarf = fr_dwarf_open(b->files.debug, &b->problem);
	open_providers(b);
	return b;
}

void fr_batch_close(struct batch *b)
{
	if (!b)
		return;
	fr_dwarf_close(b->dwarf);
	fr_elf_close(b->packed);
	free(b->packed_bytes);
	fr_locate_free(&b->files);
	free(b);
}

/* Interns NAME as people write it; a version suffix ("@@GLIBC_2.2.5") is dropped. */
static uint32_t intern_symbol(struct image_builder *ib, const char *name)
{
	char buf[NAME_MAX_BYTES];
	char *nice = fr_demangle(name);
	const char *at = nice ? NULL : strchr(name, '@');
	uint32_t str;

	if (at && at != name && (size_t)(at - name) < sizeof(buf)) {
		snprintf(buf, sizeof(buf), "%.*s", (int)(at - name), name);
		name = buf;
	}
	str = fr_image_intern(ib, nice ? nice : name);
	free(nice);
	return str;
}

static void push_symbol(struct answers *as, struct answer *a, const struct symtab_hit *hit,
			enum frame_origin origin)
{
	uint64_t off = a->vaddr - hit->start;
	struct image_frame f = {
		.fn = intern_symbol(as->b, hit->name),
		.file = a->file,
		.line = a->line,
		.fn_off = off < UINT32_MAX ? (uint32_t)off : UINT32_MAX,
		.origin = (uint8_t)origin,
	};

	/* Of a function that DWARF knows without its name only the name is taken. */
	if (a->n) {
		f.file = as->frames[a->first + a->n - 1].file;
		f.line = as->frames[a->first + a->n - 1].line;
		as->frames[a->first + a->n - 1] = f;
		return;
	}
	a->first = (uint32_t)as->n_frames;
	a->n = fr_answers_push(as, &f);
}

static bool is_nameless(const struct answers *as, const struct answer *a)
{
	return !a->n || !as->frames[a->first + a->n - 1].fn;
}

static void name_by_symbols(struct batch *b, struct answers *as, struct symtab_hit *hits)
{
	size_t i, k, n = 0;

	for (i = 0; i < as->n; i++)
		if (is_nameless(as, &as->a[i]))
			hits[n++] = (struct symtab_hit){.vaddr = as->a[i].vaddr};
	for (k = 0; k < b->n_providers && n; k++) {
		const struct provider *p = &b->providers[k];
		struct answer *a = as->a;
		size_t left = 0;

		fr_symtab_find(p->file, p->table, SYMTAB_CODE, hits, n);
		for (i = 0; i < n; i++) {
			while (a->vaddr != hits[i].vaddr)
				a++;
			if (hits[i].name)
				push_symbol(as, a, &hits[i], p->origin);
			else
				hits[left++] = hits[i];
		}
		n = left;
	}
}

/* A name from DWARF that the symbol table may know better: see name_publicly(). */
static bool is_inner_name(const struct answers *as, const struct answer *a)
{
	const struct image_frame *f = a->n ? &as->frames[a->first + a->n - 1] : NULL;

	if (!f || f->fn_off == UINT32_MAX)
		return false;
	return (f->fn && (f->flags & IMAGE_BARE)) || fr_image_interned(as->b, f->fn)[0] == '_';
}

static int by_vaddr(const void *x, const void *y)
{
	const struct symtab_hit *a = x, *b = y;

	return a->vaddr < b->vaddr ? -1 : a->vaddr > b->vaddr;
}

/* How far a name is from what a program would write; "__GI_" marks libc's own aliases. */
static size_t innerness(const char *name)
{
	return strspn(name, "_") + (strncmp(name, "__GI_", 5) ? 0 : 10);
}

static bool is_mangled(const char *name)
{
	return !strncmp(name, "_Z", 2) || !strncmp(name, "_R", 2);
}

/* A mangled name without what gcc appends to the copies it makes (".constprop.0"). */
static uint32_t intern_whole(struct image_builder *ib, const char *name)
{
	char buf[4096];

	if (strcspn(name, ".") >= sizeof(buf))
		return 0;
	snprintf(buf, sizeof(buf), "%.*s", (int)strcspn(name, "."), name);
	return intern_symbol(ib, buf);
}

static void rename_function(struct answers *as, struct answer *a, const struct symtab_hit *hits,
			    size_t n)
{
	struct image_frame *f = &as->frames[a->first + a->n - 1];
	struct symtab_hit key = {.vaddr = a->vaddr - f->fn_off};
	const struct symtab_hit *hit = bsearch(&key, hits, n, sizeof(key), by_vaddr);
	const char *fn = fr_image_interned(as->b, f->fn);

	if (!hit || !hit->name || hit->start != hit->vaddr)
		return;
	if (is_mangled(hit->name) && (f->flags & IMAGE_BARE))
		f->fn = intern_whole(as->b, hit->name);
	/* "foo.part.0" is no better name than "foo"; a dot after '@' is a version's. */
	else if (!is_mangled(hit->name) && hit->name[strcspn(hit->name, ".@")] != '.' &&
		 innerness(hit->name) < innerness(fn))
		f->fn = intern_symbol(as->b, hit->name);
}

/*
 * libc's debug information says ___pthread_mutex_lock and __GI_fclose where its symbol tables, and
 * everybody else, say pthread_mutex_lock and fclose. And gcc gives C++ functions of internal
 * linkage no linkage name, so that their namespace and class are in the symbol only.
 */
static void name_publicly(struct batch *b, struct answers *as, struct symtab_hit *hits)
{
	size_t i, k, n = 0;

	for (i = 0; i < as->n; i++)
		if (is_inner_name(as, &as->a[i]))
			hits[n++].vaddr =
				as->a[i].vaddr - as->frames[as->a[i].first + as->a[i].n - 1].fn_off;
	if (!n)
		return;
	qsort(hits, n, sizeof(*hits), by_vaddr);
	for (k = 0; k < b->n_providers; k++)
		fr_symtab_find(b->providers[k].file, b->providers[k].table, SYMTAB_CODE, hits, n);
	for (i = 0; i < as->n; i++)
		if (is_inner_name(as, &as->a[i]))
			rename_function(as, &as->a[i], hits, n);
}

/* File and line are known but no function covers the address: still worth a frame. */
static void push_bare(struct answers *as, struct answer *a)
{
	struct image_frame f = {
		.file = a->file, .line = a->line, .fn_off = UINT32_MAX, .origin = FRAME_DWARF};

	a->first = (uint32_t)as->n_frames;
	a->n = fr_answers_push(as, &f);
}

static void run_code(struct batch *b, struct image_builder *ib, const uint64_t *code, size_t n)
{
	struct answers as = {.n = n, .b = ib};
	struct symtab_hit *hits = calloc(n, sizeof(*hits));
	size_t i;

	as.a = calloc(n, sizeof(*as.a));
	for (i = 0; as.a && i < n; i++)
		as.a[i].vaddr = code[i];
	if (as.a && b->dwarf)
		fr_dwarf_code(b->dwarf, &as);
	if (as.a && hits) {
		name_publicly(b, &as, hits);
		memset(hits, 0, n * sizeof(*hits));
		name_by_symbols(b, &as, hits);
	}
	for (i = 0; as.a && i < n; i++) {
		struct answer *a = &as.a[i];

		if (!a->n && a->file)
			push_bare(&as, a);
		fr_image_add(ib, IMAGE_CODE, a->vaddr, as.frames + a->first, a->n);
	}
	free(as.a);
	free(as.frames);
	free(hits);
}

/* "name" or "name+0x10" from the symbol alone. */
static void symbol_text(const struct symtab_hit *hit, char *buf, size_t size)
{
	char *nice = fr_demangle(hit->name);
	size_t len = strcspn(nice ? nice : hit->name, nice ? "" : "@");
	uint64_t off = hit->vaddr - hit->start;
	int n = snprintf(buf, size, "%.*s", (int)(len < size ? len : size),
			 nice ? nice : hit->name);

	if (off && n > 0 && (size_t)n < size)
		snprintf(buf + n, size - (size_t)n, "+0x%llx", (unsigned long long)off);
	free(nice);
}

static void name_data(struct batch *b, struct image_builder *ib, const struct symtab_hit *hit,
		      enum frame_origin origin)
{
	struct image_frame f = {.fn_off = UINT32_MAX, .origin = (uint8_t)origin};
	uint64_t start = hit->name ? hit->start : 0;
	char text[NAME_MAX_BYTES] = "";

	if (b->dwarf && fr_dwarf_data(b->dwarf, hit->vaddr, start, text, sizeof(text)))
		f.origin = FRAME_DWARF;
	else if (hit->name)
		symbol_text(hit, text, sizeof(text));
	f.fn = fr_image_intern(ib, text);
	fr_image_add(ib, IMAGE_DATA, hit->vaddr, &f, f.fn ? 1 : 0);
}

static void run_data(struct batch *b, struct image_builder *ib, const uint64_t *data, size_t n)
{
	struct symtab_hit *hits = calloc(n, sizeof(*hits));
	uint8_t *origins = calloc(n, sizeof(*origins));
	size_t i, k;

	for (i = 0; hits && i < n; i++)
		hits[i].vaddr = data[i];
	for (k = 0; hits && origins && k < b->n_providers; k++) {
		fr_symtab_find(b->providers[k].file, b->providers[k].table, SYMTAB_DATA, hits, n);
		for (i = 0; i < n; i++)
			if (hits[i].name && !origins[i])
				origins[i] = (uint8_t)b->providers[k].origin;
	}
	for (i = 0; hits && origins && i < n; i++)
		name_data(b, ib, &hits[i], origins[i]);
	free(hits);
	free(origins);
}

static void fill_head(const struct batch *b, struct image_builder *ib, struct image_head *h)
{
	const struct elf_file *source = b->files.debug ? b->files.debug : b->files.main;
	const char *problem = b->problem;

	if (b->dwarf)
		h->best = FRAME_DWARF;
	else if (b->n_providers)
		h->best = b->providers[0].origin;
	if (b->dwarf && fr_dwarf_problem(b->dwarf))
		problem = fr_dwarf_problem(b->dwarf);
	h->problem = fr_image_intern(ib, problem);
	if (source && h->best) {
		h->source = fr_image_intern(ib, fr_elf_path(source));
		h->source_size = fr_elf_size(source);
		h->source_mtime_ns = fr_elf_mtime_ns(source);
	}
	if (b->ref.build_id_len && b->ref.build_id_len <= sizeof(h->build_id)) {
		h->build_id_len = b->ref.build_id_len;
		memcpy(h->build_id, b->ref.build_id, b->ref.build_id_len);
	}
}

void *fr_batch_run(struct batch *b, const uint64_t *code, size_t n_code, const uint64_t *data,
		   size_t n_data, size_t *size)
{
	struct image_builder *ib = fr_image_new();
	struct image_head h = {.best = FRAME_NONE};
	void *block;

	if (!ib)
		return NULL;
	if (n_code)
		run_code(b, ib, code, n_code);
	if (n_data)
		run_data(b, ib, data, n_data);
	fill_head(b, ib, &h);
	block = fr_image_finish(ib, &h, size);
	fr_image_free(ib);
	return block;
}
