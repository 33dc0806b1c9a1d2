/* SPDX-License-Identifier: MIT */
/*
 * process.h - who we are: read once at birth, because /proc/self is closed to a process that has
 * dropped its privileges and to a crash handler.
 */
#ifndef FR_PROCESS_H
#define FR_PROCESS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/sys.h"

struct fr_process {
	uint32_t pid, ppid, uid;
	char comm[16];
	char comm_safe[16]; /* fit for a file name */
	uintptr_t main_stack_lo, main_stack_hi;
	uint64_t default_stack; /* of a thread without attributes, bytes */
	bool sanitized; /* by ASan: malloc and the signals are its own */
};
extern struct fr_process fr_process;

/* By the kernel's word: false in a vfork child, which has our memory, and in one not born yet. */
static inline bool fr_process_is_this(void)
{
	return fr_process.pid == (uint32_t)fr_sys_getpid();
}

struct fr_header;

/* Asks how big pages are. Before all else: until then they are taken for the smallest. */
void fr_process_page(void);

/* FORKED: in a child of fork: only pid, ppid and comm may have changed. */
void fr_process_read(bool forked);

/* Host and boot id into the header. */
void fr_process_describe_host(struct fr_header *h);

/* The same and exe, cmdline into the header. ARGC/ARGV as the constructor got them, or 0. */
void fr_process_describe(struct fr_header *h, int argc, char *const *argv);

#endif
