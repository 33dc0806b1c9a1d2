/* SPDX-License-Identifier: MIT */
/*
 * stack.c - cold: walks a stack by rules, stores it, remembers it for replay.
 *
 * Rules (unwind.h) are kept by PC in one table for all threads, so that a new PC costs libunwind
 * once per process and a walk of known PCs some nanoseconds a frame. A table entry is two words;
 * the writer, under fr_gate.unwind_lock, clears the key, writes the rule, writes the key: a reader
 * that sees the same key before and after has the rule of that key.
 *
 * Context: any thread, signal handlers too, under the guard. Must not: read a word that
 * readable() has not allowed.
 */
#include "record/stack.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>

#include "core/config.h"
#include "core/gate.h"
#include "core/sys.h"
#include "record/cfi.h"
#include "record/thread.h"
#include "record/unwind.h"
#include "store/room.h"

#define RULES 16384u /* entries; 256 KiB, touched as needed */
#define RULE_PROBE 8u

struct rule_slot {
	_Atomic uint64_t key; /* address looked up; 0 = empty */
	_Atomic uint64_t rule;
};

static struct rule_slot *rules;
static enum fr_unwind_kind unwind_kind;
static bool have_libunwind;
static bool verifying; /* FR_VERIFY_STACKS: each hit is unwound again */

enum fr_unwind_kind fr_stack_init(void)
{
	rules = fr_sys_mmap(RULES * sizeof(*rules), PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1);
	unwind_kind = rules && fr_config.unwind == FR_UNWIND_CFI ? FR_UNWIND_CFI : FR_UNWIND_CALLER;
	return unwind_kind;
}

enum fr_unwind_kind fr_stack_upgrade(enum fr_unwind_kind want)
{
	if (!rules || want == FR_UNWIND_CALLER)
		return FR_UNWIND_CALLER;
	verifying = fr_config.verify_stacks;
	if (want == unwind_kind && !verifying)
		return want;
	if (want == FR_UNWIND_LIBUNWIND)
		want = fr_unwind_load();
	else if (verifying && fr_room_unwind(FR_UNWIND_LIBUNWIND) == FR_UNWIND_LIBUNWIND)
		have_libunwind = fr_unwind_load() == FR_UNWIND_LIBUNWIND;
	have_libunwind |= want == FR_UNWIND_LIBUNWIND;
	unwind_kind = want; /* not earlier: the loader has called hooks */
	fr_stack_next_epoch();
	return unwind_kind;
}

/* ---- which words may be read ----------------------------------------------------------------- */

struct walker {
	uintptr_t lo, hi; /* words of the thread's own stack are in [lo, hi) */
	struct fr_site site;
	struct fr_frame f;
	uintptr_t fp_from; /* where f.fp was read; 0 = the register at the site */
	uintptr_t good_page; /* of a foreign stack */
	bool own_stack; /* the site is on the thread's own stack */
};

/*
 * On the thread's own stack everything up to its top. Elsewhere (alternate stack, fiber) the
 * kernel is asked once a page: rt_sigprocmask with an impossible `how` reads the mask first, and
 * is the call least likely to be forbidden by a seccomp filter.
 */
static bool readable(void *arg, uintptr_t addr)
{
	struct walker *k = arg;
	uintptr_t page = addr & ~(uintptr_t)(FR_PAGE - 1);

	/* libunwind asks for the page's first byte, which may lie below sp, but not far */
	if (addr >= k->lo && addr <= k->hi - 8)
		return !k->own_stack || addr >= (k->site.sp & ~(uintptr_t)(FR_PAGE - 1));
	if (page == k->good_page)
		return true;
	if (addr < FR_PAGE || fr_sys4(SYS_rt_sigprocmask, ~0, page, 0, 8) == -EFAULT)
		return false;
	k->good_page = page;
	return true;
}

/* ---- rules ----------------------------------------------------------------------------------- */

static uint64_t rule_pack(struct fr_unwind_rule r)
{
	return (uint64_t)r.kind | (uint64_t)(fr_modules_generation & 0xfff) << 4 |
	       ((uint64_t)r.cfa & 0x3fffff) << 16 | ((uint64_t)r.ra & 0x1fff) << 38 |
	       ((uint64_t)r.fp & 0x1fff) << 51;
}

static struct fr_unwind_rule rule_unpack(uint64_t v)
{
	return (struct fr_unwind_rule){
		.kind = v & 15,
		.cfa = (int32_t)((int64_t)(v << 26) >> 42),
		.ra = (int16_t)((int64_t)(v << 13) >> 51),
		.fp = (int16_t)((int64_t)v >> 51),
	};
}

static uint32_t rule_index(uint64_t key)
{
	return (uint32_t)((key * 0x9E3779B97F4A7C15ull) >> 50);
}

static bool rule_find(uint64_t key, struct fr_unwind_rule *out)
{
	for (uint32_t i = 0, at = rule_index(key); i < RULE_PROBE; i++) {
		struct rule_slot *s = &rules[(at + i) % RULES];
		uint64_t rule;

		if (atomic_load_explicit(&s->key, memory_order_acquire) != key)
			continue;
		rule = atomic_load_explicit(&s->rule, memory_order_acquire);
		if (atomic_load_explicit(&s->key, memory_order_relaxed) != key)
			return false;
		*out = rule_unpack(rule);
		return ((rule >> 4) & 0xfff) == (fr_modules_generation & 0xfff);
	}
	return false;
}

/* Under the lock. Where all places of KEY are taken, they are replaced in turn. */
static void rule_store(uint64_t key, struct fr_unwind_rule r)
{
	static uint32_t turn;
	uint32_t at = rule_index(key);
	struct rule_slot *s = &rules[(at + turn++ % RULE_PROBE) % RULES];

	for (uint32_t i = 0; i < RULE_PROBE; i++) {
		struct rule_slot *c = &rules[(at + i) % RULES];
		uint64_t k = atomic_load_explicit(&c->key, memory_order_relaxed);

		if (!k || k == key) {
			s = c;
			break;
		}
	}
	atomic_store_explicit(&s->key, 0, memory_order_release);
	atomic_store_explicit(&s->rule, rule_pack(r), memory_order_release);
	atomic_store_explicit(&s->key, key, memory_order_release);
}

/*
 * The kernel has made F's caller go on with a sigreturn: behind it lies a signal frame. libunwind
 * knows it by the same bytes, but is asked about the byte before, as for any return address, and
 * then takes the interrupted instruction for a call.
 */
static bool is_signal_frame(const struct fr_frame *f)
{
	return !f->exact && fr_modules_is_code(f->pc) && fr_modules_is_code(f->pc + 8) &&
	       fr_arch_is_sigreturn(f->pc);
}

static struct fr_unwind_rule rule_for(struct walker *k)
{
	uint64_t key = k->f.exact ? k->f.pc : k->f.pc - 1;
	struct fr_unwind_rule r = {.kind = FR_RULE_NO_CFI};
	uint64_t signals;

	if (unwind_kind == FR_UNWIND_FP || rule_find(key, &r))
		return r;
	fr_modules_note(key);
	if (!fr_lock_wait_masked(&fr_gate.unwind_lock, &signals)) {
		fr_drop(FR_DROP_STACK_BUSY);
		r.kind = FR_RULE_UNKNOWN;
		return r;
	}
	if (is_signal_frame(&k->f))
		r.kind = FR_RULE_SIGNAL;
	else
		r = unwind_kind == FR_UNWIND_CFI ? fr_cfi_rule(&k->f) : fr_unwind_rule(&k->f);
	rule_store(key, r);
	fr_unlock_masked(&fr_gate.unwind_lock, signals);
	return r;
}

/* ---- the walk -------------------------------------------------------------------------------- */

/* Offset of ADDR from the site's sp in words; false = not expressible in a slot. */
static bool slot_of(const struct walker *k, uintptr_t addr, uint16_t *slot)
{
	uintptr_t d = addr - k->site.sp;

	*slot = (uint16_t)(d / 8);
	return d % 8 == 0 && d / 8 <= UINT16_MAX;
}

/* The walk is about to use f.fp: its source becomes part of what a replay must compare. */
static void use_fp(struct walker *k, struct fr_walk *w)
{
	if (!k->fp_from) {
		w->uses_fp = true;
		return;
	}
	if (w->n_fp && k->site.sp + 8ull * w->fp[w->n_fp - 1].at == k->fp_from)
		return; /* the same word again */
	if (slot_of(k, k->fp_from, &w->fp[w->n_fp].at) &&
	    slot_of(k, k->f.fp, &w->fp[w->n_fp].value))
		w->n_fp++;
	else
		w->replayable = false;
}

/* To the caller's frame by words at RA_AT and FP_AT (0 = fp unchanged). False: stop here. */
static bool step_words(struct walker *k, struct fr_walk *w, uintptr_t cfa, uintptr_t ra_at,
		       uintptr_t fp_at)
{
	if (cfa <= k->f.sp || (ra_at & 7) || !readable(k, ra_at) ||
	    (fp_at && ((fp_at & 7) || !readable(k, fp_at)))) {
		if (!k->own_stack)
			fr_drop(FR_DROP_STACK_FOREIGN);
		return false;
	}
	if (!slot_of(k, ra_at, &w->ra[w->n - 1]))
		w->replayable = false;
	k->f.pc = *(const uintptr_t *)ra_at;
	k->f.sp = cfa;
	k->f.exact = false;
	if (fp_at) {
		k->f.fp = *(const uintptr_t *)fp_at;
		k->fp_from = fp_at;
	}
	if (!k->f.pc)
		w->flags |= FR_STACK_COMPLETE;
	return k->f.pc != 0;
}

static bool step_fp_chain(struct walker *k, struct fr_walk *w)
{
	uintptr_t fp = k->f.fp;

	w->flags |= FR_STACK_NO_CFI;
	if (fp < k->f.sp || fp - k->f.sp > 1u << 20 || (fp & 7) || (k->own_stack && fp >= k->hi))
		return false; /* it was used for something else: no page need be asked for */
	use_fp(k, w);
	return step_words(k, w, fp + 16, fp + 8, fp) && k->f.pc >= FR_PAGE;
}

static bool step_hard(struct walker *k, struct fr_walk *w)
{
	struct fr_readable ok = {readable, k};
	uintptr_t sp = k->f.sp;
	uint64_t signals;
	bool more;

	w->replayable = false;
	if (!readable(k, k->f.fp) || !readable(k, k->f.sp))
		return false; /* its frame may be found by either */
	if (!fr_lock_wait_masked(&fr_gate.unwind_lock, &signals)) {
		fr_drop(FR_DROP_STACK_BUSY);
		return false;
	}
	more = unwind_kind == FR_UNWIND_CFI ? fr_cfi_step(&k->f, ok) : fr_unwind_step(&k->f, ok);
	fr_unlock_masked(&fr_gate.unwind_lock, signals);
	return more && k->f.sp > sp;
}

static bool step_signal(struct walker *k, struct fr_walk *w)
{
	struct fr_readable ok = {readable, k};

	w->replayable = false;
	k->own_stack = false; /* the interrupted stack may be another one, below this */
	return fr_unwind_signal(&k->f, ok);
}

static bool step(struct walker *k, struct fr_walk *w)
{
	struct fr_unwind_rule r = rule_for(k);
	uintptr_t cfa;

	switch (r.kind) {
	case FR_RULE_SP:
	case FR_RULE_FP:
		if (r.kind == FR_RULE_FP)
			use_fp(k, w);
		cfa = (r.kind == FR_RULE_FP ? k->f.fp : k->f.sp) + 8 * (intptr_t)r.cfa;
		return step_words(k, w, cfa, cfa + 8 * (intptr_t)r.ra,
				  r.fp ? cfa + 8 * (intptr_t)r.fp : 0);
	case FR_RULE_NO_CFI:
		return step_fp_chain(k, w);
	case FR_RULE_SIGNAL:
		return step_signal(k, w);
	case FR_RULE_HARD:
		return unwind_kind != FR_UNWIND_CFI && fr_unwind_broken() ? step_fp_chain(k, w)
									  : step_hard(k, w);
	case FR_RULE_END:
		w->flags |= FR_STACK_COMPLETE;
		return false;
	default:
		w->replayable = false; /* cut only for the moment */
		return false;
	}
}

static void walk_begin(const struct walker *k, struct fr_walk *w)
{
	w->n = w->n_fp = w->flags = 0;
	w->replayable = k->own_stack;
	w->uses_fp = false;
}

static void walk(struct walker *k, struct fr_walk *w)
{
	/* others can write to the region's file, and W has so much room and no more */
	uint32_t depth = fr_region.hdr->stack_depth;

	if (depth <= w->n || depth > FR_FRAMES_MAX)
		depth = FR_FRAMES_MAX;
	do {
		/* see wire.h: PCs are return addresses, an interrupted one is stored plus one */
		w->pc[w->n++] = k->f.exact ? k->f.pc + 1 : k->f.pc;
		if (w->n == depth) {
			w->flags |= FR_STACK_CUT;
			return;
		}
	} while (unwind_kind != FR_UNWIND_CALLER && step(k, w));
}

static struct walker walker_at(struct fr_thread *t, struct fr_site s, bool exact)
{
	struct walker k = {.lo = t->stack_lo, .hi = t->stack_hi, .site = s};

	k.f = (struct fr_frame){s.pc, s.sp, s.fp, exact};
	k.own_stack = s.sp >= k.lo && s.sp < k.hi;
	return k;
}

/* ---- the memo -------------------------------------------------------------------------------- */

void fr_stack_forget(struct fr_thread *t)
{
	memset(&t->memo, 0, sizeof(t->memo));
	t->memo_epoch = 0;
}

static void forget_stale(struct fr_thread *t)
{
	uint32_t now = __atomic_load_n(&fr_stack_epoch, __ATOMIC_ACQUIRE);

	if (t->memo.filled_in == now)
		return;
	fr_stack_forget(t);
	__atomic_store_n(&t->memo.turn, fr_depot_turns(), __ATOMIC_RELEASE);
	t->memo.filled_in = now;
	t->memo_epoch = verifying ? 0 : now;
}

static void remember(struct fr_memo *m, struct fr_site s, uint32_t id, bool uses_fp)
{
	uint32_t i = fr_memo_index(s);
	struct fr_memo_way *set = m->set[i];
	uint64_t fp = (s.fp - s.sp) / 8 + 1;

	if (uses_fp && (s.fp < s.sp || (s.fp - s.sp) % 8 || fp >= 1u << 24))
		return;
	set[1 + m->victim[i]++ % (FR_MEMO_WAYS - 1)] = set[0];
	set[0] = (struct fr_memo_way){
		.key = fr_memo_key(s),
		.stack = id,
		.fp = uses_fp ? (uint32_t)fp & 0xffffff : 0,
		.quads = (uint8_t)(fr_depot_replayed(fr_depot_get(id)->n_frames) / 4),
	};
}

/* The way that is S's stack, which then stands first; NULL: none. */
static const struct fr_memo_way *find_way(struct fr_memo *m, struct fr_site s)
{
	struct fr_memo_way *set = m->set[fr_memo_index(s)], found;

	for (uint32_t i = 0; i < FR_MEMO_WAYS; i++) {
		if (!fr_memo_is(&set[i], s))
			continue;
		found = set[i];
		set[i] = set[0];
		set[0] = found;
		return set;
	}
	return NULL;
}

/* Unwinds again with libunwind alone and compares with stack ID. */
static void verify(struct fr_thread *t, struct fr_site s, uint32_t id)
{
	const struct fr_stack_rec *r = fr_depot_get(id);
	struct walker k = walker_at(t, s, false);
	struct fr_readable ok = {readable, &k};
	bool same = r->pc[0] == s.pc;
	uint64_t signals;

	if (!have_libunwind || (r->flags & FR_STACK_NO_CFI) ||
	    !fr_lock_wait_masked(&fr_gate.unwind_lock, &signals))
		return;
	for (uint32_t i = 1; i < r->n_frames && same; i++)
		same = fr_unwind_step(&k.f, ok) && k.f.pc == r->pc[i];
	if (same && (r->flags & FR_STACK_COMPLETE))
		same = !fr_unwind_step(&k.f, ok);
	fr_unlock_masked(&fr_gate.unwind_lock, signals);
	if (fr_unwind_broken())
		return;
	__atomic_fetch_add(&fr_region.hdr->stack_tests, 1, __ATOMIC_RELAXED);
	if (!same)
		__atomic_fetch_add(&fr_region.hdr->stack_differ, 1, __ATOMIC_RELAXED);
}

uint32_t fr_stack_miss(struct fr_thread *t, uintptr_t pc, uintptr_t sp, uintptr_t fp)
{
	struct fr_site s = {pc, sp, fp};
	struct fr_memo *m = &t->memo;
	const struct fr_memo_way *known;
	struct walker k;
	bool same_slots;
	uint32_t id;

	forget_stale(t);
	known = find_way(m, s);
	if (known) {
		if (verifying)
			verify(t, s, known->stack);
		return known->stack;
	}
	t->rec->stack_walks++;
	k = walker_at(t, s, false);
	walk_begin(&k, &t->walk);
	walk(&k, &t->walk);
	id = fr_depot_put(&t->walk, &same_slots);
	if (id && same_slots)
		remember(m, s, id, t->walk.uses_fp);
	return id;
}

/* The call at S led to where there is no code: goes on at its caller, if that can be found. */
static void skip_bad_call(struct walker *k, struct fr_walk *w, struct fr_site caller)
{
	if (!fr_modules_is_code(caller.pc - 1))
		return;
	w->pc[w->n++] = k->f.pc + 1;
	k->f = (struct fr_frame){caller.pc, caller.sp, caller.fp, false};
}

uint32_t fr_stack_of_context(struct fr_walk *w, const ucontext_t *uc, enum fr_context how)
{
	struct fr_site s = fr_arch_ucontext_site(uc), caller;
	/* no word is trusted to be there: the stack itself may be what is broken */
	struct walker k = {.lo = 8, .hi = 8, .site = s};
	bool same;

	k.f = (struct fr_frame){s.pc, s.sp, s.fp, how != FR_CONTEXT_BEHIND};
	walk_begin(&k, w);
	if (how == FR_CONTEXT_PC_ONLY) {
		w->pc[w->n++] = s.pc + 1;
		return fr_depot_put(w, &same);
	}
	if (how == FR_CONTEXT_BAD_CALL && fr_arch_ucontext_called_from(uc, readable, &k, &caller))
		skip_bad_call(&k, w, caller);
	walk(&k, w);
	return fr_depot_put(w, &same);
}
