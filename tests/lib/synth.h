/* SPDX-License-Identifier: MIT */
/*
 * synth.h - recordings from C literals, for the tests of everything that reads one.
 *
 *	struct synth *s = synth_new();
 *	uint32_t t1 = synth_thread(s, 100, "main");
 *	uint32_t st = synth_stack(s, 2, (uint64_t[]){0x1010, 0x1020});
 *	SYNTH_EVENT(s, t1, 5000, FR_EV_MUTEX_LOCK, st, 0xa000, 300, 101);
 *	synth_write(s, path);
 *	synth_free(s);
 *
 * Defaults: a snapshot of PID 4711 "server" on CLOCK_MONOTONIC with 1 tick = 1 ns, so that all
 * times are nanoseconds; start at 1 000 000 000 ns. Change synth_header() before the first event
 * for anything else. Invalid use ends in abort(): it is a mistake in a test.
 */
#ifndef TESTS_LIB_SYNTH_H
#define TESTS_LIB_SYNTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "preload/wire/events.h"
#include "preload/wire/wire.h"
#include "preload/wire/wire_control.h"

#define SYNTH_START_NS 1000000000ull
#define SYNTH_REAL_NS 1800000000000000000ull /* CLOCK_REALTIME at SYNTH_START_NS */

struct synth;

struct synth *synth_new(void);
/*
 * Recordings begun from now on have the arguments of all built-in events in another order, schema
 * and bytes; whoever makes events still gives them as events.def has them.
 */
void synth_shuffle(bool on);
void synth_free(struct synth *s);

struct fr_header *synth_header(struct synth *s);
/*
 * A record that is handed out below may move when the next one of its kind is added.
 *
 * The first synth_clock() replaces the two default pairs.
 */
void synth_clock(struct synth *s, uint64_t raw, uint64_t mono_ns, uint64_t real_ns);

/* Returns the serial, from 1. The record may be changed (state, held locks, life, creator). */
uint32_t synth_thread(struct synth *s, uint32_t tid, const char *name);
struct fr_thread_rec *synth_thread_rec(struct synth *s, uint32_t serial);
/* THREAD waits in hook CALL since SINCE ticks. */
void synth_waits(struct synth *s, uint32_t serial, const char *call, uint64_t since,
		 uint64_t object, uint32_t owner_tid, uint32_t stack);
void synth_holds(struct synth *s, uint32_t serial, uint64_t lock, uint64_t since, uint32_t stack);

struct fr_module_rec *synth_module(struct synth *s, const char *path, uint64_t base, uint64_t end);
/* PCs leaf first, return addresses. Equal stacks get the same id. */
uint32_t synth_stack(struct synth *s, uint16_t n, const uint64_t *pcs);
/* PEER as "127.0.0.1:80", "[::1]:80", "unix:/path", NULL = none. */
struct fr_fd_rec *synth_fd(struct synth *s, uint32_t fd, uint32_t kind, const char *peer);
struct fr_lock_rec *synth_lock(struct synth *s, uint64_t addr);
/* The hook id of a function's name, added when new. */
uint32_t synth_call(struct synth *s, const char *name);
/* Its record: flags 0, as in recordings that do not say how one waits in a call. */
struct fr_hook_rec *synth_call_rec(struct synth *s, uint32_t id);
void synth_note(struct synth *s, const char *line);
void synth_drop(struct synth *s, uint32_t drop, uint64_t n);
struct fr_control *synth_control(struct synth *s); /* zeroed; without it there is none */
struct fr_trigger *synth_trigger(struct synth *s, uint32_t kind, uint64_t ticks);
struct fr_crash *synth_crash(struct synth *s, uint32_t signo, uint32_t tid, uint64_t ticks);
/* A row for a kind of event that the built-in schema does not know. */
void synth_schema(struct synth *s, const struct fr_event_rec *row);

/* The bytes of a struct sockaddr for PEER (see synth_fd); returns their length, at most 110. */
size_t synth_sockaddr(uint8_t *to, const char *peer);

/*
 * One event in its kind's own tier. ARGS in the order of events.def, or of a row that was added by
 * synth_schema(), N of them, the rest 0; signed
 * ones as two's complement. BLOB are the bytes of its STR or SOCK argument, whose value in ARGS is
 * then ignored. Times of a thread's tier must not fall.
 */
void synth_event(struct synth *s, uint32_t serial, uint64_t ticks, uint32_t kind, uint32_t stack,
		 const uint64_t *args, size_t n, const void *blob, size_t blob_len);
#define SYNTH_EVENT(s, serial, ticks, kind, stack, ...)                                            \
	synth_event(s, serial, ticks, kind, stack, (const uint64_t[]){__VA_ARGS__},                \
		    sizeof((const uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t), NULL, 0)
/* The same in the tier of slow and failed events. */
#define SYNTH_SLOW(s, ...)                                                                         \
	do {                                                                                       \
		synth_tier(s, FR_TIER_RARE);                                                       \
		SYNTH_EVENT(s, __VA_ARGS__);                                                       \
		synth_tier(s, -1);                                                                 \
	} while (0)
void synth_tier(struct synth *s, int tier); /* -1 = each kind's own */

/* Closes the thread's chunk in TIER: the next event begins another one. */
void synth_chunk_end(struct synth *s, uint32_t serial, int tier);
/* N events of the thread in TIER came before its next chunk and were overwritten. */
void synth_lost(struct synth *s, uint32_t serial, int tier, uint64_t n);

/* The recording's bytes; the caller frees them. */
uint8_t *synth_bytes(struct synth *s, size_t *n);
void synth_write(struct synth *s, const char *path);

#endif
