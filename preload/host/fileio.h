/* SPDX-License-Identifier: MIT */
/*
 * fileio.h - reads, writes and the like on what is no socket: files, pipes, eventfds, devices.
 *
 * For the hooks of read and write, which stand in hooks_net.c, and those of hooks_file.c. With
 * class io off it costs one test. Level slow keeps what was slow or failed, and every write that
 * may have woken somebody: to a pipe or an eventfd.
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

/* Bytes of a vector, as far as the kernel takes one: 1024 parts. */
size_t fr_file_vector_size(const struct iovec *iov, size_t n);

void fr_file_record(const struct fr_wait *w, enum fr_event ev, int fd, size_t size, long rc,
		    enum fr_hook via);

/*
 * SIZE is an expression, looked at after the call, where frc_ is its result: the kernel refuses
 * some vectors of the host's without reading them, and then so must we.
 */
#define FR_FILE_CALL(ev, fd, size, fn, call)                                                       \
	FR_FILE_CALL_IF(fr_file_is_recorded(fd), (void)0, ev, fd, size, fn, call)

#define FR_FILE_CALL_AT(ev, fd, size, fn, call)                                                    \
	FR_FILE_CALL_IF(fr_file_is_recorded_at(fd), frc_ < 0 ? (void)0 : fr_fd_has_positions(fd),  \
			ev, fd, size, fn, call)

/* TELLS: what the result says of the descriptor. */
#define FR_FILE_CALL_IF(is_recorded, tells, ev, fd, size, fn, call)                                \
	({                                                                                         \
		struct fr_wait fw_;                                                                \
		ssize_t frc_;                                                                      \
                                                                                                   \
		if (!(is_recorded)) {                                                              \
			frc_ = call;                                                               \
		} else {                                                                           \
			fr_wait_begin(&fw_, FR_SITE(), FR_HOOK_##fn, (uint64_t)(int64_t)(fd), 0,   \
				      0);                                                          \
			do {                                                                       \
				frc_ = call;                                                       \
			} while (frc_ < 0 && fr_wait_our_eintr(&fw_));                             \
			tells;                                                                     \
			fr_file_record(&fw_, FR_EV_##ev, fd, size, frc_, FR_HOOK_##fn);            \
		}                                                                                  \
		frc_;                                                                              \
	})

#define FR_FILE_VECTOR_AT(ev, fd, iov, n, fn, call)                                                \
	FR_FILE_CALL_AT(ev, fd, frc_ < 0 || (n) < 0 ? 0 : fr_file_vector_size(iov, (size_t)(n)),   \
			fn, call)

#endif
