/* SPDX-License-Identifier: MIT */
/*
 * freeze.c - see freeze.h.
 *
 * The means is userfaultfd's write protection: a fault of user code on a protected page waits until
 * the descriptor is closed, then it is tried again, on whatever is mapped there by then. Only the
 * pages that the region has are protected; new ones may come meanwhile.
 *
 * Context: as region_name.c. Must not: write to the region.
 */
#include "keep/freeze.h"

#include <linux/userfaultfd.h>
#include <stdatomic.h>
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

static bool protect(int fd, const void *from, size_t n)
{
	struct uffdio_writeprotect wp = {{(uintptr_t)from, n}, UFFDIO_WRITEPROTECT_MODE_WP};

	/* a page that is not mapped here just now cannot be protected */
	return !n || (fr_region_populate(from, n) &&
		      fr_sys3(SYS_ioctl, fd, UFFDIO_WRITEPROTECT, &wp) == 0);
}

static bool protect_region(int fd)
{
	struct uffdio_api api = {UFFD_API, UFFD_FEATURE_WP_HUGETLBFS_SHMEM, 0};
	struct uffdio_register reg = {.range = {(uintptr_t)fr_region.hdr, fr_region.size},
				      .mode = UFFDIO_REGISTER_MODE_WP};
	const uint8_t *base = (const uint8_t *)fr_region.hdr;
	struct fr_span *spans[FR_SPANS];

	if (fr_sys3(SYS_ioctl, fd, UFFDIO_API, &api) != 0 ||
	    fr_sys3(SYS_ioctl, fd, UFFDIO_REGISTER, &reg) != 0 ||
	    !protect(fd, base, (size_t)(fr_region.threads.base - base)))
		return false;
	fr_region_spans(spans);
	for (unsigned int i = 0; i < FR_SPANS; i++) {
		if (!protect(fd, spans[i]->base, atomic_load(&spans[i]->ready)))
			return false;
	}
	return true;
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
