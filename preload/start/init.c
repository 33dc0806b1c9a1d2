/* SPDX-License-Identifier: MIT */
/*
 * init.c - the only file that knows the order of birth, fork and death.
 *
 *   constructor (before every library's, -z initfirst) ── waiting ── birth: levels set, recording
 *        │                                                               │
 *        │ AT_SECURE, FR_ONLY, no memory: everything off                 │ fork: gate wiped
 *        │                                                               v
 *        └── destructor, _exit: end                        first hook of the child: birth again
 *
 * While it waits (may_wait()) only allocations are counted; any other hook leads to the birth.
 *
 * Context: the constructor runs before libc's own (environ and stdio are not up; envp is given).
 * In a forked child anything may be locked: system calls only there. Must not: leave errno
 * changed, print unless FR_VERBOSE, keep a descriptor.
 */
#include "start/init.h"

#include <errno.h>
#include <gnu/libc-version.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>

#include "core/config.h"
#include "core/lookup.h"
#include "core/process.h"
#include "core/real.h"
#include "core/sanitizer.h"
#include "core/say.h"
#include "core/sys.h"
#include "core/text.h"
#include "host/loader_fit.h"
#include "host/next_syscall.h"
#include "host/signals.h"
#include "keep/crash.h"
#include "keep/rescue.h"
#include "keep/snapshot.h"
#include "record/deepbind.h"
#include "record/depot.h"
#include "record/ring.h"
#include "record/sample.h"
#include "record/thread_records.h"
#include "record/wait.h"
#include "start/tell.h"
#include "steer/control.h"
#include "steer/trigger.h"
#include "store/describe.h"
#include "store/pages.h"
#include "store/room.h"

#ifndef MADV_WIPEONFORK
#define MADV_WIPEONFORK 18 /* Linux 4.14 */
#endif

#define VERSION_WORD (0u << 16 | 1u << 8 | 0u)

struct fr_gate fr_gate __attribute__((aligned(FR_PAGE_MAX)));
_Static_assert(sizeof(struct fr_gate) == FR_PAGE_MAX, "the gate is whole pages");

static bool constructed; /* our constructor has run; until then no call is recorded */
static bool off; /* nothing is to be recorded in this process or its children */
static bool started; /* the host's own code runs */
static bool under_sanitizer; /* off because a sanitizer would report our accesses as the host's */
static char start_dir[512];
static int (*clock_get)(clockid_t id, struct timespec *ts); /* NULL: by system call */

static void set_levels(bool on)
{
	if (on)
		fr_control_levels();
	for (int k = 0; !on && k < FR_CLASSES; k++)
		__atomic_store_n(&fr_gate.level[k], FR_LEVEL_OFF, __ATOMIC_RELEASE);
	fr_gate.waiting = 0;
	atomic_store(&fr_gate.birth, 2);
}

static void fill_header(int argc, char *const *argv)
{
	struct fr_header *h = fr_region.hdr;

	fr_process_describe(h, argc, argv);
	fr_text_copy(h->out_dir, sizeof(h->out_dir), fr_config.out[0] ? fr_config.out : start_dir);
	h->start_real_ns = fr_clock_ns(CLOCK_REALTIME);
	h->start_mono_ns = fr_clock_ns(CLOCK_MONOTONIC);
	h->clock_kind = fr_clock.kind;
	h->tick_shift = fr_clock.shift;
	h->slow_ns = fr_config.slow;
	h->min_age_ns = fr_config.min_age;
	h->max_bytes = fr_room.max_bytes;
	h->stack_depth = (uint32_t)fr_config.stack_depth;
	h->recorder_version = VERSION_WORD;
	h->sample_mean = FR_SAMPLE_MEAN;
}

/* Of WANT bytes of pages, when so many are needed: what the cgroup lets have. */
static uint64_t pages_of(uint64_t want)
{
	uint64_t max = fr_room_pages(want);

	if (max < want) {
		fr_room.max_bytes = fr_region.hdr->max_bytes = max;
		fr_describe_notes();
	}
	return max;
}

/* Everything that belongs to one region: at first birth and in each forked child. */
static bool make_world(bool forked, int argc, char *const *argv)
{
	fr_pages_ask(pages_of);
	if (!fr_region_make(fr_room.max_bytes, !forked))
		return false;
	if (!fr_depot_init())
		fr_note("no memory for the index of stacks", "", "");
	fr_chunks_init();
	fr_thread_records_init();
	if (!forked)
		fr_clock_measure(); /* not earlier: meanwhile there was something to do */
	fill_header(argc, argv);
	fr_clock_pairs_begin(fr_region.clocks);
	return true;
}

static void go_live(enum fr_unwind_kind unwind)
{
	static const struct fr_thread_origin main_thread;

	fr_region.hdr->unwind_kind = unwind;
	fr_slow_ticks = fr_clock_from_ns(fr_config.slow);
	fr_control_init();
	__atomic_store_n(&fr_region.hdr->x_state, FR_STATE_ALIVE, __ATOMIC_RELEASE);
	set_levels(true);
	fr_thread_birth(&main_thread);
	fr_describe();
	fr_rescue_init();
	fr_snapshot_born();
}

/* ---- birth ----------------------------------------------------------------------------------- */

static bool wanted(void)
{
	return !fr_config.only[0] || fr_text_match(fr_config.only, fr_process.comm);
}

/* Libc's clock_gettime(); NULL where libfaketime or the like comes behind us. */
static int (*clock_of_libc(void))(clockid_t id, struct timespec *ts)
{
	int (*next)(clockid_t, struct timespec *) = fr_lookup_next("clock_gettime", "");

	return next && fr_modules_same((void *)next, (void *)gnu_get_libc_version) ? next : NULL;
}

/* What only the constructor may do: it reads what the host may change, or takes locks of libc's. */
static bool prepare(char *const *envp)
{
	fr_config_read(envp);
	fr_say_init();
	fr_process_read(false);
	if (!wanted()) {
		fr_tell(envp, FR_TELL_NOT_WANTED, "");
		return false;
	}
	fr_sys2(SYS_getcwd, start_dir, sizeof(start_dir));
	clock_get = clock_of_libc();
	fr_modules_init();
	fr_threads_prepare();
	fr_signals_init(false);
	return true;
}

/* The program's own process, or a forked child of one that was not born. System calls only. */
static bool first_birth(bool forked, int argc, char *const *argv)
{
	enum fr_unwind_kind unwind;

	if (!fr_room_measure(fr_config.max_bytes))
		return false;
	fr_clock_choose(fr_config.clock, clock_get);
	unwind = fr_stack_init();
	fr_sample_init();
	fr_snapshot_init();
	if (!make_world(forked, argc, argv)) {
		fr_say("no memory for a region: not recording", "", "");
		return false;
	}
	fr_modules_rewrite();
	fr_signals_init(true);
	if (fr_process.sanitized)
		fr_note("built with AddressSanitizer: neither memory nor crashes are recorded", "",
			"");
	go_live(unwind);
	return true;
}

/*
 * May the birth wait for an event? Most programs that end soon have none, and nobody asks for the
 * region of one that has nothing to tell. Blocks and their sizes are counted meanwhile.
 */
static bool may_wait(void)
{
	bool triggers = false;

	for (unsigned int i = 0; i < FR_RULES_MAX; i++)
		triggers |= fr_config.trigger[i] != 0;
	return !triggers && !fr_config.keep && !fr_config.verbose && !fr_config.verify_stacks &&
	       fr_config.unwind != FR_UNWIND_LIBUNWIND && !fr_process.sanitized;
}

static void wait_for_event(enum fr_waiting who)
{
	uint8_t mem = fr_config.events[FR_CLASS_MEM];

	fr_thread_wait(who == FR_WAITING_CHILD);
	fr_gate.waiting = (int)who;
	atomic_store(&fr_gate.birth, 0);
	if (mem == FR_LEVEL_SAMPLED || mem == FR_LEVEL_OFF)
		__atomic_store_n(&fr_gate.level[FR_CLASS_MEM], mem, __ATOMIC_RELEASE);
}

static bool start(int argc, char *const *argv, char *const *envp)
{
	if (!prepare(envp))
		return false;
	if (may_wait() && !fr_tell_is_asked(envp)) {
		wait_for_event(FR_WAITING_PROGRAM);
		return true;
	}
	if (!first_birth(false, argc, argv)) {
		fr_signals_withdraw();
		fr_tell(envp, FR_TELL_NO_REGION, "");
		return false;
	}
	fr_tell(envp, FR_TELL_RECORDING, fr_region.hdr->out_dir);
	fr_say("recording into ", fr_region.path[0] ? fr_region.path : "anonymous memory", "");
	return true;
}

/* It comes before main(), or long after. */
static bool late_birth(void)
{
	bool forked = fr_process.pid != (uint32_t)fr_sys_getpid();

	if (forked && !fr_config.follow)
		return false;
	if (forked)
		fr_process_read(true);
	if (!first_birth(forked, 0, NULL)) {
		fr_signals_withdraw();
		return false;
	}
	fr_thread_waited();
	if (started)
		fr_region.hdr->unwind_kind =
			fr_stack_upgrade((enum fr_unwind_kind)fr_config.unwind);
	return true;
}

static bool child_birth(void)
{
	enum fr_unwind_kind unwind = (enum fr_unwind_kind)fr_region.hdr->unwind_kind;
	/* a handler that forked in the middle of our code goes on with the old memory */
	bool busy = fr_self->busy && fr_self->busy != FR_BUSY_FOR_EVER;
	bool waited = fr_gate.waiting;

	if (!fr_config.follow)
		return false;
	if (!fr_gate.waiting)
		fr_thread_forget();
	fr_region_forget(!busy);
	fr_process_read(true);
	if (!fr_room_measure(fr_config.max_bytes) || !make_world(true, 0, NULL))
		return false;
	fr_modules_rewrite();
	fr_deepbind_again();
	fr_signals_init(true);
	go_live(unwind);
	if (waited)
		fr_thread_waited();
	return true;
}

/*
 * A forked child that has only allocated: most of them become another program soon. A handler that
 * forked in the middle of our code goes on with the parent's block.
 */
static bool child_may_wait(enum fr_class klass)
{
	return klass == FR_CLASS_MEM && !fr_gate.waiting && fr_region.hdr && fr_config.follow &&
	       fr_config.events[FR_CLASS_MEM] != FR_LEVEL_FULL && may_wait() &&
	       (!fr_self->busy || fr_self->busy == FR_BUSY_FOR_EVER);
}

static FR_COLD enum fr_level birth(enum fr_class klass)
{
	unsigned int unborn = 0;

	if (!constructed)
		return FR_LEVEL_OFF; /* a constructor that ran before ours */
	if (atomic_load_explicit(&fr_gate.birth, memory_order_acquire) == 2)
		return fr_control_wake(klass); /* asleep: no shared write on each call */
	if (fr_gate.lender && fr_gate.lender != fr_sys_getpid())
		return FR_LEVEL_OFF; /* the birth is its parent's */
	if (!atomic_compare_exchange_strong(&fr_gate.birth, &unborn, 1))
		return unborn == 2 ? fr_control_wake(klass) : FR_LEVEL_OFF;
	if (!off && child_may_wait(klass)) {
		wait_for_event(FR_WAITING_CHILD);
		return (enum fr_level)fr_level_now(klass);
	}
	if (!off)
		off = !(fr_region.hdr ? child_birth() : late_birth());
	if (off)
		set_levels(false);
	return (enum fr_level)fr_level_now(klass);
}

enum fr_level fr_birth(enum fr_class klass)
{
	int saved = errno;
	enum fr_level level = birth(klass);

	errno = saved;
	return level;
}

__attribute__((constructor)) static void construct(int argc, char **argv, char **envp)
{
	int saved = errno;

	if (constructed)
		return;
	fr_process_page();
	fr_real_resolve();
	fr_fit_init();
	fr_next_syscall_init();
	atomic_store(&fr_gate.birth, 1);
	/* a kernel before 4.14 has no WIPEONFORK: a child could not be told from its parent */
	under_sanitizer = fr_sanitizer_find() == FR_SANITIZER_OTHER;
	off = getauxval(AT_SECURE) || under_sanitizer ||
	      fr_sys_madvise(&fr_gate, sizeof(fr_gate), MADV_WIPEONFORK) != 0 ||
	      !start(argc, argv, envp);
	if (off)
		set_levels(false);
	constructed = true;
	errno = saved;
}

/* An allocator in the program itself, or preloaded before us. */
static void note_unseen_memory(void)
{
	Dl_info its;

	if (!fr_process.sanitized && fr_hook_shadows[FR_HOOK_malloc] &&
	    fr_libc.dladdr(fr_hook_shadows[FR_HOOK_malloc], &its))
		fr_note("memory is not seen: before ours comes the malloc of ", its.dli_fname, "");
}

void fr_process_started(void)
{
	int saved = errno;

	if (under_sanitizer) {
		fr_config_read(environ); /* not earlier: strcmp() may be the sanitizer's */
		fr_say_init();
		fr_say("a sanitizer watches this program: not recording", "", "");
		fr_process_read(false);
		fr_tell(environ, FR_TELL_SANITIZER, "");
		errno = saved;
	}
	if (off)
		return;
	fr_libc_complete();
	started = true;
	if (fr_region.hdr)
		fr_region.hdr->unwind_kind =
			fr_stack_upgrade(fr_room_unwind((enum fr_unwind_kind)fr_config.unwind));
	fr_real_find_shadows();
	note_unseen_memory();
	if (fr_region.hdr) {
		fr_describe_shadows();
		fr_rescue_init();
	}
	fr_crash_init();
	at_quick_exit(fr_process_end);
	errno = saved;
}

/* ---- end ------------------------------------------------------------------------------------- */

/* What the thread that ends the process has counted and not written. */
static void tell_folded(void)
{
	struct fr_thread *t = fr_self->fold_due ? fr_enter() : NULL;

	if (!t)
		return;
	fr_put_repeated(t, fr_clock_ticks());
	fr_leave(t);
}

void fr_process_end(void)
{
	struct fr_header *h = fr_region.hdr;
	int saved;

	/*
	 * Unborn: a forked child that never recorded; another pid: a vfork child. Such a one may
	 * have been cloned with thread storage of zeros (Chromium's sandbox): no errno before this
	 * line.
	 */
	if (!h || fr_level_now(FR_CLASS_RECORDER) <= FR_LEVEL_OFF ||
	    h->pid != (uint32_t)fr_sys_getpid() || h->x_state != FR_STATE_ALIVE)
		return;
	saved = errno;
	tell_folded();
	fr_crash_at_exit((struct fr_site)FR_SITE());
	if (h->x_state == FR_STATE_CRASHED)
		return;
	if (fr_config.trigger[FR_RULE_exit])
		fr_snapshot_now(FR_TRIGGER_EXIT, 0, 0, NULL);
	fr_snapshot_wait();
	fr_region_done();
	fr_rescue_end();
	if (!fr_config.keep)
		fr_region_unlink();
	errno = saved;
}

__attribute__((destructor)) static void destruct(void)
{
	fr_process_end();
}
