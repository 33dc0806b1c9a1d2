/* SPDX-License-Identifier: MIT */
/*
 * fds.c - the descriptor table. See fds.h.
 */
#include "record/fds.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "core/check.h"
#include "core/clock.h"
#include "core/sys.h"
#include "core/text.h"
#include "record/host.h"

struct fr_fd_rec *fr_fd_make(int fd)
{
	size_t end = ((size_t)(unsigned int)fd + 1) * sizeof(struct fr_fd_rec);

	FR_RUNS(FR_WHERE_HANDLER);
	if (fd < 0 || !fr_region.hdr)
		return NULL;
	if ((uint32_t)fd >= fr_region.n_fds_max || !fr_span_need(&fr_region.fds, end)) {
		fr_drop(FR_DROP_FD_RANGE);
		return NULL;
	}
	fr_span_used(&fr_region.fds, end);
	return (struct fr_fd_rec *)fr_region.fds.base + fd;
}

static enum fr_fd_kind kind_of(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFSOCK:
		return FR_FD_SOCKET;
	case S_IFIFO:
		return FR_FD_PIPE;
	case S_IFREG:
	case S_IFBLK:
		return FR_FD_FILE;
	default:
		return FR_FD_OTHER;
	}
}

/* Opened before there was a region, by a parent, by a call that has no hook: the kernel knows. */
static FR_COLD void ask_path(int fd)
{
	char link[40], path[FR_PATH_SHOWN];
	struct fr_text t = fr_text_on(link, sizeof(link));
	long n;

	fr_text_str(&t, "/proc/self/fd/");
	fr_text_num(&t, (unsigned int)fd, 10);
	n = fr_sys4(SYS_readlinkat, AT_FDCWD, link, path, sizeof(path));
	if (n > 0 && path[0] == '/')
		fr_fd_path(fd, (struct fr_blob){path, (uint32_t)n});
}

enum fr_fd_kind fr_fd_classify(int fd)
{
	struct fr_fd_rec *r = fr_fd_rec(fd);
	struct stat st = {0};
	enum fr_fd_kind kind;

	if (!r)
		return FR_FD_UNKNOWN;
	if (r->x_kind > FR_FD_UNKNOWN)
		return (enum fr_fd_kind)r->x_kind;
	if (fr_sys2(SYS_fstat, fd, &st) != 0)
		return FR_FD_CLOSED;
	kind = kind_of(st.st_mode);
	if (!fr_thread_reclaim())
		return kind;
	if (r->x_kind == FR_FD_UNKNOWN) /* the open was seen */
		__atomic_store_n(&r->x_kind, kind, __ATOMIC_RELEASE);
	else
		fr_fd_open(fd, kind, fr_clock_ticks(), 0);
	if (kind == FR_FD_SOCKET)
		fr_fd_peer(fd, NULL, 0);
	else if (kind == FR_FD_FILE && !r->peer_len)
		ask_path(fd);
	return kind;
}

void fr_fd_open(int fd, enum fr_fd_kind kind, uint64_t ticks, uint32_t stack)
{
	struct fr_fd_rec *r = fr_fd_rec(fd);

	if (!r || !fr_thread_reclaim())
		return;
	r->gen++;
	r->since = ticks;
	r->stack = stack;
	r->peer_len = 0;
	r->x_connecting = 0;
	__atomic_store_n(&r->x_kind, kind, __ATOMIC_RELEASE);
}

void fr_fd_peer(int fd, const struct sockaddr *addr, socklen_t len)
{
	struct fr_fd_rec *r = fr_fd_rec(fd);
	struct sockaddr_storage ss;

	if (!r || !fr_thread_reclaim())
		return;
	if (!addr) {
		len = sizeof(ss);
		if (fr_sys3(SYS_getpeername, fd, &ss, &len) != 0)
			return;
		addr = (const struct sockaddr *)&ss;
	}
	if (len > sizeof(r->peer))
		len = sizeof(r->peer);
	fr_text_store(r->peer, addr, len);
	r->peer_len = (uint16_t)len;
}

struct fr_blob fr_fd_peer_blob(int fd)
{
	const struct fr_fd_rec *r = fr_fd_rec(fd);

	if (!r || (r->x_kind != FR_FD_SOCKET && r->x_kind != FR_FD_LISTENER))
		return (struct fr_blob){"", 0};
	return (struct fr_blob){r->peer, r->peer_len};
}

void fr_fd_path(int fd, struct fr_blob path)
{
	struct fr_fd_rec *r = fr_fd_rec(fd);
	uint32_t n = path.size < sizeof(r->peer) ? path.size : sizeof(r->peer);
	char shown[FR_PATH_SHOWN];

	if (!r || path.size >= FR_PATH_SHOWN || !fr_thread_reclaim())
		return;
	fr_text_store(shown, path.data, path.size); /* all of it: a name may stand in what is cut */
	memcpy(r->peer, shown + path.size - n, n);
	r->peer_len = (uint16_t)n;
}

void fr_fd_close(int fd)
{
	fr_fd_close_by(fd, 0, 0, 0);
}

void fr_fd_close_by(int fd, uint64_t ticks, uint32_t stack, uint32_t tid)
{
	struct fr_fd_rec *r = fr_fd_rec(fd);

	if (!r || !fr_thread_reclaim())
		return;
	r->since = ticks;
	r->stack = stack;
	r->peer_len = 0;
	memcpy(r->peer, &tid, sizeof(tid));
	__atomic_store_n(&r->x_kind, FR_FD_CLOSED, __ATOMIC_RELEASE);
}

struct fr_fd_closer fr_fd_closer(int fd, uint64_t before)
{
	const struct fr_fd_rec *r = fr_fd_known(fd);
	struct fr_fd_closer c;

	if (!r || __atomic_load_n(&r->x_kind, __ATOMIC_ACQUIRE) != FR_FD_CLOSED)
		return (struct fr_fd_closer){0};
	c = (struct fr_fd_closer){.since = r->since, .stack = r->stack};
	memcpy(&c.tid, r->peer, sizeof(c.tid));
	return c.since < before ? c : (struct fr_fd_closer){0};
}

void fr_fd_dup(int old, int fd)
{
	enum fr_fd_kind kind = fr_fd_kind(old);
	const struct fr_fd_rec *from = fr_fd_rec(old);

	if (old == fd)
		return;
	fr_fd_open(fd, kind, fr_clock_ticks(), 0);
	if (from && from->peer_len)
		fr_fd_peer(fd, (const struct sockaddr *)from->peer, from->peer_len);
}
