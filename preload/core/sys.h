/* SPDX-License-Identifier: MIT */
/*
 * sys.h - raw system calls. They never touch errno, take no lock, are no cancellation points and
 * may be made anywhere: in a signal handler, in a vfork child, on a thread without TLS.
 *
 * All return the kernel's answer: a negative errno value on failure; -EPERM without asking, if the
 * host has put itself under a system call filter and the call is one it need not allow (confine.h).
 */
#ifndef FR_SYS_H
#define FR_SYS_H

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "core/compat.h"

#if defined(__x86_64__)

/* The call as it is, for one that the host itself has asked for. */
static inline long fr_sys_raw6(long nr, long a, long b, long c, long d, long e, long f)
{
	long ret;
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;

	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return ret;
}

#elif defined(__aarch64__)

static inline long fr_sys_raw6(long nr, long a, long b, long c, long d, long e, long f)
{
	register long x8 __asm__("x8") = nr;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = d;
	register long x4 __asm__("x4") = e;
	register long x5 __asm__("x5") = f;

	__asm__ volatile("svc 0"
			 : "+r"(x0)
			 : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
			 : "memory");
	return x0;
}

#else
#error "this processor is not supported yet"
#endif

enum fr_sys_filter { FR_SYS_FREE, FR_SYS_FILTER, FR_SYS_STRICT };

extern enum fr_sys_filter fr_sys_filter;
extern int fr_sys_own_pid; /* under a filter */
bool fr_sys_let_through(long nr);

static inline long fr_sys6(long nr, long a, long b, long c, long d, long e, long f)
{
	if (__builtin_expect(fr_sys_filter != FR_SYS_FREE, 0) && !fr_sys_let_through(nr))
		return -EPERM;
	return fr_sys_raw6(nr, a, b, c, d, e, f);
}

static inline long fr_sys0(long nr)
{
	return fr_sys6(nr, 0, 0, 0, 0, 0, 0);
}

static inline long fr_sys1(long nr, long a)
{
	return fr_sys6(nr, a, 0, 0, 0, 0, 0);
}

/* Macros, because numbers and addresses of all kinds are words to the kernel. */
#define fr_sys2(nr, a, b) fr_sys6(nr, (long)(a), (long)(b), 0, 0, 0, 0)
#define fr_sys3(nr, a, b, c) fr_sys6(nr, (long)(a), (long)(b), (long)(c), 0, 0, 0)
#define fr_sys4(nr, a, b, c, d) fr_sys6(nr, (long)(a), (long)(b), (long)(c), (long)(d), 0, 0)

static inline int fr_sys_openat(int dir, const char *path, int flags, int mode)
{
	return (int)fr_sys4(SYS_openat, dir, path, flags, mode);
}

static inline int fr_sys_close(int fd)
{
	return (int)fr_sys1(SYS_close, fd);
}

static inline long fr_sys_read(int fd, void *buf, size_t n)
{
	return fr_sys3(SYS_read, fd, buf, n);
}

/* The first SIZE - 1 bytes of a file of /proc, then a NUL. Gives their number, 0 where none is
 * read. */
static inline size_t fr_sys_read_file(const char *path, char *buf, size_t size)
{
	int fd = fr_sys_openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
	long n;

	buf[0] = '\0';
	if (fd < 0)
		return 0;
	n = fr_sys_read(fd, buf, size - 1);
	fr_sys_close(fd);
	buf[n > 0 ? n : 0] = '\0';
	return n > 0 ? (size_t)n : 0;
}

/* NULL on failure. */
static inline void *fr_sys_mmap(size_t size, int prot, int flags, int fd)
{
	long p = fr_sys6(SYS_mmap, 0, (long)size, prot, flags, fd, 0);

	return p < 0 && p > -4096 ? NULL : (void *)p;
}

static inline int fr_sys_munmap(void *p, size_t size)
{
	return (int)fr_sys2(SYS_munmap, p, size);
}

static inline int fr_sys_madvise(void *p, size_t size, int advice)
{
	return (int)fr_sys3(SYS_madvise, p, size, advice);
}

static inline int fr_sys_gettid(void)
{
	return (int)fr_sys0(SYS_gettid);
}

static inline int fr_sys_getpid(void)
{
	return fr_sys_filter == FR_SYS_FREE ? (int)fr_sys0(SYS_getpid) : fr_sys_own_pid;
}

/* Writes everything or returns a negative errno value; resumes after short writes and EINTR. */
static inline long fr_sys_write_all(int fd, const void *buf, size_t n)
{
	const char *p = buf;
	size_t left = n;

	while (left) {
		long w = fr_sys3(SYS_write, fd, p, left);

		if (w == -EINTR)
			continue;
		if (w <= 0)
			return w ? w : -EIO;
		p += w;
		left -= (size_t)w;
	}
	return (long)n;
}

#endif
