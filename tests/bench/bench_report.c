/* SPDX-License-Identifier: MIT */
/*
 * bench_report.c - how long the stages of a report take on a large recording at level full.
 *
 *	bench_report [MILLIONS [THREADS [PATH [RUNS]]]]
 *
 * Default: 10 million events, 16 threads, 3 runs. PATH keeps the recording.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "analyses/analysis.h"
#include "tests/bench/bench_kit.h"
#include "tests/lib/synth.h"

/* A busy server: locks and allocations, now and then contention, and small socket calls. */
static void burst(struct synth *s, uint32_t serial, uint64_t *t, const uint32_t *stacks)
{
	uint64_t lock = 0x7f1200001000 + next_random() % 64 * 64;
	uint64_t ptr = 0x55550000 + next_random() % 4096 * 16;

	for (int i = 0; i < 4; i++) {
		const uint32_t *st = &stacks[next_random() % 12];

		SYNTH_EVENT(s, serial, *t += 8, FR_EV_MUTEX_LOCK, st[0], lock);
		SYNTH_EVENT(s, serial, *t += 20, FR_EV_MEM_ALLOC, st[1], ptr, 100);
		SYNTH_EVENT(s, serial, *t += 6, FR_EV_MEM_FREE, st[2], ptr);
		SYNTH_EVENT(s, serial, *t += 9, FR_EV_MUTEX_UNLOCK, st[3], lock, i == 0);
	}
	SYNTH_EVENT(s, serial, *t += 9, FR_EV_NET_RECV, stacks[4], 7, 100, 100, 3000);
	SYNTH_EVENT(s, serial, *t += 9, FR_EV_NET_SEND, stacks[5], 7, 100, 100, 3000);
	SYNTH_EVENT(s, serial, *t += 9, FR_EV_MUTEX_LOCK, stacks[3], lock, 20000, 1000);
	SYNTH_EVENT(s, serial, *t += 9, FR_EV_MUTEX_UNLOCK, stacks[3], lock);
}

static void build(const char *path, uint64_t n, unsigned int n_threads)
{
	struct synth *s = synth_new();
	uint32_t stacks[16];
	uint64_t t = SYNTH_START_NS;

	for (unsigned int i = 0; i < 16; i++)
		stacks[i] = synth_stack(s, 2, (uint64_t[]){0x400000 + i * 4096, 0x500000});
	for (unsigned int i = 0; i < n_threads; i++)
		synth_thread(s, 1000 + i, "worker");
	for (uint64_t i = 0; i < n / 20; i++)
		burst(s, 1 + (uint32_t)(next_random() % n_threads), &t, stacks);
	synth_write(s, path);
	synth_free(s);
}

static void run(const char *path)
{
	struct diag d = {0};
	double t0 = now(), t1, t2, t3;
	struct recording *rec = fr_recording_open(path, &d);
	struct symbols *sy;
	struct names *names;
	struct analysis *a;
	struct rusage usage;
	struct model *m;

	if (!rec)
		exit(1);
	t1 = now();
	m = fr_model_build(rec, &d);
	t2 = now();
	sy = fr_symbols_open(rec, &d);
	names = fr_names_open(m, sy);
	a = fr_analysis_run(m, names);
	t3 = now();
	getrusage(RUSAGE_SELF, &usage);
	printf("%.2f M events, %zu waits: open %.0f ms, model %.0f ms, analyses %.0f ms, together "
	       "%.1f M/s, max RSS %ld MiB, %zu findings\n",
	       (double)rec->n_events / 1e6, m->n_spans, (t1 - t0) * 1e3, (t2 - t1) * 1e3,
	       (t3 - t2) * 1e3, (double)rec->n_events / 1e6 / (t3 - t0), usage.ru_maxrss >> 10,
	       a->n);
	fr_analysis_free(a);
	fr_names_close(names);
	fr_symbols_close(sy);
	fr_model_free(m);
	fr_recording_close(rec);
	diag_free(&d);
}

int main(int argc, char **argv)
{
	double millions = argc > 1 ? atof(argv[1]) : 10;
	unsigned int n_threads = argc > 2 ? (unsigned int)atoi(argv[2]) : 16;
	int runs = argc > 4 ? atoi(argv[4]) : 3;
	char made[64];
	const char *path = argc > 3 ? argv[3] : made;

	snprintf(made, sizeof(made), "/tmp/fr-bench-%d.frd", (int)getpid());
	if (fork() == 0) { /* so that the builder's memory is not counted */
		build(path, (uint64_t)(millions * 1e6), n_threads ? n_threads : 1);
		_exit(0);
	}
	wait(NULL);
	for (int i = 0; i < runs; i++)
		run(path);
	if (path == made)
		unlink(path);
	return 0;
}
