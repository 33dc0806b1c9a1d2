/* SPDX-License-Identifier: MIT */
/*
 * objects.c - see objects.h. A copy of the loader's list, made anew when that has grown or
 * something was unloaded.
 *
 * The list is read without its lock, so the kernel copies it for us (fr_peek). Objects of the
 * program's start are not in the copy: modules.c knows them, and they stay.
 * Must not: follow a pointer of the list itself; wait for another thread that makes a copy.
 */
#include "record/objects.h"

#include <elf.h>
#include <stdatomic.h>
#include <string.h>

#include "core/arch.h"
#include "record/peek.h"

#define OBJECTS_MAX 1024u
#define HEADERS_MAX 32u

struct copy {
	struct fr_object at[OBJECTS_MAX];
	unsigned int n;
	uint32_t generation;
	const struct link_map *last;
};
/* One to be read, one to be written next. */
static struct copy copies[2];
static struct copy *_Atomic current;
static atomic_flag busy = ATOMIC_FLAG_INIT;

void fr_objects_range(struct fr_object *o)
{
	o->base = UINTPTR_MAX;
	o->end = 0;
	for (uint16_t i = 0; i < o->n_phdr; i++) {
		uintptr_t lo = o->bias + o->phdr[i].p_vaddr;

		if (o->phdr[i].p_type != PT_LOAD)
			continue;
		if (lo + o->phdr[i].p_memsz > o->end)
			o->end = lo + o->phdr[i].p_memsz;
		lo &= ~(uintptr_t)(FR_PAGE - 1);
		if (lo < o->base)
			o->base = lo;
	}
}

/* A library begins with its headers. */
static void add(struct copy *c, const struct link_map *link)
{
	ElfW(Ehdr) eh = {0};
	ElfW(Phdr) ph[HEADERS_MAX];
	struct fr_object o = {.bias = link->l_addr, .name = link->l_name};
	const void *headers;

	if (c->n == OBJECTS_MAX || !link->l_addr ||
	    fr_peek(&eh, sizeof(eh), (const void *)link->l_addr) != sizeof(eh) ||
	    memcmp(eh.e_ident, ELFMAG, SELFMAG) != 0 || eh.e_phentsize != sizeof(ph[0]) ||
	    eh.e_phnum > HEADERS_MAX)
		return;
	headers = (const void *)(link->l_addr + eh.e_phoff);
	if (fr_peek(ph, eh.e_phnum * sizeof(ph[0]), headers) != eh.e_phnum * sizeof(ph[0]))
		return;
	o.phdr = ph;
	o.n_phdr = eh.e_phnum;
	fr_objects_range(&o);
	o.phdr = headers;
	c->at[c->n++] = o;
}

static struct copy *make(uint32_t generation)
{
	struct copy *c = &copies[atomic_load(&current) == &copies[0]];
	const struct link_map *next = _r_debug.r_map;
	struct link_map link = {0};

	c->n = 0;
	c->last = NULL;
	c->generation = generation;
	for (unsigned int i = 0; next && i < 4 * OBJECTS_MAX; i++, next = link.l_next) {
		if (fr_peek(&link, sizeof(link), next) != sizeof(link))
			return NULL;
		add(c, &link);
		c->last = next;
	}
	return c;
}

static bool has_changed(const struct copy *c, uint32_t generation)
{
	struct link_map last = {0};

	return !c || c->generation != generation ||
	       fr_peek(&last, sizeof(last), c->last) != sizeof(last) || last.l_next;
}

/* NULL: not now. An object that is just being loaded is not described yet. */
static struct copy *make_anew(uint32_t generation)
{
	struct copy *c = NULL;

	if (_r_debug.r_state != RT_CONSISTENT || atomic_flag_test_and_set(&busy))
		return NULL;
	c = make(generation);
	if (c)
		atomic_store(&current, c);
	atomic_flag_clear(&busy);
	return c;
}

static bool find_in(const struct copy *c, uintptr_t pc, struct fr_object *out)
{
	for (unsigned int i = 0; i < c->n; i++) {
		if (pc >= c->at[i].base && pc < c->at[i].end) {
			*out = c->at[i];
			return true;
		}
	}
	return false;
}

bool fr_objects_find(uintptr_t pc, uint32_t generation, struct fr_object *out)
{
	struct copy *c = atomic_load(&current);

	if (c && c->generation == generation && find_in(c, pc, out))
		return true;
	if (!has_changed(c, generation))
		return false;
	c = make_anew(generation);
	return c && find_in(c, pc, out);
}

void fr_objects_again(void)
{
	atomic_flag_clear(&busy);
}
