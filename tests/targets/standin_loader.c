/* SPDX-License-Identifier: MIT */
/*
 * standin_loader.c - stands where PT_INTERP of a program leads to: a loader of a C library nobody
 * knows. Says what it was told to preload and ends with 7. Needs no library at all (targets.mk).
 */
#include <sys/syscall.h>

#if defined(__x86_64__)
__asm__(".globl _start\n_start: mov %rsp, %rdi\n and $-16, %rsp\n call begin\n");

static long call(long nr, long a, long b, long c)
{
	long ret;

	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "a"(nr), "D"(a), "S"(b), "d"(c)
			 : "rcx", "r11", "memory");
	return ret;
}
#elif defined(__aarch64__)
__asm__(".globl _start\n_start: mov x0, sp\n bl begin\n");

static long call(long nr, long a, long b, long c)
{
	register long x8 __asm__("x8") = nr;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;

	__asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2) : "memory");
	return x0;
}
#endif

static void print(const char *s)
{
	long n = 0;

	while (s[n])
		n++;
	call(SYS_write, 1, (long)s, n);
}

static const char *after(const char *s, const char *start)
{
	while (*start && *s == *start) {
		s++;
		start++;
	}
	return *start ? 0 : s;
}

__attribute__((used, noreturn)) void begin(long *stack);
void begin(long *stack)
{
	const char *preload = "(none)";

	for (char **e = (char **)(stack + stack[0] + 2); *e; e++) {
		if (after(*e, "LD_PRELOAD="))
			preload = after(*e, "LD_PRELOAD=");
	}
	print("stand-in preload=");
	print(preload);
	print("\n");
	for (;;)
		call(SYS_exit_group, 7, 0, 0);
}
