/* SPDX-License-Identifier: MIT */
/*
 * transfer.h - what the hooks that send and receive have in common, hooks_net.c and
 * hooks_net_many.c.
 *
 * They make the real call by FR_RETRY: a timeout on the socket makes the kernel return EINTR after
 * our own signal too, even though our handler is installed with SA_RESTART.
 */
#ifndef FR_TRANSFER_H
#define FR_TRANSFER_H

#include "core/real.h"
#include "host/fileio.h"
#include "host/rest.h"
#include "record/fds.h"
#include "record/wait.h"

/* Is a transfer on FD to be recorded? Asks the level first: that is the cheap test. */
static inline bool fr_net_is_recorded(int fd)
{
	return fr_level(FR_CLASS_NET) != FR_LEVEL_OFF && (fr_fd_is_socket(fd) || fr_fd_is_over(fd));
}

/* The end of a transfer. Hot as most come to it: quickly, done or not ready. */
void fr_transferred(const struct fr_wait *w, enum fr_event ev, size_t size, ssize_t rc);

/* How the hooks end: all give RC. KLASS: what the descriptor is, as fr_fd_class() says. */
static FR_ALWAYS_INLINE ssize_t fr_has_read(const struct fr_wait *w, int klass, size_t size,
					    ssize_t rc)
{
	if (klass == FR_CLASS_NET)
		fr_transferred(w, FR_EV_NET_RECV, size, rc);
	else
		fr_file_record(w, FR_EV_IO_READ, size, rc);
	return rc;
}

static FR_ALWAYS_INLINE ssize_t fr_has_written(const struct fr_wait *w, int klass, size_t size,
					       ssize_t rc)
{
	if (klass == FR_CLASS_NET)
		fr_transferred(w, FR_EV_NET_SEND, size, rc);
	else
		fr_file_record(w, FR_EV_IO_WRITE, size, rc);
	return rc;
}

static FR_ALWAYS_INLINE ssize_t fr_has_received(const struct fr_wait *w, size_t size, ssize_t rc)
{
	return fr_has_read(w, FR_CLASS_NET, size, rc);
}

static FR_ALWAYS_INLINE ssize_t fr_has_sent(const struct fr_wait *w, size_t size, ssize_t rc)
{
	return fr_has_written(w, FR_CLASS_NET, size, rc);
}

/* Came our signal while some of it was moved? Then the rest is to be moved too: see rest.h. */
static FR_ALWAYS_INLINE bool fr_has_rest(const struct fr_wait *w, ssize_t rc)
{
	return rc > 0 && fr_wait_met_ours_only(w);
}

#endif
