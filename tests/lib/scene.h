/* SPDX-License-Identifier: MIT */
/*
 * scene.h - from a synthetic recording to its model and findings, and short ways to say what
 * happened. Times are milliseconds after the start; levels are those of the defaults (lock=slow).
 */
#ifndef TESTS_LIB_SCENE_H
#define TESTS_LIB_SCENE_H

#include "analyses/analysis.h"
#include "tests/lib/synth.h"

#define MS(x) (SYNTH_START_NS + NS(x))
#define NS(ms) ((uint64_t)((ms)*1000000.0))

struct scene {
	struct recording *rec;
	struct diag diag;
	struct model *m;
	struct symbols *sy;
	struct names *names;
	struct analysis *a;
};

/* An empty recording at the default levels, with a trigger at END milliseconds. */
struct synth *scene_synth(double end);
/* The same of ten seconds, with threads 1 to 4. */
struct synth *scene_four(void);
/* T waited for LOCK from A to B; OWNER is the tid it saw. */
void scene_wait(struct synth *s, uint32_t t, double a, double b, uint64_t lock, uint32_t owner,
		uint32_t stack);
/* T gave LOCK back at B while somebody waited. */
void scene_release(struct synth *s, uint32_t t, double b, uint64_t lock, uint32_t stack);
void scene_recv(struct synth *s, uint32_t t, double a, double b, uint32_t fd, uint32_t stack);
/* One byte to socket FD. */
void scene_send(struct synth *s, uint32_t t, double a, double b, uint32_t fd);
void scene_connect(struct synth *s, uint32_t t, double at, uint32_t fd, const char *peer);
/* An uncontended lock and unlock: for recordings at level full. */
void scene_hold(struct synth *s, uint32_t t, double a, double b, uint64_t lock, uint32_t stack);
/* A stack of one program frame: equal for equal N. */
uint32_t scene_stack(struct synth *s, unsigned int n);

/* Writes, reads, frees S; runs the model and all rules. Fails the test if anything is damaged. */
void scene_open(struct scene *sc, struct synth *s);
void scene_close(struct scene *sc);
const struct finding *scene_find(const struct scene *sc, const char *rule); /* the first, or NULL */
size_t scene_count(const struct scene *sc, const char *rule);
enum rule_result scene_result(const struct scene *sc, const char *rule);
/* The wait of thread T that ended at END was ended by thread BY, 0 = nobody known. */
void scene_woken(const struct scene *sc, uint32_t t, double end, uint32_t by);
uint32_t scene_lock(const struct scene *sc, uint64_t addr); /* index; fails if not there */

#endif
