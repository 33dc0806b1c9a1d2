/* SPDX-License-Identifier: MIT */
/*
 * standin.c - a libunwind of some future: right answers, and one habit that the recorder does not
 * know, by STANDIN. "later-" habits begin after a while.
 *
 * LACKS: without unw_get_save_loc. STRANGER: it imports a function that nobody has thought of.
 */
#include <link.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "standin.h"

#define LATER 16 /* steps; the recorder's trial takes ten */

static int steps;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static int never(struct dl_phdr_info *info, size_t size, void *arg)
{
	return 1;
}

/* Is it time for this habit? */
static int now(const char *habit)
{
	if (strcmp(standin_does, habit) == 0)
		return 1;
	return strncmp(standin_does, "later-", 6) == 0 && strcmp(standin_does + 6, habit) == 0 &&
	       steps > LATER;
}

static void crash(void)
{
	*(volatile int *)8 = 1;
}

/* Other threads of the host have time to fault meanwhile. */
static void crash_slowly(void)
{
	for (volatile long i = 0; i < 100000000; i++)
		;
	crash();
}

static void misbehave(void)
{
	if (now("syscall") && syscall(9999, 1, 2, 3) != -1)
		crash();
	if (now("file") && (syscall(SYS_mmap, NULL, 4096, PROT_READ, MAP_PRIVATE, 0, 0) != -1 ||
			    syscall(SYS_openat, -100, "/etc/passwd", 0) != -1))
		crash();
	if (now("crash"))
		crash();
	if (now("slow"))
		crash_slowly();
	if (now("illegal"))
		__builtin_trap();
	if (now("abort"))
		abort();
	while (now("endless"))
		dl_iterate_phdr(never, NULL);
}

int unw_init_local2(unw_cursor_t *c, unw_context_t *uc, int flag)
{
	sigset_t all, before;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &before);
	pthread_mutex_lock(&lock);
	pthread_mutex_unlock(&lock);
	sigprocmask(SIG_SETMASK, &before, NULL);
	return standin_real.init(c, uc, flag);
}

int unw_step(unw_cursor_t *c)
{
	steps++;
	misbehave();
	return standin_real.step(c);
}

int unw_get_reg(unw_cursor_t *c, unw_regnum_t reg, unw_word_t *value)
{
	return standin_real.get_reg(c, reg, value);
}

#ifndef LACKS
int unw_get_save_loc(unw_cursor_t *c, int reg, unw_save_loc_t *loc)
{
	int rc = standin_real.get_save_loc(c, reg, loc);

	if (now("wrong"))
		loc->u.addr += 8;
	return rc;
}
#endif

int unw_get_proc_info(unw_cursor_t *c, unw_proc_info_t *info)
{
	return standin_real.get_proc_info(c, info);
}

unw_addr_space_t unw_local_addr_space;

/* Nothing is unloaded where this stands. */
void unw_flush_cache(unw_addr_space_t space, unw_word_t lo, unw_word_t hi)
{
	(void)space;
	(void)lo;
	(void)hi;
}

int unw_is_signal_frame(unw_cursor_t *c)
{
#ifdef STRANGER
	if (now("never"))
		return (int)getppid();
#endif
	return standin_real.is_signal_frame(c);
}
