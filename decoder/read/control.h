/* SPDX-License-Identifier: MIT */
/*
 * control.h - the settings in force in a recording, and asking a live process for others.
 *
 * Only who may write the region's file can ask. What is read is untrusted like all of a recording.
 */
#ifndef FR_READ_CONTROL_H
#define FR_READ_CONTROL_H

#include "preload/wire/wire_control.h"
#include "preload/wire/wire_settings.h"
#include "read/recording.h"

#define SETTINGS_MAX 64u /* that are read of a recording */

struct control {
	struct fr_header hdr; /* strings terminated */
	struct fr_control c; /* as of the last fr_control_read(); names terminated */
	bool live;
	int fd;
	uint64_t at; /* place of the section in fd */
	struct fr_setting_rec set[SETTINGS_MAX]; /* texts terminated; none in old recordings */
	size_t n_set;
	uint64_t set_at; /* place of the first in fd */
	uint32_t set_size; /* from one to the next */
};

/* SPEC as for fr_recording_open(); TO_WRITE: of a live process. False with the reason in D. */
bool fr_control_open(struct control *ctl, const char *spec, bool to_write, struct diag *d);
bool fr_control_read(struct control *ctl);
/* The setting of this name, NULL = the recording has none. */
struct fr_setting_rec *fr_control_setting(struct control *ctl, const char *name);
/*
 * Asks for WANTED, and for the x_wanted of ctl->set as it is; returns the number of the request, 0
 * = it could not be written.
 */
uint64_t fr_control_write(struct control *ctl, const struct fr_settings *wanted);
void fr_control_close(struct control *ctl);

/* The settings of a recording, at most SETTINGS_MAX; their number. */
size_t fr_recording_settings(const struct recording *rec, struct fr_setting_rec *set);

#endif
