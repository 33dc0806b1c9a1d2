/* SPDX-License-Identifier: MIT */
/*
 * death.c - see death.h.
 */
#include "read/death.h"

#include <signal.h>

/* By these somebody tells a process to end: a service manager, a terminal, a colleague. */
static bool tells_to_end(uint32_t signo)
{
	return signo == SIGTERM || signo == SIGINT || signo == SIGHUP || signo == SIGQUIT;
}

enum fr_death fr_recording_death(const struct recording *rec)
{
	if (rec->crash.signo)
		return tells_to_end(rec->crash.signo) ? FR_DEATH_TOLD : FR_DEATH_CRASH;
	return rec->end == RECORDING_ENDED_UNSEEN ? FR_DEATH_UNSEEN : FR_DEATH_NONE;
}
