/* SPDX-License-Identifier: MIT */
/*
 * fuzz_read.c - the reader under libFuzzer: any bytes as a file, opened and used to the end.
 *
 *	make fuzz-run FUZZ_S=60
 *
 * Starts from a good recording (tests/lib/rich.c); a broken promise of the reader ends in abort().
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/lib/rich.h"
#include "tests/lib/walk.h"

static int fd = -1;
static char path[64];

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	fd = memfd_create("fuzz", MFD_CLOEXEC);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return fd < 0;
}

/* The first input is nothing: from there random bytes would never find the magic number. */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed)
{
	if (size < sizeof(struct fr_header)) {
		struct synth *s;
		uint8_t *good;

		synth_shuffle(seed & 1);
		s = rich_new();
		good = synth_bytes(s, &size);
		if (size > max_size)
			size = max_size;
		memcpy(data, good, size);
		free(good);
		synth_free(s);
	}
	size = LLVMFuzzerMutate(data, size, max_size);
	if (size >= 8 && seed % 16)
		memcpy(data, FR_MAGIC, 8);
	return size;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct diag d = {0};
	struct recording *rec;
	const char *broken;

	if (ftruncate(fd, 0) || pwrite(fd, data, size, 0) != (ssize_t)size)
		abort();
	rec = fr_recording_open(path, &d);
	broken = rec ? walk_recording(rec) : NULL;
	if (broken) {
		fprintf(stderr, "%s\n", broken);
		abort();
	}
	fr_recording_close(rec);
	diag_free(&d);
	return 0;
}
