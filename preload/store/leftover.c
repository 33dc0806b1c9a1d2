/* SPDX-License-Identifier: MIT */
/*
 * leftover.c - which files in the directory of regions are left, and which of them are rubbish.
 *
 * This runs at each start of a program, so a file is opened only once: a left region is then made
 * read-only, and later starts tell by its mode that it was seen. Opening, removing and marking need
 * all of: the name of a region, a regular file, our own, whose first bytes are those of a region
 * (or of one that was never finished), whose process is gone, and that no process holds open for
 * writing or mapped. The last is what the kernel knows, whatever the namespaces: it grants no read
 * lease on such a file. Where it grants none at all, pid, boot and host decide.
 *
 * An earlier image of ours has our pid, boot and host, is not a crash, and began after our process
 * did: then no other process can have had the pid since.
 *
 * Context: birth, one thread. Must not: open what is not a regular file of ours (a device may act
 * when opened), judge a process of another machine, keep a descriptor.
 */
#include "store/leftover.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>

#include "core/clock.h"
#include "core/config.h"
#include "core/process.h"
#include "core/sys.h"
#include "core/text.h"

#define SECOND UINT64_C(1000000000)

struct dirent64_head {
	uint64_t ino;
	int64_t off;
	uint16_t reclen;
	uint8_t type;
	char name[];
};

/* ---- processes ------------------------------------------------------------------------------- */

/* Field 22 of /proc/PID/stat: start in clock ticks (100 a second on Linux) since boot. */
static uint64_t process_start_ns(long pid)
{
	char path[40], buf[512];
	struct fr_text t = fr_text_on(path, sizeof(path));
	const char *p;
	uint64_t v = 0;

	fr_text_str(&t, "/proc/");
	if (pid == (long)fr_process.pid)
		fr_text_str(&t, "self"); /* right even if this /proc knows us by another number */
	else
		fr_text_num(&t, (uint64_t)pid, 10);
	fr_text_str(&t, "/stat");
	fr_sys_read_file(path, buf, sizeof(buf));
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

/* Did the process of this number start after the region? For sure: sleep stops CLOCK_MONOTONIC. */
static bool started_later(long pid, const struct fr_header *h)
{
	uint64_t asleep = fr_clock_ns(CLOCK_BOOTTIME) - fr_clock_ns(CLOCK_MONOTONIC);
	uint64_t start = process_start_ns(pid);

	return start != UINT64_MAX && start > h->start_mono_ns + asleep + SECOND;
}

/* A signal 0 that may not be sent is an answer, too. */
static bool is_gone(long pid)
{
	return fr_sys2(SYS_kill, pid, 0) == -ESRCH;
}

/* ---- one file -------------------------------------------------------------------------------- */

struct machine {
	bool boot, host; /* the same as here */
};

static struct machine machine_of(struct fr_leftover_desk *d)
{
	const struct fr_header *h = &d->h, *here = &d->here;

	if (!d->host_known)
		fr_process_describe_host(&d->here);
	d->host_known = true;
	return (struct machine){
		.boot = !h->boot_id[0] || !strncmp(h->boot_id, here->boot_id, sizeof(h->boot_id)),
		.host = !strncmp(h->host, here->host, sizeof(h->host)),
	};
}

enum in_use { IN_USE_NO, IN_USE_YES, IN_USE_UNKNOWN };

/*
 * Somebody who opens the file for writing meanwhile breaks the lease, of which the holder is told
 * by a signal: one that kills nobody.
 */
static enum in_use in_use_by_somebody(int fd)
{
	long rc;

	fr_sys3(SYS_fcntl, fd, 10 /* F_SETSIG */, 23 /* SIGURG */);
	rc = fr_sys3(SYS_fcntl, fd, 1024 /* F_SETLEASE */, F_RDLCK);
	if (rc == 0)
		fr_sys3(SYS_fcntl, fd, 1024, F_UNLCK);
	return rc == 0 ? IN_USE_NO : rc == -EAGAIN ? IN_USE_YES : IN_USE_UNKNOWN;
}

static bool is_dead(const struct fr_header *h, struct machine m, enum in_use in_use)
{
	long pid = h->pid;

	if (in_use == IN_USE_YES)
		return false;
	if (!m.host)
		return m.boot && in_use == IN_USE_NO;
	if (!m.boot || in_use == IN_USE_NO || is_gone(pid))
		return true;
	return started_later(pid, h);
}

static bool is_earlier_image(const struct fr_header *h, struct machine m, enum in_use in_use)
{
	return in_use != IN_USE_YES && h->pid == fr_process.pid && h->x_state != FR_STATE_CRASHED &&
	       m.boot && m.host && h->start_mono_ns >= process_start_ns(h->pid);
}

/* Its process has died between making the file and writing the first page of it. */
static bool is_half_born(const struct fr_header *h, long n, const struct fr_leftover_entry *e,
			 enum in_use in_use)
{
	/*
	 * Between its creation and its opening a file is nobody's; where the kernel tells nothing,
	 * the process may be one that has another number here.
	 */
	uint64_t age = in_use == IN_USE_NO ? 1 : 60;
	const char *p = (const char *)h;

	for (size_t i = 0; i < sizeof(*h) && (long)i < n; i++) {
		if (p[i])
			return false;
	}
	return n >= 0 && in_use != IN_USE_YES && (in_use == IN_USE_NO || is_gone(e->pid)) &&
	       e->mtime_s + age < fr_clock_ns(CLOCK_REALTIME) / SECOND;
}

/* The last time that a recording knows of: its pair of clocks is renewed each second. */
static uint64_t last_recorded_s(int fd, struct fr_leftover_desk *d)
{
	const struct fr_header *h = &d->h;
	uint64_t last = h->start_real_ns;

	for (uint32_t i = 0; i < h->section_count && i < FR_SECTIONS_MAX; i++) {
		long n;

		if (h->sections[i].id != FR_SEC_CLOCKS)
			continue;
		n = fr_sys4(SYS_pread64, fd, d->pairs, sizeof(d->pairs),
			    (long)h->sections[i].offset);
		for (long k = 0; k < n / (long)sizeof(*d->pairs); k++) {
			if (d->pairs[k].real_ns > last)
				last = d->pairs[k].real_ns;
		}
	}
	return last / SECOND;
}

static enum fr_leftover judge(struct fr_leftover_desk *d, enum in_use in_use)
{
	const struct fr_header *h = &d->h;
	struct machine m = machine_of(d);

	if (is_earlier_image(h, m, in_use))
		return FR_LEFTOVER_RUBBISH;
	if (!is_dead(h, m, in_use))
		return FR_LEFTOVER_OTHER;
	return h->x_state == FR_STATE_UNWANTED || h->x_state == FR_STATE_STARTING
		       ? FR_LEFTOVER_RUBBISH
		       : FR_LEFTOVER_LEFT;
}

static bool is_our_file(const struct stat *st)
{
	return S_ISREG(st->st_mode) && st->st_uid == fr_process.uid;
}

struct fr_leftover_state fr_leftover_inspect(struct fr_leftover_desk *d,
					     const struct fr_leftover_entry *e)
{
	struct fr_leftover_state state = {FR_LEFTOVER_OTHER, false, 0};
	struct fr_header *h = &d->h;
	enum in_use in_use;
	struct stat st;
	long n;
	int fd = fr_sys_openat(d->dirfd, e->name,
			       O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0);

	if (fd < 0)
		return state;
	n = fr_sys2(SYS_fstat, fd, &st) == 0 && is_our_file(&st) ? fr_sys_read(fd, h, sizeof(*h))
								 : -1;
	in_use = n >= 0 ? in_use_by_somebody(fd) : IN_USE_YES;
	if (n == (long)sizeof(*h) && memcmp(h->magic, FR_MAGIC, 8) == 0) {
		state.verdict = judge(d, in_use);
		state.crashed = h->x_state == FR_STATE_CRASHED;
		state.died_s = last_recorded_s(fd, d);
	} else if (is_half_born(h, n, e, in_use)) {
		state.verdict = FR_LEFTOVER_RUBBISH;
	}
	if (state.verdict == FR_LEFTOVER_LEFT && (st.st_mode & S_IWUSR))
		fr_sys2(SYS_fchmod, fd, S_IRUSR);
	fr_sys_close(fd);
	return state;
}

/* ---- the directory --------------------------------------------------------------------------- */

/* The pid in NAME-PID-TIME.frr; 0 = no such name. */
static long pid_of(const char *name)
{
	size_t len = strlen(name), i = len - 4, digits;
	long pid = 0, place = 1;

	if (len < 8 || len >= FR_LEFTOVER_NAME || strcmp(name + i, ".frr") != 0)
		return 0;
	digits = i;
	while (i > 0 && strchr("0123456789abcdef", name[i - 1]))
		i--;
	if (i == digits || i == 0 || name[--i] != '-')
		return 0;
	for (digits = i; i > 0 && name[i - 1] >= '0' && name[i - 1] <= '9'; i--) {
		pid += place * (name[i - 1] - '0');
		place *= 10;
	}
	return i > 0 && name[i - 1] == '-' && digits - i <= 9 ? pid : 0;
}

static bool fill_entry(int dirfd, struct fr_leftover_entry *e)
{
	struct stat st;

	if (fr_sys4(SYS_newfstatat, dirfd, e->name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
	    !is_our_file(&st))
		return false;
	e->seen = !(st.st_mode & S_IWUSR);
	e->mtime_s = (uint64_t)st.st_mtim.tv_sec;
	e->bytes = (uint64_t)st.st_blocks * 512; /* most of a region's size is a hole */
	return true;
}

/* Its own process is asked about only where the file does not say that it is left. */
static bool inspect_entry(int dirfd, struct fr_leftover_entry *e, bool no_more_alive)
{
	bool other = e->pid != (long)fr_process.pid;

	if (no_more_alive && other && !is_gone(e->pid))
		return false;
	if (!fill_entry(dirfd, e))
		return false;
	e->alive = !e->seen && other && !is_gone(e->pid);
	return true;
}

void fr_leftover_walk(struct fr_leftover_desk *d, unsigned int alive_max,
		      void (*fn)(void *arg, const struct fr_leftover_entry *e), void *arg)
{
	unsigned int alive = 0;
	long n;

	fr_sys3(SYS_lseek, d->dirfd, 0, 0);
	while ((n = fr_sys3(SYS_getdents64, d->dirfd, d->entries, sizeof(d->entries))) > 0) {
		for (long at = 0; at < n;) {
			const struct dirent64_head *head = (const void *)(d->entries + at);
			struct fr_leftover_entry e = {.name = head->name,
						      .pid = pid_of(head->name)};

			at += head->reclen;
			if (e.pid <= 0)
				continue;
			if (!inspect_entry(d->dirfd, &e, alive >= alive_max))
				continue;
			alive += e.alive;
			fn(arg, &e);
		}
	}
}
