/* SPDX-License-Identifier: MIT */
/*
 * rich.c - three threads, all kinds of arguments, every section filled.
 */
#include "tests/lib/rich.h"

#include <string.h>

static void tables(struct synth *s)
{
	struct fr_module_rec *m;

	m = synth_module(s, "/usr/bin/server", 0x1000, 0x9000);
	m->build_id_len = 20;
	memset(m->build_id, 0xab, 20);
	synth_module(s, "/lib/libc.so.6", 0x20000, 0x90000)->loaded = SYNTH_START_NS + 5;
	synth_fd(s, 3, FR_FD_LISTENER, NULL);
	synth_fd(s, 5, FR_FD_SOCKET, "127.0.0.1:8091");
	synth_lock(s, 0xa000)->x_waits = 3;
	synth_note(s, "FR_SLOW=quick refused");
	synth_drop(s, FR_DROP_NESTED, 3);
	synth_trigger(s, FR_TRIGGER_SIGNAL, SYNTH_START_NS + 900000)->signo = 10;
	synth_crash(s, 11, 101, SYNTH_START_NS + 800000)->n_regs = 17;
}

static void work(struct synth *s, uint32_t serial, uint64_t t, const uint32_t *st)
{
	uint8_t addr[128];
	size_t len = synth_sockaddr(addr, "[::1]:80");
	uint64_t args[] = {5, 0, 70, 0};

	SYNTH_EVENT(s, serial, t, FR_EV_MUTEX_LOCK, st[0], 0xa000 + t % 7 * 64);
	SYNTH_EVENT(s, serial, t + 1, FR_EV_MEM_ALLOC, st[1], 0x55550000 + t % 11 * 16, 100);
	SYNTH_EVENT(s, serial, t + 2, FR_EV_MEM_FREE, st[2], 0x55550000 + t % 11 * 16);
	SYNTH_EVENT(s, serial, t + 3, FR_EV_NET_RECV, st[0], 5, 4096, (uint64_t)-1, 40, 11);
	SYNTH_EVENT(s, serial, t + 4, FR_EV_MUTEX_UNLOCK, st[1], 0xa000 + t % 7 * 64, 1);
	synth_event(s, serial, t + 5, FR_EV_NET_CONNECT, st[2], args, 4, addr, len);
	synth_event(s, serial, t + 6, FR_EV_THREAD_NAME, st[0], (uint64_t[]){0x7f00}, 1,
		    "n\x1b[31m\xff", 7);
}

struct synth *rich_new(void)
{
	struct synth *s = synth_new();
	uint32_t st[3];

	for (uint64_t i = 0; i < 3; i++)
		st[i] = synth_stack(s, 4, (uint64_t[]){0x1010 + i, 0x1100, 0x21000, 0x2000});
	for (uint32_t i = 0; i < 3; i++)
		synth_thread(s, 100 + i, i ? "worker" : "main");
	tables(s);
	synth_waits(s, 2, "recv", SYNTH_START_NS + 700000, 5, 0, st[1]);
	synth_holds(s, 2, 0xa000, SYNTH_START_NS + 600000, st[0]);
	synth_lost(s, 3, FR_TIER_DENSE, 100);
	for (uint64_t i = 0; i < 20; i++)
		work(s, 1 + (uint32_t)(i % 3), SYNTH_START_NS + 1000 * i, st);
	synth_chunk_end(s, 1, FR_TIER_DENSE);
	work(s, 1, SYNTH_START_NS + 500000, st);
	return s;
}
