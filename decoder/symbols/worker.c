/* SPDX-License-Identifier: MIT */
/*
 * worker.c - forks, limits and serves.
 *
 * Context: the decoder has one thread here (see base/cpus.h), so a fork without exec is safe. The
 * child never returns from fr_worker_start(), never runs exit handlers and has nothing to say on
 * the terminal.
 */
#include "symbols/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/proc.h"
#include "symbols/batch.h"

#define CPU_SECONDS 60 /* per request */
#define SILENCE_MS 180000 /* without a byte: a download may be on its way */
#define BLOCK_MAX (UINT64_C(1) << 32)
#define ADDRESSES_MAX (1u << 26)

struct worker {
	pid_t pid;
	int fd;
	struct worker *next;
};

struct request {
	uint32_t n_code;
	uint32_t n_data;
};

/* All that live: a new child must close the sockets of the others, or they never see EOF. */
static struct worker *living;

static bool send_all(int fd, const void *data, size_t size)
{
	const char *p = data;

	while (size) {
		ssize_t n = send(fd, p, size, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		p += n;
		size -= (size_t)n;
	}
	return true;
}

/* TIMEOUT_MS -1 = wait for ever. */
static bool receive_all(int fd, void *data, size_t size, int timeout_ms)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	char *to = data;

	while (size) {
		int ready = poll(&p, 1, timeout_ms);
		ssize_t n;

		if (ready < 0 && errno == EINTR)
			continue;
		if (ready <= 0)
			return false;
		n = recv(fd, to, size, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		to += n;
		size -= (size_t)n;
	}
	return true;
}

static void lower_limit(int what, rlim_t value)
{
	struct rlimit r;

	if (getrlimit(what, &r))
		return;
	if (r.rlim_max == RLIM_INFINITY || value < r.rlim_max)
		r.rlim_cur = value;
	setrlimit(what, &r);
}

/* Three quarters of the machine's memory beyond what the decoder itself maps. */
static void limit_memory(void)
{
#ifndef __SANITIZE_ADDRESS__
	unsigned long pages = 0;
	rlim_t page = (rlim_t)sysconf(_SC_PAGESIZE);
	rlim_t machine = (rlim_t)sysconf(_SC_PHYS_PAGES) * page;
	FILE *fp = fr_proc_open(0, "statm");

	if (!fp)
		return;
	if (fscanf(fp, "%lu", &pages) == 1)
		lower_limit(RLIMIT_AS, pages * page + machine / 4 * 3);
	fclose(fp);
#endif
}

static void limit_cpu(void)
{
	struct rusage u;

	if (!getrusage(RUSAGE_SELF, &u))
		lower_limit(RLIMIT_CPU,
			    (rlim_t)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) + CPU_SECONDS);
}

static void be_silent(void)
{
#ifndef __SANITIZE_ADDRESS__
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (fd >= 0) {
		dup2(fd, STDOUT_FILENO);
		dup2(fd, STDERR_FILENO);
	}
#endif
}

/* The decoder's own handler would flush the decoder's buffers a second time. */
static void out_of_memory(size_t size)
{
	_exit(1);
}

static void settle(pid_t parent)
{
	static const int deadly[] = {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL, SIGINT, SIGTERM};
	const struct worker *w;
	size_t i;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(0);
	for (i = 0; i < sizeof(deadly) / sizeof(deadly[0]); i++)
		signal(deadly[i], SIG_DFL);
	for (w = living; w; w = w->next)
		close(w->fd);
	fr_mem_on_failure(out_of_memory);
	lower_limit(RLIMIT_CORE, 0);
	limit_memory();
	be_silent();
}

static bool serve_one(struct batch *b, int fd)
{
	struct request r;
	uint64_t *addrs, size64;
	size_t size = 0;
	void *block;
	bool ok;

	if (!receive_all(fd, &r, sizeof(r), -1))
		return false;
	limit_cpu();
	addrs = malloc(((size_t)r.n_code + r.n_data + 1) * sizeof(*addrs));
	if (!addrs || !receive_all(fd, addrs, ((size_t)r.n_code + r.n_data) * sizeof(*addrs), -1))
		return false;
	block = fr_batch_run(b, addrs, r.n_code, addrs + r.n_code, r.n_data, &size);
	size64 = size;
	ok = block && send_all(fd, &size64, sizeof(size64)) && send_all(fd, block, size);
	free(block);
	free(addrs);
	return ok;
}

static _Noreturn void serve(const struct module_ref *m, bool use_dwarf, int fd)
{
	struct batch *b;

	limit_cpu();
	b = fr_batch_open(m, use_dwarf);
	while (b && serve_one(b, fd))
		;
	_exit(0);
}

struct worker *fr_worker_start(const struct module_ref *m, bool use_dwarf)
{
	struct worker *w = calloc(1, sizeof(*w));
	pid_t parent = getpid();
	int sv[2];

	if (!w || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv)) {
		free(w);
		return NULL;
	}
	w->pid = fork();
	if (w->pid == 0) {
		close(sv[0]);
		settle(parent);
		serve(m, use_dwarf, sv[1]);
	}
	close(sv[1]);
	w->fd = sv[0];
	if (w->pid < 0) {
		close(w->fd);
		free(w);
		return NULL;
	}
	w->next = living;
	living = w;
	return w;
}

void fr_worker_stop(struct worker *w)
{
	struct worker **p = &living;

	if (!w)
		return;
	while (*p && *p != w)
		p = &(*p)->next;
	if (*p)
		*p = w->next;
	close(w->fd);
	/* It may be in a loop or in a download: do not wait for it to notice. */
	kill(w->pid, SIGKILL);
	while (waitpid(w->pid, NULL, 0) < 0 && errno == EINTR)
		;
	free(w);
}

bool fr_worker_ask(struct worker *w, const uint64_t *code, size_t n_code, const uint64_t *data,
		   size_t n_data)
{
	struct request r = {(uint32_t)n_code, (uint32_t)n_data};

	if (n_code > ADDRESSES_MAX || n_data > ADDRESSES_MAX)
		return false;
	return send_all(w->fd, &r, sizeof(r)) && send_all(w->fd, code, n_code * sizeof(*code)) &&
	       send_all(w->fd, data, n_data * sizeof(*data));
}

void *fr_worker_receive(struct worker *w, size_t *size)
{
	uint64_t n;
	void *block;

	if (!receive_all(w->fd, &n, sizeof(n), SILENCE_MS) || n > BLOCK_MAX)
		return NULL;
	block = malloc(n ? n : 1);
	if (block && !receive_all(w->fd, block, n, SILENCE_MS)) {
		free(block);
		block = NULL;
	}
	*size = n;
	return block;
}
