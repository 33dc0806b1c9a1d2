/* SPDX-License-Identifier: MIT */
/*
 * modules.c - the table of loaded objects.
 *
 * Objects are found through _dl_find_object (glibc 2.35), which takes no lock and may be called
 * anywhere. Where it is missing, objects.c reads the loader's list. A record is appended when a
 * stack first reaches into an object, or at birth, so that no dlopen hook is needed.
 * Must not: call dl_iterate_phdr outside the constructor (its lock may be held for ever in a forked
 * child).
 */
#include "record/modules.h"

#include <elf.h>
#include <string.h>
#include <sys/auxv.h>

#include "core/clock.h"
#include "core/gate.h"
#include "core/lookup.h"
#include "core/text.h"
#include "record/epoch.h"
#include "record/objects.h"
#include "store/region.h"

/* As in <dlfcn.h> of glibc 2.35; declared here so that older headers will do. */
struct find_object_result {
	unsigned long long flags;
	void *map_start;
	void *map_end;
	struct link_map *link_map;
	void *eh_frame;
	unsigned long long reserved[7];
};
static int (*find_object)(void *pc, struct find_object_result *out);

uint32_t fr_modules_generation = 1;

/* Objects noted so far, for forked children; without _dl_find_object() those of the start. */
#define KNOWN_MAX 1024
static FR_BIG struct fr_object known[KNOWN_MAX];
static unsigned int n_known;

static struct fr_module_rec *record(uint32_t i)
{
	return (struct fr_module_rec *)fr_region.modules.base + i;
}
static uint32_t n_records;

/*
 * The program itself. The kernel maps its segments, with holes between them that belong to nobody;
 * for such an object _dl_find_object() answers with the range of the one segment. The loader's own
 * mappings have no holes.
 */
static struct fr_object program;

/* ---- lookup ---------------------------------------------------------------------------------- */

static bool from_ehdr(uintptr_t base, struct fr_object *out)
{
	const ElfW(Ehdr) *eh = (const void *)base;

	if (memcmp(eh->e_ident, ELFMAG, SELFMAG) != 0 || eh->e_phentsize != sizeof(ElfW(Phdr)))
		return false;
	out->phdr = (const void *)(base + eh->e_phoff);
	out->n_phdr = eh->e_phnum;
	return true;
}

bool fr_modules_find(uintptr_t pc, struct fr_object *out)
{
	struct find_object_result r;

	if (find_object) {
		if (find_object((void *)pc, &r) != 0)
			return false;
		out->base = (uintptr_t)r.map_start;
		out->end = (uintptr_t)r.map_end;
		out->bias = r.link_map->l_addr;
		out->name = r.link_map->l_name;
		if (out->bias == program.bias && out->base >= program.base &&
		    out->end <= program.end) {
			*out = program;
			return true;
		}
		return from_ehdr(out->base, out);
	}
	for (unsigned int i = 0; i < n_known; i++) {
		if (pc >= known[i].base && pc < known[i].end) {
			*out = known[i];
			return true;
		}
	}
	return fr_objects_find(pc, __atomic_load_n(&fr_modules_generation, __ATOMIC_ACQUIRE), out);
}

static void find_object_init(void)
{
	find_object = (__typeof__(find_object))fr_lookup_first("_dl_find_object");
}

static bool object_has(const struct dl_phdr_info *o, uintptr_t at)
{
	for (uint16_t i = 0; i < o->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &o->dlpi_phdr[i];

		if (p->p_type == PT_LOAD && at - o->dlpi_addr - p->p_vaddr < p->p_memsz)
			return true;
	}
	return false;
}

static int has_both(struct dl_phdr_info *o, size_t size, void *arg)
{
	const uintptr_t *both = arg;

	return object_has(o, both[0]) && object_has(o, both[1]);
}

bool fr_modules_same(void *a, void *b)
{
	struct fr_object x, y;
	uintptr_t both[] = {(uintptr_t)a, (uintptr_t)b};

	if (!find_object)
		find_object_init();
	if (!find_object) /* before glibc 2.35 */
		return dl_iterate_phdr(has_both, both) != 0;
	return fr_modules_find((uintptr_t)a, &x) && fr_modules_find((uintptr_t)b, &y) &&
	       x.bias == y.bias;
}

bool fr_modules_is_code(uintptr_t pc)
{
	struct fr_object o;

	if (!fr_modules_find(pc, &o))
		return false;
	for (uint16_t i = 0; i < o.n_phdr; i++) {
		const ElfW(Phdr) *p = &o.phdr[i];
		uintptr_t lo = o.bias + p->p_vaddr;

		if (p->p_type == PT_LOAD && (p->p_flags & PF_X) && pc >= lo && pc < lo + p->p_memsz)
			return true;
	}
	return false;
}

/* ---- the recording's table ------------------------------------------------------------------- */

/* The content of the first note of that name and type; NULL: none. */
static const uint8_t *find_note(const struct fr_object *o, const char name[4], uint32_t type,
				uint32_t *size)
{
	for (uint16_t i = 0; i < o->n_phdr; i++) {
		const uint8_t *p = (const void *)(o->bias + o->phdr[i].p_vaddr);
		const uint8_t *end = p + o->phdr[i].p_memsz;

		if (o->phdr[i].p_type != PT_NOTE)
			continue;
		while (p + sizeof(ElfW(Nhdr)) <= end) {
			const ElfW(Nhdr) *n = (const void *)p;
			const uint8_t *desc = p + sizeof(*n) + ((n->n_namesz + 3) & ~3u);

			*size = n->n_descsz;
			if (n->n_type == type && n->n_namesz == 4 &&
			    memcmp(p + sizeof(*n), name, 4) == 0)
				return desc;
			p = desc + ((n->n_descsz + 3) & ~3u);
		}
	}
	return NULL;
}

static void read_build_id(struct fr_module_rec *m, const struct fr_object *o)
{
	uint32_t size;
	const uint8_t *id = find_note(o, "GNU", NT_GNU_BUILD_ID, &size);

	if (!id || size > sizeof(m->build_id))
		return;
	m->build_id_len = size;
	memcpy(m->build_id, id, size);
}

#define NT_GO_BUILD_ID 4

bool fr_modules_is_go(uintptr_t pc)
{
	struct fr_object o;
	uint32_t size;

	return fr_modules_find(pc, &o) && find_note(&o, "Go\0", NT_GO_BUILD_ID, &size);
}

static const char *object_path(const struct fr_object *o)
{
	if (o->base == getauxval(AT_SYSINFO_EHDR))
		return "[vdso]";
	/* The executable's name is empty in the link map. */
	return o->name && o->name[0] ? o->name : fr_region.hdr->exe;
}

static uint32_t find_record(uintptr_t pc)
{
	uint32_t n = __atomic_load_n(&n_records, __ATOMIC_ACQUIRE);

	for (uint32_t i = 0; i < n; i++) {
		if (pc >= record(i)->base && pc < record(i)->end && !record(i)->unloaded)
			return i;
	}
	return UINT32_MAX;
}

/* Caller holds the module lock, or is alone. */
static void append(const struct fr_object *o, uint64_t loaded)
{
	uint32_t i = n_records;
	struct fr_module_rec *m;

	if (i >= fr_region.n_modules_max ||
	    !fr_span_need(&fr_region.modules, (i + 1) * sizeof(struct fr_module_rec))) {
		fr_drop(FR_DROP_MODULE_FULL);
		return;
	}
	m = record(i);
	m->base = o->base;
	m->end = o->end;
	m->bias = o->bias;
	m->loaded = loaded;
	read_build_id(m, o);
	fr_text_store_field(m->path, sizeof(m->path), object_path(o));
	__atomic_store_n(&m->x_ready, 1, __ATOMIC_RELEASE);
	__atomic_store_n(&n_records, i + 1, __ATOMIC_RELEASE);
	fr_span_used(&fr_region.modules, (i + 1) * sizeof(*m));
	if (loaded && find_object && n_known < KNOWN_MAX)
		known[n_known++] = *o;
}

/* Its record; UINT32_MAX = none, or nobody may write one now: the next who asks tries again. */
static uint32_t note(uintptr_t pc)
{
	uint32_t i = fr_region.hdr ? find_record(pc) : UINT32_MAX;
	struct fr_object o;
	uint64_t signals;

	if (!fr_region.hdr || i != UINT32_MAX || !fr_modules_find(pc, &o))
		return i;
	signals = fr_signals_block();
	if (fr_try_lock(&fr_gate.module_lock)) {
		if (find_record(pc) == UINT32_MAX)
			append(&o, fr_clock_ticks());
		i = find_record(pc);
		fr_unlock(&fr_gate.module_lock);
	}
	fr_signals_restore(signals);
	return i;
}

void fr_modules_note(uintptr_t pc)
{
	note(pc);
}

bool fr_modules_mark_deepbind(uintptr_t pc)
{
	uint32_t i;

	fr_modules_sweep();
	i = note(pc);
	if (i == UINT32_MAX)
		return false;
	record(i)->deepbind = 1;
	return true;
}

void fr_modules_sweep(void)
{
	uint32_t n = n_records;

	for (uint32_t i = 0; i < n; i++) {
		struct fr_module_rec *m = record(i);
		struct fr_object o;

		if (m->unloaded || strcmp(m->path, "[vdso]") == 0)
			continue;
		if (!fr_modules_find(m->base, &o) || o.bias != m->bias || o.end != m->end)
			m->unloaded = fr_clock_ticks();
	}
}

void fr_modules_changed(void)
{
	__atomic_add_fetch(&fr_modules_generation, 1, __ATOMIC_RELEASE);
	fr_stack_next_epoch();
}

/* ---- birth ----------------------------------------------------------------------------------- */

static int at_birth(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct fr_object o = {
		0, 0, info->dlpi_addr, info->dlpi_phdr, info->dlpi_phnum, info->dlpi_name};

	fr_objects_range(&o);
	if (!program.end) /* it is the first */
		program = o;
	if (o.end && n_known < KNOWN_MAX)
		known[n_known++] = o;
	return 0;
}

void fr_modules_rewrite(void)
{
	n_records = 0;
	fr_objects_again();
	for (unsigned int i = 0; i < n_known; i++) {
		struct fr_object o = known[i];
		struct fr_object now;

		/* the exact mapped range, so that the sweep can compare; gone ones are left out */
		if (find_object && fr_modules_find(o.base, &now))
			o = now;
		else if (find_object && o.base != getauxval(AT_SYSINFO_EHDR))
			continue;
		append(&o, 0);
	}
}

void fr_modules_init(void)
{
	find_object_init();
	dl_iterate_phdr(at_birth, NULL);
}
