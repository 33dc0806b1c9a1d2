/* SPDX-License-Identifier: MIT */
/*
 * tasks.c - what the kernel knew of each thread: from the section of a snapshot, or of a live
 * process from /proc, as far as we may read that.
 *
 * A process in another PID namespace has other numbers there than in its recording: nothing is
 * known of its threads then.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "read/impl.h"
#include "read/regions.h"

/* The first SIZE - 1 bytes of /proc/PID/task/TID/NAME. */
static bool text_of(const struct recording *rec, uint32_t tid, const char *name, char *buf,
		    size_t size)
{
	char path[80];
	size_t n;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%u/task/%u/%s", rec->hdr.pid, tid, name);
	f = fopen(path, "re");
	if (!f)
		return false;
	n = fread(buf, 1, size - 1, f);
	buf[n] = 0;
	fclose(f);
	return n > 0;
}

static void live_stat(const struct recording *rec, struct fr_task_rec *t, char *buf, size_t size)
{
	const char *p = text_of(rec, t->tid, "stat", buf, size) ? strrchr(buf, ')') : NULL;

	if (p && sscanf(p, ") %c %*d %*d %*d %*d %*d %*u %" SCNu64 " %*u %" SCNu64, &t->state,
			&t->minor_faults, &t->major_faults) == 3)
		t->known |= FR_TASK_STAT;
}

static void live_syscall(const struct recording *rec, struct fr_task_rec *t, char *buf, size_t size)
{
	if (!text_of(rec, t->tid, "syscall", buf, size))
		return;
	if (sscanf(buf, "%" SCNd64 " %" SCNx64 " %" SCNx64 " %" SCNx64, &t->syscall, &t->arg[0],
		   &t->arg[1], &t->arg[2]) != 4 ||
	    t->syscall < 0) {
		t->syscall = -1;
		memset(t->arg, 0, sizeof(t->arg));
	}
	t->known |= FR_TASK_SYSCALL;
}

static void live_rest(const struct recording *rec, struct fr_task_rec *t, char *buf, size_t size)
{
	const char *p;

	if (text_of(rec, t->tid, "wchan", buf, sizeof(t->wchan))) {
		if (strcmp(buf, "0"))
			memcpy(t->wchan, buf, strlen(buf) + 1);
		t->known |= FR_TASK_WCHAN;
	}
	if (text_of(rec, t->tid, "schedstat", buf, size) &&
	    sscanf(buf, "%" SCNu64 " %" SCNu64, &t->cpu_ns, &t->queued_ns) == 2)
		t->known |= FR_TASK_SCHED;
	if (!text_of(rec, t->tid, "status", buf, size))
		return;
	p = strstr(buf, "\nvoluntary_ctxt_switches:");
	if (p &&
	    sscanf(p, " voluntary_ctxt_switches: %" SCNu64 " nonvoluntary_ctxt_switches: %" SCNu64,
		   &t->voluntary, &t->involuntary) == 2)
		t->known |= FR_TASK_SWITCHES;
}

static bool is_ours(const struct recording *rec, const struct source *src)
{
	struct stat st;

	return !src->base && fstat(src->fd, &st) == 0 &&
	       fr_process_maps(rec->hdr.pid, st.st_dev, st.st_ino) == PROCESS_HAS_IT;
}

/* Whoever has another state now than before ran in between. */
static void compare_states(struct recording *rec, const struct source *src,
			   const struct fr_section *s)
{
	const struct section_view *v = &rec->sec[FR_SEC_THREADS];
	struct fr_thread_rec r;

	for (uint64_t at = 0; v->data && v->record_size <= v->size - at; at += v->record_size) {
		long i;

		if (fr_source_read(src, s->offset + at, &r, sizeof(r)) < sizeof(r))
			return;
		i = fr_recording_thread(rec, r.serial);
		if (i >= 0 && rec->threads[i].r.st_seq != r.st_seq)
			rec->threads[i].ran = true;
	}
}

static void load_live(struct recording *rec, const struct source *src)
{
	struct fr_task_rec t;
	char buf[4096];

	if (!is_ours(rec, src))
		return;
	for (size_t i = 0; i < rec->n_threads; i++) {
		struct rec_thread *th = &rec->threads[i];

		t = (struct fr_task_rec){.tid = th->r.tid, .seq = (uint16_t)th->r.st_seq};
		if (th->r.x_life != FR_THREAD_LIVE || !t.tid)
			continue;
		live_stat(rec, &t, buf, sizeof(buf));
		live_syscall(rec, &t, buf, sizeof(buf));
		live_rest(rec, &t, buf, sizeof(buf));
		th->task = t;
	}
	for (uint32_t i = 0; i < rec->hdr.section_count && i < FR_SECTIONS_MAX; i++) {
		if (rec->hdr.sections[i].id == FR_SEC_THREADS)
			compare_states(rec, src, &rec->hdr.sections[i]);
	}
}

void fr_tasks_load(struct recording *rec, const struct source *src)
{
	const struct section_view *v = &rec->sec[FR_SEC_TASKS];
	struct fr_task_rec t;

	if (rec->source == RECORDING_LIVE)
		load_live(rec, src);
	for (uint64_t at = 0; v->data && v->record_size <= v->size - at; at += v->record_size) {
		struct rec_thread *th;
		long i;

		memcpy(&t, v->data + at, sizeof(t));
		i = t.tid ? fr_recording_thread_by_tid(rec, t.tid, UINT64_MAX) : -1;
		if (i < 0)
			continue;
		th = &rec->threads[i];
		th->ran = t.seq != (uint16_t)th->r.st_seq;
		t.wchan[sizeof(t.wchan) - 1] = 0;
		th->task = t;
	}
}
