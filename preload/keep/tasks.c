/* SPDX-License-Identifier: MIT */
/*
 * tasks.c - see tasks.h. Reads /proc/self/task/TID, where the process may: in a sandbox, a chroot
 * or on a kernel without these files nothing is known.
 *
 * Context: the writer of a snapshot; also the handler of a fatal signal. Must not: allocate, wait.
 */
#include "keep/tasks.h"

#include <string.h>

#include "core/sys.h"
#include "core/text.h"
#include "store/region.h"

#define TASKS_MAX 2000u /* some 40 us each */

struct task_file {
	char path[64];
	char text[4096];
	char *at;
};

/* The text of file NAME of thread TID, or false. */
static bool open_file(struct task_file *f, uint32_t tid, const char *name)
{
	struct fr_text t = fr_text_on(f->path, sizeof(f->path));

	fr_text_str(&t, "/proc/self/task/");
	fr_text_num(&t, tid, 10);
	fr_text_str(&t, "/");
	fr_text_str(&t, name);
	f->at = f->text;
	return fr_sys_read_file(f->path, f->text, sizeof(f->text)) > 0;
}

static unsigned int digit_of(char c)
{
	if (c >= '0' && c <= '9')
		return (unsigned int)(c - '0');
	return c >= 'a' && c <= 'f' ? (unsigned int)(c - 'a') + 10 : 99;
}

/* The next number, decimal or 0x...; 0 where there is none. */
static uint64_t number(struct task_file *f)
{
	unsigned int base = 10;
	uint64_t n = 0;

	while (*f->at == ' ' || *f->at == '\t')
		f->at++;
	if (f->at[0] == '0' && f->at[1] == 'x') {
		base = 16;
		f->at += 2;
	}
	for (; digit_of(*f->at) < base; f->at++)
		n = n * base + digit_of(*f->at);
	return n;
}

static void skip_words(struct task_file *f, int n)
{
	for (; n > 0; n--) {
		while (*f->at == ' ')
			f->at++;
		while (*f->at && *f->at != ' ')
			f->at++;
	}
}

/* "4711 (any name) S 1 ...": the name may hold anything. */
static void read_stat(struct task_file *f, struct fr_task_rec *r)
{
	char *name_end = open_file(f, r->tid, "stat") ? strrchr(f->text, ')') : NULL;

	if (!name_end || name_end[1] != ' ' || !name_end[2])
		return;
	r->state = name_end[2];
	f->at = name_end + 3;
	skip_words(f, 6); /* parent, group, session, terminal, its group, flags */
	r->minor_faults = number(f);
	skip_words(f, 1);
	r->major_faults = number(f);
	r->known |= FR_TASK_STAT;
}

static void read_sched(struct task_file *f, struct fr_task_rec *r)
{
	if (!open_file(f, r->tid, "schedstat"))
		return;
	r->cpu_ns = number(f);
	r->queued_ns = number(f);
	r->known |= FR_TASK_SCHED;
}

static uint64_t number_after(struct task_file *f, const char *name)
{
	char *at = strstr(f->text, name);

	if (!at)
		return 0;
	f->at = at + strlen(name);
	return number(f);
}

static void read_switches(struct task_file *f, struct fr_task_rec *r)
{
	if (!open_file(f, r->tid, "status") || !strstr(f->text, "\nvoluntary_ctxt_switches:"))
		return;
	r->voluntary = number_after(f, "\nvoluntary_ctxt_switches:");
	r->involuntary = number_after(f, "\nnonvoluntary_ctxt_switches:");
	r->known |= FR_TASK_SWITCHES;
}

/* "202 0x7f.. 0x80 0x2 ... sp pc", "running", or "-1 sp pc" */
static void read_syscall(struct task_file *f, struct fr_task_rec *r)
{
	if (!open_file(f, r->tid, "syscall"))
		return;
	r->syscall = -1;
	if (digit_of(f->text[0]) < 10) {
		r->syscall = (int64_t)number(f);
		for (unsigned int i = 0; i < 3; i++)
			r->arg[i] = number(f);
	}
	r->known |= FR_TASK_SYSCALL;
}

static void read_wchan(struct task_file *f, struct fr_task_rec *r)
{
	if (!open_file(f, r->tid, "wchan"))
		return;
	if (strcmp(f->text, "0") != 0)
		fr_text_copy(r->wchan, sizeof(r->wchan), f->text);
	r->known |= FR_TASK_WCHAN;
}

static size_t table(const struct fr_thread_rec **out)
{
	const struct fr_header *h = fr_region.hdr;

	*out = fr_section_base(FR_SEC_THREADS);
	for (uint32_t i = 0; *out && i < h->section_count; i++) {
		if (h->sections[i].id == FR_SEC_THREADS)
			return h->sections[i].x_used / sizeof(**out);
	}
	return 0;
}

static bool lives(const struct fr_thread_rec *t)
{
	return __atomic_load_n(&t->x_life, __ATOMIC_RELAXED) == FR_THREAD_LIVE && t->tid;
}

size_t fr_tasks_count(void)
{
	const struct fr_thread_rec *t;
	size_t n = table(&t), live = 0;

	for (size_t i = 0; i < n && live < TASKS_MAX; i++)
		live += lives(&t[i]);
	return live;
}

/* The next thread that lives, *AT from 0 on; tid 0 behind the last one. */
static void next_task(size_t *at, struct task_file *f, struct fr_task_rec *out)
{
	const struct fr_thread_rec *t;
	size_t n = table(&t);
	bool open_call;

	*out = (struct fr_task_rec){0};
	while (*at < n && !lives(&t[*at]))
		++*at;
	if (*at >= n)
		return;
	out->tid = t[*at].tid;
	open_call = __atomic_load_n(&t[*at].st_call, __ATOMIC_RELAXED) != 0;
	out->seq = (uint16_t)__atomic_load_n(&t[*at].st_seq, __ATOMIC_ACQUIRE);
	++*at;
	read_stat(f, out);
	if (!open_call) { /* else the hook knows it better */
		read_syscall(f, out);
		read_wchan(f, out);
	}
	read_sched(f, out);
	read_switches(f, out);
}

bool fr_tasks_put(size_t n, void *buf, size_t size, bool (*put)(const void *data, size_t size))
{
	struct task_file *f = buf;
	struct fr_task_rec *r = (struct fr_task_rec *)(f + 1);
	size_t room = (size - sizeof(*f)) / sizeof(*r), at = 0, k = 0;

	for (size_t i = 0; i < n; i++) {
		next_task(&at, f, &r[k++]);
		if (k < room && i + 1 < n)
			continue;
		if (!put(r, k * sizeof(*r)))
			return false;
		k = 0;
	}
	return true;
}
