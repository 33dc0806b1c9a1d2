/* SPDX-License-Identifier: MIT */
/*
 * batch.h - the core: many addresses of one module to a block of answers (image.h).
 *
 * Knows nothing of recordings. Runs in a worker process as a rule (worker.h); tests call it
 * directly.
 */
#ifndef FR_SYMBOLS_BATCH_H
#define FR_SYMBOLS_BATCH_H

#include "symbols/image.h"
#include "symbols/locate.h"

struct batch;

/*
 * Finds and opens the module's files. Never fails but for memory: without a file there are only
 * empty answers and a problem. M and what it points to must outlive the batch.
 */
struct batch *fr_batch_open(const struct module_ref *m, bool use_dwarf);
void fr_batch_close(struct batch *b);

/*
 * CODE are ELF virtual addresses inside instructions (return address - 1 - bias), DATA are
 * addresses of variables; both sorted, without doubles. Returns a malloc'ed block with an answer
 * for each, NULL = out of memory.
 */
void *fr_batch_run(struct batch *b, const uint64_t *code, size_t n_code, const uint64_t *data,
		   size_t n_data, size_t *size);

#endif
