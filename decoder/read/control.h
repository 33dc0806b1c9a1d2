/* SPDX-License-Identifier: MIT */
/*
 * control.h - the settings in force in a recording, and asking a live process for others.
 *
 * Only who may write the region's file can ask. What is read is untrusted like all of a recording.
 */
#ifndef FR_READ_CONTROL_H
#define FR_READ_CONTROL_H

#include "preload/wire/wire_control.h"
#include "read/recording.h"

struct control {
	struct fr_header hdr; /* strings terminated */
	struct fr_control c; /* as of the last fr_control_read(); names terminated */
	bool live;
	int fd;
	uint64_t at; /* place of the section in fd */
};

/* SPEC as for fr_recording_open(); TO_WRITE: of a live process. False with the reason in D. */
bool fr_control_open(struct control *ctl, const char *spec, bool to_write, struct diag *d);
bool fr_control_read(struct control *ctl);
/* Asks for WANTED; returns the number of the request, 0 = it could not be written. */
uint64_t fr_control_write(struct control *ctl, const struct fr_settings *wanted);
void fr_control_close(struct control *ctl);

#endif
