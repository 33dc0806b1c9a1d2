/* SPDX-License-Identifier: MIT */
/*
 * worker.h - a child process that reads one module's debug files and answers requests.
 *
 *   decoder ── {n_code, n_data} addresses ──> worker: locate, libelf, libdwarf
 *           <── size, block (image.h) ──────
 *
 * A crash, an endless loop or a file that needs all memory ends the worker and nothing else.
 * Several workers run at the same time: ask all, then receive from each.
 */
#ifndef FR_SYMBOLS_WORKER_H
#define FR_SYMBOLS_WORKER_H

#include "symbols/locate.h"

struct worker;

/* NULL = no process or descriptor to be had. */
struct worker *fr_worker_start(const struct module_ref *m, bool use_dwarf);
void fr_worker_stop(struct worker *w);

/* Addresses as for fr_batch_run(). False: the worker is gone. */
bool fr_worker_ask(struct worker *w, const uint64_t *code, size_t n_code, const uint64_t *data,
		   size_t n_data);
/* The malloc'ed block of the last request, not yet checked; NULL = the worker died or hung. */
void *fr_worker_receive(struct worker *w, size_t *size);

#endif
