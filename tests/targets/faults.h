/* SPDX-License-Identifier: MIT */
/*
 * faults.h - instructions that fault, as each processor has them. divide_by() is a macro, so that
 * the place is its user's.
 */
#ifndef TARGET_FAULTS_H
#define TARGET_FAULTS_H

#include <signal.h>

#if defined(__x86_64__)
#define ILLEGAL "ud2"
#define BREAKPOINT "int3"
#define divide_by(zero) ((zero) /= (zero)) /* of a volatile */
#elif defined(__aarch64__)
#define ILLEGAL "udf #0"
#define BREAKPOINT "brk #0"
#define divide_by(zero) raise(SIGFPE) /* a division by zero gives zero there */
#endif

#endif
