/* SPDX-License-Identifier: MIT */
/*
 * trial.h - a small program of the system's, recorded here and now as the asked one would be: what
 * the recorder says of itself there is true here.
 */
#ifndef FR_DOCTOR_TRIAL_H
#define FR_DOCTOR_TRIAL_H

#include <sys/types.h>

#include "read/recording.h"

struct trial {
	const char *why; /* it could not be made; NULL = it was. Constant text */
	char said[512]; /* the first line on its stderr; "" = none */
	struct recording *rec; /* NULL = nothing was recorded */
	char region[512]; /* its file; "" = memory of the process */
	uint64_t bytes; /* of address space and of the file: what limits are compared with */
	bool as_user; /* it ran as the user of the process */
};

/*
 * Runs it under LIBRARY, with the settings of this environment. PID: as that process's user and
 * under its limits, 0: as we are.
 */
void fr_trial_run(struct trial *t, const char *library, uint32_t pid, uid_t uid, gid_t gid);
void fr_trial_close(struct trial *t);

/* Note I of the recorder that tells more than a setting; NULL = no more. BUF holds it. */
const char *fr_trial_note(const struct trial *t, size_t i, char buf[512]);

#endif
