/* SPDX-License-Identifier: MIT */
/*
 * trust.c - whose a directory of recordings is, and whether another user may have put things there.
 *
 * A region that somebody planted would be shown as a process's own, and what fr writes beside it
 * could be led elsewhere. Must not: open anything.
 */
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/path.h"
#include "read/regions.h"

/* From the file alone: what getpwuid() would load for others a static fr cannot. */
static const char *user_name(uid_t uid, char buf[80])
{
	FILE *f = fopen("/etc/passwd", "re");
	const struct passwd *p = NULL;

	while (f && (p = fgetpwent(f)) && p->pw_uid != uid)
		;
	if (p)
		snprintf(buf, 80, "%.40s (uid %u)", p->pw_name, (unsigned int)uid);
	else
		snprintf(buf, 80, "uid %u", (unsigned int)uid);
	if (f)
		fclose(f);
	return buf;
}

/* /dev/shm/fr-1000 of user 1000 needs no word. */
static bool is_named_after(const char *dir, const struct stat *st)
{
	char own[32];

	snprintf(own, sizeof(own), "fr-%u", (unsigned int)st->st_uid);
	return !strcmp(fr_path_base(dir), own) && !(st->st_mode & 077);
}

static bool refuse(const char *dir, const char *why, enum diag_severity s, struct diag *d)
{
	diag_add(d, s, "%s is neither read nor written: %s", dir, why);
	return false;
}

bool fr_regions_trust(const char *dir, enum diag_severity s, struct diag *d)
{
	uid_t me = geteuid();
	char who[80], why[160];
	bool shared;
	struct stat st;

	if (!lstat(dir, &st) && S_ISLNK(st.st_mode) && st.st_uid != me && st.st_uid) {
		snprintf(why, sizeof(why), "it is a symbolic link of %s",
			 user_name(st.st_uid, who));
		return refuse(dir, why, s, d);
	}
	if (stat(dir, &st) || !S_ISDIR(st.st_mode))
		return true;
	shared = st.st_mode & S_IWOTH;
	if (shared && !(st.st_mode & S_ISVTX))
		return refuse(dir, "everybody may write to it (mode 0700 is what it needs)", s, d);
	if (st.st_uid == me || (shared && !st.st_uid))
		return true;
	user_name(st.st_uid, who);
	if (!me) {
		if (!is_named_after(dir, &st))
			diag_add(d, DIAG_NOTE, "%s belongs to %s", dir, who);
		return true;
	}
	snprintf(why, sizeof(why), "it belongs to %s, not to you", who);
	return refuse(dir, why, s, d);
}

bool fr_regions_trust_around(const char *path, enum diag_severity s, struct diag *d)
{
	char dir[PATH_MAX];

	snprintf(dir, sizeof(dir), "%s", path);
	return fr_regions_trust(fr_path_up(dir) ? dir : ".", s, d);
}
