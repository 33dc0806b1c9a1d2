/* SPDX-License-Identifier: MIT */
/*
 * unwind_calls.c - each import of libunwind 1.6 to 1.8: answered here, or let through.
 *
 * It may look at memory by asking whether that can be read, get anonymous pages, and compute.
 * Everything else is the host's: descriptors (its pipe would be the host's 3 and 4), files, the
 * allocator (a walk may stand in a signal handler inside malloc), masks of signals, locks that
 * another thread can hold at a fork, the loader's lock. An import that no row names makes the
 * library unusable; a system call that no row names is refused, counted and said.
 *
 * A plugin of the host may find the same library. For it all is as if we were not here: every
 * function below asks first whether it is called from a walk of ours.
 *
 * Context: under guard (unwind_guard.h) and fr_gate.unwind_lock, or the host's. Must not: answer a
 * call of the host's.
 */
#include "record/unwind_calls.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "core/config.h"
#include "core/gate.h"
#include "core/sys.h"
#include "record/got.h"
#include "record/modules.h"
#include "record/unwind_guard.h"
#include "store/describe.h"
#include "store/region.h"

static struct fr_readable probe; /* of the walk under way */
static uintptr_t frame_pc; /* PC of the frame under way */
static uint32_t asked; /* calls since its begin */
static long unknown = -1;

#define ENDLESS 100000u /* a walk asks some ten times */

void fr_unwind_calls_begin(struct fr_readable ok, uintptr_t pc)
{
	probe = ok;
	frame_pc = pc;
	asked = 0;
}

long fr_unwind_calls_unknown(void)
{
	return unknown;
}

/* Does a walk of ours ask? One that asks for ever is ended. */
static bool ours(void)
{
	if (!fr_unwind_inside())
		return false;
	if (asked++ == ENDLESS)
		fr_unwind_leave("it asks without end");
	return true;
}

static long fail(int error)
{
	errno = error;
	return -1;
}

/* ---- memory: may it be read? ----------------------------------------------------------------- */

static bool may_read(uintptr_t addr, size_t n)
{
	uintptr_t last = (addr + n - 1) & ~(uintptr_t)7;

	for (uintptr_t at = addr & ~(uintptr_t)7; at <= last; at += FR_PAGE) {
		if (!probe.fn || !probe.fn(probe.arg, at))
			return false;
	}
	return probe.fn(probe.arg, last);
}

/* "A pipe": the numbers are never used, see my_write and my_read. */
static int my_pipe2(int fds[2], int flags)
{
	if (!ours())
		return pipe2(fds, flags);
	fds[0] = fds[1] = -1;
	return 0;
}

static int my_pipe(int fds[2])
{
	return my_pipe2(fds, 0);
}

/* libunwind repeats a call while errno is EINTR, which the host's may be: so errno is set. */
static long my_read(int fd, void *buf, size_t n)
{
	return ours() ? fail(EAGAIN) : read(fd, buf, n);
}

/* A byte written into "the pipe": is ADDR readable? Its error messages end here, too. */
static long probe_write(const void *addr, size_t n)
{
	fail(EFAULT);
	return n && may_read((uintptr_t)addr, 1) ? (long)n : -1;
}

static long my_write(int fd, const void *addr, size_t n)
{
	return ours() ? probe_write(addr, n) : write(fd, addr, n);
}

/* mincore and msync over a page: probe_write follows. */
static int my_mincore(void *addr, size_t n, unsigned char *vec)
{
	if (!ours())
		return mincore(addr, n, vec);
	if (vec)
		*vec = 1;
	return 0;
}

static int my_msync(void *addr, size_t n, int flags)
{
	return ours() ? 0 : msync(addr, n, flags);
}

/* A copy of what may be read; one piece, as a reader of words asks. */
static long copy_readable(long pid, const struct iovec *to, long n_to, const struct iovec *from,
			  long n_from)
{
	size_t n;

	if (pid != fr_sys_getpid() || n_to != 1 || n_from != 1)
		return fail(EINVAL);
	n = to->iov_len < from->iov_len ? to->iov_len : from->iov_len;
	if (!n || !may_read((uintptr_t)from->iov_base, n))
		return fail(EFAULT);
	memcpy(to->iov_base, from->iov_base, n);
	return (long)n;
}

static ssize_t my_process_vm_readv(pid_t pid, const struct iovec *to, unsigned long n_to,
				   const struct iovec *from, unsigned long n_from,
				   unsigned long flags)
{
	return ours() ? copy_readable(pid, to, (long)n_to, from, (long)n_from)
		      : process_vm_readv(pid, to, n_to, from, n_from, flags);
}

/* ---- memory of its own ----------------------------------------------------------------------- */

static long from_kernel(long rc)
{
	return rc < 0 && rc > -4096 ? fail((int)-rc) : rc;
}

/* Pages and nothing else: no file, no code, no place of its choice. */
static long get_pages(long addr, long n, long prot, long flags, long fd)
{
	if (addr || fd != -1 || (prot & PROT_EXEC) || !(flags & MAP_ANONYMOUS))
		return fail(ENODEV);
	return from_kernel(fr_sys6(SYS_mmap, 0, n, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
}

static void *my_mmap(void *addr, size_t n, int prot, int flags, int fd, off_t offset)
{
	return ours() ? (void *)get_pages((long)addr, (long)n, prot, flags, fd)
		      : mmap(addr, n, prot, flags, fd, offset);
}

static int my_munmap(void *addr, size_t n)
{
	return ours() ? (int)from_kernel(fr_sys_munmap(addr, n)) : munmap(addr, n);
}

static void *my_malloc(size_t n)
{
	return ours() ? NULL : malloc(n);
}

static void *my_calloc(size_t n, size_t size)
{
	return ours() ? NULL : calloc(n, size);
}

static void my_free(void *p)
{
	if (!ours())
		free(p);
}

/* ---- system calls by number ------------------------------------------------------------------ */

static long refuse(long nr)
{
	char number[24];
	struct fr_text t = fr_text_on(number, sizeof(number));

	if (unknown < 0) {
		unknown = nr;
		fr_text_num(&t, (uint64_t)nr, 10);
		fr_note("libunwind asked for system call ", number,
			", which is not known: refused");
		fr_describe_notes();
	}
	fr_drop(FR_DROP_UNWIND_REFUSED);
	return fail(ENOSYS);
}

static long answer(long nr, long a, long b, long c, long d, long e)
{
	switch (nr) {
	case SYS_write:
		return probe_write((const void *)b, (size_t)c);
	case SYS_read:
		return fail(EAGAIN);
	case SYS_pipe2:
		return my_pipe2((int *)a, 0);
	case SYS_mincore:
		return my_mincore((void *)a, (size_t)b, (unsigned char *)c);
	case SYS_msync:
	case SYS_close:
	case SYS_rt_sigprocmask:
		return 0;
	case SYS_process_vm_readv:
		return copy_readable(a, (const void *)b, c, (const void *)d, e);
	case SYS_mmap:
		return get_pages(a, b, c, d, (int)e);
	case SYS_munmap:
		return from_kernel(fr_sys_munmap((void *)a, (size_t)b));
	case SYS_getpid:
		return fr_sys_getpid();
	case SYS_gettid:
		return fr_sys_gettid();
	case SYS_openat:
		return fail(ENOENT);
	default:
		return refuse(nr);
	}
}

static long my_syscall(long nr, long a, long b, long c, long d, long e, long f)
{
	return ours() ? answer(nr, a, b, c, d, e) : syscall(nr, a, b, c, d, e, f);
}

/* ---- files: there are none ------------------------------------------------------------------- */

/* libc's stat and fstat are of 2.33: nothing as new is asked of the loader. */

static int my_open(const char *path, int flags, int mode)
{
	return ours() ? (int)fail(ENOENT) : open(path, flags, mode);
}

static int my_stat(const char *path, struct stat *st)
{
	return (int)(ours() ? fail(ENOENT)
			    : from_kernel(fr_sys4(SYS_newfstatat, AT_FDCWD, path, st, 0)));
}

static int my_fstat(int fd, struct stat *st)
{
	return (int)(ours() ? fail(EBADF) : from_kernel(fr_sys2(SYS_fstat, fd, st)));
}

static int my_close(int fd)
{
	return ours() ? 0 : close(fd);
}

/* ---- locks and signals ----------------------------------------------------------------------- */

static int my_sigprocmask(int how, const sigset_t *set, sigset_t *old)
{
	return ours() ? 0 : sigprocmask(how, set, old);
}

static int my_sigmask(int how, const sigset_t *set, sigset_t *old)
{
	return ours() || sigprocmask(how, set, old) == 0 ? 0 : errno;
}

static int my_mutex_lock(pthread_mutex_t *m)
{
	return ours() ? 0 : pthread_mutex_lock(m);
}

static int my_mutex_unlock(pthread_mutex_t *m)
{
	return ours() ? 0 : pthread_mutex_unlock(m);
}

static void my_abort(void)
{
	if (fr_unwind_inside())
		fr_unwind_leave("abort()");
	abort();
}

/* ---- loaded objects -------------------------------------------------------------------------- */

/* Only the object that covers the PC in question, found without the loader's lock. */
static int my_dl_iterate_phdr(int (*callback)(struct dl_phdr_info *, size_t, void *), void *arg)
{
	struct dl_phdr_info info = {0};
	struct fr_object o;

	if (!ours())
		return dl_iterate_phdr(callback, arg);
	if (!fr_modules_find(frame_pc, &o))
		return 0;
	info.dlpi_addr = o.bias;
	info.dlpi_name = o.name ? o.name : "";
	info.dlpi_phdr = o.phdr;
	info.dlpi_phnum = o.n_phdr;
	info.dlpi_adds = fr_modules_generation;
	return callback(&info, sizeof(info), arg);
}

/* ---- the table ------------------------------------------------------------------------------- */

static const struct fr_redirect redirects[] = {
	{"dl_iterate_phdr", (void *)my_dl_iterate_phdr, true},
	{"pthread_mutex_lock", (void *)my_mutex_lock, true},
	{"pthread_mutex_unlock", (void *)my_mutex_unlock, true},
	{"sigprocmask", (void *)my_sigprocmask, false},
	{"pthread_sigmask", (void *)my_sigmask, false}, /* 1.8 prefers it */
	{"pipe2", (void *)my_pipe2, false},
	{"pipe", (void *)my_pipe, false},
	{"read", (void *)my_read, false},
	{"write", (void *)my_write, false},
	{"syscall", (void *)my_syscall, false}, /* the probe; from 1.7 on mmap and munmap, too */
	{"mincore", (void *)my_mincore, false},
	{"msync", (void *)my_msync, false},
	{"process_vm_readv", (void *)my_process_vm_readv, false},
	{"mmap", (void *)my_mmap, false},
	{"mmap64", (void *)my_mmap, false},
	{"munmap", (void *)my_munmap, false},
	{"malloc", (void *)my_malloc, false}, /* for .debug_frame and names */
	{"calloc", (void *)my_calloc, false},
	{"free", (void *)my_free, false},
	{"open", (void *)my_open, false}, /* for .debug_frame, names and /proc/self/maps */
	{"open64", (void *)my_open, false},
	{"stat", (void *)my_stat, false},
	{"fstat", (void *)my_fstat, false},
	{"close", (void *)my_close, false},
	{"abort", (void *)my_abort, false},
	{"__assert_fail", (void *)my_abort, false},
	{"__stack_chk_fail", (void *)my_abort, false},

	/* they compute */
	{"mem*", NULL, false},
	{"str*", NULL, false},
	{"stp*", NULL, false},
	{"__mem*", NULL, false},
	{"__str*", NULL, false},
	{"__stp*", NULL, false},
	{"snprintf", NULL, false},
	{"__snprintf_chk", NULL, false},
	{"sigfillset", NULL, false},
	/* they tell what never changes, or the thread's own */
	{"__errno_location", NULL, false},
	{"getpagesize", NULL, false},
	{"sysconf", NULL, false}, /* the page size */
	{"getauxval", NULL, false},
	{"__getauxval", NULL, false}, /* which atomics this processor has */
	{"getpid", NULL, false},
	{"getenv", NULL, false},
	{"pthread_mutex_init", NULL, false}, /* writes the mutex */
	{"pthread_mutex_destroy", NULL, false},
	/* only unw_backtrace keeps something per thread, and nobody calls that */
	{"__tls_get_addr", NULL, false},
	{"pthread_once", NULL, false},
	{"pthread_key_create", NULL, false},
	{"pthread_setspecific", NULL, false},
	{"pthread_getspecific", NULL, false},
	/* only after a file was opened */
	{"lzma_*", NULL, false},
	{"uncompress", NULL, false},
	{"__xstat", NULL, false},
	{"__fxstat", NULL, false},
	/* at exit, by the loader */
	{"__cxa_finalize", NULL, false},
};
#define N_REDIRECTS (sizeof(redirects) / sizeof(*redirects))
_Static_assert(N_REDIRECTS <= 64, "struct fr_imports has a bit for each");

bool fr_unwind_calls_redirect(const struct link_map *map, struct fr_text *why)
{
	struct fr_imports found = fr_got_redirect(map, redirects, N_REDIRECTS);

	if (found.stranger) {
		fr_text_str(why, "calls ");
		fr_text_str(why, found.stranger);
		fr_text_str(why, ", which is not known");
		return false;
	}
	for (size_t k = 0; k < N_REDIRECTS; k++) {
		if (redirects[k].must && !(found.rows & 1ull << k)) {
			fr_text_str(why, "does not import ");
			fr_text_str(why, redirects[k].name);
			return false;
		}
	}
	return true;
}
