/* SPDX-License-Identifier: MIT */
/*
 * hooks_tls.c - replacement functions: OpenSSL, where the host has it.
 *
 * libfr.so must not look like an OpenSSL to a program that has none. So each function is exported
 * under the version nodes of libssl only (exports.map), and not as the default: an object that was
 * linked with libssl is bound to it; a weak reference of a program that was not, and dlsym(), pass
 * by. For the same reason not seen: libssl loaded by dlopen and called through dlsym (its users
 * hold the real functions), linked statically, BoringSSL, LibreSSL, OpenSSL 1.0; and handshakes
 * that libssl makes by itself inside of BIO_read and the like.
 *
 * The error queue, which the host reads after the call, is not touched: SSL_get_error only looks,
 * and SSL_get_fd is asked only where it finds a BIO. Never recorded: what is sent or received.
 */
#include <string.h>

#include "core/real.h"
#include "host/tls.h"
#include "record/wait.h"

#define SHOWN 64u /* bytes of a server's name */
#define HOST_NAME 0 /* TLSEXT_NAMETYPE_host_name */
#define WANT_READ 2 /* SSL_ERROR_WANT_READ ... */
#define WANT_WRITE 3
#define ZERO_RETURN 6

struct tls_call {
	const struct fr_tls *tls;
	struct fr_tls room;
	void *ssl;
	enum fr_hook via;
	bool watched;
	int fd;
	struct fr_wait w;
};

/* False: nothing to call. Then ssl cannot be anybody's, and libssl's answer to that is -1. */
static bool begin(struct tls_call *c, enum fr_tls_family family, void *ssl, enum fr_hook via,
		  struct fr_site s)
{
	c->tls = fr_tls_find(family, s, &c->room);
	if (!c->tls)
		return false;
	c->ssl = ssl;
	c->via = via;
	c->watched = ssl && fr_level(FR_CLASS_NET) != FR_LEVEL_OFF && c->tls->get_error;
	if (!c->watched)
		return true;
	c->fd = c->tls->get_rbio && c->tls->get_fd && c->tls->get_rbio(ssl) ? c->tls->get_fd(ssl)
									    : -1;
	fr_wait_begin(&c->w, s, via, (uint64_t)c->fd, (uint64_t)ssl, 0);
	return true;
}

/* SSL_connect calls SSL_do_handshake through the same door: one handshake, one event. */
static bool is_inner(const struct tls_call *c)
{
	return (c->w.outer.call == FR_HOOK_SSL_connect || c->w.outer.call == FR_HOOK_SSL_accept) &&
	       c->w.outer.object2 == (uint64_t)c->ssl;
}

/* What SSL_get_error says: 0 = done. Keeps errno. */
static int error_of(const struct tls_call *c, int rc)
{
	int saved = errno;
	int error = rc > 0 ? 0 : c->tls->get_error(c->ssl, rc);

	errno = saved;
	return error;
}

static bool is_failure(int error)
{
	return error && error != WANT_READ && error != WANT_WRITE && error != ZERO_RETURN;
}

/* ---- handshakes
 * ---------------------------------------------------------------------------------- */

static int handshaken(const struct tls_call *c, int rc)
{
	int error = error_of(c, rc);
	const char *sni = c->tls->get_servername ? c->tls->get_servername(c->ssl, HOST_NAME) : NULL;
	struct fr_blob name = {sni ? sni : "", sni ? (uint32_t)strnlen(sni, SHOWN) : 0};
	uint64_t now, dur;
	struct fr_thread *t = fr_call_end(&c->w, &now, &dur);

	if (!t)
		return rc;
	if (!is_inner(c))
		fr_put_cold(t, FR_EV_TLS_HANDSHAKE, FR_TIER_RARE, now, c->w.stack,
			    FR_ARGS(TLS_HANDSHAKE, .fd = c->fd, .ssl = (uint64_t)c->ssl,
				    .name = &name, .result = rc, .dur = dur, .ssl_error = error,
				    .via = c->via));
	fr_leave(t);
	return rc;
}

#define HANDSHAKE(fn, family, ssl)                                                                 \
	({                                                                                         \
		struct tls_call c_;                                                                \
		int rc_ = -1;                                                                      \
                                                                                                   \
		if (begin(&c_, family, ssl, FR_HOOK_SSL_##fn, FR_SITE())) {                        \
			rc_ = c_.tls->fn(ssl);                                                     \
			if (c_.watched)                                                            \
				handshaken(&c_, rc_);                                              \
		}                                                                                  \
		rc_;                                                                               \
	})

/* ---- data
 * ---------------------------------------------------------------------------------------- */

FR_SAME_ARGS(TLS_READ, TLS_WRITE);

/* DONE: bytes, or what the call returned instead. */
static void moved(const struct tls_call *c, enum fr_event ev, size_t size, int rc, int64_t done)
{
	int error = error_of(c, rc);
	bool failed = is_failure(error);
	uint64_t now, dur;
	struct fr_thread *t = fr_call_end(&c->w, &now, &dur);

	if (!t)
		return;
	if (FR_LEVEL(FR_CLASS_NET) == FR_LEVEL_FULL || dur >= fr_slow_ticks || failed)
		fr_put_cold(t, ev, fr_wait_tier(dur, failed), now, c->w.stack,
			    FR_ARGS(TLS_READ, .fd = c->fd, .ssl = (uint64_t)c->ssl, .size = size,
				    .result = done, .dur = dur, .ssl_error = error, .via = c->via));
	fr_leave(t);
}

#define MOVE(ev, fn, family, ssl, buf, n)                                                          \
	({                                                                                         \
		struct tls_call c_;                                                                \
		int rc_ = -1;                                                                      \
                                                                                                   \
		if (begin(&c_, family, ssl, FR_HOOK_SSL_##fn, FR_SITE())) {                        \
			rc_ = c_.tls->fn(ssl, buf, n);                                             \
			if (c_.watched)                                                            \
				moved(&c_, ev, n < 0 ? 0 : (size_t)(n), rc_, rc_);                 \
		}                                                                                  \
		rc_;                                                                               \
	})

/* The _ex forms: 1 and a count, or 0. libssl itself writes through DONE on success only. */
#define MOVE_EX(ev, fn, family, ssl, buf, n, done)                                                 \
	({                                                                                         \
		struct tls_call c_;                                                                \
		int rc_ = 0;                                                                       \
                                                                                                   \
		if (begin(&c_, family, ssl, FR_HOOK_SSL_##fn, FR_SITE())) {                        \
			rc_ = c_.tls->fn(ssl, buf, n, done);                                       \
			if (c_.watched)                                                            \
				moved(&c_, ev, n, rc_, rc_ > 0 ? (int64_t) * (done) : -1);         \
		}                                                                                  \
		rc_;                                                                               \
	})

/* ---- the exports: each once for OpenSSL 1.1 and once for 3
 * ---------------------------------------- */

#define EXPORT(symbol) __attribute__((symver(symbol))) FR_HOOK

#define TWICE_HANDSHAKE(fn)                                                                        \
	int fr_tls1_##fn(void *ssl);                                                               \
	int fr_tls3_##fn(void *ssl);                                                               \
	EXPORT("SSL_" #fn "@OPENSSL_1_1_0") int fr_tls1_##fn(void *ssl)                            \
	{                                                                                          \
		return HANDSHAKE(fn, FR_TLS_1_1, ssl);                                             \
	}                                                                                          \
	EXPORT("SSL_" #fn "@OPENSSL_3.0.0") int fr_tls3_##fn(void *ssl)                            \
	{                                                                                          \
		return HANDSHAKE(fn, FR_TLS_3, ssl);                                               \
	}

#define TWICE_MOVE(ev, fn, pointer)                                                                \
	int fr_tls1_##fn(void *ssl, pointer buf, int n);                                           \
	int fr_tls3_##fn(void *ssl, pointer buf, int n);                                           \
	EXPORT("SSL_" #fn "@OPENSSL_1_1_0") int fr_tls1_##fn(void *ssl, pointer buf, int n)        \
	{                                                                                          \
		return MOVE(ev, fn, FR_TLS_1_1, ssl, buf, n);                                      \
	}                                                                                          \
	EXPORT("SSL_" #fn "@OPENSSL_3.0.0") int fr_tls3_##fn(void *ssl, pointer buf, int n)        \
	{                                                                                          \
		return MOVE(ev, fn, FR_TLS_3, ssl, buf, n);                                        \
	}

#define TWICE_MOVE_EX(ev, fn, pointer)                                                             \
	int fr_tls1_##fn(void *ssl, pointer buf, size_t n, size_t *done);                          \
	int fr_tls3_##fn(void *ssl, pointer buf, size_t n, size_t *done);                          \
	EXPORT("SSL_" #fn "@OPENSSL_1_1_1")                                                        \
	int fr_tls1_##fn(void *ssl, pointer buf, size_t n, size_t *done)                           \
	{                                                                                          \
		return MOVE_EX(ev, fn, FR_TLS_1_1, ssl, buf, n, done);                             \
	}                                                                                          \
	EXPORT("SSL_" #fn "@OPENSSL_3.0.0")                                                        \
	int fr_tls3_##fn(void *ssl, pointer buf, size_t n, size_t *done)                           \
	{                                                                                          \
		return MOVE_EX(ev, fn, FR_TLS_3, ssl, buf, n, done);                               \
	}

TWICE_HANDSHAKE(connect)
TWICE_HANDSHAKE(accept)
TWICE_HANDSHAKE(do_handshake)
TWICE_MOVE(FR_EV_TLS_READ, read, void *)
TWICE_MOVE(FR_EV_TLS_WRITE, write, const void *)
TWICE_MOVE_EX(FR_EV_TLS_READ, read_ex, void *)
TWICE_MOVE_EX(FR_EV_TLS_WRITE, write_ex, const void *)
