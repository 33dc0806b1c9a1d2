/* SPDX-License-Identifier: MIT */
/*
 * units.h - numbers as people read them. Each writes into BUF and returns the text in it.
 */
#ifndef FR_BASE_UNITS_H
#define FR_BASE_UNITS_H

#include <stdint.h>

#define FR_UNITS_LEN 40

const char *fr_units_ns(char buf[FR_UNITS_LEN], uint64_t ns); /* "850 ns" "2.05 ms" "1.61 s" */
const char *fr_units_bytes(char buf[FR_UNITS_LEN], uint64_t bytes); /* "512 B" "38.1 MiB" */
const char *fr_units_count(char buf[FR_UNITS_LEN], uint64_t n); /* "812 345" */
const char *fr_units_rel(char buf[FR_UNITS_LEN], int64_t ns); /* "-1.203456s" */
const char *fr_units_percent(char buf[FR_UNITS_LEN], uint64_t part, uint64_t whole); /* "26 %" */

/* CLOCK_REALTIME as "2026-11-21 09:12:44.120 CET", local time. */
const char *fr_units_date(char buf[FR_UNITS_LEN], uint64_t real_ns);

/* "EAGAIN", "SIGUSR1"; an unknown number is shown as a number. */
const char *fr_units_errno(char buf[FR_UNITS_LEN], uint64_t err);
const char *fr_units_signal(char buf[FR_UNITS_LEN], uint64_t signo);

#endif
