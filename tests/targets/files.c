/* SPDX-License-Identifier: MIT */
/*
 * files.c - calls that wait for a disk, a pipe or the clock.
 *
 *   files truth DIR   every call with known results, as events that must be found
 *   files hold DIR CALL  a thread holds a lock over CALL (nanosleep, read of a pipe); another waits
 *   files wake        a thread waits in read of a pipe, then of an eventfd; main wakes it
 *   files maps        large memory maps
 */
#include <pthread.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <threads.h>

#include "did.h"

/* ---- files ----------------------------------------------------------------------------------- */

/* What fortified programs call; no header has them on their own. */
ssize_t __pread_chk(int fd, void *buf, size_t n, off_t at, size_t buflen);
ssize_t __pread64_chk(int fd, void *buf, size_t n, off64_t at, size_t buflen);
int __openat_2(int dir, const char *path, int flags);
int __openat64_2(int dir, const char *path, int flags);

#define MOVED(event, via, fd, size)                                                                \
	DID(event, via, "\"fd\":%d,\"size\":%d,\"result\":%d,\"err\":%d,\"kind\":\"file\"", fd,    \
	    size, rc, err_of(rc))

NOINLINE static void transfers(int fd)
{
	char b[64] = "", c[64] = "";
	struct iovec v[2] = {{b, 10}, {c, 20}};

	rc = (int)CALL(write(fd, "0123456789", 10));
	MOVED("io.write", "write", fd, 10);
	rc = (int)CALL(writev(fd, v, 2));
	MOVED("io.write", "writev", fd, 30);
	rc = (int)CALL(pwrite(fd, "ab", 2, 4));
	MOVED("io.write", "pwrite", fd, 2);
	rc = (int)CALL(pwrite64(fd, "ab", 2, 6));
	MOVED("io.write", "pwrite64", fd, 2);
	rc = (int)CALL(pwritev(fd, v, 1, 100));
	MOVED("io.write", "pwritev", fd, 10);
	rc = (int)CALL(pwritev64(fd, v, 2, 100));
	MOVED("io.write", "pwritev64", fd, 30);
	rc = (int)CALL(pread(fd, b, 10, 0));
	must(memcmp(b, "0123abab89", 10) == 0, "pread");
	MOVED("io.read", "pread", fd, 10);
	rc = (int)CALL(pread64(fd, b, 10, 500));
	must(rc == 0, "pread64 beyond the end");
	MOVED("io.read", "pread64", fd, 10);
	rc = (int)CALL(preadv(fd, v, 2, 0));
	MOVED("io.read", "preadv", fd, 30);
	rc = (int)CALL(preadv64(fd, v, 1, 0));
	MOVED("io.read", "preadv64", fd, 10);
	rc = (int)CALL(__pread_chk(fd, b, 8, 0, sizeof(b)));
	must(memcmp(b, "0123abab", 8) == 0, "__pread_chk");
	MOVED("io.read", "__pread_chk", fd, 8);
	rc = (int)CALL(__pread64_chk(fd, b, 7, 1, sizeof(b)));
	must(memcmp(b, "123abab", 7) == 0, "__pread64_chk");
	MOVED("io.read", "__pread64_chk", fd, 7);
	lseek(fd, 0, SEEK_SET);
	rc = (int)CALL(read(fd, b, 5));
	MOVED("io.read", "read", fd, 5);
	rc = (int)CALL(readv(fd, v, 2));
	MOVED("io.read", "readv", fd, 30);
	rc = (int)CALL(pwritev2(fd, v, 1, 200, 0));
	MOVED("io.write", "pwritev2", fd, 10);
	rc = (int)CALL(pwritev64v2(fd, v, 2, 200, RWF_DSYNC));
	MOVED("io.write", "pwritev64v2", fd, 30);
	rc = (int)CALL(preadv2(fd, v, 2, 200, 0));
	MOVED("io.read", "preadv2", fd, 30);
	rc = (int)CALL(preadv64v2(fd, v, 2, -1, 0));
	must(rc == 30, "preadv64v2 where it stands");
	MOVED("io.read", "preadv64v2", fd, 30);
	rc = (int)CALL(pread(fd, b, 5, -1));
	must(rc == -1 && errno == EINVAL, "pread before the beginning");
	MOVED("io.read", "pread", fd, 5);
}

#define SYNCED(via, fd) DID("io.sync", via, "\"fd\":%d,\"err\":%d", fd, err_of(rc))

NOINLINE static void syncs(int fd)
{
	void *p;

	rc = CALL(fsync(fd));
	SYNCED("fsync", fd);
	rc = CALL(fdatasync(fd));
	SYNCED("fdatasync", fd);
	rc = CALL(sync_file_range(fd, 0, 10, SYNC_FILE_RANGE_WRITE));
	SYNCED("sync_file_range", fd);
	rc = CALL(ftruncate(fd, 8192));
	SYNCED("ftruncate", fd);
	rc = CALL(ftruncate64(fd, 4096));
	SYNCED("ftruncate64", fd);
	p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	must(p != MAP_FAILED, "mmap");
	rc = CALL(msync(p, 4096, MS_SYNC));
	SYNCED("msync", -1);
	munmap(p, 4096);
	rc = CALL(fsync(-1));
	must(rc == -1 && errno == EBADF, "fsync of nothing");
	SYNCED("fsync", -1);
}

#define NAMED(via, path) DID("io.path", via, "\"path\":\"%s\",\"err\":%d", path, err_of(rc))

NOINLINE static void names(void)
{
	rc = CALL(rename("file", "moved"));
	NAMED("rename", "moved");
	rc = CALL(renameat(AT_FDCWD, "moved", AT_FDCWD, "again"));
	NAMED("renameat", "again");
	rc = CALL(renameat2(AT_FDCWD, "again", AT_FDCWD, "file", RENAME_NOREPLACE));
	NAMED("renameat2", "file");
	rc = CALL(renameat2(AT_FDCWD, "file", AT_FDCWD, "again", ~0u));
	must(rc == -1 && errno == EINVAL, "renameat2 with impossible flags");
	NAMED("renameat2", "again");
	rc = CALL(rename("file", "again"));
	NAMED("rename", "again");
	rc = CALL(unlink("again"));
	NAMED("unlink", "again");
	rc = CALL(unlinkat(AT_FDCWD, "again", 0));
	must(rc == -1 && errno == ENOENT, "unlinkat of nothing");
	NAMED("unlinkat", "again");
}

#define OPENED(via, path, flags)                                                                   \
	DID("fd.open", via, "\"path\":\"%s\",\"fd\":%d,\"flags\":%d,\"err\":%d", path, rc, flags,  \
	    err_of(rc))
#define NEW (O_RDWR | O_CREAT | O_TRUNC)
#if __USE_FORTIFY_LEVEL > 0
#define FORTIFIED_2(name) "__" name "_2"
#else
#define FORTIFIED_2(name) name
#endif

NOINLINE static int opens(void)
{
	volatile int flags = O_RDONLY; /* unknown to the compiler: is a mode missing? */
	struct stat st;
	int fd;

	umask(0);
	rc = CALL(open("file", NEW, 0640));
	OPENED("open", "file", NEW);
	fd = rc;
	must(fstat(fd, &st) == 0 && (st.st_mode & 0777) == 0640, "mode of open");
	rc = CALL(open64("file", O_RDONLY));
	OPENED("open64", "file", O_RDONLY);
	close(rc);
	rc = CALL(openat(AT_FDCWD, "other", NEW, 0604));
	OPENED("openat", "other", NEW);
	must(fstat(rc, &st) == 0 && (st.st_mode & 0777) == 0604, "mode of openat");
	close(rc);
	rc = CALL(openat64(AT_FDCWD, "missing", O_RDONLY));
	must(rc == -1 && errno == ENOENT, "openat64 of nothing");
	OPENED("openat64", "missing", O_RDONLY);
	rc = CALL(creat("other", 0600));
	OPENED("creat", "other", O_CREAT | O_WRONLY | O_TRUNC);
	close(rc);
	rc = CALL(creat64("other", 0600));
	OPENED("creat64", "other", O_CREAT | O_WRONLY | O_TRUNC);
	close(rc);
	rc = CALL(__openat_2(AT_FDCWD, "other", O_RDONLY));
	OPENED("__openat_2", "other", O_RDONLY);
	close(rc);
	rc = CALL(__openat64_2(AT_FDCWD, "other", O_RDWR));
	OPENED("__openat64_2", "other", O_RDWR);
	close(rc);
	rc = CALL(open("other", flags));
	OPENED(FORTIFIED_2("open"), "other", O_RDONLY);
	close(rc);
	rc = CALL(open64("other", flags));
	OPENED(FORTIFIED_2("open64"), "other", O_RDONLY);
	close(rc);
	rc = CALL(open(".", O_TMPFILE | O_RDWR, 0600));
	OPENED("open", ".", O_TMPFILE | O_RDWR);
	close(rc);
	return fd;
}

/* ---- sleeps ---------------------------------------------------------------------------------- */

#define SLEPT(via, ns) DID("io.sleep", via, "\"about_ns\":%ld,\"err\":%d", (long)(ns), rc)

NOINLINE static void sleeps(void)
{
	struct timespec t = {0, 3000000}, until;

	rc = CALL(nanosleep(&t, NULL));
	SLEPT("nanosleep", 3000000);
	rc = CALL(clock_nanosleep(CLOCK_MONOTONIC, 0, &t, NULL));
	SLEPT("clock_nanosleep", 3000000);
	until = in_ms(CLOCK_MONOTONIC, 20);
	rc = CALL(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL));
	SLEPT("clock_nanosleep", 20000000);
	rc = CALL(usleep(2000));
	SLEPT("usleep", 2000000);
	rc = (int)CALL(sleep(1));
	SLEPT("sleep", 1000000000);
	t.tv_nsec = 4000000;
	rc = CALL(thrd_sleep(&t, NULL));
	SLEPT("thrd_sleep", 4000000);
	t.tv_nsec = 2000000000;
	rc = CALL(clock_nanosleep(CLOCK_REALTIME, 0, &t, NULL));
	must(rc == EINVAL, "a strange time");
	SLEPT("clock_nanosleep", 0);
}

/* ---- who holds, who wakes -------------------------------------------------------------------- */

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static int idle[2];
static const char *call_held;

NOINLINE static void slow_call(void)
{
	struct timespec t = {0, 60000000};
	char c;

	if (strcmp(call_held, "read") == 0) {
		if (read(idle[0], &c, 1) != 1)
			broken("read");
	} else {
		nanosleep(&t, NULL);
	}
}

static volatile int go; /* the other thread waits: the slow call may begin */

static void *holder(void *arg)
{
	pthread_mutex_lock(&mutex);
	*(volatile int *)arg = 1;
	while (!go)
		sched_yield();
	slow_call();
	pthread_mutex_unlock(&mutex);
	return NULL;
}

static void *waiter(void *arg)
{
	*(volatile int *)arg = tid();
	pthread_mutex_lock(&mutex);
	pthread_mutex_unlock(&mutex);
	return NULL;
}

static void hold(void)
{
	volatile int ready = 0, waits = 0;
	pthread_t a, b;

	must(pipe(idle) == 0, "pipe");
	pthread_create(&a, NULL, holder, (void *)&ready);
	while (!ready)
		;
	pthread_create(&b, NULL, waiter, (void *)&waits);
	while (!waits)
		;
	wait_blocked(waits, SYS_futex);
	go = 1;
	if (strcmp(call_held, "read") == 0) {
		struct timespec t = {0, 40000000};

		nanosleep(&t, NULL);
		must(write(idle[1], "x", 1) == 1, "write");
	}
	pthread_join(a, NULL);
	pthread_join(b, NULL);
}

static void *reader(void *arg)
{
	uint64_t v;
	int *fd = arg;

	fd[2] = tid();
	if (read(fd[0], &v, 8) != 8)
		broken("read");
	return NULL;
}

static void wake(int from, int to)
{
	uint64_t one = 1;
	volatile int fd[3] = {from, to, 0};
	pthread_t t;

	pthread_create(&t, NULL, reader, (void *)fd);
	while (!fd[2])
		;
	wait_blocked(fd[2], SYS_read);
	nanosleep(&(struct timespec){0, 2000000}, NULL); /* so that the read is slow */
	must(write(to, &one, 8) == 8, "write");
	pthread_join(t, NULL);
	say("{\"reader\":%d,\"writer\":%d,\"from\":%d,\"to\":%d}", fd[2], tid(), from, to);
}

static void wakes(void)
{
	int p[2], e = eventfd(0, 0);

	must(pipe2(p, O_CLOEXEC) == 0 && e >= 0, "descriptors");
	wake(p[0], p[1]);
	wake(e, e);
}

/* ---- maps ------------------------------------------------------------------------------------ */

#define SIZE (4 << 20)

NOINLINE static void maps(void)
{
	void *p, *q;

	p = CALL(mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	DID("mem.map", "mmap", "\"ptr\":\"%p\",\"size\":%d,\"prot\":3,\"fd\":-1,\"err\":0", p,
	    SIZE);
	q = CALL(mremap(p, SIZE, 2 * SIZE, MREMAP_MAYMOVE));
	DID("mem.remap", "mremap", "\"old\":\"%p\",\"old_size\":%d,\"ptr\":\"%p\",\"size\":%d", p,
	    SIZE, q, 2 * SIZE);
	CALL(munmap(q, 2 * SIZE));
	DID("mem.unmap", "munmap", "\"ptr\":\"%p\",\"size\":%d", q, 2 * SIZE);
	p = CALL(mmap64(NULL, SIZE, PROT_READ, MAP_PRIVATE, -1, 0));
	must(p == MAP_FAILED && errno == EBADF, "mmap of nothing");
	DID("mem.map", "mmap64", "\"ptr\":\"0x0\",\"size\":%d,\"err\":%d", SIZE, EBADF);
	p = CALL(sbrk(SIZE));
	must(p != MAP_FAILED, "sbrk");
	DID("mem.map", "sbrk", "\"ptr\":\"%p\",\"size\":%d,\"prot\":3,\"fd\":-1,\"err\":0", p,
	    SIZE);
	q = CALL(sbrk(-SIZE));
	must(q == (char *)p + SIZE, "sbrk back");
	DID("mem.unmap", "sbrk", "\"ptr\":\"%p\",\"size\":%d", p, SIZE);
	must(sbrk(0) == p, "sbrk of nothing");
	p = mmap(NULL, 8192, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	munmap(p, 8192);
}

int main(int argc, char **argv)
{
	const char *kind = argc > 1 ? argv[1] : "";
	int fd;

	if (argc > 2 && chdir(argv[2]) != 0)
		broken("chdir");
	if (strcmp(kind, "hold") == 0) {
		call_held = argv[3];
		hold();
	} else if (strcmp(kind, "wake") == 0) {
		wakes();
	} else if (strcmp(kind, "maps") == 0) {
		maps();
	} else {
		fd = opens();
		transfers(fd);
		syncs(fd);
		names();
		sleeps();
	}
	return 0;
}
