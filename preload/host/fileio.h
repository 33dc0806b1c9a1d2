/* SPDX-License-Identifier: MIT */
/*
 * fileio.h - reads, writes and the like on what is no socket: files, pipes, eventfds, devices.
 *
 * For the hooks of read and write, which stand in hooks_net.c, and those of hooks_file.c and
 * hooks_disk.c. With class io off it costs one test. Level slow keeps what was slow or failed, and
 * every write that may have woken somebody: to a pipe or an eventfd.
 */
#ifndef FR_FILEIO_H
#define FR_FILEIO_H

#include "core/real.h"
#include "record/fds.h"
#include "record/wait.h"

static inline bool fr_file_is_recorded(int fd)
{
	return fr_level(FR_CLASS_IO) != FR_LEVEL_OFF && fr_fd_class(fd) == FR_CLASS_IO;
}

/*
 * The same for a call at a position (pread). A descriptor whose open was seen is no socket, and
 * need not be asked what it is: if the call succeeds, it has positions.
 */
static inline bool fr_file_is_recorded_at(int fd)
{
	const struct fr_fd_rec *r;

	if (fr_level(FR_CLASS_IO) == FR_LEVEL_OFF)
		return false;
	r = fr_fd_rec(fd);
	return (r && r->x_kind == FR_FD_UNKNOWN) || fr_file_is_recorded(fd);
}

/* Is a call that took DUR ticks an event? */
static inline bool fr_file_wanted(uint64_t dur, bool failed)
{
	return fr_level_now(FR_CLASS_IO) == FR_LEVEL_FULL || dur >= fr_slow_ticks || failed;
}

/* Bytes of a vector, as far as the kernel takes one: 1024 parts. */
size_t fr_file_vector_size(const struct iovec *iov, size_t n);

/* The end of the wait W for a call on W's object that moved RC of SIZE bytes. */
void fr_file_record(const struct fr_wait *w, enum fr_event ev, size_t size, ssize_t rc);

#endif
