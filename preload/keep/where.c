/* SPDX-License-Identifier: MIT */
/*
 * where.c - see check.h: in what context the calling thread is.
 *
 * Context: any. Must not: exist without FR_DEBUG; look at TLS before it is certain that it is the
 * thread's own.
 */
#include "core/check.h"

#ifdef FR_DEBUG

#include "core/gate.h"
#include "core/text.h"
#include "keep/snapshot.h"
#include "store/region.h"

static __thread unsigned int places __attribute__((tls_model("initial-exec")));

static const char *const names[] = {"a signal handler", "a forked child before its birth",
				    "the thread of a snapshot"};

static unsigned int now(uintptr_t frame)
{
	if (fr_snapshot_is_here(frame))
		return FR_WHERE_SNAPSHOT;
	return places | (fr_region.hdr && !atomic_load(&fr_gate.birth) ? FR_WHERE_UNBORN : 0u);
}

void fr_where_check(unsigned int allowed, uintptr_t frame, const char *function)
{
	unsigned int wrong = now(frame) & ~allowed;
	char buf[160];
	struct fr_text t = fr_text_on(buf, sizeof(buf));

	if (!wrong)
		return;
	fr_text_str(&t, function);
	fr_text_str(&t, "() must not run in ");
	fr_text_str(&t, names[__builtin_ctz(wrong)]);
	fr_check_failed(buf, __FILE__, __LINE__);
}

unsigned int fr_where_enter(enum fr_where place)
{
	unsigned int before = places;

	places |= place;
	return before;
}

void fr_where_leave(unsigned int before)
{
	places = before;
}

#endif
