/* SPDX-License-Identifier: MIT */
/*
 * smallstack.h - what calls() of a target needs when hardly any stack is left for it.
 */
#ifndef TARGET_SMALLSTACK_H
#define TARGET_SMALLSTACK_H

#include "truth.h"

#define SPARE 6000 /* what is left of the 16 KiB for a call and the hook in front of it */

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
