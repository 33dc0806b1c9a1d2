/* SPDX-License-Identifier: MIT */
/*
 * sigentry.c - see sigentry.h.
 *
 * Notes are never changed and never given back: the kernel, a forked child or a handler under way
 * may still have the address. A host has some ten different ones; one that makes up new handlers
 * all the time uses up the table, and then its handlers run unseen (signals.c).
 *
 * Context: hooks of sigaction and its relatives: any thread, signal handlers, vfork children. Must
 * not: wait for another thread, which may be the one that a handler has interrupted.
 */
#include "record/sigentry.h"

#include <stdatomic.h>
#include <string.h>

#include "core/arch.h"

#define ENTRIES 512u
#define ENTRY_SIZE 16u /* bytes of code of one, see below */

enum note_state { FREE = 0, FILLING, READY };

static FR_BIG struct fr_sigentry notes[ENTRIES];
static _Atomic uint8_t states[ENTRIES]; /* enum note_state */

extern const char fr_sigentry_code[] __attribute__((visibility("hidden")));

static uint32_t place_of(const struct fr_sigentry *e)
{
	uint64_t h = (uintptr_t)e->handler * 0x9E3779B97F4A7C15ull;

	h = (h ^ e->mask ^ ((uint64_t)e->flags << 8) ^ e->role) * 0x9E3779B97F4A7C15ull;
	return (uint32_t)(h >> 32) % ENTRIES;
}

static bool same(const struct fr_sigentry *a, const struct fr_sigentry *b)
{
	return a->handler == b->handler && a->mask == b->mask && a->flags == b->flags &&
	       a->role == b->role;
}

/*
 * One that is just being filled, by another thread or by the code that we have interrupted, is
 * passed over: two notes of the same content do no harm.
 */
void *fr_sigentry_for(const struct fr_sigentry *e)
{
	for (uint32_t i = 0, at = place_of(e); i < ENTRIES; i++, at = (at + 1) % ENTRIES) {
		uint8_t state = atomic_load_explicit(&states[at], memory_order_acquire);

		if (state == READY && !same(&notes[at], e))
			continue;
		if (state == FREE && atomic_compare_exchange_strong(&states[at], &state, FILLING)) {
			notes[at] = *e;
			atomic_store_explicit(&states[at], READY, memory_order_release);
			state = READY;
		}
		if (state == READY && same(&notes[at], e))
			return (void *)(fr_sigentry_code + (size_t)at * ENTRY_SIZE);
	}
	return NULL;
}

const struct fr_sigentry *fr_sigentry_at(const void *address)
{
	uintptr_t at = (uintptr_t)address - (uintptr_t)fr_sigentry_code;

	if (at >= (uintptr_t)ENTRIES * ENTRY_SIZE || at % ENTRY_SIZE)
		return NULL;
	return &notes[at / ENTRY_SIZE];
}

/* Comes by a jump from entry K, with the kernel's arguments in their registers. */
__attribute__((used, visibility("hidden"))) void fr_sigentry_enter(int sig, siginfo_t *si, void *uc,
								   uint32_t k);
void fr_sigentry_enter(int sig, siginfo_t *si, void *uc, uint32_t k)
{
	fr_signals_arrived(sig, si, uc, &notes[k]);
}

#if defined(__x86_64__)
__asm__(".text\n"
	".balign 16\n"
	".hidden fr_sigentry_code\n"
	".globl fr_sigentry_code\n"
	".type fr_sigentry_code, @function\n"
	"fr_sigentry_code:\n"
	"	.cfi_startproc\n"
	"	.set k, 0\n"
	"	.rept 512\n"
	"	endbr64\n"
	"	mov $k, %ecx\n"
	"	jmp fr_sigentry_enter\n"
	"	.balign 16, 0xcc\n"
	"	.set k, k + 1\n"
	"	.endr\n"
	"	.cfi_endproc\n"
	".size fr_sigentry_code, . - fr_sigentry_code\n");
#elif defined(__aarch64__)
__asm__(".text\n"
	".balign 16\n"
	".hidden fr_sigentry_code\n"
	".globl fr_sigentry_code\n"
	".type fr_sigentry_code, %function\n"
	"fr_sigentry_code:\n"
	"	.cfi_startproc\n"
	"	.set k, 0\n"
	"	.rept 512\n"
	"	hint #34\n" /* bti c */
	"	mov w3, #k\n"
	"	b fr_sigentry_enter\n"
	"	.balign 16\n"
	"	.set k, k + 1\n"
	"	.endr\n"
	"	.cfi_endproc\n"
	".size fr_sigentry_code, . - fr_sigentry_code\n");
#endif
_Static_assert(ENTRIES == 512 && ENTRY_SIZE == 16, "the numbers stand in the code above");
