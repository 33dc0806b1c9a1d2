/* SPDX-License-Identifier: MIT */
/*
 * leftover_trim.c - which left regions go when there are more than FR_KEEP_MAX.
 *
 * They go by groups: what died in the same second belongs together (a master and its workers, a
 * client and its server), so it goes or stays as a whole. Those without a crash go first, among
 * these the oldest. A group that alone is too much is cut, file by file in the same order: the
 * limit is kept, and a part of the newest group stays.
 *
 * To know when and how a process died its file has to be opened. So that not each start of a
 * program in a crash loop opens 200, where there are many an eighth more goes than must.
 *
 * Context: birth, one thread, rarely. The table is memory of its own for the moment.
 */
#include "store/leftover.h"

#include <string.h>

#include "core/config.h"
#include "core/sys.h"
#include "core/text.h"

#define LEFT_MAX 4096u
#define MANY 32u

struct left {
	uint64_t died_s;
	uint64_t bytes;
	bool crashed, crashed_group;
	char name[FR_LEFTOVER_NAME];
};

/* As FR_KEEP_MAX has them. */
struct bounds {
	uint64_t bytes, files;
};

struct trim {
	struct fr_leftover_desk *desk;
	struct left *all;
	uint32_t n;
	uint64_t n_left, bytes_left; /* in the directory, now */
	uint64_t n_gone, bytes_gone;
	struct bounds max, aim;
};

static void collect(void *arg, const struct fr_leftover_entry *e)
{
	struct trim *t = arg;
	struct fr_leftover_state state;
	struct left *l;

	if (e->alive || t->n == LEFT_MAX)
		return;
	state = fr_leftover_inspect(t->desk, e);
	if (state.verdict != FR_LEFTOVER_LEFT)
		return;
	l = &t->all[t->n++];
	l->died_s = state.died_s;
	l->bytes = e->bytes;
	l->crashed = l->crashed_group = state.crashed;
	fr_text_copy(l->name, sizeof(l->name), e->name);
}

/* ---- the order ------------------------------------------------------------------------------- */

static bool before(const struct left *a, const struct left *b)
{
	if (a->crashed_group != b->crashed_group)
		return b->crashed_group;
	if (a->died_s != b->died_s)
		return a->died_s < b->died_s;
	if (a->crashed != b->crashed)
		return b->crashed;
	return strcmp(a->name, b->name) < 0;
}

/* Shell's sort: no memory, no recursion. */
static void sort(struct left *all, uint32_t n)
{
	for (uint32_t gap = n / 2; gap; gap = gap == 2 ? 1 : (uint32_t)(gap * 5ull / 11)) {
		for (uint32_t i = gap; i < n; i++) {
			struct left l = all[i];
			uint32_t k = i;

			for (; k >= gap && before(&l, &all[k - gap]); k -= gap)
				all[k] = all[k - gap];
			all[k] = l;
		}
	}
}

static uint32_t group_end(const struct trim *t, uint32_t from)
{
	uint32_t i = from;

	while (i < t->n && t->all[i].died_s == t->all[from].died_s)
		i++;
	return i;
}

/* By groups, those with a crash last. */
static void order(struct trim *t)
{
	for (uint32_t i = 0; i < t->n; i++)
		t->all[i].crashed_group = false;
	sort(t->all, t->n);
	for (uint32_t i = 0, end; i < t->n; i = end) {
		bool crash = false;

		end = group_end(t, i);
		for (uint32_t k = i; k < end; k++)
			crash |= t->all[k].crashed;
		for (uint32_t k = i; k < end; k++)
			t->all[k].crashed_group = crash;
	}
	sort(t->all, t->n);
}

/* ---- removal --------------------------------------------------------------------------------- */

static bool over(const struct trim *t, struct bounds max)
{
	return t->n_left > max.files || t->bytes_left > max.bytes;
}

static void remove_one(struct trim *t, const struct left *l)
{
	long rc = fr_sys3(SYS_unlinkat, t->desk->dirfd, l->name, 0);

	if (rc < 0 && rc != -ENOENT /* another process starts, too, and was faster */)
		return;
	t->n_left--;
	t->bytes_left -= l->bytes < t->bytes_left ? l->bytes : t->bytes_left;
	t->n_gone++;
	t->bytes_gone += l->bytes;
}

/* Is the group [FROM, END) to go as well, now that the bound holds? Only what is well below it. */
static bool worth_it(const struct trim *t, uint32_t from, uint32_t end)
{
	uint64_t bytes = 0;

	for (uint32_t i = from; i < end; i++)
		bytes += t->all[i].bytes;
	return (t->n_left > t->aim.files && end - from <= t->n_left - t->aim.files) ||
	       (t->bytes_left > t->aim.bytes && bytes <= t->bytes_left - t->aim.bytes);
}

static void remove_groups(struct trim *t, uint32_t n)
{
	for (uint32_t i = 0, end; i < n; i = end) {
		bool last;

		end = group_end(t, i);
		last = end == t->n && t->n_left <= t->n;
		if (!over(t, t->max) && (last || !worth_it(t, i, end)))
			return;
		for (uint32_t k = i; k < end && (!last || over(t, t->max)); k++)
			remove_one(t, &t->all[k]);
	}
}

/* A directory of more than LEFT_MAX is looked at in parts, of which the newer half stays. */
static uint32_t how_many(const struct trim *t)
{
	uint32_t plain = 0;

	if (t->n_left <= t->n)
		return t->n;
	while (plain < t->n && !t->all[plain].crashed_group)
		plain++;
	return plain && plain < t->n / 2 ? plain : t->n / 2;
}

static void tell(const struct trim *t)
{
	char text[80];
	struct fr_text b = fr_text_on(text, sizeof(text));

	if (!t->n_gone)
		return;
	fr_text_num(&b, t->n_gone, 10);
	fr_text_str(&b, " regions of dead processes, ");
	fr_text_num(&b, t->bytes_gone >> 10, 10);
	fr_text_str(&b, " KiB");
	fr_note("FR_KEEP_MAX: removed ", text, "");
}

void fr_leftover_trim(struct fr_leftover_desk *d, uint64_t n, uint64_t bytes)
{
	const size_t size = LEFT_MAX * sizeof(struct left);
	struct bounds max = {fr_config.keep_max[FR_KEEP_BYTES], fr_config.keep_max[FR_KEEP_FILES]};
	struct trim t = {.desk = d, .n_left = n, .bytes_left = bytes, .max = max, .aim = max};

	t.all = fr_sys_mmap(size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	if (!t.all)
		return;
	if (n > MANY) {
		t.aim.files -= max.files / 8;
		t.aim.bytes -= max.bytes / 8;
	}
	fr_leftover_walk(d, UINT32_MAX, collect, &t);
	if (t.n < LEFT_MAX) {
		t.n_left = t.n; /* what another process has removed meanwhile is no more */
		t.bytes_left = 0;
		for (uint32_t i = 0; i < t.n; i++)
			t.bytes_left += t.all[i].bytes;
	}
	order(&t);
	remove_groups(&t, how_many(&t));
	fr_sys_munmap(t.all, size);
	tell(&t);
}
