/* SPDX-License-Identifier: MIT */
/*
 * tell.h - the line by which a program that `fr run` started says whether it is recorded.
 */
#ifndef FR_TELL_H
#define FR_TELL_H

#include <stdbool.h>

enum fr_tell {
	FR_TELL_RECORDING,
	FR_TELL_NO_REGION,
	FR_TELL_NOT_WANTED, /* FR_ONLY */
	FR_TELL_SANITIZER,
};

/*
 * `fr run` becomes the program and cannot say afterwards whether it is recorded. So it leaves its
 * PID in FR_TELL, and the process of that PID says on stderr what has come of it, once: the
 * variable is empty from then on, for what the program executes later. At birth, before anything of
 * the host's runs. Nothing is said in any other process.
 */
void fr_tell(char *const *envp, enum fr_tell what, const char *out_dir);

/* Is this the process of that PID, and has it not said so yet? */
bool fr_tell_is_asked(char *const *envp);

#endif
