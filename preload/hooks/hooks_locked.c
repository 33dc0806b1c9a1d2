/* SPDX-License-Identifier: MIT */
/*
 * hooks_locked.c - replacement function: a host that locks all its memory.
 *
 * The kernel would lock, and fill, the whole region and the stack that rules are tried on, many
 * times what they use, and count them against RLIMIT_MEMLOCK: a host that may lock itself could not
 * any more. So what is mapped now is locked piece by piece, without these. Where that would fail,
 * the call is made as it is: the kernel's answer counts.
 *
 * Context: anywhere. Must not: keep a descriptor.
 */
#include <errno.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "core/real.h"
#include "core/sys.h"
#include "record/unwind.h"
#include "record/unwind_lib.h"
#include "store/region.h"

#ifndef MCL_ONFAULT
#define MCL_ONFAULT 4
#endif

#define OURS 3

struct piece {
	uintptr_t lo, hi;
};

/* Of the host's memory: how much it is; or, where LOCKS, mlock2() with FLAGS. */
struct work {
	bool locks;
	int flags;
	uint64_t bytes;
	struct piece ours[OURS];
	bool failed;
};

static void apply(struct work *k, struct piece p, bool accessible)
{
	if (p.hi <= p.lo)
		return;
	k->bytes += p.hi - p.lo;
	if (k->locks && fr_sys3(SYS_mlock2, p.lo, p.hi - p.lo, k->flags) < 0 && accessible)
		k->failed = true; /* without access there is nothing to fill: no failure */
}

/* P without OURS[I...]. */
static void cut(struct work *k, struct piece p, unsigned int i, bool accessible)
{
	struct piece o;

	for (; i < OURS; i++) {
		o = k->ours[i];
		if (o.hi <= p.lo || o.lo >= p.hi)
			continue;
		cut(k, (struct piece){o.hi, p.hi > o.hi ? p.hi : o.hi}, i + 1, accessible);
		p.hi = o.lo > p.lo ? o.lo : p.lo;
	}
	apply(k, p, accessible);
}

static uintptr_t hex(const char **s)
{
	uintptr_t v = 0;

	for (; **s && !strchr("- ", **s); (*s)++)
		v = v * 16 + (uintptr_t)(**s <= '9' ? **s - '0' : **s - 'a' + 10);
	(*s)++;
	return v;
}

/* "55e0a8000000-55e0a8021000 rw-p ..." */
static void line(struct work *k, const char *s)
{
	struct piece p;

	p.lo = hex(&s);
	p.hi = hex(&s);
	if (!strstr(s, "[v")) /* vdso, vvar, vsyscall: the kernel's own */
		cut(k, p, 0, *s == 'r');
}

/* Only the first words of each line are of interest, and its last. */
static bool walk(struct work *k)
{
	int fd = fr_sys_openat(AT_FDCWD, "/proc/self/maps", O_RDONLY | O_CLOEXEC, 0);
	char buf[512], text[80];
	size_t n = 0;
	long got;

	if (fd < 0)
		return false;
	while ((got = fr_sys_read(fd, buf, sizeof(buf))) > 0) {
		for (long i = 0; i < got; i++) {
			if (buf[i] != '\n') {
				if (n + 1 < sizeof(text))
					text[n++] = buf[i];
				continue;
			}
			text[n] = '\0';
			line(k, text);
			n = 0;
		}
	}
	fr_sys_close(fd);
	return got == 0;
}

/* As the kernel asks before mlockall(): all at once, so that nothing is locked when it is refused.
 */
static bool may_lock(uint64_t bytes)
{
	struct __user_cap_header_struct who = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct can[2] = {{0}};
	struct rlimit most = {0, 0};

	fr_sys2(SYS_getrlimit, RLIMIT_MEMLOCK, &most);
	if (bytes <= most.rlim_cur)
		return true;
	return fr_sys2(SYS_capget, &who, can) == 0 &&
	       can[CAP_TO_INDEX(CAP_IPC_LOCK)].effective & CAP_TO_MASK(CAP_IPC_LOCK);
}

static bool lock_what_is_the_hosts(int flags)
{
	struct work k = {.flags = flags & MCL_ONFAULT ? 1 /* MLOCK_ONFAULT */ : 0};

	k.ours[0] =
		(struct piece){(uintptr_t)fr_region.hdr, (uintptr_t)fr_region.hdr + fr_region.size};
	fr_unwind_lib_extent(&k.ours[1].lo, &k.ours[1].hi);
	fr_unwind_sandbox_extent(&k.ours[2].lo, &k.ours[2].hi);
	if (!walk(&k) || !may_lock(k.bytes))
		return false;
	k.locks = true;
	return walk(&k) && !k.failed;
}

FR_HOOK int mlockall(int flags)
{
	const int known = MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT;
	int rc;

	if (!fr_region.hdr || !(flags & MCL_CURRENT) || (flags & ~known))
		return FR_REAL(mlockall)(flags);
	if (flags & MCL_FUTURE) {
		rc = FR_REAL(mlockall)(flags & ~MCL_CURRENT);
		if (rc != 0)
			return rc;
	}
	return lock_what_is_the_hosts(flags) ? 0 : FR_REAL(mlockall)(flags);
}
