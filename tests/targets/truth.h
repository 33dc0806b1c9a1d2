/* SPDX-License-Identifier: MIT */
/*
 * truth.h - how a target says what it did: one JSON object a line, written at once.
 *
 * Lines go to descriptor 1 with write(2), so that nothing is lost when the target is killed and
 * nothing is allocated or locked on the way.
 */
#ifndef TARGET_TRUTH_H
#define TARGET_TRUTH_H

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define NOINLINE __attribute__((noinline, noclone))

/* Keeps errno: targets report it after calls. */
__attribute__((format(printf, 1, 2))) static inline void say(const char *fmt, ...)
{
	int saved = errno;
	char line[1024];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(line, sizeof(line) - 1, fmt, ap);
	va_end(ap);
	line[n++] = '\n';
	if (write(1, line, n) != n)
		_exit(99);
	errno = saved;
}

/* The target could not do what it is for: not a verdict on the recorder. */
static inline void broken(const char *what)
{
	say("{\"broken\":\"%s\",\"errno\":%d}", what, errno);
	_exit(98);
}

static inline int tid(void)
{
	return (int)syscall(SYS_gettid);
}

static inline long now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* CLOCK_REALTIME or CLOCK_MONOTONIC plus MS. */
static inline struct timespec in_ms(clockid_t clock, long ms)
{
	struct timespec t;

	clock_gettime(clock, &t);
	t.tv_nsec += ms % 1000 * 1000000;
	t.tv_sec += ms / 1000 + t.tv_nsec / 1000000000;
	t.tv_nsec %= 1000000000;
	return t;
}

/* What libc calls where the kernel has no call of that name. */
#if defined(__aarch64__)
#define SYS_poll SYS_ppoll
#define SYS_pause SYS_ppoll
#define SYS_epoll_wait SYS_epoll_pwait
#endif

/* The number of the system call that thread T sleeps in, as the kernel shows it; -1: it runs. */
static inline long sleeps_in(int t)
{
	char path[64], text[64];
	int fd;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/self/task/%d/syscall", t);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);
	if (fd >= 0)
		close(fd);
	text[n > 0 ? n : 0] = '\0';
	return text[0] >= '0' && text[0] <= '9' ? atol(text) : -1;
}

/*
 * NR as the kernel shows it. Under qemu-user it is one of another processor, with other numbers:
 * the call by which a thread asks about itself is a read in any case.
 */
static inline long shown_number(long nr)
{
#if defined(__aarch64__)
	static const short on_x86[][2] = {
		{SYS_read, 0},          {SYS_futex, 202},   {SYS_ppoll, 271},
		{SYS_epoll_pwait, 281}, {SYS_recvfrom, 45},
	};

	for (size_t i = 0; sleeps_in(tid()) == 0 && i < sizeof(on_x86) / sizeof(*on_x86); i++) {
		if (nr == on_x86[i][0])
			return on_x86[i][1];
	}
#endif
	return nr;
}

/*
 * Waits until the kernel says that thread T sleeps in system call NR; NR < 0 takes any. This is the
 * condition tests wait on instead of a time.
 */
static inline void wait_blocked(int t, long nr)
{
	long end = now_ms() + 10000, shown = shown_number(nr);

	while (now_ms() < end) {
		long in = sleeps_in(t);

		if (in >= 0 && (nr < 0 || in == shown))
			return;
	}
	broken("a thread did not block");
}

#endif
