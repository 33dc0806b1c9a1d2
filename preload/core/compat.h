/* SPDX-License-Identifier: MIT */
/*
 * compat.h - names that the headers of an older glibc or kernel lack (Debian 11: glibc 2.31).
 *
 * Declared again where the headers have them: a declaration that differs is an error. Numbers are
 * the kernel's, the same on x86-64 and aarch64. Must not: define a function.
 */
#ifndef FR_COMPAT_H
#define FR_COMPAT_H

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

pid_t _Fork(void); /* 2.34 */
int close_range(unsigned int first, unsigned int last, int flags); /* 2.34 */
void closefrom(int first); /* 2.34 */
int execveat(int dir, const char *path, char *const argv[], char *const envp[], int flags);
int epoll_pwait2(int fd, struct epoll_event *events, int max, const struct timespec *timeout,
		 const sigset_t *mask); /* 2.35 */

/* In every libc, in no header. */
void _pthread_cleanup_push(struct _pthread_cleanup_buffer *b, void (*routine)(void *), void *arg);
void _pthread_cleanup_pop(struct _pthread_cleanup_buffer *b, int execute);

#ifndef SYS_faccessat2
#define SYS_faccessat2 439
#endif
#ifndef SYS_close_range
#define SYS_close_range 436
#endif
#ifndef CLOSE_RANGE_UNSHARE
#define CLOSE_RANGE_UNSHARE 2u
#endif
#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP 4
#endif
#ifndef CLOSE_RANGE_CLOEXEC
#define CLOSE_RANGE_CLOEXEC 4u
#endif
#ifndef MFD_EXEC
#define MFD_EXEC 0x0010u /* Linux 6.3: a copy that may be executed */
#endif

#endif
