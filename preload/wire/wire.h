/* SPDX-License-Identifier: MIT */
/*
 * wire.h - the format of a recording: the one contract between recorder and decoder.
 *
 * A live region (MAP_SHARED file), a region left by a dead process and a snapshot (.frd) are the
 * same format. A snapshot holds only the used part of each section and adds a trigger section.
 *
 *   offset 0                4096                                                       EOF
 *   +----------------------+---------+---------+-------+-----+---------------+---------------+
 *   | struct fr_header     | threads | modules | depot | ... | chunks (rare) | chunks (dense)|
 *   | and section table    |         |         |       |     |               |               |
 *   +----------------------+---------+---------+-------+-----+---------------+---------------+
 *
 * Everything is little-endian and naturally aligned; there are offsets and never pointers into the
 * file. Addresses of the host's address space are plain numbers. Fields named x_... are written by
 * several threads. All times are ticks unless the name says otherwise: see struct fr_clock_pair.
 *
 * Must not: include anything but stdint, stddef and tables of this folder; change an offset
 * (wire_layout.c has them all) without raising FR_VERSION. The numbers of sections, events, drops,
 * hooks and enumerators below are never reused.
 */
#ifndef FR_WIRE_H
#define FR_WIRE_H

#include <stddef.h>
#include <stdint.h>

#define FR_MAGIC "FLTREC\r\n" /* 8 bytes; CR LF shows a file damaged by text conversion */
#define FR_VERSION 2
#define FR_VERSION_OLDEST 1 /* still read; it differs in the stack dictionary and in `via` */
#define FR_BYTE_ORDER 0x01020304u
#define FR_HEADER_SIZE 4096u
#define FR_SECTION_UNIT 4096u /* sections begin at multiples; what grows, with a page */
#define FR_SECTIONS_MAX 24u

/* ---- header ---------------------------------------------------------------------------------- */

enum fr_state {
	FR_STATE_STARTING = 0, /* the header is not complete yet */
	FR_STATE_ALIVE = 1, /* recording; the process may have been killed since */
	FR_STATE_EXITED = 2, /* clean exit */
	FR_STATE_CRASHED = 3, /* a fatal signal was seen; struct fr_crash is valid */
	FR_STATE_FROZEN = 4, /* this is a snapshot: nobody writes any more */
	FR_STATE_UNWANTED = 5, /* clean exit, nobody wants the file: who can removes it */
};

enum fr_clock_kind {
	FR_CLOCK_MONOTONIC = 0, /* raw clock value = nanoseconds of CLOCK_MONOTONIC */
	FR_CLOCK_TSC = 1, /* raw clock value = invariant time stamp counter */
};

enum fr_region_kind {
	FR_REGION_FILE = 0, /* a file in FR_DIR or in the default directory */
	FR_REGION_MEMFD = 1, /* no usable directory: anonymous, does not survive the process */
};

enum fr_unwind_kind {
	FR_UNWIND_LIBUNWIND = 0, /* call frame information through libunwind */
	FR_UNWIND_FP = 1, /* asked for, or libunwind was and has failed: frame pointers */
	FR_UNWIND_CALLER = 2, /* only the caller's address */
	FR_UNWIND_CFI = 3, /* call frame information, read by the recorder itself */
};

struct fr_section {
	uint32_t id; /* enum fr_section_id */
	uint32_t record_size; /* bytes of one record, 1 for byte streams */
	uint64_t offset; /* from the start of the file */
	uint64_t size; /* bytes reserved (live region) or present (snapshot) */
	uint64_t x_used; /* bytes that hold data; a reader trusts min(x_used, size, file) */
};

#define SECTION(id, NAME, ...) FR_SEC_##NAME = id,
enum fr_section_id {
#include "sections.def"
};
#undef SECTION

/* The directory that the last snapshot was meant for, and did not go to. */
struct fr_failure {
	uint32_t why; /* row of places.def; 0 = the last one went where it should */
	uint32_t error; /* errno, 0 = none */
	uint64_t times; /* snapshots that did not go where they should, so far */
	uint64_t real_ns; /* of the last one */
	char dir[512]; /* NUL-terminated, cut */
};

struct fr_header {
	char magic[8];
	uint32_t version;
	uint32_t byte_order;
	uint32_t header_size;
	uint32_t section_count;
	uint32_t x_state; /* enum fr_state */
	uint32_t region_kind; /* enum fr_region_kind */
	uint32_t pid; /* as the process sees itself */
	uint32_t ppid;
	uint32_t uid;
	uint32_t arch; /* ELF e_machine: 62 x86-64, 183 aarch64 */
	uint32_t clock_kind; /* enum fr_clock_kind */
	uint32_t tick_shift; /* one tick = 2^tick_shift units of the raw clock */
	uint32_t unwind_kind; /* enum fr_unwind_kind */
	uint32_t signal; /* the signal that triggers a snapshot now; 0 = none */
	uint64_t start_real_ns;
	uint64_t start_mono_ns;
	uint64_t x_snapshots; /* snapshots written so far: the next file's number - 1 */
	uint64_t x_triggers_merged; /* triggers that fell into a running snapshot */
	uint64_t slow_ns; /* FR_SLOW */
	uint64_t min_age_ns; /* FR_MIN_AGE */
	uint64_t max_bytes; /* FR_MAX_BYTES */
	uint8_t levels[16]; /* level in force by enum fr_class */
	uint32_t stack_depth; /* FR_STACK_DEPTH */
	uint32_t recorder_version; /* major << 16 | minor << 8 | patch */
	uint64_t stack_tests; /* FR_VERIFY_STACKS: stacks unwound a second time (x_) */
	uint64_t stack_differ; /* of these, different from the memo's answer (x_) */
	uint64_t sample_mean; /* mean bytes between memory samples */
	uint32_t depot_words; /* words of 8 bytes, a power of two; 0 = stack ids are places */
	uint32_t x_depot_turns; /* segments of the depot begun after the first */
	uint32_t page_size; /* of the kernel; 0 = recorded before this was told: 4096 */
	uint32_t unused;
	uint64_t x_masked; /* texts that had a secret, which was not stored */
	uint64_t reserved[2];
	char boot_id[40];
	char host[64];
	char comm[16];
	char exe[512];
	char out_dir[512]; /* where snapshots are written */
	char cmdline[1024]; /* arguments separated by NUL, cut at the end */
	struct fr_section sections[FR_SECTIONS_MAX];
	struct fr_failure x_failure; /* 0 in recordings of older recorders */
};

/* ---- time ------------------------------------------------------------------------------------ */

/*
 * Renewed at least each second in which something was recorded. ticks(raw) = raw >> tick_shift.
 * Between two pairs time is interpolated, outside of them extrapolated with the nearest rate.
 */
struct fr_clock_pair {
	uint64_t raw; /* TSC, or CLOCK_MONOTONIC again */
	uint64_t mono_ns; /* CLOCK_MONOTONIC */
	uint64_t real_ns; /* CLOCK_REALTIME */
	uint64_t x_seq; /* number of this pair, from 1; 0 while it is written */
};
#define FR_CLOCK_PAIRS 64u

/* ---- threads --------------------------------------------------------------------------------- */

enum fr_thread_life {
	FR_THREAD_FREE = 0,
	FR_THREAD_LIVE = 1,
	FR_THREAD_DEAD = 2,
};

enum fr_held_kind {
	FR_HELD_MUTEX = 0,
	FR_HELD_RDLOCK = 1,
	FR_HELD_WRLOCK = 2,
	FR_HELD_SPIN = 3,
};

/* A lock this thread holds. since/stack are 0 where the level did not record the acquisition. */
struct fr_held {
	uint64_t addr;
	uint64_t since; /* ticks; a lower bound of the hold's age if FR_HELD_SINCE_SEEN */
	uint32_t stack;
	uint16_t kind; /* enum fr_held_kind */
	uint16_t flags; /* FR_HELD_... */
};
#define FR_HELD_SINCE_SEEN 1u /* since = first time the recorder looked, not the acquisition */
#define FR_HELD_MAX 14u

struct fr_thread_rec {
	uint32_t serial; /* 1 for the first thread recorded, never reused: handle T<serial> */
	uint32_t tid;
	uint32_t x_life; /* enum fr_thread_life */
	uint32_t creator_tid; /* 0 = unknown (the main thread, raw clone) */
	char name[16];
	uint64_t handle; /* pthread_t */
	uint64_t routine; /* start routine, 0 = main thread or unknown */
	uint64_t start; /* ticks */
	uint64_t end; /* ticks, 0 = not ended */
	uint32_t create_stack;
	uint16_t n_held; /* valid entries of held[] */
	uint16_t held_more; /* locks held beyond these */
	uint64_t events; /* recorded by this thread, all tiers, since its start */
	/*
	 * Current state: valid if st_seq is even and st_call is not 0. Written before the host's
	 * blocking call starts, cleared after it. st_call is a hook id.
	 */
	uint32_t st_seq;
	uint32_t st_call;
	uint64_t st_since; /* ticks */
	uint64_t st_object; /* lock or condition address, descriptor number, or pthread_t */
	uint64_t st_object2; /* the mutex of a condition wait */
	uint32_t st_owner; /* tid that held the lock when the wait began, 0 = unknown */
	uint32_t st_stack;
	uint64_t allocs; /* exact counts since the thread's start */
	uint64_t frees;
	uint64_t alloc_bytes;
	uint64_t stack_lo; /* bounds of the thread's own stack, 0 = unknown */
	uint64_t stack_hi;
	uint64_t x_reported; /* st_since of the wait that the trigger `stuck` has told of */
	uint64_t stack_walks; /* stacks that the memo did not know: walked frame by frame */
	struct fr_held held[FR_HELD_MAX];
};

/* What the kernel knew of a thread when the recording was taken. Of a snapshot only. */
struct fr_task_rec {
	uint32_t tid; /* 0 = none */
	uint8_t known; /* FR_TASK_...: the others are 0 */
	char state; /* as in /proc/PID/stat: R runs or may, S asleep, D in disk sleep, T, t, Z */
	uint16_t seq; /* its st_seq before that: another one in its record says that it ran since */
	uint64_t minor_faults;
	uint64_t major_faults;
	uint64_t cpu_ns; /* ran */
	uint64_t queued_ns; /* could have run, and had no CPU */
	uint64_t voluntary; /* switches to another thread */
	uint64_t involuntary;
	int64_t syscall; /* number, -1 = in none, or it ran */
	uint64_t arg[3];
	char wchan[40]; /* where in the kernel it sleeps; NUL-terminated */
};
#define FR_TASK_STAT 1u /* state, faults */
#define FR_TASK_SCHED 2u /* cpu_ns, queued_ns */
#define FR_TASK_SWITCHES 4u
#define FR_TASK_SYSCALL 8u
#define FR_TASK_WCHAN 16u

/* ---- modules --------------------------------------------------------------------------------- */

struct fr_module_rec {
	uint64_t base; /* lowest mapped address */
	uint64_t end; /* one past the highest mapped address */
	uint64_t bias; /* address = bias + ELF virtual address */
	uint64_t loaded; /* ticks when the recorder saw it first; 0 = at start */
	uint64_t unloaded; /* ticks when the recorder saw it gone; 0 = still there */
	uint32_t build_id_len; /* 0 = none */
	uint32_t x_ready; /* 1 when the record is complete */
	uint8_t build_id[32];
	uint64_t deepbind; /* 1: loaded with RTLD_DEEPBIND, so its calls do not reach the hooks */
	uint64_t reserved;
	char path[416]; /* NUL-terminated; "" = unknown, "[vdso]" for the vDSO */
};

/* ---- stack depot ----------------------------------------------------------------------------- */

/*
 * Stack ids count words of 8 bytes ever given out; id 0 is "no stack". The depot is a ring of
 * depot_words words: id n stands at byte 8 * (n % depot_words), if it still does. That is so where
 * the hash, which counts the laps, fits (FR_STACK_LAP); else another stack lies there by now. PCs
 * are leaf first and always return addresses: a reader looks up pc - 1. (A PC that a signal
 * interrupted is stored plus one.) After the PCs come the replay slots, which only the recorder
 * uses; total_size covers them.
 */
struct fr_stack_rec {
	uint32_t total_size; /* bytes of this record, a multiple of 8 */
	uint16_t n_frames;
	uint16_t flags; /* FR_STACK_... */
	uint64_t hash; /* XXH3_64bits of the PCs, plus FR_STACK_LAP a lap: else it is torn or not
			* the one */
	uint64_t pc[]; /* n_frames */
};
#define FR_DEPOT_SEGMENTS 8u /* of depot_words: what gives way at a time */
#define FR_STACK_LAP 0x9E3779B97F4A7C15ull /* odd: a lap can be told from a hash that fits */
#define FR_STACK_COMPLETE 1u /* ends at the thread's root */
#define FR_STACK_CUT 2u /* FR_STACK_DEPTH reached: outer frames are missing */
#define FR_STACK_NO_CFI 4u /* some frame was found by its frame pointer only */

/* ---- objects --------------------------------------------------------------------------------- */

enum fr_fd_kind {
	FR_FD_CLOSED = 0,
	FR_FD_UNKNOWN = 1,
	FR_FD_SOCKET = 2,
	FR_FD_LISTENER = 3,
	FR_FD_PIPE = 4,
	FR_FD_EVENTFD = 5,
	FR_FD_EPOLL = 6,
	FR_FD_FILE = 7, /* a file or block device, or where a call at a position succeeded */
	FR_FD_OTHER = 8,
};

struct fr_fd_rec {
	uint32_t x_kind; /* enum fr_fd_kind */
	uint32_t gen; /* raised each time the number is opened again */
	uint64_t since; /* ticks when opened or first seen; if closed: when that was, 0 = unknown */
	uint32_t stack; /* who opened it, or closed it, 0 = unknown */
	uint16_t peer_len;
	uint16_t x_connecting; /* 1: a connect is under way, since `since` */
	uint8_t peer
		[40]; /* a socket's peer, the end of a file's path; if closed: who did, u32 tid */
};

/* Lifetime totals of a lock, made when it was first contended (or initialised, at level full). */
struct fr_lock_rec {
	uint64_t x_addr;
	uint64_t x_waits;
	uint64_t x_wait_ticks;
	uint64_t x_max_wait;
	uint64_t x_late; /* contended, but seen only after the call: wait time unknown */
	uint32_t first_stack; /* stack of the first contended acquisition */
	uint32_t kind; /* enum fr_held_kind */
	uint64_t reserved[2];
};

/* ---- chunks and events ----------------------------------------------------------------------- */

/*
 * One thread fills a chunk; x_state says whether it still may. A reader copies the chunk, then
 * looks at seq again: changed means torn. Bytes [64, 64 + x_committed) are whole events.
 *
 *   event = head byte, dt, stack, arguments
 *     head  bit 7: short form (only the first `short` arguments of the schema row follow, the
 *           others are 0); bits 0-6: event id
 *     dt    varint: ticks since the chunk's previous event (first: since base)
 *     stack varint: index << 1 into the chunk's stack dictionary (64 entries), or
 *           (via << 32 | id) << 1 | 1, which becomes the entry I = fr_dict_slot(id); what was there
 *           moves to I ^ 1 (version 1: is gone). `via` is the row's FR_ARG_VIA: a place of the host
 *           calls one function only. 0 in version 1 and in rows without it
 *     arguments by the schema row, see enum fr_arg
 *
 * varint: the number of trailing zero bits of the first byte, plus one, is the length in bytes
 * (1..8), the value stands above them: 7 bits in one byte, 14 in two ... 56 in eight. A first byte
 * of 0 is followed by 8 raw bytes. Signed values are zigzag: (v << 1) ^ (v >> 63).
 *
 * All dictionaries and the last addresses start empty (0) in each chunk: a chunk is read alone.
 */
struct fr_chunk {
	uint64_t x_seq; /* number of this filling, rising over the tier; 0 = free or in change */
	uint32_t x_state; /* enum fr_chunk_state */
	uint32_t serial; /* thread's serial */
	uint32_t tid;
	uint32_t x_committed; /* bytes of whole events */
	uint64_t base; /* ticks */
	uint64_t last; /* ticks of the last event, set when the chunk is closed; 0 while open */
	uint64_t first_event; /* events this thread had recorded in this tier before this chunk */
	uint64_t reserved[2];
};

enum fr_chunk_state {
	FR_CHUNK_FREE = 0,
	FR_CHUNK_OPEN = 1,
	FR_CHUNK_CLOSED = 2,
};

enum fr_tier {
	FR_TIER_RARE = 0,
	FR_TIER_DENSE = 1,
};
#define FR_TIERS 2
#define FR_CHUNK_RARE 2048u
#define FR_CHUNK_DENSE 8192u
#define FR_EVENT_MAX 512u /* no event is longer */
#define FR_ARGS_MAX 8

/* How an argument is stored; several types of args.def share one. */
enum fr_wire {
	FR_WIRE_VARINT = 0,
	FR_WIRE_ZIGZAG = 1, /* varint of (v << 1) ^ (v >> 63) */
	FR_WIRE_TICKS = 2, /* varint; in ticks */
	FR_WIRE_OBJ = 3, /* address in a dictionary, see below */
	FR_WIRE_PTR = 4, /* the same in a dictionary of its own */
	FR_WIRE_BYTES = 5, /* varint length, then that many bytes */
	FR_WIRE_VIA = 6, /* no bytes of its own: stands by the stack, in the short form too */
	FR_WIRE_WIDE = 7, /* as VARINT: seldom below 128, which only its writer cares for */
};

#define ARGTYPE(number, NAME, ...) FR_ARG_##NAME = number,
enum fr_arg {
	FR_ARG_NONE = 0,
#include "args.def"
};
#undef ARGTYPE

/*
 * OBJ and PTR: varint of index << 1 into the kind's dictionary of 64 entries, or
 * zigzag(address - last address of this kind) << 1 | 1, which also sets the entry
 * fr_dict_slot(address >> 3). Either way the address becomes "last". Modulo 2^56.
 */
#define FR_DICT_SIZE 64u
static inline uint32_t fr_dict_slot(uint64_t v)
{
	return (uint32_t)(v * 0x9E3779B97F4A7C15ull >> 58);
}

struct fr_event_rec {
	uint32_t id;
	uint32_t n_args;
	uint32_t n_short; /* arguments present in the short form */
	uint32_t klass; /* enum fr_class */
	char name[24]; /* "mutex.lock" */
	uint8_t type[FR_ARGS_MAX]; /* enum fr_arg */
	char arg[FR_ARGS_MAX][12]; /* names, NUL-terminated unless 12 long */
	uint64_t reserved[2];
};

/* ---- trigger, crash, coverage ---------------------------------------------------------------- */

enum fr_trigger_kind {
	FR_TRIGGER_NONE = 0,
	FR_TRIGGER_SIGNAL = 1,
	FR_TRIGGER_CRASH = 2,
	FR_TRIGGER_THRESHOLD = 3,
	FR_TRIGGER_API = 4,
	FR_TRIGGER_EXIT = 5,
	FR_TRIGGER_LIVE = 6, /* taken from outside */
};

struct fr_trigger {
	uint32_t kind; /* enum fr_trigger_kind */
	uint32_t signo;
	uint32_t tid;
	uint32_t number; /* of this snapshot, from 1 */
	uint64_t ticks;
	uint64_t real_ns;
	uint64_t merged; /* other triggers that fell into this snapshot */
	uint32_t sender_pid; /* si_pid, 0 = unknown */
	uint32_t reserved;
	char reason[192]; /* text: rule that fired, argument of fr_snapshot() */
};

/* How the signal and the end belong together. */
enum fr_crash_how {
	FR_CRASH_DIED = 0, /* of the signal, by the default action */
	FR_CRASH_HANDLER_ENDED = 1, /* the host's own handler called exit or _exit */
	FR_CRASH_HANDLER_ABORTED =
		2, /* the host's own handler returned into abort(), which kills */
	FR_CRASH_IN_HANDLER =
		3, /* the host's own handler was called; that it returned was not seen */
};

struct fr_crash {
	uint32_t signo;
	int32_t code; /* si_code */
	uint32_t tid;
	uint32_t stack; /* stack id, 0 = none */
	uint64_t fault_addr;
	uint64_t ticks;
	uint64_t real_ns;
	uint64_t pc;
	uint64_t sp;
	uint64_t fp;
	uint64_t regs[32]; /* general registers in the order of the kernel's mcontext */
	uint32_t n_regs;
	uint32_t sender_pid;
	uint32_t sender_uid; /* valid with sender_pid, from recorders that tell `how` */
	uint32_t how; /* enum fr_crash_how */
	uint64_t reserved[3];
	/* what is known of an abort; "" in recordings of older recorders, which end here */
	char said[240]; /* what libc said as it aborted: assert, heap, stack protector, fortify */
};

struct fr_hook_rec {
	char name[40];
	uint32_t id;
	uint32_t taken; /* 1 = real function found; 0 = this libc has none */
	uint32_t klass;
	uint32_t flags; /* FR_HOOK_..., and enum fr_wait_kind from bit FR_HOOK_WAIT_SHIFT on */
	uint64_t provider; /* address of the real function: which module provides it */
};
#define FR_HOOK_SHADOWED 1u /* the host's calls go to another function: provider is that one */
#define FR_HOOK_TOLD 2u /* what stands below is known; not in old files */
#define FR_HOOK_STUCK 4u /* a thread that waits in it for long is `stuck` */
#define FR_HOOK_WAIT_SHIFT 8

/* How a thread waits in a call. */
#define WAIT_KIND(number, NAME, ...) FR_WAIT_##NAME = number,
enum fr_wait_kind {
	FR_WAIT_NONE = 0,
#include "waits.def"
	FR_WAIT_KINDS
};
#undef WAIT_KIND

/* ---- levels and classes ---------------------------------------------------------------------- */

enum fr_class {
	FR_CLASS_THREAD = 0,
	FR_CLASS_LOCK = 1,
	FR_CLASS_NET = 2,
	FR_CLASS_MEM = 3,
	FR_CLASS_IO = 4,
	FR_CLASS_USER = 5,
	FR_CLASS_RECORDER = 6,
};
#define FR_CLASSES 7

/* 0 is what a wiped gate shows: not born, or just forked. */
enum fr_level {
	FR_LEVEL_UNBORN = 0,
	FR_LEVEL_OFF = 1,
	FR_LEVEL_SLOW = 2, /* contended, blocking, failed, longer than FR_SLOW */
	FR_LEVEL_SAMPLED = 3, /* memory only */
	FR_LEVEL_FULL = 4, /* every call */
};

#endif
