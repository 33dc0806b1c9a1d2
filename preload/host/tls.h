/* SPDX-License-Identifier: MIT */
/*
 * tls.h - which OpenSSL a call meant.
 *
 * Several may be in one process: the system's, and others that plugins brought along and that only
 * they see (RTLD_LOCAL). The hooks of hooks_tls.c stand in front of all of them, and each call must
 * reach the one that its caller would have reached without us. So functions are looked up per
 * calling object: in the global scope first, then among what the caller itself is linked with.
 */
#ifndef FR_TLS_H
#define FR_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/arch.h"

/* OpenSSL 1.1 and 3: the version nodes of libssl that callers are bound to. */
enum fr_tls_family { FR_TLS_1_1, FR_TLS_3, FR_TLS_FAMILIES };

/* One libssl. Functions after `connect` may be missing: null. */
struct fr_tls {
	int (*connect)(void *ssl);
	int (*accept)(void *ssl);
	int (*do_handshake)(void *ssl);
	int (*read)(void *ssl, void *buf, int n);
	int (*write)(void *ssl, const void *buf, int n);
	int (*read_ex)(void *ssl, void *buf, size_t n, size_t *done);
	int (*write_ex)(void *ssl, const void *buf, size_t n, size_t *done);
	int (*get_fd)(const void *ssl);
	void *(*get_rbio)(const void *ssl);
	const char *(*get_servername)(const void *ssl, int type);
	int (*get_error)(const void *ssl, int rc);
};

/*
 * The libssl of the object that made the call at S. The first call from an object takes the
 * loader's lock and may allocate; later ones are a look into a table. *ROOM holds the answer where
 * the table is full. NULL: none could be found. Keeps errno.
 */
const struct fr_tls *fr_tls_find(enum fr_tls_family family, struct fr_site s, struct fr_tls *room);

#endif
