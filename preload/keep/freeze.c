/* SPDX-License-Identifier: MIT */
/*
 * freeze.c - see freeze.h.
 *
 * The means is userfaultfd's write protection: a fault of user code on a protected page waits until
 * the descriptor is closed, then it is tried again, on whatever is mapped there by then. Pages that
 * the region does not have yet are protected too. The kernel does not make wait who asks for those:
 * it refuses, and fr_span_grow() waits by a write to the drops, which are protected first.
 *
 * Context: as region_name.c. Must not: write to the region.
 */
#include "keep/freeze.h"

#include <linux/userfaultfd.h>
#include <stdbool.h>
#include <sys/ioctl.h>

#include "core/sys.h"
#include "store/region.h"

#ifndef UFFD_USER_MODE_ONLY
#define UFFD_USER_MODE_ONLY 1
#endif
#ifndef UFFD_FEATURE_WP_HUGETLBFS_SHMEM
#define UFFD_FEATURE_WP_HUGETLBFS_SHMEM (1 << 12)
#endif

static bool protect(int fd, const uint8_t *from, const uint8_t *to)
{
	struct uffdio_writeprotect wp = {{(uintptr_t)from, (size_t)(to - from)},
					 UFFDIO_WRITEPROTECT_MODE_WP};

	return fr_sys3(SYS_ioctl, fd, UFFDIO_WRITEPROTECT, &wp) == 0;
}

static bool protect_region(int fd)
{
	struct uffdio_api api = {UFFD_API, UFFD_FEATURE_WP_HUGETLBFS_SHMEM, 0};
	struct uffdio_register reg = {.range = {(uintptr_t)fr_region.hdr, fr_region.size},
				      .mode = UFFDIO_REGISTER_MODE_WP};
	const uint8_t *base = (const uint8_t *)fr_region.hdr;

	return fr_sys3(SYS_ioctl, fd, UFFDIO_API, &api) == 0 &&
	       fr_sys3(SYS_ioctl, fd, UFFDIO_REGISTER, &reg) == 0 &&
	       protect(fd, base, fr_region.threads.base) &&
	       protect(fd, fr_region.threads.base, base + fr_region.size);
}

int fr_freeze_begin(void)
{
	int fd = (int)fr_sys1(SYS_userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY);

	if (fd >= 0 && !protect_region(fd)) {
		fr_sys_close(fd);
		return -1;
	}
	return fd;
}

void fr_freeze_end(int frozen)
{
	fr_sys_close(frozen);
}
