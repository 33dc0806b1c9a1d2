/* SPDX-License-Identifier: MIT */
/*
 * arch.h - what depends on the processor: the caller's registers at a hook, the time stamp
 * counter, registers in a signal context. One branch per architecture, nothing else elsewhere.
 */
#ifndef FR_ARCH_H
#define FR_ARCH_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <ucontext.h>

#include "core/lookup.h"

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
#define FR_ALWAYS_INLINE inline __attribute__((always_inline))
/* Variables that every event reads, side by side: after a system call each cache line is a miss. */
#define FR_HOT __attribute__((section("fr_hot")))
/* The big ones behind them: they must not spread the small ones over more cache lines. */
#define FR_HOT_BIG __attribute__((section("fr_hot_big"), aligned(64)))
/* Of kilobytes, and zero for most programs: behind the .bss whose pages each start touches. */
#define FR_BIG __attribute__((section(".bss.zz")))
#define FR_COLD __attribute__((noinline, cold))

/*
 * What the two compilers call differently: a function that ends in a call without a frame of its
 * own in every build (`FR_TAIL_CALL return real();`), one that is never copied for some callers.
 */
#ifdef __clang__
#define FR_TAIL_CALLER
#define FR_TAIL_CALL __attribute__((musttail))
#define FR_ONE_COPY __attribute__((noinline))
#else
#define FR_TAIL_CALLER __attribute__((optimize("O2")))
#define FR_TAIL_CALL
#define FR_ONE_COPY __attribute__((noinline, noclone))
#endif

/* The point in the host from which a hook was called: what unwinding starts from. */
struct fr_site {
	uintptr_t pc; /* return address into the host */
	uintptr_t sp; /* host's stack pointer after the return (the hook's CFA) */
	uintptr_t fp; /* host's frame pointer register */
};

/* A kernel's pages are of this size, FR_PAGE_MIN, or a multiple of it up to FR_PAGE_MAX. */
#define FR_PAGE_MIN 4096u

#if defined(__x86_64__)

#define FR_ELF_MACHINE 62u
#define FR_UNW_ARCH "x86_64" /* in the names of libunwind's functions */

#define FR_PAGE FR_PAGE_MIN
#define FR_PAGE_MAX FR_PAGE_MIN

/* The bits that tell one return address on a stack from another. */
#define FR_PC_BITS (~0ull)

static inline uintptr_t fr_arch_strip(uintptr_t pc)
{
	return pc; /* as the processor has pushed it */
}

#define FR_SIGNS_RETURNS 0

/* The instruction of a breakpoint is over when its signal comes. */
#define FR_TRAP_IS_BEHIND true

/* Only in the hook function itself: libfr is built with frame pointers. */
#define FR_SITE()                                                                                  \
	({                                                                                         \
		uintptr_t *fa_ = __builtin_frame_address(0);                                       \
		(struct fr_site){fa_[1], (uintptr_t)(fa_ + 2), fa_[0]};                            \
	})

static inline uint64_t fr_arch_tsc(void)
{
	return __builtin_ia32_rdtsc();
}

/* Later instructions, rdtsc too, begin only when all earlier ones are done. */
static inline void fr_arch_fence(void)
{
	__builtin_ia32_lfence();
}

static inline void fr_arch_pause(void)
{
	__builtin_ia32_pause();
}

/*
 * A host may have asked for SIGBUS at accesses that are not aligned (EFLAGS.AC), and signal
 * handlers inherit that. Ours make such accesses, as do libc and the hooks that a handler of the
 * host's calls; the kernel restores the flag behind them.
 */
static inline void fr_arch_allow_unaligned(void)
{
	__asm__ volatile("lea -128(%%rsp), %%rsp\n\t" /* the red zone */
			 "pushfq\n\t"
			 "andl $~0x40000, (%%rsp)\n\t"
			 "popfq\n\t"
			 "lea 128(%%rsp), %%rsp"
			 :
			 :
			 : "memory", "cc");
}

/*
 * CPUID 0x80000007 EDX bit 8: the TSC runs at one rate in all power states. glibc has asked already
 * (2.33, its leaf 4): in a virtual machine each CPUID is an exit, of some 10 us.
 */
static inline bool fr_arch_tsc_invariant(void)
{
	const uint32_t *(*known)(unsigned int leaf) =
		(__typeof__(known))fr_lookup_first("__x86_get_cpuid_feature_leaf");
	uint32_t a = 0x80000000u, b, c = 0, d;

	if (known)
		return (known(4)[3] >> 8) & 1;
	__asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
	if (a < 0x80000007u)
		return false;
	a = 0x80000007u;
	c = 0;
	__asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
	return (d >> 8) & 1;
}

static inline struct fr_site fr_arch_ucontext_site(const ucontext_t *uc)
{
	const greg_t *g = uc->uc_mcontext.gregs;

	return (struct fr_site){(uintptr_t)g[REG_RIP], (uintptr_t)g[REG_RSP],
				(uintptr_t)g[REG_RBP]};
}

/* The code at PC is mov $SYS_rt_sigreturn, %rax; syscall: where the kernel's handlers return to. */
static inline bool fr_arch_is_sigreturn(uintptr_t pc)
{
	static const unsigned char code[] = {0x48, 0xc7, 0xc0, 0x0f, 0, 0, 0, 0x0f, 0x05};

	return memcmp((const void *)pc, code, sizeof(code)) == 0;
}

/* Where the caller of what was interrupted goes on, if that is still in a register: never. */
static inline uintptr_t fr_arch_ucontext_link(const ucontext_t *uc)
{
	return 0;
}

/* The kernel's signal frame at SP, the stack pointer after the handler's return: its context. */
static inline const ucontext_t *fr_arch_signal_context(uintptr_t sp)
{
	return (const ucontext_t *)sp;
}

/*
 * UC stands at the first instruction of a function: where that will return to. False: READ does not
 * allow the word with the return address.
 */
static inline bool fr_arch_ucontext_called_from(const ucontext_t *uc,
						bool (*read)(void *arg, uintptr_t addr), void *arg,
						struct fr_site *out)
{
	*out = fr_arch_ucontext_site(uc);
	if ((out->sp & 7) || !read(arg, out->sp))
		return false;
	out->pc = *(const uintptr_t *)out->sp;
	out->sp += sizeof(uintptr_t);
	return true;
}

/* False for what a user's pointer cannot be: the upper half is the kernel's, or no address. */
static inline bool fr_arch_is_address(uintptr_t p)
{
	return p >> 56 == 0; /* 57 bits with five levels of page tables */
}

static inline unsigned int fr_arch_ucontext_regs(const ucontext_t *uc, uint64_t *regs)
{
	for (unsigned int i = 0; i < NGREG; i++)
		regs[i] = (uint64_t)uc->uc_mcontext.gregs[i];
	return NGREG;
}

#elif defined(__aarch64__)

#define FR_ELF_MACHINE 183u
#define FR_UNW_ARCH "aarch64"

/* The running kernel's pages, of 4, 16 or 64 KiB: a variable, set before anything is mapped. */
extern uint32_t fr_arch_page __attribute__((visibility("hidden")));
#define FR_PAGE fr_arch_page
#define FR_PAGE_MAX 65536u

/*
 * Return addresses on the stack may be signed: in the upper bits is a code that depends on the
 * place. At one place it is the same each time, but none may be shown or looked up.
 */
#define FR_PC_BITS ((1ull << 48) - 1)
#define FR_SIGNS_RETURNS 1

/* XPACLRI: it knows how many bits an address has; nothing happens where nothing is signed. */
static inline uintptr_t fr_arch_strip(uintptr_t pc)
{
	register uintptr_t x30 __asm__("x30") = pc;

	__asm__("hint #7" : "+r"(x30));
	return x30;
}

/* What a function of ours that was built with signing has stored. */
static FR_ALWAYS_INLINE uintptr_t fr_arch_stored(uintptr_t pc)
{
#if defined(__ARM_FEATURE_PAC_DEFAULT)
	return fr_arch_strip(pc);
#else
	return pc;
#endif
}

#define FR_SITE()                                                                                  \
	({                                                                                         \
		uintptr_t *fa_ = __builtin_frame_address(0);                                       \
		(struct fr_site){fr_arch_stored(fa_[1]), (uintptr_t)__builtin_dwarf_cfa(),         \
				 fa_[0]};                                                          \
	})

#define FR_TRAP_IS_BEHIND false

static inline uint64_t fr_arch_tsc(void)
{
	uint64_t v;

	__asm__ volatile("mrs %0, cntvct_el0" : "=r"(v));
	return v;
}

static inline void fr_arch_fence(void)
{
	__asm__ volatile("isb" : : : "memory");
}

static inline void fr_arch_pause(void)
{
	__asm__ volatile("yield");
}

static inline void fr_arch_allow_unaligned(void)
{
	/* nothing to ask for in user mode */
}

static inline bool fr_arch_tsc_invariant(void)
{
	return true; /* the generic timer is architected to be so */
}

static inline struct fr_site fr_arch_ucontext_site(const ucontext_t *uc)
{
	return (struct fr_site){uc->uc_mcontext.pc, uc->uc_mcontext.sp, uc->uc_mcontext.regs[29]};
}

/* The code at PC is mov x8, #SYS_rt_sigreturn; svc 0. */
static inline bool fr_arch_is_sigreturn(uintptr_t pc)
{
	static const uint32_t code[] = {0xd2801168u, 0xd4000001u};

	return memcmp((const void *)pc, code, sizeof(code)) == 0;
}

static inline uintptr_t fr_arch_ucontext_link(const ucontext_t *uc)
{
	return fr_arch_strip(uc->uc_mcontext.regs[30]);
}

/* struct rt_sigframe: siginfo_t comes first. */
static inline const ucontext_t *fr_arch_signal_context(uintptr_t sp)
{
	return (const ucontext_t *)(sp + sizeof(siginfo_t));
}

static inline bool fr_arch_ucontext_called_from(const ucontext_t *uc,
						bool (*read)(void *arg, uintptr_t addr), void *arg,
						struct fr_site *out)
{
	*out = fr_arch_ucontext_site(uc);
	out->pc = fr_arch_ucontext_link(uc);
	return true;
}

static inline bool fr_arch_is_address(uintptr_t p)
{
	return p >> 52 == 0;
}

static inline unsigned int fr_arch_ucontext_regs(const ucontext_t *uc, uint64_t *regs)
{
	for (unsigned int i = 0; i < 31; i++)
		regs[i] = uc->uc_mcontext.regs[i];
	return 31;
}

#endif

#endif
