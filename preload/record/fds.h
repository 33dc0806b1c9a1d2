/* SPDX-License-Identifier: MIT */
/*
 * fds.h - what is behind each descriptor of the host: kind, peer, since when, opened by whom.
 *
 * The table lies in the region. Writers are the hooks that open and close; two of them on the same
 * number at once would be the host's own race; in a vfork child the table is its parent's, and
 * nothing here changes it. Context: hooks, signal handlers; system calls only.
 */
#ifndef FR_FDS_H
#define FR_FDS_H

#include <stdint.h>
#include <sys/socket.h>

#include "core/arch.h"
#include "core/gate.h"
#include "record/thread.h"

struct fr_blob;
struct fr_wait;

/* The record if the table has come that far: one look. */
static FR_ALWAYS_INLINE struct fr_fd_rec *fr_fd_known(int fd)
{
	size_t at = (size_t)(unsigned int)fd * sizeof(struct fr_fd_rec);

	if (unlikely(at >= atomic_load_explicit(&fr_region.fds.used, memory_order_acquire)))
		return NULL;
	return (struct fr_fd_rec *)(fr_region.fds.base + at);
}

/* The record, or NULL: out of range (counted) or no memory. Does not classify. */
struct fr_fd_rec *fr_fd_make(int fd); /* of a number not seen before */

static FR_ALWAYS_INLINE struct fr_fd_rec *fr_fd_rec(int fd)
{
	struct fr_fd_rec *r = fr_fd_known(fd);

	return likely(r != NULL) ? r : fr_fd_make(fd);
}

/* Kind of FD; asks the kernel the first time a number is seen. */
enum fr_fd_kind fr_fd_classify(int fd);

static inline enum fr_fd_kind fr_fd_kind(int fd)
{
	const struct fr_fd_rec *r = fr_fd_known(fd);

	if (likely(r && r->x_kind > FR_FD_UNKNOWN))
		return (enum fr_fd_kind)r->x_kind;
	return fr_fd_classify(fd);
}

static inline bool fr_fd_is_socket(int fd)
{
	enum fr_fd_kind k = fr_fd_kind(fd);

	return k == FR_FD_SOCKET || k == FR_FD_LISTENER;
}

/* Does the table say that FD is closed, or not say anything of it? */
static inline bool fr_fd_is_over(int fd)
{
	const struct fr_fd_rec *r = fr_fd_known(fd);

	return r && r->x_kind == FR_FD_CLOSED;
}

#define FR_FD_UNRECORDED (-1)

/*
 * The class that records what is read from and written to FD, FR_CLASS_NET or FR_CLASS_IO;
 * FR_FD_UNRECORDED where that is off, or FD is no descriptor. Asks the levels first: that is the
 * cheap test. What was closed goes the way of files: the kernel's EBADF is to be told.
 */
static inline int fr_fd_class(int fd)
{
	bool net = fr_level(FR_CLASS_NET) != FR_LEVEL_OFF;
	bool io = fr_level(FR_CLASS_IO) != FR_LEVEL_OFF;
	enum fr_fd_kind kind = net || io ? fr_fd_kind(fd) : FR_FD_CLOSED;

	if (kind == FR_FD_SOCKET || kind == FR_FD_LISTENER)
		return net ? FR_CLASS_NET : FR_FD_UNRECORDED;
	return io && (kind != FR_FD_CLOSED || fr_fd_is_over(fd)) ? FR_CLASS_IO : FR_FD_UNRECORDED;
}

/* Is the table kept? Tested before the rest by hooks that give no birth. */
static inline bool fr_fd_kept(void)
{
	return fr_level_now(FR_CLASS_NET) > FR_LEVEL_OFF ||
	       fr_level_now(FR_CLASS_IO) > FR_LEVEL_OFF;
}

/* FD was opened: a new generation without peer. */
void fr_fd_open(int fd, enum fr_fd_kind kind, uint64_t ticks, uint32_t stack);

/* FD's peer: as given, or asked from the kernel if ADDR is NULL. */
void fr_fd_peer(int fd, const struct sockaddr *addr, socklen_t len);

/* FD, just opened, is the file at PATH; of a path that fr_host_text() has cut nothing is kept. */
void fr_fd_path(int fd, struct fr_blob path);

/* A call at a position (pread) succeeded on FD: it is no pipe and no terminal. */
static inline void fr_fd_has_positions(int fd)
{
	struct fr_fd_rec *r = fr_fd_rec(fd);

	if (r && r->x_kind == FR_FD_UNKNOWN && fr_thread_reclaim())
		__atomic_store_n(&r->x_kind, FR_FD_FILE, __ATOMIC_RELEASE);
}

/* Before the real close. */
void fr_fd_close(int fd);

/* The same where it is known who closes it, and when: kept until the number is open again. */
void fr_fd_close_by(int fd, uint64_t ticks, uint32_t stack, uint32_t tid);

/* Who closed a number last. */
struct fr_fd_closer {
	uint64_t since; /* ticks; 0 = not known */
	uint32_t stack, tid;
};

/* Of FD, unless somebody opened or closed it after BEFORE. */
struct fr_fd_closer fr_fd_closer(int fd, uint64_t before);

/* What an event shows as socket FD's peer: the table's memory, perhaps empty. */
struct fr_blob fr_fd_peer_blob(int fd);

/* NEW is a copy of OLD now (dup, dup2, F_DUPFD): after success. */
void fr_fd_dup(int old, int fd);

/* The same, and recorded (hooks_fd.c). FD is the result of the call, also -1; returns it. */
int fr_fd_copied(int old, int fd, uint32_t via, struct fr_site s);

/*
 * FD is about to be closed, by close or by something that closes it on the way (fclose, dup2,
 * closefrom): ends its life in the table and records that where the levels want it. Before the
 * real call, but for dup2, whose target's number is never free.
 */
void fr_fd_end(int fd, uint32_t via, struct fr_site s);

/* A close of FD, begun at BEGAN, has succeeded: the table did not know that it was open. */
void fr_fd_ended(int fd, uint64_t began, struct fr_site s);

/*
 * A call on FD that began at BEGAN has ended with EBADF: recorded with who closed it.
 * fr_fd_bad_by() is for calls whose own event says the rest: it records nothing where the closer
 * is not known.
 */
void fr_fd_bad(int fd, uint64_t began, uint32_t via, struct fr_site s);
void fr_fd_bad_by(struct fr_thread *t, int fd, const struct fr_wait *w, uint64_t now);
void fr_fd_end_range(unsigned int first, unsigned int last, uint32_t via, struct fr_site s);

/* After a successful recvmsg: descriptors that came with MSG. */
void fr_fd_received(const struct msghdr *msg, struct fr_site s);

#endif
