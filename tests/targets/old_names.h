/* SPDX-License-Identifier: MIT */
/*
 * old_names.h - functions by the names of old programs and of libraries that go by libc's back
 * door: __read. Those of the threads can be bound to by their version only, as programs older than
 * glibc 2.34 are: old_mutex_lock() is __pthread_mutex_lock. C and C++.
 */
#ifndef TARGET_OLD_NAMES_H
#define TARGET_OLD_NAMES_H

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifdef __cplusplus
extern "C" {
#endif

#define OLD(fn) __typeof__(fn) __##fn
OLD(open);
OLD(open64);
OLD(close);
OLD(read);
OLD(write);
OLD(pread64);
OLD(pwrite64);
OLD(fcntl);
OLD(dup2);
OLD(pipe);
OLD(nanosleep);
OLD(connect);
OLD(send);
OLD(poll);
OLD(select);
OLD(fork);
OLD(clone);
OLD(vfork);
OLD(wait);
OLD(waitpid);
OLD(sigaction);
OLD(sigsuspend);
#undef OLD

/* The first version that glibc had on this processor. */
#if defined(__x86_64__)
#define FIRST_VERSION "GLIBC_2.2.5"
#else
#define FIRST_VERSION "GLIBC_2.17"
__asm__(".symver __send, __send@" FIRST_VERSION); /* not for new programs there */
#endif

#define OLD(fn)                                                                                    \
	__asm__(".symver old_" #fn ", __pthread_" #fn "@" FIRST_VERSION);                          \
	__typeof__(pthread_##fn) old_##fn
OLD(mutex_init);
OLD(mutex_destroy);
OLD(mutex_lock);
OLD(mutex_trylock);
OLD(mutex_unlock);
OLD(rwlock_init);
OLD(rwlock_destroy);
OLD(rwlock_rdlock);
OLD(rwlock_tryrdlock);
OLD(rwlock_wrlock);
OLD(rwlock_trywrlock);
OLD(rwlock_unlock);
OLD(once);
#undef OLD

#ifdef __cplusplus
}
#endif

#endif
