/* SPDX-License-Identifier: MIT */
/*
 * leftover.c - see leftover.h.
 *
 * A file is an earlier image of ours if it has our pid, boot and host, is not a crash, and its
 * recording began after our process did: then no other process can have had the pid since. All
 * else stays: a region left by a killed process is what somebody will look for. But for those of
 * processes that ended cleanly and could not reach the file (FR_STATE_UNWANTED).
 */
#include "leftover.h"

#include <stdbool.h>
#include <string.h>

#include "process.h"
#include "sys.h"
#include "text.h"
#include "wire.h"

struct dirent64_head {
	uint64_t ino;
	int64_t off;
	uint16_t reclen;
	uint8_t type;
	char name[];
};

/* Field 22 of /proc/self/stat: start in clock ticks (100 a second on Linux) since boot. */
static uint64_t process_start_ns(void)
{
	char buf[512] = "";
	int fd = fr_sys_openat(AT_FDCWD, "/proc/self/stat", O_RDONLY | O_CLOEXEC, 0);
	const char *p;
	uint64_t v = 0;

	if (fd < 0)
		return UINT64_MAX;
	fr_sys_read(fd, buf, sizeof(buf) - 1);
	fr_sys_close(fd);
	p = strrchr(buf, ')'); /* the name may contain anything */
	for (int field = 2; p && field < 22; field++) {
		p = strchr(p, ' ');
		if (p)
			p++;
	}
	if (!p)
		return UINT64_MAX;
	while (*p >= '0' && *p <= '9')
		v = v * 10 + (uint64_t)(*p++ - '0');
	return v * 10000000u;
}

static bool same_machine(const struct fr_header *h)
{
	struct fr_header now = {0};

	fr_process_describe_host(&now);
	return strncmp(h->boot_id, now.boot_id, sizeof(h->boot_id)) == 0 &&
	       strncmp(h->host, now.host, sizeof(h->host)) == 0;
}

static bool read_header(int dirfd, const char *name, struct fr_header *h)
{
	int fd = fr_sys_openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC, 0);
	long n;

	if (fd < 0)
		return false;
	n = fr_sys_read(fd, h, sizeof(*h));
	fr_sys_close(fd);
	return n == (long)sizeof(*h) && memcmp(h->magic, FR_MAGIC, 8) == 0;
}

static bool is_ours(int dirfd, const char *name)
{
	struct fr_header h;

	return read_header(dirfd, name, &h) && h.pid == fr_process.pid &&
	       h.x_state != FR_STATE_CRASHED && same_machine(&h) &&
	       h.start_mono_ns >= process_start_ns();
}

/* The pid in NAME-PID-TIME.frr; 0 = no such name. */
static long pid_of(const char *name)
{
	const char *p = strrchr(name, '-');
	long pid = 0, place = 1;

	while (p && p > name && *--p >= '0' && *p <= '9' && place < 100000000) {
		pid += place * (*p - '0');
		place *= 10;
	}
	return p && *p == '-' ? pid : 0;
}

/* Its process is gone, ended as it should, and could not remove the file (chroot, seccomp). */
static bool is_unwanted(int dirfd, const char *name)
{
	struct fr_header h;
	long pid = pid_of(name);

	return pid > 0 && fr_sys2(SYS_kill, pid, 0) == -3 /* ESRCH */ &&
	       read_header(dirfd, name, &h) && h.x_state == FR_STATE_UNWANTED;
}

void fr_leftover_remove(int dirfd)
{
	_Alignas(8) char buf[4096];
	char mark[32];
	struct fr_text t = fr_text_on(mark, sizeof(mark));
	long n;

	fr_text_str(&t, "-");
	fr_text_num(&t, fr_process.pid, 10);
	fr_text_str(&t, "-");
	while ((n = fr_sys3(SYS_getdents64, dirfd, buf, sizeof(buf))) > 0) {
		for (long at = 0; at < n;) {
			const struct dirent64_head *d = (const void *)(buf + at);

			at += d->reclen;
			if ((strstr(d->name, mark) && is_ours(dirfd, d->name)) ||
			    is_unwanted(dirfd, d->name))
				fr_sys3(SYS_unlinkat, dirfd, d->name, 0);
		}
	}
}
