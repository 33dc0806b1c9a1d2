/* SPDX-License-Identifier: MIT */
/*
 * rescue.h - a fault in our own mapping: the host lives on, and is recorded no more.
 *
 * The region is a file that others can reach. Somebody shortens it (`: > x.frr`), or its file
 * system has promised pages that it cannot give: then our next access to such a page is a SIGBUS in
 * the host. Anonymous memory takes the page's place, so that all that is under way goes on.
 *
 * Cannot help a thread that blocks SIGBUS: there the kernel kills without asking.
 */
#ifndef FR_RESCUE_H
#define FR_RESCUE_H

#include <signal.h>
#include <stdbool.h>

/* The region is complete: keeps what its header says. At each birth, and when that has changed. */
void fr_rescue_init(void);

/* The process ends, which the header in memory says already: so shall that of the file. */
void fr_rescue_end(void);

/*
 * First thing in a handler. True: the fault was in our mapping, and the interrupted code can go on;
 * or the signal has found our snapshot's thread, and was sent on. No TLS, no lock, no errno.
 */
bool fr_rescue_fault(int sig, const siginfo_t *si, void *uc);

#endif
