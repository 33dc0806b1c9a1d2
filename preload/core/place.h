/* SPDX-License-Identifier: MIT */
/*
 * place.h - which directories the recorder reads and writes, and how it makes a file there.
 */
#ifndef FR_PLACE_H
#define FR_PLACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#define PLACE(id, NAME, name, meaning) FR_PLACE_##NAME = id,
enum fr_place {
	FR_PLACE_GOOD = 0,
#include "wire/places.def"
};
#undef PLACE

/* Why a directory did not do. */
struct fr_refusal {
	enum fr_place why;
	int error; /* errno, for FR_PLACE_SYSTEM */
};

/* The rule, for a directory of that owner and mode and a user UID. Its reasons stand there. */
enum fr_place fr_place_judge(const struct stat *st, uint32_t uid);

/* Is this file system one whose mappings keep the space that they were given once? */
bool fr_place_keeps_space(int64_t fs_type);

/*
 * A descriptor of the directory, or -1 and why. A link as its last part is followed only for
 * snapshots: a region's directory is read, too.
 */
int fr_place_open_snapshots(const char *dir, struct fr_refusal *r);
int fr_place_open_regions(const char *dir, struct fr_refusal *r);

/* The same of our own, which is made if it is not there: nobody else may even look into it. */
int fr_place_open_own(const char *dir, struct fr_refusal *r);

/*
 * A new file that only this user may read, whatever the umask. FLAGS: O_WRONLY or O_RDWR. A
 * negative errno value if it cannot be had.
 */
int fr_place_make_file(int dir, const char *name, int flags);

/* Text for people: the row's, or the system's words. */
const char *fr_place_why(const struct fr_refusal *r);

/* May a file of ours be so big? Over RLIMIT_FSIZE the kernel sends SIGXFSZ, which kills. */
bool fr_file_size_allowed(uint64_t size);

#endif
