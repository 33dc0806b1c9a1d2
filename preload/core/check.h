/* SPDX-License-Identifier: MIT */
/*
 * check.h - what must always be true, asked of a build with DEBUG=1. Without FR_DEBUG all of this
 * is nothing: no code, no data.
 *
 * A check that fails says so in one line on the standard error stream and ends the process by
 * SIGABRT with the default action, in any context: a recorder that goes on with broken memory would
 * hide where it broke.
 *
 * FR_RUNS(...) is the table "what may run where" of preload/README.md: in which of these places,
 * beyond the ordinary one, a function may run.
 */
#ifndef FR_CHECK_H
#define FR_CHECK_H

#include <stddef.h>
#include <stdint.h>

struct fr_chunk;
struct fr_span;
struct fr_thread;

enum fr_where {
	FR_WHERE_ANY_THREAD = 0,
	FR_WHERE_HANDLER = 1, /* one of our signal handlers, before the host's own */
	FR_WHERE_UNBORN = 2, /* a forked child that has no region yet: fr_region is its parent's */
	FR_WHERE_SNAPSHOT = 4, /* the thread that writes a snapshot: its TLS is another's */
};

#ifdef FR_DEBUG
#define FR_CHECKS 1
#else
#define FR_CHECKS 0 /* what is checked is compiled, and no code comes of it */
#endif

_Noreturn void fr_check_failed(const char *what, const char *file, unsigned int line);
void fr_where_check(unsigned int allowed, uintptr_t frame, const char *function);

#define FR_CHECK(what) (!FR_CHECKS || (what) ? (void)0 : fr_check_failed(#what, __FILE__, __LINE__))
#define FR_RUNS(allowed)                                                                           \
	(FR_CHECKS ? fr_where_check((allowed), (uintptr_t)__builtin_frame_address(0), __func__)    \
		   : (void)0)

#ifdef FR_DEBUG

/* A chunk of SIZE bytes that is about to be closed; returns how many events it holds. */
uint64_t fr_chunk_check(const struct fr_chunk *c, size_t size);

void fr_span_check(const struct fr_span *s);

/* T under the guard: block, writers, record, held locks. */
void fr_thread_check(const struct fr_thread *t);

/* The header's sections: in order, apart, within the region. */
void fr_region_check(void);

/* The region's file was cut (rescue.h): from here on its content is not checked. */
void fr_check_no_region(void);

/* The calling thread is in PLACE too; gives what fr_where_leave() wants back. */
unsigned int fr_where_enter(enum fr_where place);
void fr_where_leave(unsigned int before);

#else

static inline uint64_t fr_chunk_check(const struct fr_chunk *c, size_t size)
{
	return 0;
}

static inline void fr_span_check(const struct fr_span *s)
{
}

static inline void fr_thread_check(const struct fr_thread *t)
{
}

static inline void fr_region_check(void)
{
}

static inline void fr_check_no_region(void)
{
}

static inline unsigned int fr_where_enter(enum fr_where place)
{
	return 0;
}

static inline void fr_where_leave(unsigned int before)
{
}

#endif
#endif
