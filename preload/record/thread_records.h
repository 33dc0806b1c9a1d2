/* SPDX-License-Identifier: MIT */
/*
 * thread_records.h - slots of the region's table of threads, for their birth (thread.c).
 */
#ifndef FR_THREAD_RECORDS_H
#define FR_THREAD_RECORDS_H

#include <stdint.h>

struct fr_thread_rec;

/* At birth of a region. */
void fr_thread_records_init(void);

/* A slot never used, else that of the thread that ended longest ago. NULL: all live. */
struct fr_thread_rec *fr_thread_record_take(void);

/* The next thread's number, from 1. */
uint32_t fr_thread_record_serial(void);

#endif
