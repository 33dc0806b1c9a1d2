/* SPDX-License-Identifier: MIT */
/*
 * describe.h - the sections of a region that explain the others.
 */
#ifndef FR_DESCRIBE_H
#define FR_DESCRIBE_H

/* Fills in what is known only after birth: notes, coverage, schema. */
void fr_describe(void);

/* Which hooks the host never calls (fr_hook_shadows), and the notes: just before main. */
void fr_describe_shadows(void);

/* Copies the notes (config.h) into the region. */
void fr_describe_notes(void);

#endif
