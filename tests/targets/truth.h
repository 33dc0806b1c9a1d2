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

/*
 * Waits until the kernel says that thread T sleeps in a system call; NR < 0 takes any. The file
 * shows "running" or the number. This is the condition tests wait on instead of a time.
 */
static inline void wait_blocked(int t, long nr)
{
	long end = now_ms() + 10000;
	char path[64], text[64];

	snprintf(path, sizeof(path), "/proc/self/task/%d/syscall", t);
	while (now_ms() < end) {
		int fd = open(path, O_RDONLY | O_CLOEXEC);
		ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);

		if (fd >= 0)
			close(fd);
		text[n > 0 ? n : 0] = '\0';
		if (text[0] >= '0' && text[0] <= '9' && (nr < 0 || atol(text) == nr))
			return;
	}
	broken("a thread did not block");
}

#endif
