/* SPDX-License-Identifier: MIT */
/*
 * tell.c - see tell.h.
 */
#include "start/tell.h"

#include <signal.h>
#include <stdbool.h>
#include <string.h>

#include "core/config.h"
#include "core/place.h"
#include "core/process.h"
#include "core/say.h"
#include "core/sys.h"
#include "core/text.h"
#include "store/region.h"

#define VARIABLE "FR_TELL="

/* The variable's value if it is our number, else NULL. */
static char *find(char *const *envp)
{
	char mine[16];
	struct fr_text t = fr_text_on(mine, sizeof(mine));

	fr_text_num(&t, fr_process.pid, 10);
	for (; envp && *envp; envp++) {
		char *value = *envp + sizeof(VARIABLE) - 1;

		if (strncmp(*envp, VARIABLE, sizeof(VARIABLE) - 1) != 0)
			continue;
		if (strcmp(value, mine) != 0)
			return NULL;
		return value;
	}
	return NULL;
}

bool fr_tell_is_asked(char *const *envp)
{
	return find(envp) != NULL;
}

/* The variable is empty from here on; the array stays as the kernel made it. */
static bool take(char *const *envp)
{
	char *value = find(envp);

	if (value)
		*value = '\0';
	return value != NULL;
}

static void recording(struct fr_text *t, const char *out_dir)
{
	fr_text_str(t, "recording; fr snapshot ");
	fr_text_num(t, fr_process.pid, 10);
	fr_text_str(t, " saves the last seconds, fr list shows what else there is; snapshots that "
		       "it makes itself go to ");
	fr_text_str(t, out_dir);
}

static void no_region(struct fr_text *t)
{
	fr_text_str(t, "not recording: ");
	fr_text_str(t, fr_file_size_allowed(fr_region_size(fr_config.max_bytes))
			       ? "no memory for a region"
			       : "the file size limit (ulimit -f) of this shell allows no file of "
				 "the size of a region");
}

void fr_tell(char *const *envp, enum fr_tell what, const char *out_dir)
{
	char line[700];
	struct fr_text t = fr_text_on(line, sizeof(line) - 1); /* a newline fits whatever is cut */

	if (!take(envp) || !fr_say_is_read())
		return;
	fr_text_str(&t, "fr: ");
	if (what == FR_TELL_RECORDING)
		recording(&t, out_dir);
	else if (what == FR_TELL_NO_REGION)
		no_region(&t);
	else if (what == FR_TELL_SANITIZER)
		fr_text_str(&t, "not recording: a sanitizer watches this program");
	else
		fr_text_str(&t, "not recording this program itself: FR_ONLY names others; fr list "
				"shows them");
	line[t.n] = '\n';
	fr_sys_write_all(2, line, t.n + 1);
}
