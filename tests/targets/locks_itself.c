/* SPDX-License-Identifier: MIT */
/*
 * locks_itself.c - locks all its memory, and says what came of it.
 *
 * locked: bytes; unlocked: of its own mappings, those that are not; lost: bytes that it had locked
 * before a refused call and has no more; maps_failed: maps after that
 */
#include <sys/mman.h>

#include "truth.h"

static char data[300000] = {1};

static long locked_kb(void)
{
	char line[200];
	long kb = -1;
	FILE *f = fopen("/proc/self/status", "r");

	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "VmLck: %ld", &kb) == 1)
			break;
	}
	if (f)
		fclose(f);
	return kb;
}

/* May P be unlocked and locked again with the same total? Then it was locked. */
static int is_unlocked(void *p)
{
	uintptr_t page = (uintptr_t)p & ~4095ul;
	long before = locked_kb();

	munlock((void *)page, 4096);
	return locked_kb() != before - 4;
}

int main(void)
{
	int now, after, unlocked;
	char stack, *heap = malloc(100000);
	long kb, before;

	mlock(data, sizeof(data));
	before = locked_kb();
	now = mlockall(MCL_CURRENT) ? -errno : 0;
	kb = locked_kb();
	unlocked = now ? 0 : is_unlocked(data) + is_unlocked(&stack) + is_unlocked(heap + 50000);
	after = mlockall(MCL_FUTURE) ? -errno : 0;
	heap = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	say("{\"results\": [%d, %d], \"locked\": %ld, \"unlocked\": %d, \"lost\": %ld, "
	    "\"maps_failed\": %d}",
	    now, after, kb * 1024, unlocked, now ? (before - kb) * 1024 : 0, heap == MAP_FAILED);
	return 0;
}
