/* SPDX-License-Identifier: MIT */
/*
 * regions.h - finding recordings without reading them: region files, live processes, snapshots.
 *
 * A region file (*.frr) carries its PID. The process lives if the process of that PID has just
 * this file mapped; otherwise the region is left. A PID or a start time alone could be reused.
 */
#ifndef FR_READ_REGIONS_H
#define FR_READ_REGIONS_H

#include "read/recording.h"

/* Threads of a live process that hang: as its tables alone let suppose, until the model says so. */
struct region_stuck {
	uint32_t threads;
	uint64_t longest_ns;
	char call[40]; /* of that one */
};

/* What the header and the trigger say; strings terminated, content untrusted. */
struct region_info {
	char *path;
	enum recording_source source;
	uint32_t pid;
	uint32_t state; /* enum fr_state */
	char comm[20];
	uint64_t start_real_ns;
	uint64_t end_real_ns; /* of the trigger, else when the file was last written */
	uint64_t bytes; /* of memory or disk that it takes */
	struct fr_trigger trigger; /* kind NONE = not a snapshot */
	struct fr_crash crash; /* signo 0 = none */
	const char *problem; /* NULL, or why it is not readable */
#define FR_REGION_OTHER_VERSION "another format version"
	uint32_t signal; /* live: the one that asks for a snapshot now, 0 = none */
	struct region_stuck stuck; /* live */
	struct fr_failure failure; /* why 0 = none */
};

/* The directory of the region files: $FR_DIR, else /dev/shm/fr-<uid>. */
void fr_regions_dir(char *buf, size_t size);

/*
 * May what stands in DIR be believed? Not if another user may have put it there: then false, and D
 * says why with severity S. Root sees all but what everybody may write to, and is told whose it is.
 * What is not there can do no harm.
 */
bool fr_regions_trust(const char *dir, enum diag_severity s, struct diag *d);
/* The same of the directory that the file PATH is in. */
bool fr_regions_trust_around(const char *path, enum diag_severity s, struct diag *d);

/* Files in DIR whose name ends in SUFFIX (".frr", ".frd"), oldest first. */
size_t fr_regions_scan(const char *dir, const char *suffix, struct region_info **out);
/* Processes whose region is anonymous memory; `path` is the PID. */
size_t fr_regions_anonymous(struct region_info **out);
/* Is the last that it knows of at least so long ago? What lives is never old; 0 = all are. */
bool fr_region_is_older(const struct region_info *r, uint64_t ns);
void fr_regions_free(struct region_info *regions, size_t n);

/* One file, which is no symbolic link. False = none, or not a regular file: fr_regular_why(). */
bool fr_region_info(const char *path, struct region_info *info);

/*
 * Has any process the open file FD mapped or open for writing, wherever it lives? Only the file's
 * owner and root are told; false where the file system does not know.
 */
bool fr_region_in_use(int fd);

/* From when on FR_TRIGGER calls a wait stuck, in ns; 0 = it says nothing of that. */
uint64_t fr_stuck_limit(const struct fr_control *c);

/* Looks at the region that begins at BASE of FD, whose process lives. */
void fr_region_stuck(int fd, uint64_t base, const struct fr_header *hdr, struct region_stuck *out);

/* What PATH is, from its header and the processes there are. */
enum recording_source fr_region_source(const char *path, const struct fr_header *hdr);

/* How the process of HDR ended, whose region is left; SIGNO of its crash record, 0 = none. */
enum recording_end fr_regions_ending(const struct fr_header *hdr, uint32_t signo);

enum process_maps {
	PROCESS_GONE, /* or a zombie */
	PROCESS_OTHER, /* lives, without this file */
	PROCESS_HAS_IT,
	PROCESS_HIDDEN, /* lives, but we may not look */
};

/* Whether the process of PID has the file of this device and inode mapped. */
enum process_maps fr_process_maps(uint32_t pid, uint64_t dev, uint64_t ino);

/* Is there no process of PID, or only what its parent has not yet asked about? */
bool fr_process_is_gone(uint32_t pid);

/*
 * Finds the region of PID among the mappings of that process: a file's path, or "" with
 * the range of a memfd in *START and *END. False = none.
 */
bool fr_process_region(uint32_t pid, char *path, size_t size, uint64_t *start, uint64_t *end);

/*
 * The process of PID has the recorder loaded and yet no region: WHY in words. False = it has not,
 * or is gone, or another user's.
 */
bool fr_process_records_nothing(uint32_t pid, char *why, size_t size);

#endif
