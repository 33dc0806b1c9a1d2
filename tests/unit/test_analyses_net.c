/* SPDX-License-Identifier: MIT */
/*
 * test_analyses_net.c - handshakes, names and connects that go on, in the model and the findings.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "read/events.h"
#include "tests/lib/scene.h"

#define L 0xa000u
#define ACROSS "lock-held-across-blocking-call"

/* Thread 100 holds L from 10 to 110 ms while others want it; what it does meanwhile is added. */
static struct synth *held(uint32_t *owner)
{
	struct synth *s = scene_synth(300);
	uint32_t w;

	*owner = synth_thread(s, 100, "owner");
	w = synth_thread(s, 200, "worker");
	scene_connect(s, *owner, 5, 9, "127.0.0.1:443");
	scene_wait(s, w, 11, 110.02, L, 100, scene_stack(s, 3));
	return s;
}

static void blob_event(struct synth *s, uint32_t t, double at, uint32_t kind, const uint64_t *args,
		       size_t n, const void *blob, size_t len)
{
	synth_tier(s, FR_TIER_RARE);
	synth_event(s, t, MS(at), kind, scene_stack(s, 1), args, n, blob, len);
	synth_tier(s, -1);
}

static void expect_title(const struct scene *sc, const char *part)
{
	const struct finding *f = scene_find(sc, ACROSS);

	assert_non_null(f);
	if (!strstr(f->title, part))
		fail_msg("'%s' is not in '%s'", part, f->title);
}

/* OpenSSL over a BIO of the program's own: no descriptor, but data moved on one meanwhile. */
static void held_across_handshake(void **state)
{
	const uint64_t shake[] = {(uint64_t)-1, 0x5000, 0, 1, NS(95)};
	struct scene sc;
	struct synth *s;
	uint32_t o;

	s = held(&o);
	scene_recv(s, o, 12, 100, 9, scene_stack(s, 2));
	blob_event(s, o, 106, FR_EV_TLS_HANDSHAKE, shake, 5, "example.org", 11);
	scene_release(s, o, 110, L, scene_stack(s, 2));
	scene_open(&sc, s);
	expect_title(&sc, "blocked in SSL_do_handshake() with 127.0.0.1:443");
	scene_close(&sc);
}

static void held_across_lookup(void **state)
{
	const uint64_t lookup[] = {0, (uint64_t)-3, NS(90)};
	struct scene sc;
	struct synth *s;
	uint32_t o;

	s = held(&o);
	blob_event(s, o, 105, FR_EV_DNS_LOOKUP, lookup, 3, "example.org", 11);
	scene_release(s, o, 110, L, scene_stack(s, 2));
	scene_open(&sc, s);
	expect_title(&sc, "blocked in getaddrinfo()");
	assert_true(sc.m->spans[1].flags & SPAN_FAILED);
	scene_close(&sc);
}

/* Its thread did other things meanwhile: nobody was blocked in it. */
static void connecting_is_no_wait(void **state)
{
	const uint64_t done[] = {10, 0, NS(90)};
	const struct span *c = NULL;
	uint8_t peer[128];
	struct scene sc;
	struct synth *s;
	uint32_t o;
	size_t i;

	s = held(&o);
	blob_event(s, o, 105, FR_EV_NET_CONNECTED, done, 3, peer,
		   synth_sockaddr(peer, "127.0.0.1:80"));
	scene_release(s, o, 110, L, scene_stack(s, 2));
	scene_open(&sc, s);
	assert_null(scene_find(&sc, ACROSS));
	for (i = 0; i < sc.m->n_spans; i++) {
		if (sc.m->spans[i].kind == SPAN_CONNECTING)
			c = &sc.m->spans[i];
	}
	assert_non_null(c);
	assert_int_equal(fr_span_ns(c), NS(90));
	assert_string_equal(fr_name_wait(sc.names, c), "connect() to 127.0.0.1:80");
	assert_int_equal(sc.m->threads[c->thread].wait_ns[SPAN_CONNECTING], 0);
	scene_close(&sc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(held_across_handshake),
		cmocka_unit_test(held_across_lookup),
		cmocka_unit_test(connecting_is_no_wait),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
