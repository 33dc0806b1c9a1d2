/* SPDX-License-Identifier: MIT */
/*
 * packages.h - which package of the distribution has the debug information of a file.
 */
#ifndef FR_DOCTOR_PACKAGES_H
#define FR_DOCTOR_PACKAGES_H

#include <stddef.h>

struct sbuf;

/*
 * How to install what these files' packages have beside them: "apt-get install x-dbgsym". Nothing
 * where no package manager knows them.
 */
void fr_packages_of_symbols(const char *const *paths, size_t n, struct sbuf *out);

/* The distribution's debuginfod server. */
const char *fr_packages_server(void);

#endif
