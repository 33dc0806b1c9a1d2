/* SPDX-License-Identifier: MIT */
/*
 * snapshot.c - writes a snapshot: header, sections, trigger; the format is the region's own.
 *
 * Context: a thread without TLS (clone.h), or a signal handler, or exit. System calls only; memory
 * is set aside at birth. Recording goes on meanwhile: chunks are copied one by one and looked at
 * again, see chunk_copy.h.
 *
 * The writer's thread works in a file table of its own (close_range with CLOSE_RANGE_UNSHARE), so
 * that neither the host's closefrom() nor a reused number can ever send a snapshot into one of the
 * host's sockets. Where it has to share the table, each write checks that the descriptor is still
 * the file it opened.
 */
#include "keep/snapshot.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>

#include "core/check.h"
#include "core/clock.h"
#include "core/clone.h"
#include "core/config.h"
#include "core/gate.h"
#include "core/place.h"
#include "core/process.h"
#include "core/say.h"
#include "core/sys.h"
#include "core/text.h"
#include "keep/chunk_copy.h"
#include "keep/tasks.h"
#include "record/deepbind.h"
#include "record/modules.h"
#include "store/region.h"

#define STACK_SIZE (32u << 10)
#define BATCH (64u << 10)

/* One snapshot at a time: everything below belongs to the holder of fr_gate.snapshot_lock. */
struct writer {
	char stack[STACK_SIZE];
	struct fr_header hdr;
	char pad[FR_HEADER_SIZE - sizeof(struct fr_header)];
	uint8_t batch[BATCH];
	char path[600];
	char part[608];
	struct fr_trigger trigger;
	size_t n_tasks;
	struct fr_refusal refusal; /* of the directory that is tried now */
	struct stat file;
	int fd;
	bool shared_table;
	long tid; /* of its last thread, if that may still be in the process */
	bool here; /* not in a thread of its own */
	bool ok;
};
static struct writer *self;
static uint64_t merged;

void fr_snapshot_init(void)
{
	if (!self)
		self = fr_sys_mmap(sizeof(*self), PROT_READ | PROT_WRITE,
				   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1);
}

/* ---- the file -------------------------------------------------------------------------------- */

static bool refused(enum fr_place why, long error)
{
	self->refusal = (struct fr_refusal){why, (int)-error};
	return false;
}

static bool put(const void *buf, size_t n)
{
	struct stat now = {0};
	long rc;

	if (self->shared_table &&
	    (fr_sys2(SYS_fstat, self->fd, &now) != 0 || now.st_ino != self->file.st_ino ||
	     now.st_dev != self->file.st_dev))
		return refused(FR_PLACE_SYSTEM, -EBADF);
	rc = fr_sys_write_all(self->fd, buf, n);
	return rc >= 0 || refused(FR_PLACE_SYSTEM, rc);
}

static void name_file(const char *dir, uint64_t number)
{
	struct fr_text t = fr_text_on(self->path, sizeof(self->path));

	fr_text_str(&t, dir);
	fr_text_str(&t, "/fr-");
	fr_text_str(&t, fr_process.comm_safe);
	fr_text_str(&t, "-");
	fr_text_num(&t, fr_process.pid, 10);
	fr_text_str(&t, "-");
	fr_text_num(&t, number, 10);
	fr_text_str(&t, ".frd");
	t = fr_text_on(self->part, sizeof(self->part));
	fr_text_str(&t, self->path);
	fr_text_str(&t, ".part");
}

/* A number nobody has used in this directory, from the next one on. */
static int make_file(const char *dir, int dirfd)
{
	uint64_t number = fr_region.hdr->x_snapshots + 1;
	size_t name = strlen(dir) + 1;

	for (int tries = 0; tries < 1000; tries++, number++) {
		int fd;

		name_file(dir, number);
		if (fr_sys4(SYS_faccessat, dirfd, self->path + name, 0, 0) == 0)
			continue;
		fd = fr_place_make_file(dirfd, self->part + name, O_WRONLY);
		if (fd == -EEXIST)
			continue;
		if (fd >= 0)
			self->trigger.number = (uint32_t)number;
		return fd;
	}
	return -EEXIST;
}

static bool open_in(const char *dir)
{
	int dirfd = fr_place_open_snapshots(dir, &self->refusal);
	long rc;

	if (dirfd < 0)
		return false;
	self->fd = make_file(dir, dirfd);
	fr_sys_close(dirfd);
	if (self->fd < 0)
		return refused(FR_PLACE_SYSTEM, self->fd);
	rc = fr_sys2(SYS_fstat, self->fd, &self->file);
	return rc == 0 || refused(FR_PLACE_SYSTEM, rc);
}

static void close_file(void)
{
	if (self->fd >= 0)
		fr_sys_close(self->fd);
	self->fd = -1;
}

/* ---- the content ----------------------------------------------------------------------------- */

static uint64_t align8(uint64_t n)
{
	return (n + 7) & ~7ull;
}

static bool is_chunks(uint32_t id)
{
	return id == FR_SEC_CHUNKS_RARE || id == FR_SEC_CHUNKS_DENSE;
}

/* The header of the snapshot: the region's, with the sections packed and the trigger added. */
static uint64_t make_header(void)
{
	struct fr_header *h = &self->hdr;
	struct fr_section *trigger;
	uint64_t tasks = self->n_tasks * sizeof(struct fr_task_rec), at = FR_HEADER_SIZE + tasks;

	*h = *fr_region.hdr;
	h->x_state = FR_STATE_FROZEN;
	for (uint32_t i = 0; i < h->section_count; i++) {
		struct fr_section *s = &h->sections[i];

		s->x_used = s->x_used < s->size ? s->x_used : s->size;
		s->offset = at;
		s->size = s->x_used;
		at = align8(at + s->size);
	}
	/* first in the file: what is asked for first is nearest to the moment */
	h->sections[h->section_count++] = (struct fr_section){
		FR_SEC_TASKS, sizeof(struct fr_task_rec), FR_HEADER_SIZE, tasks, tasks};
	trigger = &h->sections[h->section_count++];
	*trigger = (struct fr_section){FR_SEC_TRIGGER, sizeof(self->trigger), at,
				       sizeof(self->trigger), sizeof(self->trigger)};
	return at + sizeof(self->trigger);
}

static bool put_chunks(const struct fr_section *s, const uint8_t *from)
{
	size_t size = s->record_size;
	size_t batch = BATCH / size * size;

	for (uint64_t done = 0; done < s->size;) {
		size_t n = s->size - done < batch ? (size_t)(s->size - done) : batch;

		for (size_t i = 0; i + size <= n; i += size)
			fr_chunk_copy((struct fr_chunk *)(self->batch + i),
				      (const struct fr_chunk *)(from + done + i), size);
		if (!put(self->batch, n))
			return false;
		done += n;
	}
	return true;
}

static bool put_sections(void)
{
	static const char zeros[8];
	const struct fr_header *live = fr_region.hdr;

	for (uint32_t i = 0; i < live->section_count; i++) {
		const struct fr_section *s = &self->hdr.sections[i];
		const uint8_t *from = (const uint8_t *)live + live->sections[i].offset;

		if (!(is_chunks(s->id) ? put_chunks(s, from) : put(from, s->size)))
			return false;
		if (!put(zeros, align8(s->size) - s->size))
			return false;
	}
	return true;
}

static bool fill_file(uint64_t size)
{
	if (!fr_file_size_allowed(size))
		return refused(FR_PLACE_LIMIT, -EFBIG);
	self->hdr.x_snapshots = self->trigger.number;
	if (!put(&self->hdr, FR_HEADER_SIZE) ||
	    !fr_tasks_put(self->n_tasks, self->batch, BATCH, put) || !put_sections())
		return false;
	self->trigger.merged += __atomic_exchange_n(&merged, 0, __ATOMIC_RELAXED);
	return put(&self->trigger, sizeof(self->trigger));
}

static bool name_it(void)
{
	long rc = fr_sys4(SYS_renameat, AT_FDCWD, self->part, AT_FDCWD, self->path);

	return rc == 0 || refused(FR_PLACE_SYSTEM, rc);
}

/* All or nothing: a disk may be full, or break, at any byte. */
static bool write_into(const char *dir)
{
	uint64_t size;
	bool made = open_in(dir), ok;

	self->n_tasks = fr_tasks_count();
	size = make_header();
	ok = made && fill_file(size);

	close_file();
	ok = ok && name_it();
	if (made && !ok)
		fr_sys3(SYS_unlinkat, AT_FDCWD, self->part, 0);
	return ok;
}

/* The directory that was asked for would not do: said in the region, and in this snapshot. */
static void note_failure(const char *dir)
{
	struct fr_failure *f = &fr_region.hdr->x_failure;

	f->error = (uint32_t)self->refusal.error;
	f->real_ns = self->trigger.real_ns;
	f->times++;
	fr_text_copy(f->dir, sizeof(f->dir), dir);
	__atomic_store_n(&f->why, self->refusal.why, __ATOMIC_RELEASE);
}

static bool is_among(const char *dir, const char *const *dirs, int n)
{
	for (int i = 0; i < n; i++) {
		if (strcmp(dirs[i], dir) == 0)
			return true;
	}
	return false;
}

/* FR_OUT or the start directory, FR_DIR, the directory of the region. */
static bool write_somewhere(void)
{
	char region_dir[sizeof(fr_region.path)];
	const char *const dirs[] = {fr_region.hdr->out_dir, fr_config.dir, region_dir};
	char *slash;
	bool first = true;

	fr_text_copy(region_dir, sizeof(region_dir), fr_region.path);
	slash = strrchr(region_dir, '/');
	if (slash)
		*slash = '\0';
	for (int i = 0; i < 3; i++) {
		if (!dirs[i][0] || is_among(dirs[i], dirs, i))
			continue;
		if (write_into(dirs[i])) {
			if (first)
				fr_region.hdr->x_failure.why = 0;
			return true;
		}
		fr_say("no snapshot in ", dirs[i], fr_place_why(&self->refusal));
		if (first)
			note_failure(dirs[i]);
		first = false;
	}
	return false;
}

static bool write_file(void)
{
	bool ok;

	FR_RUNS(FR_WHERE_HANDLER | FR_WHERE_SNAPSHOT);
	fr_region_check();
	fr_modules_sweep();
	fr_deepbind_check();
	fr_clock_pair_write(fr_region.clocks);
	self->fd = -1;
	ok = write_somewhere();
	if (ok)
		fr_region.hdr->x_snapshots = self->trigger.number;
	else
		fr_drop(FR_DROP_SNAPSHOT_FAILED);
	return ok;
}

static void write_here(void)
{
	self->shared_table = true;
	self->here = true;
	self->ok = write_file();
	self->here = false;
}

/* ---- the writer's thread --------------------------------------------------------------------- */

static void thread_main(void)
{
	/* stderr stays if there may be something to say; nobody waits for its end that long */
	unsigned int from = fr_config.verbose ? 3 : 0;

	self->shared_table = fr_sys3(SYS_close_range, from, ~0u, CLOSE_RANGE_UNSHARE) != 0;
	if (from && !self->shared_table)
		fr_sys3(SYS_close_range, 0, 1, 0);
	self->ok = write_file();
}

static bool begin(enum fr_trigger_kind kind, int signo, uint32_t sender, const char *reason)
{
	/* another process: a vfork child in our memory, which would take the lock with it */
	if (!self || !fr_region.hdr || !fr_process_is_this())
		return false;
	if (!fr_try_lock(&fr_gate.snapshot_lock)) {
		__atomic_fetch_add(&merged, 1, __ATOMIC_RELAXED);
		__atomic_fetch_add(&fr_region.hdr->x_triggers_merged, 1, __ATOMIC_RELAXED);
		return false;
	}
	self->trigger = (struct fr_trigger){
		.kind = kind,
		.signo = (uint32_t)signo,
		.tid = (uint32_t)fr_sys_gettid(),
		.ticks = fr_clock_ticks(),
		.real_ns = fr_clock_ns(CLOCK_REALTIME),
		.sender_pid = sender,
	};
	if (reason)
		fr_text_store_field(self->trigger.reason, sizeof(self->trigger.reason), reason);
	return true;
}

bool fr_snapshot_is_here(uintptr_t frame)
{
	return self && frame - (uintptr_t)self->stack < STACK_SIZE;
}

/* A signal in the middle of birth: there is no header yet that a file could begin with. */
static struct {
	enum fr_trigger_kind kind;
	int signo;
	uint32_t sender;
} early;

static bool too_early(enum fr_trigger_kind kind, int signo, uint32_t sender)
{
	if (atomic_load(&fr_gate.birth) != 1)
		return false;
	early.signo = signo;
	early.sender = sender;
	__atomic_store_n(&early.kind, kind, __ATOMIC_RELEASE);
	return true;
}

void fr_snapshot_born(void)
{
	enum fr_trigger_kind kind =
		__atomic_exchange_n(&early.kind, FR_TRIGGER_NONE, __ATOMIC_ACQUIRE);

	if (kind != FR_TRIGGER_NONE)
		fr_snapshot_request(kind, early.signo, early.sender, NULL);
}

void fr_snapshot_request(enum fr_trigger_kind kind, int signo, uint32_t sender, const char *reason)
{
	/* SIGBUS stays open: a page of the region that is gone is no reason to die (rescue.h) */
	uint64_t all = ~(1ull << (SIGBUS - 1)), old;

	if (too_early(kind, signo, sender))
		return;
	fr_sys4(SYS_rt_sigprocmask, 0 /* SIG_BLOCK */, &all, &old, 8);
	if (!begin(kind, signo, sender, reason)) {
		fr_sys4(SYS_rt_sigprocmask, 2 /* SIG_SETMASK */, &old, 0, 8);
		return;
	}
	self->tid = fr_clone(thread_main, self->stack + STACK_SIZE - 64, &fr_gate.snapshot_lock);
	if (self->tid < 0) {
		write_here();
		fr_unlock(&fr_gate.snapshot_lock);
	}
	fr_sys4(SYS_rt_sigprocmask, 2 /* SIG_SETMASK */, &old, 0, 8);
}

void fr_snapshot_wait(void)
{
	struct timespec ms = {0, 1000000};

	for (int i = 0; i < 2000 && atomic_load(&fr_gate.snapshot_lock); i++)
		fr_sys2(SYS_nanosleep, &ms, 0);
}

/* A forked child that is not born yet may be born by a signal at any moment, and then be asked. */
static bool may_write(void)
{
	switch (fr_level_now(FR_CLASS_RECORDER)) {
	case FR_LEVEL_OFF:
		return false;
	case FR_LEVEL_UNBORN:
		return !fr_gate.lender || fr_gate.lender == fr_sys_getpid();
	default:
		return fr_process_is_this();
	}
}

/* The kernel gives the lock back first, and a little later the thread is not in the process. */
static void wait_until_alone(void)
{
	struct timespec ms = {0, 1000000};

	for (int i = 0; i < 2000 && self && self->tid > 0; i++) {
		if (fr_sys3(SYS_tgkill, fr_sys_getpid(), self->tid, 0) == 0)
			fr_sys2(SYS_nanosleep, &ms, 0);
		else
			self->tid = 0;
	}
}

bool fr_snapshot_lock(void)
{
	if (!may_write())
		return false;
	fr_snapshot_wait();
	wait_until_alone();
	return fr_try_lock(&fr_gate.snapshot_lock);
}

void fr_snapshot_unlock(bool held)
{
	if (held)
		fr_unlock(&fr_gate.snapshot_lock);
}

bool fr_snapshot_now(enum fr_trigger_kind kind, int signo, uint32_t sender, const char *reason)
{
	fr_snapshot_wait();
	if (!begin(kind, signo, sender, reason))
		return false;
	write_here();
	fr_unlock(&fr_gate.snapshot_lock);
	return self->ok;
}

void fr_snapshot_abandon(void)
{
	if (self && self->here && self->fd >= 0)
		fr_sys3(SYS_unlinkat, AT_FDCWD, self->part, 0);
}
