/* SPDX-License-Identifier: MIT */
/*
 * modsyms.h - all that is known and asked about the addresses of one module.
 *
 * Answers come from the persistent cache and from a worker. Wanted addresses are collected, asked
 * in one request, and found afterwards; asking several modules before receiving from the first
 * lets their workers run at the same time.
 */
#ifndef FR_SYMBOLS_MODSYMS_H
#define FR_SYMBOLS_MODSYMS_H

#include "symbols/image.h"
#include "symbols/locate.h"

struct modsyms;

/* M is copied, what it points to is not. */
struct modsyms *fr_modsyms_open(const struct module_ref *m);
/* Stops the worker and writes the cache. */
void fr_modsyms_close(struct modsyms *ms);

/* The answer for VADDR and the image that holds it; NULL = not asked yet. */
const struct image_addr *fr_modsyms_find(const struct modsyms *ms, enum image_kind kind,
					 uint64_t vaddr, const struct image **img);

/* Notes VADDR for the next request unless its answer is here already. */
void fr_modsyms_want(struct modsyms *ms, enum image_kind kind, uint64_t vaddr);
/* False: nothing is wanted, so nothing is to be received. */
bool fr_modsyms_ask(struct modsyms *ms);
void fr_modsyms_receive(struct modsyms *ms);

/*
 * Ends the worker until something is asked again: the number of processes and descriptors is
 * limited.
 */
void fr_modsyms_rest(struct modsyms *ms);

struct modsyms_state {
	uint32_t best; /* enum frame_origin */
	const char *source; /* NULL = none */
	const char *problem; /* NULL = none */
};
/* Asks the worker if nothing has been asked so far. */
void fr_modsyms_state(struct modsyms *ms, struct modsyms_state *out);

#endif
