/* SPDX-License-Identifier: MIT */
/*
 * arch.h - what depends on the processor: the caller's registers at a hook, the time stamp
 * counter, registers in a signal context. One branch per architecture, nothing else elsewhere.
 */
#ifndef FR_ARCH_H
#define FR_ARCH_H

#include <dlfcn.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <ucontext.h>

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
#define FR_ALWAYS_INLINE inline __attribute__((always_inline))
/* Variables that every event reads, side by side: after a system call each cache line is a miss. */
#define FR_HOT __attribute__((section("fr_hot")))
/* The big ones behind them: they must not spread the small ones over more cache lines. */
#define FR_HOT_BIG __attribute__((section("fr_hot_big"), aligned(64)))
/* Of kilobytes, and zero for most programs: behind the rest of .bss, whose pages each start touches. */
#define FR_BIG __attribute__((section(".bss.zz")))
#define FR_COLD __attribute__((noinline, cold))

/* The point in the host from which a hook was called: what unwinding starts from. */
struct fr_site {
	uintptr_t pc; /* return address into the host */
	uintptr_t sp; /* host's stack pointer after the return (the hook's CFA) */
	uintptr_t fp; /* host's frame pointer register */
};

#define FR_PAGE 4096u

#if defined(__x86_64__)

#define FR_ELF_MACHINE 62u
#define FR_UNW_ARCH "x86_64" /* in the names of libunwind's functions */

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
		(__typeof__(known))dlsym(RTLD_DEFAULT, "__x86_get_cpuid_feature_leaf");
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

#define FR_SITE()                                                                                  \
	({                                                                                         \
		uintptr_t *fa_ = __builtin_frame_address(0);                                       \
		(struct fr_site){fa_[1], (uintptr_t)__builtin_dwarf_cfa(), fa_[0]};                \
	})

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

static inline bool fr_arch_ucontext_called_from(const ucontext_t *uc,
						bool (*read)(void *arg, uintptr_t addr), void *arg,
						struct fr_site *out)
{
	*out = fr_arch_ucontext_site(uc);
	out->pc = uc->uc_mcontext.regs[30];
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
