/* SPDX-License-Identifier: MIT */
/*
 * scene.c - short ways to write a synthetic recording and to ask what was found in it.
 */
#include "tests/lib/scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

struct synth *scene_synth(double end)
{
	struct synth *s = synth_new();

	synth_header(s)->levels[FR_CLASS_LOCK] = FR_LEVEL_SLOW;
	synth_header(s)->levels[FR_CLASS_MEM] = FR_LEVEL_SAMPLED;
	synth_trigger(s, FR_TRIGGER_SIGNAL, MS(end))->signo = 10;
	return s;
}

struct synth *scene_four(void)
{
	struct synth *s = scene_synth(10000);

	for (uint32_t i = 1; i <= 4; i++)
		synth_thread(s, 100 + i, "t");
	return s;
}

static uint64_t ns(double a, double b)
{
	return MS(b) - MS(a);
}

void scene_wait(struct synth *s, uint32_t t, double a, double b, uint64_t lock, uint32_t owner,
		uint32_t stack)
{
	SYNTH_SLOW(s, t, MS(b), FR_EV_MUTEX_LOCK, stack, lock, ns(a, b), owner);
}

void scene_release(struct synth *s, uint32_t t, double b, uint64_t lock, uint32_t stack)
{
	SYNTH_SLOW(s, t, MS(b), FR_EV_MUTEX_UNLOCK, stack, lock, 1);
}

void scene_recv(struct synth *s, uint32_t t, double a, double b, uint32_t fd, uint32_t stack)
{
	SYNTH_SLOW(s, t, MS(b), FR_EV_NET_RECV, stack, fd, 4096, 100, ns(a, b));
}

void scene_send(struct synth *s, uint32_t t, double a, double b, uint32_t fd)
{
	SYNTH_SLOW(s, t, MS(b), FR_EV_NET_SEND, 0, fd, 1, 1, NS(b) - NS(a));
}

void scene_connect(struct synth *s, uint32_t t, double at, uint32_t fd, const char *peer)
{
	const uint64_t args[] = {fd, 0, 50000};
	uint8_t blob[128];
	size_t n = synth_sockaddr(blob, peer);

	synth_tier(s, FR_TIER_RARE);
	synth_event(s, t, MS(at), FR_EV_NET_CONNECT, 0, args, 3, blob, n);
	synth_tier(s, -1);
}

void scene_hold(struct synth *s, uint32_t t, double a, double b, uint64_t lock, uint32_t stack)
{
	SYNTH_EVENT(s, t, MS(a), FR_EV_MUTEX_LOCK, stack, lock);
	SYNTH_EVENT(s, t, MS(b), FR_EV_MUTEX_UNLOCK, stack, lock);
}

uint32_t scene_stack(struct synth *s, unsigned int n)
{
	return synth_stack(s, 2, (uint64_t[]){0x1000 + 16 * n, 0x9000});
}

void scene_open(struct scene *sc, struct synth *s)
{
	char path[] = "/tmp/fr-scene-XXXXXX";
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	close(fd);
	synth_write(s, path);
	synth_free(s);
	memset(sc, 0, sizeof(*sc));
	sc->rec = fr_recording_open(path, &sc->diag);
	unlink(path);
	if (!sc->rec)
		fail_msg("not opened: %s", sc->diag.n ? sc->diag.entries[0].text : "no reason");
	assert_false(sc->rec->losses);
	sc->m = fr_model_build(sc->rec, &sc->diag);
	sc->sy = fr_symbols_open(sc->rec, &sc->diag);
	sc->names = fr_names_open(sc->m, sc->sy);
	sc->a = fr_analysis_run(sc->m, sc->names);
}

void scene_close(struct scene *sc)
{
	fr_analysis_free(sc->a);
	fr_names_close(sc->names);
	fr_symbols_close(sc->sy);
	fr_model_free(sc->m);
	fr_recording_close(sc->rec);
	diag_free(&sc->diag);
}

const struct finding *scene_find(const struct scene *sc, const char *rule)
{
	size_t i;

	for (i = 0; i < sc->a->n; i++) {
		if (!strcmp(sc->a->findings[i]->rule->name, rule))
			return sc->a->findings[i];
	}
	return NULL;
}

size_t scene_count(const struct scene *sc, const char *rule)
{
	size_t i, n = 0;

	for (i = 0; i < sc->a->n; i++)
		n += !strcmp(sc->a->findings[i]->rule->name, rule);
	return n;
}

enum rule_result scene_result(const struct scene *sc, const char *rule)
{
	size_t i;

	for (i = 0; i < fr_n_rules; i++) {
		if (!strcmp(fr_rules[i].name, rule))
			return sc->a->results[i];
	}
	fail_msg("no rule %s", rule);
	return RULE_NO_DATA;
}

uint32_t scene_lock(const struct scene *sc, uint64_t addr)
{
	uint32_t i = fr_model_lock_at(sc->m, addr);

	if (i == MODEL_NONE)
		fail_msg("no lock at %#llx", (unsigned long long)addr);
	return i;
}

void scene_woken(const struct scene *sc, uint32_t t, double end, uint32_t by)
{
	for (size_t i = 0; i < sc->m->n_spans; i++) {
		const struct span *s = &sc->m->spans[i];

		if (s->thread + 1 != t || s->end_ns != MS(end))
			continue;
		assert_int_equal(s->waker, by ? by - 1 : MODEL_NONE);
		assert_int_equal(s->waker_event != 0, by != 0);
		return;
	}
	fail_msg("no wait of T%u ends at %f", t, end);
}
