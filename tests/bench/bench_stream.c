/* SPDX-License-Identifier: MIT */
/*
 * bench_stream.c - how fast a recording is opened and streamed, in events a second.
 *
 *	bench_stream [MILLIONS [THREADS]]      a synthetic recording, default 10 million, 16 threads
 *	bench_stream FILE                      a real one
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "read/events.h"
#include "tests/bench/bench_kit.h"
#include "tests/lib/synth.h"

/* What a busy server does: short bursts of locks and allocations, few stacks, few locks. */
static void burst(struct synth *s, uint32_t serial, uint64_t *t, const uint32_t *stacks)
{
	uint64_t lock = 0x7f1200001000 + next_random() % 8 * 64;
	uint64_t ptr = 0x55550000 + next_random() % 4096 * 16;
	uint64_t size = 16 + next_random() % 500;

	for (int i = 0; i < 5; i++) {
		const uint32_t *st = &stacks[next_random() % 12];

		SYNTH_EVENT(s, serial, *t += 8, FR_EV_MUTEX_LOCK, st[0], lock);
		SYNTH_EVENT(s, serial, *t += 20, FR_EV_MEM_ALLOC, st[1], ptr, size);
		SYNTH_EVENT(s, serial, *t += 6, FR_EV_MEM_FREE, st[2], ptr);
		SYNTH_EVENT(s, serial, *t += 9, FR_EV_MUTEX_UNLOCK, st[3], lock);
	}
}

static void build(const char *path, uint64_t n, unsigned int n_threads)
{
	struct synth *s = synth_new();
	uint32_t stacks[16];
	uint64_t t = SYNTH_START_NS;

	for (unsigned int i = 0; i < 16; i++) {
		uint64_t pcs[12];

		for (unsigned int k = 0; k < 12; k++)
			pcs[k] = 0x400000 + i * 4096 + k * 64;
		stacks[i] = synth_stack(s, 12, pcs);
	}
	for (unsigned int i = 0; i < n_threads; i++)
		synth_thread(s, 1000 + i, "worker");
	for (uint64_t i = 0; i < n / 20; i++) {
		uint32_t serial = 1 + (uint32_t)(next_random() % n_threads);

		burst(s, serial, &t, stacks);
		if (i % 16 == 0)
			SYNTH_SLOW(s, serial, t, FR_EV_MUTEX_LOCK, stacks[3], 0x7f1200001000,
				   120000, 1000);
	}
	synth_write(s, path);
	synth_free(s);
}

static void run(const char *path)
{
	struct diag d = {0};
	struct recording *rec;
	struct stream *stream;
	struct rusage usage;
	struct event e;
	uint64_t sum = 0, n = 0;
	double t0 = now(), t1, t2;

	rec = fr_recording_open(path, &d);
	if (!rec)
		exit(1);
	t1 = now();
	stream = fr_stream_open(rec);
	for (; fr_stream_next(stream, &e); n++)
		sum += e.t_ns ^ e.arg[0] ^ e.stack;
	fr_stream_close(stream);
	t2 = now();
	getrusage(RUSAGE_SELF, &usage);
	printf("%.2f M events, %zu threads, check %llx: open %.0f ms (%.1f M/s), stream %.0f ms "
	       "(%.1f M/s), max RSS %ld MiB\n",
	       (double)n / 1e6, rec->n_threads, (unsigned long long)sum, (t1 - t0) * 1e3,
	       (double)n / 1e6 / (t1 - t0), (t2 - t1) * 1e3, (double)n / 1e6 / (t2 - t1),
	       usage.ru_maxrss >> 10);
	fr_recording_close(rec);
	diag_free(&d);
}

int main(int argc, char **argv)
{
	double millions = argc > 1 ? atof(argv[1]) : 10;
	unsigned int n_threads = argc > 2 ? (unsigned int)atoi(argv[2]) : 16;
	char path[64];

	if (argc > 1 && millions <= 0) {
		run(argv[1]);
		return 0;
	}
	snprintf(path, sizeof(path), "/tmp/fr-bench-%d.frd", (int)getpid());
	if (fork() == 0) { /* so that the builder's memory is not counted */
		build(path, (uint64_t)(millions * 1e6), n_threads ? n_threads : 1);
		_exit(0);
	}
	wait(NULL);
	for (int i = 0; i < 3; i++)
		run(path);
	unlink(path);
	return 0;
}
