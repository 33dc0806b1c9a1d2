/* SPDX-License-Identifier: MIT */
/*
 * regions.c - region and snapshot files: their directory, their names, what their heads say.
 *
 * Reads a page per file, of live ones also what their threads wait for (stuck.c). Must not: trust a
 * name further than to find the process.
 */
#include "read/regions.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/parse.h"
#include "base/regular.h"

void fr_regions_dir(char *buf, size_t size)
{
	const char *dir = getenv("FR_DIR");

	if (dir && *dir)
		snprintf(buf, size, "%s", dir);
	else
		snprintf(buf, size, "/dev/shm/fr-%u", (unsigned int)getuid());
}

static bool same_boot(const struct fr_header *hdr)
{
	char id[sizeof(hdr->boot_id)] = {0};
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, id, sizeof(id) - 1);

	if (fd >= 0)
		close(fd);
	return n < 36 || !hdr->boot_id[0] || !strncmp(id, hdr->boot_id, 36);
}

enum recording_end fr_regions_ending(const struct fr_header *hdr, uint32_t signo)
{
	if (signo || hdr->x_state == FR_STATE_CRASHED)
		return RECORDING_ENDED_CRASH;
	if (hdr->x_state == FR_STATE_EXITED || hdr->x_state == FR_STATE_UNWANTED)
		return RECORDING_ENDED_EXIT;
	return RECORDING_ENDED_UNSEEN;
}

enum recording_source fr_region_source(const char *path, const struct fr_header *hdr)
{
	enum process_maps maps;
	struct stat st;

	if (hdr->x_state == FR_STATE_FROZEN)
		return RECORDING_FILE;
	if (!same_boot(hdr) || stat(path, &st))
		return RECORDING_LEFT;
	maps = fr_process_maps(hdr->pid, st.st_dev, st.st_ino);
	return maps == PROCESS_HAS_IT || (maps == PROCESS_HIDDEN && hdr->x_state == FR_STATE_ALIVE)
		       ? RECORDING_LIVE
		       : RECORDING_LEFT;
}

/* Copies the start of a small section of struct type into OUT. */
static bool section_peek(int fd, const struct fr_header *hdr, uint32_t id, void *out, size_t size)
{
	for (uint32_t i = 0; i < hdr->section_count && i < FR_SECTIONS_MAX; i++) {
		const struct fr_section *s = &hdr->sections[i];

		if (s->id != id || s->x_used < size || s->offset > INT64_MAX)
			continue;
		if (pread(fd, out, size, (off_t)s->offset) == (ssize_t)size)
			return true;
		memset(out, 0, size);
	}
	return false;
}

/* A pair of clocks is written each second that something is recorded; files in memory keep no time.
 */
static uint64_t last_recorded(int fd, const struct fr_header *hdr, uint64_t dflt)
{
	struct fr_clock_pair pairs[FR_CLOCK_PAIRS];
	uint64_t last = 0;

	memset(pairs, 0, sizeof(pairs));
	section_peek(fd, hdr, FR_SEC_CLOCKS, pairs, sizeof(pairs));
	for (size_t i = 0; i < FR_CLOCK_PAIRS; i++)
		last = pairs[i].real_ns > last ? pairs[i].real_ns : last;
	return last ? last : dflt;
}

static const char *head_problem(const struct fr_header *hdr, ssize_t n)
{
	if (n < (ssize_t)sizeof(*hdr))
		return "too short";
	if (memcmp(hdr->magic, FR_MAGIC, sizeof(hdr->magic)))
		return "not a recording";
	return fr_version_readable(hdr->version) ? NULL : FR_REGION_OTHER_VERSION;
}

static uint64_t time_ns(const struct timespec *t)
{
	return (uint64_t)t->tv_sec * 1000000000 + (uint64_t)t->tv_nsec;
}

static void info_failure(struct region_info *info, const struct fr_header *hdr)
{
	info->failure = hdr->x_failure;
	info->failure.dir[sizeof(info->failure.dir) - 1] = 0;
}

static void info_live(struct region_info *info, int fd, uint64_t base, const struct fr_header *hdr)
{
	if (hdr->x_state == FR_STATE_ALIVE)
		info->signal = hdr->signal;
	fr_region_stuck(fd, base, hdr, &info->stuck);
}

static void info_fill(struct region_info *info, int fd, const struct stat *st)
{
	struct fr_header hdr = {0};
	ssize_t n = pread(fd, &hdr, sizeof(hdr), 0);

	info->bytes = (uint64_t)st->st_blocks * 512;
	info->end_real_ns = time_ns(&st->st_mtim);
	info->source = RECORDING_LEFT;
	info->problem = head_problem(&hdr, n);
	if (info->problem)
		return;
	info->source = fr_region_source(info->path, &hdr);
	info->pid = hdr.pid;
	info->state = hdr.x_state;
	info->start_real_ns = hdr.start_real_ns;
	memcpy(info->comm, hdr.comm, sizeof(hdr.comm));
	info_failure(info, &hdr);
	section_peek(fd, &hdr, FR_SEC_CRASH, &info->crash, offsetof(struct fr_crash, said));
	section_peek(fd, &hdr, FR_SEC_TRIGGER, &info->trigger, sizeof(info->trigger));
	info->end_real_ns = last_recorded(fd, &hdr, info->end_real_ns);
	if (info->trigger.real_ns)
		info->end_real_ns = info->trigger.real_ns;
	info->trigger.reason[sizeof(info->trigger.reason) - 1] = 0;
	if (info->source == RECORDING_LIVE)
		info_live(info, fd, 0, &hdr);
}

static char *path_join(const char *dir, const char *name)
{
	char *path = NULL;

	if (!strcmp(dir, "."))
		return fr_mem_strndup(name, strlen(name));
	return asprintf(&path, "%s/%s", dir, name) < 0 ? NULL : path;
}

static bool info_open(struct region_info *info, char *path, bool only_ours)
{
	struct stat st;
	int fd = path ? fr_regular_open_at(AT_FDCWD, path, &st) : -1;

	info->path = path;
	if (fd >= 0 && !(only_ours && st.st_uid != geteuid())) {
		info_fill(info, fd, &st);
		close(fd);
		return true;
	}
	if (fd >= 0)
		close(fd);
	free(path);
	return false;
}

bool fr_region_info(const char *path, struct region_info *info)
{
	*info = (struct region_info){0};
	return info_open(info, fr_mem_strndup(path, strlen(path)), false);
}

bool fr_region_in_use(int fd)
{
	bool used;

	/* whoever opens it for writing meanwhile breaks the lease: of that a signal would tell */
	fcntl(fd, F_SETSIG, SIGURG);
	used = fcntl(fd, F_SETLEASE, F_RDLCK) < 0 && errno == EAGAIN;
	fcntl(fd, F_SETLEASE, F_UNLCK);
	return used;
}

static int by_end(const void *a, const void *b)
{
	const struct region_info *x = a, *y = b;

	if (x->end_real_ns != y->end_real_ns)
		return x->end_real_ns < y->end_real_ns ? -1 : 1;
	return strcmp(x->path, y->path);
}

/* As /tmp: there may be files of others, which are no business of ours. */
static bool everybody_writes(int fd)
{
	struct stat st;

	return fstat(fd, &st) || (st.st_mode & S_IWOTH);
}

size_t fr_regions_scan(const char *dir, const char *suffix, struct region_info **out)
{
	struct region_info *regions = NULL;
	size_t n = 0, cap = 0;
	DIR *d = opendir(dir);
	bool shared = d && geteuid() != 0 && everybody_writes(dirfd(d));
	struct dirent *entry;

	*out = NULL;
	while (d && (entry = readdir(d)) != NULL) {
		const char *dot = strrchr(entry->d_name, '.');
		struct region_info info = {0};

		if (!dot || strcmp(dot, suffix) ||
		    !info_open(&info, path_join(dir, entry->d_name), shared))
			continue;
		regions = fr_mem_grow(regions, &cap, n + 1, sizeof(*regions));
		regions[n++] = info;
	}
	if (d)
		closedir(d);
	if (n)
		qsort(regions, n, sizeof(*regions), by_end);
	*out = regions;
	return n;
}

/* ---- regions without a file ------------------------------------------------------------------ */

static bool anonymous_open(struct region_info *info, uint32_t pid)
{
	struct fr_header hdr = {0};
	uint64_t start, end;
	char path[PATH_MAX];
	ssize_t n;
	int fd;

	if (!fr_process_region(pid, path, sizeof(path), &start, &end) || path[0])
		return false;
	snprintf(path, sizeof(path), "/proc/%u/mem", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	n = pread(fd, &hdr, sizeof(hdr), (off_t)start);
	if (head_problem(&hdr, n) || asprintf(&info->path, "%u", pid) < 0) {
		close(fd);
		return false;
	}
	info_live(info, fd, start, &hdr);
	close(fd);
	info->source = RECORDING_LIVE;
	info->pid = pid;
	info->state = hdr.x_state;
	info->start_real_ns = info->end_real_ns = hdr.start_real_ns;
	info->bytes = end - start;
	memcpy(info->comm, hdr.comm, sizeof(hdr.comm));
	info_failure(info, &hdr);
	return true;
}

size_t fr_regions_anonymous(struct region_info **out)
{
	struct region_info *regions = NULL;
	size_t n = 0, cap = 0;
	DIR *d = opendir("/proc");
	struct dirent *entry;

	while (d && (entry = readdir(d)) != NULL) {
		struct region_info info = {0};
		uint64_t pid;

		if (!fr_parse_number(entry->d_name, &pid) || !pid || pid > INT32_MAX ||
		    !anonymous_open(&info, (uint32_t)pid))
			continue;
		regions = fr_mem_grow(regions, &cap, n + 1, sizeof(*regions));
		regions[n++] = info;
	}
	if (d)
		closedir(d);
	*out = regions;
	return n;
}

bool fr_region_is_older(const struct region_info *r, uint64_t ns)
{
	struct timespec t;

	if (!ns)
		return true;
	clock_gettime(CLOCK_REALTIME, &t);
	return r->source != RECORDING_LIVE && time_ns(&t) >= ns &&
	       r->end_real_ns <= time_ns(&t) - ns;
}

void fr_regions_free(struct region_info *regions, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(regions[i].path);
	free(regions);
}
