/* SPDX-License-Identifier: MIT */
/*
 * unwind_trial.h - libunwind on trial.
 */
#ifndef FR_UNWIND_TRIAL_H
#define FR_UNWIND_TRIAL_H

/*
 * Lets libunwind find rules and unwind a stack whose answers are known. NULL: all were right. Else
 * why it is not to be trusted, in a word or two. Before anybody else uses it, once.
 */
const char *fr_unwind_trial(void);

#endif
