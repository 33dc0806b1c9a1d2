/* SPDX-License-Identifier: MIT */
/*
 * death.h - how the process of a recording ended, as far as its recording tells.
 */
#ifndef FR_READ_DEATH_H
#define FR_READ_DEATH_H

#include <stdbool.h>

#include "read/recording.h"

enum fr_death {
	FR_DEATH_NONE, /* it lives, has exited, or lived when this was taken */
	FR_DEATH_CRASH, /* rec->crash: of a signal that it did not expect */
	FR_DEATH_TOLD, /* rec->crash: of a signal by which a process is told to end */
	FR_DEATH_UNSEEN, /* it is gone, and nothing in it ran at its end */
};

enum fr_death fr_recording_death(const struct recording *rec);

#endif
