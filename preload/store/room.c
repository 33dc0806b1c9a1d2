/* SPDX-License-Identifier: MIT */
/*
 * room.c - see room.h.
 *
 * Looked at are RLIMIT_AS and RLIMIT_DATA at birth, where they are taken by mapping; and the memory
 * limits of the cgroup and those above it when more pages are wanted than any process may have
 * (FR_ROOM_FIRST). Most processes have no limit: that costs two system calls, and a few files of
 * /sys once in a process that records much.
 *
 * Context: birth, perhaps a forked child with a small stack; fr_room_pages() under fr_gate.room_lock,
 * signal handlers too: system calls only. Must not: touch errno, keep a descriptor.
 */
#include "store/room.h"

#include <string.h>
#include <sys/resource.h>

#include "core/arch.h"
#include "core/config.h"
#include "core/say.h"
#include "core/sys.h"
#include "core/text.h"
#include "store/region.h"

#define NONE UINT64_MAX /* no limit */
#define MIB (1ull << 20)

/*
 * Address space and data are taken by mapping, not by use, and nobody gives any back: so a quarter
 * of what is left, and where that is no more than some thread stacks (8 MiB each), nothing. A host
 * that works bare must not fail because it cannot start its fourth thread.
 */
#define SCARCE (64 * MIB)

#define PRIVATE (2 * MIB) /* tables, the writer of snapshots, blocks of some threads */
#define UNWINDER (19 * MIB) /* libunwind, liblzma, the stack that rules are tried on */
#define UNWINDER_DATA                                                                              \
	MIB /* of these, private and writable: most of that stack is never written                 \
	     */
#define REGION_MIN MIB /* as FR_MAX_BYTES */
#define REGION_SMALL (2 * MIB) /* a smaller one for libunwind's sake is no good exchange */

struct fr_room fr_room;

uint64_t fr_room_share(uint64_t left)
{
	if (left == NONE)
		return NONE;
	return left < SCARCE ? 0 : left / 4;
}

/* ---- files of numbers ------------------------------------------------------------------------ */

/* Not on the stack: a child may be born on a small one. One thread at a time reads files. */
static char text[2048];

static bool read_text(const char *path)
{
	return fr_sys_read_file(path, text, sizeof(text)) > 0;
}

/* NONE where there is no number ("max"). */
static uint64_t number(const char *s)
{
	uint64_t v = 0;

	while (*s == ' ')
		s++;
	if (*s < '0' || *s > '9')
		return NONE;
	for (; *s >= '0' && *s <= '9'; s++)
		v = v * 10 + (uint64_t)(*s - '0');
	return v;
}

/* The number behind a line's KEY ("inactive_file "); 0 = no such line. */
static uint64_t value_of(const char *key)
{
	size_t n = strlen(key);

	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, key, n) == 0)
			return number(line + n);
	}
	return 0;
}

/* ---- limits of the process ------------------------------------------------------------------- */

static uint64_t limit(int what)
{
	struct rlimit lim = {RLIM_INFINITY, RLIM_INFINITY};

	fr_sys2(SYS_getrlimit, what, &lim);
	return lim.rlim_cur == RLIM_INFINITY ? NONE : lim.rlim_cur;
}

static uint64_t subtract(uint64_t max, uint64_t used)
{
	return max == NONE ? NONE : max > used ? max - used : 0;
}

/* /proc/self/statm: seven numbers of pages, the first is the size, the sixth data and stack. */
static void subtract_used(uint64_t *space, uint64_t *data)
{
	const char *p = text;

	if (!read_text("/proc/self/statm"))
		return;
	*space = subtract(*space, number(p) * FR_PAGE);
	for (int field = 1; p && field < 6; field++) {
		p = strchr(p, ' ');
		p += p != NULL;
	}
	if (p)
		*data = subtract(*data, number(p) * FR_PAGE);
}

/* ---- limits of the cgroup -------------------------------------------------------------------- */

static const struct cgroups {
	const char *line; /* of /proc/self/cgroup: what stands before the path */
	const char *root, *max, *used;
	const char *cold, *warm; /* lines of memory.stat: files, which the kernel can let go */
} versions[] = {
	{"memory:", "/sys/fs/cgroup/memory", "/memory.limit_in_bytes", "/memory.usage_in_bytes",
	 "total_inactive_file ", "total_active_file "},
	{"::", "/sys/fs/cgroup", "/memory.max", "/memory.current", "inactive_file ",
	 "active_file "},
};

#define CGROUP_PATH 512u
#define CGROUP_LEVELS 12

/* "11:cpu,memory:/a/b\n" of /proc/self/cgroup -> "/a/b" behind the root. False: it is in none. */
static bool find_cgroup(const struct cgroups *v, char *path)
{
	const char *at = strstr(text, v->line);
	struct fr_text t = fr_text_on(path, CGROUP_PATH);

	if (!at || !strchr(at, '/'))
		return false;
	fr_text_str(&t, v->root);
	at = strchr(at, '/');
	if (at[1] != '\n') /* not the root itself */
		fr_text_bytes(&t, at, strcspn(at, "\n"));
	return true;
}

static uint64_t file_number(const char *dir, const char *name, uint64_t missing)
{
	char path[CGROUP_PATH + 32];
	struct fr_text t = fr_text_on(path, sizeof(path));

	fr_text_str(&t, dir);
	fr_text_str(&t, name);
	return read_text(path) ? number(text) : missing;
}

static uint64_t reclaimable(const struct cgroups *v, const char *dir)
{
	char path[CGROUP_PATH + 32];
	struct fr_text t = fr_text_on(path, sizeof(path));

	fr_text_str(&t, dir);
	fr_text_str(&t, "/memory.stat");
	return read_text(path) ? value_of(v->cold) + value_of(v->warm) : 0;
}

/* memory.stat is dear: only where the answer matters. */
static uint64_t left_in(const struct cgroups *v, const char *dir, uint64_t want)
{
	uint64_t max = file_number(dir, v->max, NONE);
	uint64_t left;

	if (max >= 1ull << 60) /* version 1 says so that there is none */
		return NONE;
	left = subtract(max, file_number(dir, v->used, 0));
	return left / 4 >= want ? left : left + reclaimable(v, dir);
}

/* The tightest of the cgroup at PATH and those above it. */
static uint64_t left_above(const struct cgroups *v, char *path, uint64_t want)
{
	uint64_t least = NONE;

	for (int i = 0; i < CGROUP_LEVELS && strlen(path) >= strlen(v->root); i++) {
		uint64_t left = left_in(v, path, want);

		least = left < least ? left : least;
		*strrchr(path, '/') = '\0';
	}
	return least;
}

/* The first version that has the process: memory is counted by one of them alone. */
static uint64_t left_of_cgroups(uint64_t want)
{
	static bool none; /* forked children need not ask again */
	const size_t n = sizeof(versions) / sizeof(*versions);
	char path[CGROUP_PATH];
	uint64_t least = NONE;
	size_t i = 0;

	if (none || !read_text("/proc/self/cgroup"))
		return NONE;
	while (i < n && !find_cgroup(&versions[i], path))
		i++;
	if (i < n)
		least = left_above(&versions[i], path, want);
	none = least == NONE;
	return least;
}

/* ---- the decision ---------------------------------------------------------------------------- */

static void note_less(uint64_t want, uint64_t max)
{
	char change[64];
	struct fr_text t = fr_text_on(change, sizeof(change));

	if (max == want)
		return;
	fr_text_num(&t, max / MIB, 10);
	fr_text_str(&t, "M instead of ");
	fr_text_num(&t, want / MIB, 10);
	fr_text_str(&t, "M");
	fr_note("FR_MAX_BYTES is ", change, ": the process's own memory is limited");
	fr_say("memory is limited, FR_MAX_BYTES is ", change, "");
}

bool fr_room_measure(uint64_t want)
{
	uint64_t space = limit(RLIMIT_AS), data = limit(RLIMIT_DATA), max = want;
	bool libunwind = fr_config.unwind == FR_UNWIND_LIBUNWIND || fr_config.verify_stacks;

	if (space != NONE || data != NONE)
		subtract_used(&space, &data);
	space = fr_room_share(space);
	data = fr_room_share(data);
	fr_room.unwinder = libunwind && data >= PRIVATE + UNWINDER_DATA &&
			   space >= PRIVATE + UNWINDER + fr_region_size(REGION_SMALL);
	space = subtract(space, PRIVATE + (fr_room.unwinder ? UNWINDER : 0));
	while (max >= REGION_MIN && fr_region_size(max) > space)
		max /= 2;
	fr_room.max_bytes = max;
	if (max < REGION_MIN || data < PRIVATE) {
		fr_say("the process's own memory is limited too tightly: not recording", "", "");
		return false;
	}
	note_less(want, max);
	return true;
}

uint64_t fr_room_pages(uint64_t want)
{
	uint64_t left = left_of_cgroups(want);

	if (left == NONE || left / 4 >= want)
		return want;
	note_less(want, left / 4);
	return left / 4;
}

enum fr_unwind_kind fr_room_unwind(enum fr_unwind_kind want)
{
	if (fr_room.unwinder || want != FR_UNWIND_LIBUNWIND)
		return want;
	fr_note("no room for libunwind, memory is limited: it is not used", "", "");
	return FR_UNWIND_CFI;
}
