/* SPDX-License-Identifier: MIT */
/*
 * real.h - the functions that we stand in front of, as the next object in the host's order
 * provides them (libc, jemalloc, another preload).
 */
#ifndef FR_REAL_H
#define FR_REAL_H

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/sendfile.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <threads.h>
#include <time.h>
#include <unistd.h>

#include "core/compat.h"

/* glibc exports these for fortified programs; its headers do not declare them on their own. */
ssize_t __recv_chk(int fd, void *buf, size_t n, size_t buflen, int flags);
ssize_t __recvfrom_chk(int fd, void *buf, size_t n, size_t buflen, int flags, struct sockaddr *addr,
		       socklen_t *len);
ssize_t __read_chk(int fd, void *buf, size_t n, size_t buflen);
int __poll_chk(struct pollfd *fds, nfds_t nfds, int timeout, size_t fdslen);
int __ppoll_chk(struct pollfd *fds, nfds_t nfds, const struct timespec *timeout,
		const sigset_t *mask, size_t fdslen);
int __open_2(const char *path, int flags);
int __open64_2(const char *path, int flags);
int __openat_2(int dir, const char *path, int flags);
int __openat64_2(int dir, const char *path, int flags);
ssize_t __pread_chk(int fd, void *buf, size_t n, off_t at, size_t buflen);
ssize_t __pread64_chk(int fd, void *buf, size_t n, off64_t at, size_t buflen);

/* Old names of libc's that programs still bind to, and none of its headers declares. */
__typeof__(open) __open;
__typeof__(open64) __open64;
__typeof__(close) __close;
__typeof__(read) __read;
__typeof__(write) __write;
__typeof__(pread64) __pread64;
__typeof__(pwrite64) __pwrite64;
__typeof__(fcntl) __fcntl;
__typeof__(dup2) __dup2;
__typeof__(pipe) __pipe;
__typeof__(nanosleep) __nanosleep;
__typeof__(connect) __connect;
__typeof__(send) __send;
__typeof__(poll) __poll;
__typeof__(select) __select;
__typeof__(fork) __fork;
__typeof__(vfork) __vfork;
__typeof__(clone) __clone;
__typeof__(wait) __wait;
__typeof__(waitpid) __waitpid;
__typeof__(sigaction) __sigaction;
__typeof__(sigsuspend) __sigsuspend;
__typeof__(pthread_mutex_lock) __pthread_mutex_lock;
__typeof__(pthread_mutex_trylock) __pthread_mutex_trylock;
__typeof__(pthread_mutex_unlock) __pthread_mutex_unlock;
__typeof__(pthread_mutex_init) __pthread_mutex_init;
__typeof__(pthread_mutex_destroy) __pthread_mutex_destroy;
__typeof__(pthread_rwlock_init) __pthread_rwlock_init;
__typeof__(pthread_rwlock_destroy) __pthread_rwlock_destroy;
__typeof__(pthread_rwlock_rdlock) __pthread_rwlock_rdlock;
__typeof__(pthread_rwlock_tryrdlock) __pthread_rwlock_tryrdlock;
__typeof__(pthread_rwlock_wrlock) __pthread_rwlock_wrlock;
__typeof__(pthread_rwlock_trywrlock) __pthread_rwlock_trywrlock;
__typeof__(pthread_rwlock_unlock) __pthread_rwlock_unlock;
__typeof__(pthread_once) __pthread_once;

sighandler_t __sysv_signal(int sig, sighandler_t handler);
sighandler_t bsd_signal(int sig, sighandler_t handler);

/* Of libssl, whose headers are not needed to build the recorder. */
int SSL_connect(void *ssl);
int SSL_accept(void *ssl);
int SSL_do_handshake(void *ssl);
int SSL_read(void *ssl, void *buf, int n);
int SSL_write(void *ssl, const void *buf, int n);
int SSL_read_ex(void *ssl, void *buf, size_t n, size_t *done);
int SSL_write_ex(void *ssl, const void *buf, size_t n, size_t *done);

int __libc_start_main(int (*main)(int, char **, char **), int argc, char **argv, void (*init)(void),
		      void (*fini)(void), void (*rtld_fini)(void), void *stack_end);

/* We stand in front of what nobody should call any more, too. */
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

#define HOOK(id, fn, ...) __typeof__(&fn) fn;
struct fr_real {
#include "wire/hooks.def"
};
#undef HOOK

extern struct fr_real fr_real;

#define HOOK(id, fn, ...) FR_HOOK_##fn = id,
enum fr_hook {
#include "wire/hooks.def"
	FR_HOOK_MAX = 320
};
#undef HOOK

/*
 * Looks everything up. Called in the constructor; from a hook that runs before that (another
 * object's constructor came first) through FR_REAL. Idempotent. Reads the objects' tables; where
 * one of them is not plain, it takes the loader's lock.
 */
void fr_real_resolve(void);

/*
 * The real function of hook ID, looked up now. Where this libc has none (the host found ours by a
 * weak reference, or by dlsym) something that fails as on a kernel without it: ENOSYS.
 */
void *fr_real_find(unsigned int id) __attribute__((cold));

/*
 * Looks which hooks the host never calls, because the program itself, or an object before us, has a
 * function of that name: an allocator linked in, say. Once, when the program starts: takes the
 * loader's lock. By hook id; NULL = we are first.
 */
void fr_real_find_shadows(void);
extern void *fr_hook_shadows[FR_HOOK_MAX];

/* One row per hook, in the order of hooks.def. */
struct fr_hook_row {
	/* not by pointers: the loader would write to each row, and copy its page, at each start */
	char name[32];
	char version[16];
	unsigned short id;
	unsigned char klass;
	unsigned char wait; /* enum fr_wait_kind */
	unsigned int slot; /* offset in struct fr_real */
};
extern const struct fr_hook_row fr_hook_rows[];
extern const unsigned int fr_hook_count;

static inline void *fr_real_slot(const struct fr_hook_row *row)
{
	return *(void **)((char *)&fr_real + row->slot);
}

/* The real function, looked up if nobody has done so yet. */
#define FR_REAL(fn)                                                                                \
	(__builtin_expect(fr_real.fn != NULL, 1) ? fr_real.fn                                      \
						 : (__typeof__(&fn))fr_real_find(FR_HOOK_##fn))

/*
 * Of an old name: the old name's own, so that another preload whose FN calls __FN does not come
 * back to itself by way of us; where libc has it no more, that of the name it has now.
 */
#define FR_REAL_OLD(fn) (fr_real.__##fn ? fr_real.__##fn : FR_REAL(fn))

/* errno of a call that says so by RC below 0, or 0. */
static inline uint64_t fr_err_of(long rc)
{
	return rc < 0 ? (uint64_t)errno : 0;
}

/* A function that replaces one of the host's. */
#define FR_HOOK __attribute__((visibility("default")))

#endif
