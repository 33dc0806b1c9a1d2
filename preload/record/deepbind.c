/* SPDX-License-Identifier: MIT */
/*
 * deepbind.c - see deepbind.h.
 *
 * The hook of dlopen is a tail call (the loader looks at who called it), so the name is noted
 * before, and whether the object came is looked up later: at the next event, then about once a
 * second while something is asked for, and before a snapshot. The loader's list of objects is read
 * without its lock; what is in it may go meanwhile, so the kernel copies it for us.
 *
 * Cannot see: objects that came along with it, or that were loaded by dlmopen.
 */
#include "record/deepbind.h"

#include <dlfcn.h>
#include <link.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/uio.h>

#include "core/clock.h"
#include "core/gate.h"
#include "core/sys.h"
#include "core/text.h"
#include "record/modules.h"
#include "store/region.h"

#define ASKED_MAX 64u
#define NAME_SIZE 256u
#define LINKS_MAX 4096u /* a list that is changed under us may lead in circles */
#define TRIES 5 /* without success: it was not loaded */

struct asked {
	atomic_int tries; /* still to come */
	atomic_bool found;
	char name[NAME_SIZE]; /* without its directory; written once */
};
static FR_BIG struct asked asked[ASKED_MAX];
static atomic_uint n_asked;

/* ---- the loader's list ----------------------------------------------------------------------- */

/* Bytes at FROM, SIZE or as many as there is memory; SIZE is a page at most. Returns how many. */
static size_t peek(void *to, size_t size, const void *from)
{
	size_t room = FR_PAGE - ((uintptr_t)from & (FR_PAGE - 1));
	size_t first = room < size ? room : size;
	struct iovec local = {to, size};
	struct iovec remote[] = {{(void *)from, first}, {(char *)from + first, size - first}};
	long got =
		fr_sys6(SYS_process_vm_readv, fr_sys_getpid(), (long)&local, 1, (long)remote, 2, 0);

	return got > 0 ? (size_t)got : 0;
}

static const struct r_debug *debug;

/* The loaded object whose file is called BASE: an address within it, 0 = none. */
static uintptr_t find_loaded(const char *base)
{
	const struct link_map *next = debug ? debug->r_map : NULL;
	struct link_map link = {0};
	char path[512];

	for (unsigned int i = 0; next && i < LINKS_MAX; i++, next = link.l_next) {
		size_t n;

		if (peek(&link, sizeof(link), next) != sizeof(link))
			break;
		n = peek(path, sizeof(path), link.l_name);
		if (memchr(path, 0, n) && !strcmp(fr_text_base(path), base))
			return (uintptr_t)link.l_ld;
	}
	return 0;
}

/* ---- what was asked for ---------------------------------------------------------------------- */

static struct asked *row_of(const char *base)
{
	unsigned int n = atomic_load(&n_asked);

	for (unsigned int i = 0; i < n; i++) {
		if (strcmp(asked[i].name, base) == 0)
			return &asked[i];
	}
	if (n == ASKED_MAX) {
		fr_drop(FR_DROP_MODULE_FULL);
		return NULL;
	}
	strcpy(asked[n].name, base);
	atomic_store(&n_asked, n + 1);
	return &asked[n];
}

void fr_deepbind_asked(const char *name)
{
	const char *base = fr_text_base(name);
	struct asked *row;
	uint64_t signals;

	if (!debug)
		debug = dlsym(RTLD_DEFAULT, "_r_debug");
	/* an object that is loaded already stays bound as it is */
	if (strlen(base) >= NAME_SIZE || find_loaded(base) ||
	    !fr_lock_wait_masked(&fr_gate.module_lock, &signals))
		return;
	row = row_of(base);
	if (row)
		atomic_store(&row->tries, TRIES);
	fr_unlock_masked(&fr_gate.module_lock, signals);
	fr_clock.next_pair = 0; /* the next event looks */
}

void fr_deepbind_check(void)
{
	unsigned int n = atomic_load(&n_asked);

	if (n && debug->r_state != RT_CONSISTENT) /* one that fails is in the list for a while */
		return;
	for (unsigned int i = 0; i < n; i++) {
		uintptr_t inside;

		if (atomic_load(&asked[i].tries) <= 0)
			continue;
		atomic_fetch_sub(&asked[i].tries, 1);
		inside = find_loaded(asked[i].name);
		if (inside && fr_modules_mark_deepbind(inside)) {
			atomic_store(&asked[i].tries, 0);
			asked[i].found = true;
		}
	}
}

void fr_deepbind_again(void)
{
	unsigned int n = atomic_load(&n_asked);

	for (unsigned int i = 0; i < n; i++) {
		if (asked[i].found)
			atomic_store(&asked[i].tries, TRIES);
	}
}
