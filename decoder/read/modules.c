/* SPDX-License-Identifier: MIT */
/*
 * modules.c - the objects that were mapped into the process, and the names of the hooks.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/search.h"
#include "read/impl.h"

static int by_base(const void *a, const void *b)
{
	const struct rec_module *x = a, *y = b;

	if (x->r.base != y->r.base)
		return x->r.base < y->r.base ? -1 : 1;
	return x->r.loaded < y->r.loaded ? -1 : x->r.loaded > y->r.loaded;
}

static bool record_good(const struct fr_module_rec *r)
{
	return r->base < r->end && r->build_id_len <= sizeof(r->build_id) &&
	       memchr(r->path, 0, sizeof(r->path));
}

static void finish(struct recording *rec, struct rec_module *m)
{
	m->path = fr_arena_strdup(&rec->impl->arena, m->r.path);
	m->loaded_ns = m->r.loaded ? fr_recording_ns(rec, m->r.loaded) : 0;
	m->unloaded_ns = m->r.unloaded ? fr_recording_ns(rec, m->r.unloaded) : 0;
}

static void index_reach(struct recording *rec)
{
	uint64_t *reach = fr_mem_alloc(rec->n_modules * sizeof(*reach));

	for (size_t i = 0; i < rec->n_modules; i++) {
		reach[i] = rec->modules[i].r.end;
		if (i && reach[i - 1] > reach[i])
			reach[i] = reach[i - 1];
	}
	rec->impl->module_reach = reach;
}

void fr_modules_load(struct recording *rec, struct diag *d)
{
	const struct section_view *v = &rec->sec[FR_SEC_MODULES];
	size_t cap = 0, n_bad = 0;

	if (!v->data)
		LOSS(rec, d, "no table of modules in the recording: stacks stay addresses");
	for (uint64_t at = 0; v->data && v->record_size <= v->size - at; at += v->record_size) {
		struct rec_module m = {0};

		memcpy(&m.r, v->data + at, sizeof(m.r));
		if (!m.r.x_ready)
			continue;
		if (!record_good(&m.r)) {
			n_bad++;
			continue;
		}
		finish(rec, &m);
		rec->modules =
			fr_mem_grow(rec->modules, &cap, rec->n_modules + 1, sizeof(*rec->modules));
		rec->modules[rec->n_modules++] = m;
	}
	if (n_bad)
		LOSS(rec, d, "%zu records of the table of modules make no sense", n_bad);
	if (rec->n_modules)
		qsort(rec->modules, rec->n_modules, sizeof(*rec->modules), by_base);
	index_reach(rec);
}

/* Whether M was there at NS; at the end of the recording if NS is 0. */
static bool there(const struct rec_module *m, uint64_t ns)
{
	if (!ns)
		return !m->unloaded_ns;
	return m->loaded_ns <= ns && (!m->unloaded_ns || ns < m->unloaded_ns);
}

static bool begins_by(const void *module, const void *pc)
{
	return ((const struct rec_module *)module)->r.base <= *(const uint64_t *)pc;
}

/*
 * The module that was there at NS; where the times do not settle it (the recorder sees a dlopen
 * some time after it happened) the one loaded last.
 */
const struct rec_module *fr_recording_module(const struct recording *rec, uint64_t pc, uint64_t ns)
{
	const struct rec_module *second = NULL;
	size_t i = fr_search(rec->modules, rec->n_modules, sizeof(*rec->modules), begins_by, &pc);

	while (i-- > 0 && rec->impl->module_reach[i] > pc) {
		const struct rec_module *m = &rec->modules[i];

		if (pc >= m->r.end)
			continue;
		if (there(m, ns))
			return m;
		if (!second || m->r.loaded > second->r.loaded)
			second = m;
	}
	return second;
}
