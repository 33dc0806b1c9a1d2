/* SPDX-License-Identifier: MIT */
/*
 * names.h - how threads, locks, peers and places in the program are called in sentences.
 *
 * Everything returned is safe for a terminal and lives as long as the struct names.
 */
#ifndef FR_NAMES_H
#define FR_NAMES_H

#include "analyses/known.h"
#include "model/model.h"
#include "symbols/symbols.h"

struct names;

struct names *fr_names_open(const struct model *m, struct symbols *sy);
void fr_names_close(struct names *n);
struct symbols *fr_names_symbols(struct names *n);
const struct model *fr_names_model(const struct names *n);

const char *fr_name_fmt(struct names *n, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
const char *fr_name_ns(struct names *n, uint64_t ns); /* "115 ms" */
/* "1 thread", "7 threads". */
const char *fr_name_count(struct names *n, uint64_t count, const char *what);
const char *fr_name_thread(struct names *n, uint32_t thread); /* "T7 reporter" */
const char *fr_name_thread_tid(struct names *n, uint32_t thread); /* "T7 reporter (tid 4711)" */
const char *fr_name_lock(struct names *n, uint32_t lock); /* "buckets[42].mu", "L3 (0x5567a0)" */
const char *fr_name_lock_kind(const struct model *m, uint32_t lock); /* "mutex", "rwlock" */
/* The variable the lock is, NULL = unknown. */
const char *fr_name_lock_symbol(struct names *n, uint32_t lock);
/* Locks of one kind: "buckets[].mu"; equal classes are equal pointers. */
const char *fr_name_class(struct names *n, uint32_t lock);
const char *fr_name_fd(struct names *n, uint32_t sock); /* "fd 7 (/var/log/x)" */
const char *fr_name_peer(struct names *n, uint32_t sock); /* "10.0.0.5:80", NULL = unknown */
/* "recv() from 127.0.0.1:8091", "pthread_cond_wait() on queue.ready". */
const char *fr_name_wait(struct names *n, const struct span *s);

/* The library's primitive that S waits in, where its stack tells; or NULL. */
const struct known *fr_name_primitive(struct names *n, const struct span *s);
/* A wait for a condition, semaphore or futex: for work, as far as known, and not for a lock. */
bool fr_name_is_idle(struct names *n, const struct span *s);
/* ", last given back by T3 w0 2.1 s ago, its holder is not known" of a futex, else "". */
const char *fr_name_given_back(struct names *n, uint32_t lock);

/*
 * task_names.c. A thread in no hooked call: "running or runnable", "asleep in futex(2) on 0x..";
 * NULL: the kernel was not asked.
 */
const char *fr_name_task(struct names *n, const struct model *m, uint32_t thread);
const char *fr_name_syscall(uint32_t arch, int64_t nr); /* "futex"; NULL = not known */

/*
 * places.c. "sendReport server.c:88": the first frame of the user's own code, in the program or in
 * a library of its own; NULL = no stack.
 */
const char *fr_name_site(struct names *n, uint32_t stack);
/* The same from frame SKIP on. */
const char *fr_name_site_from(struct names *n, uint32_t stack, size_t skip);
/*
 * The same for the innermost function that both stacks have in common, at its place in STACK: the
 * function that took the lock and made the call. Falls back to fr_name_site(STACK).
 */
const char *fr_name_common_site(struct names *n, uint32_t stack, uint32_t other);
/* Whether the program's own code certainly stood at another place in STACK than in OTHER. */
bool fr_name_is_elsewhere(struct names *n, uint32_t stack, uint32_t other);
/* One frame: "sendReport server.c:88", "malloc libc.so.6", "libfoo.so+0x1234". */
const char *fr_name_frame(struct names *n, const struct frame *f);
/* Whether the frame is no code that everybody has: libc, the C++ library and its headers, ours. */
bool fr_frame_is_own(struct names *n, const struct frame *f);
/* Whether the kernel has put F there, to call a handler. */
bool fr_frame_is_handler_call(const struct frame *f);

#endif
