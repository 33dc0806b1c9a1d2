/* SPDX-License-Identifier: MIT */
/*
 * smallstack.h - what calls() of a target needs when hardly any stack is left for it.
 */
#ifndef TARGET_SMALLSTACK_H
#define TARGET_SMALLSTACK_H

#include "truth.h"

/* What is left of the stack for a call and the hook in front of it. */
#if defined(__x86_64__)
#define SPARE 6000 /* of 16 KiB */
#else
#define SPARE 12000 /* of 128 KiB; libunwind keeps the places of 97 registers, not of 17 */
#endif

static void calls(void);

/* Uses stack until SPARE bytes are left above LOW. */
NOINLINE static void descend(char *low)
{
	volatile char frame[256];

	frame[0] = 1;
	if ((char *)frame - low > SPARE)
		descend(low);
	else
		calls();
	frame[1] = 2;
}

static void *run(void *low)
{
	descend(low);
	return NULL;
}

#endif
