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
 * A program binds to a name and a version, so each stands here twice: SSL_x_1_1 is what the world
 * calls SSL_x of OpenSSL 1.1, SSL_x_3 that of 3.
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

/* Name here, name and version for the world. In assembly: clang knows no attribute for it. */
int SSL_connect_1_1(void *ssl);
int SSL_connect_3(void *ssl);
int SSL_accept_1_1(void *ssl);
int SSL_accept_3(void *ssl);
int SSL_do_handshake_1_1(void *ssl);
int SSL_do_handshake_3(void *ssl);
int SSL_read_1_1(void *ssl, void *buf, int n);
int SSL_read_3(void *ssl, void *buf, int n);
int SSL_write_1_1(void *ssl, const void *buf, int n);
int SSL_write_3(void *ssl, const void *buf, int n);
int SSL_read_ex_1_1(void *ssl, void *buf, size_t n, size_t *done);
int SSL_read_ex_3(void *ssl, void *buf, size_t n, size_t *done);
int SSL_write_ex_1_1(void *ssl, const void *buf, size_t n, size_t *done);
int SSL_write_ex_3(void *ssl, const void *buf, size_t n, size_t *done);
__asm__(".symver SSL_connect_1_1, SSL_connect@OPENSSL_1_1_0");
__asm__(".symver SSL_connect_3, SSL_connect@OPENSSL_3.0.0");
__asm__(".symver SSL_accept_1_1, SSL_accept@OPENSSL_1_1_0");
__asm__(".symver SSL_accept_3, SSL_accept@OPENSSL_3.0.0");
__asm__(".symver SSL_do_handshake_1_1, SSL_do_handshake@OPENSSL_1_1_0");
__asm__(".symver SSL_do_handshake_3, SSL_do_handshake@OPENSSL_3.0.0");
__asm__(".symver SSL_read_1_1, SSL_read@OPENSSL_1_1_0");
__asm__(".symver SSL_read_3, SSL_read@OPENSSL_3.0.0");
__asm__(".symver SSL_write_1_1, SSL_write@OPENSSL_1_1_0");
__asm__(".symver SSL_write_3, SSL_write@OPENSSL_3.0.0");
__asm__(".symver SSL_read_ex_1_1, SSL_read_ex@OPENSSL_1_1_1");
__asm__(".symver SSL_read_ex_3, SSL_read_ex@OPENSSL_3.0.0");
__asm__(".symver SSL_write_ex_1_1, SSL_write_ex@OPENSSL_1_1_1");
__asm__(".symver SSL_write_ex_3, SSL_write_ex@OPENSSL_3.0.0");

struct tls_call {
	const struct fr_tls *tls;
	struct fr_tls room;
	void *ssl;
	enum fr_hook via;
	bool is_recorded;
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
	c->is_recorded = ssl && fr_level(FR_CLASS_NET) != FR_LEVEL_OFF && c->tls->get_error;
	if (!c->is_recorded)
		return true;
	c->fd = c->tls->get_rbio && c->tls->get_fd && c->tls->get_rbio(ssl) ? c->tls->get_fd(ssl)
									    : -1;
	fr_wait_begin(&c->w, s, via, (uint64_t)c->fd, (uint64_t)ssl, 0);
	return true;
}

/* SSL_connect calls SSL_do_handshake by way of our hook: one handshake, one event. */
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

/* ---- handshakes ------------------------------------------------------------------------------ */

static void record_handshake(const struct tls_call *c, int rc)
{
	int error = error_of(c, rc);
	const char *sni = c->tls->get_servername ? c->tls->get_servername(c->ssl, HOST_NAME) : NULL;
	struct fr_blob name = {sni ? sni : "", sni ? (uint32_t)strnlen(sni, SHOWN) : 0};
	uint64_t now, dur;
	struct fr_thread *t = fr_call_end(&c->w, &now, &dur);

	if (!t)
		return;
	if (!is_inner(c))
		fr_put_cold(t, FR_EV_TLS_HANDSHAKE, FR_TIER_RARE, now, c->w.stack,
			    FR_ARGS(TLS_HANDSHAKE, .fd = c->fd, .ssl = (uint64_t)c->ssl,
				    .name = &name, .result = rc, .dur = dur, .ssl_error = error,
				    .via = c->via));
	fr_leave(t);
}

static int handshaken(const struct tls_call *c, int rc)
{
	if (c->is_recorded)
		record_handshake(c, rc);
	return rc;
}

static FR_ALWAYS_INLINE int tls_connect(enum fr_tls_family family, void *ssl, struct fr_site s)
{
	struct tls_call c;

	if (!begin(&c, family, ssl, FR_HOOK_SSL_connect, s))
		return -1;
	return handshaken(&c, c.tls->connect(ssl));
}

FR_HOOK int SSL_connect_1_1(void *ssl)
{
	return tls_connect(FR_TLS_1_1, ssl, FR_SITE());
}

FR_HOOK int SSL_connect_3(void *ssl)
{
	return tls_connect(FR_TLS_3, ssl, FR_SITE());
}

static FR_ALWAYS_INLINE int tls_accept(enum fr_tls_family family, void *ssl, struct fr_site s)
{
	struct tls_call c;

	if (!begin(&c, family, ssl, FR_HOOK_SSL_accept, s))
		return -1;
	return handshaken(&c, c.tls->accept(ssl));
}

FR_HOOK int SSL_accept_1_1(void *ssl)
{
	return tls_accept(FR_TLS_1_1, ssl, FR_SITE());
}

FR_HOOK int SSL_accept_3(void *ssl)
{
	return tls_accept(FR_TLS_3, ssl, FR_SITE());
}

static FR_ALWAYS_INLINE int tls_do_handshake(enum fr_tls_family family, void *ssl, struct fr_site s)
{
	struct tls_call c;

	if (!begin(&c, family, ssl, FR_HOOK_SSL_do_handshake, s))
		return -1;
	return handshaken(&c, c.tls->do_handshake(ssl));
}

FR_HOOK int SSL_do_handshake_1_1(void *ssl)
{
	return tls_do_handshake(FR_TLS_1_1, ssl, FR_SITE());
}

FR_HOOK int SSL_do_handshake_3(void *ssl)
{
	return tls_do_handshake(FR_TLS_3, ssl, FR_SITE());
}

/* ---- data ------------------------------------------------------------------------------------ */

FR_SAME_ARGS(TLS_READ, TLS_WRITE);

/* DONE: bytes, or what the call returned instead. */
static void record_move(const struct tls_call *c, enum fr_event ev, size_t size, int rc,
			int64_t done)
{
	int error = error_of(c, rc);
	bool failed = is_failure(error);
	uint64_t now, dur;
	struct fr_thread *t = fr_call_end(&c->w, &now, &dur);

	if (!t)
		return;
	if (fr_level_now(FR_CLASS_NET) == FR_LEVEL_FULL || dur >= fr_slow_ticks || failed)
		fr_put_cold(t, ev, fr_wait_tier(dur, failed), now, c->w.stack,
			    FR_ARGS(TLS_READ, .fd = c->fd, .ssl = (uint64_t)c->ssl, .size = size,
				    .result = done, .dur = dur, .ssl_error = error, .via = c->via));
	fr_leave(t);
}

static int moved(const struct tls_call *c, enum fr_event ev, int n, int rc)
{
	if (c->is_recorded)
		record_move(c, ev, n < 0 ? 0 : (size_t)n, rc, rc);
	return rc;
}

/* The _ex forms: 1 and a count, or 0. libssl itself writes through DONE on success only. */
static int moved_ex(const struct tls_call *c, enum fr_event ev, size_t n, int rc,
		    const size_t *done)
{
	if (c->is_recorded)
		record_move(c, ev, n, rc, rc > 0 ? (int64_t)*done : -1);
	return rc;
}

static FR_ALWAYS_INLINE int tls_read(enum fr_tls_family family, void *ssl, void *buf, int n,
				     struct fr_site s)
{
	struct tls_call c;

	if (!begin(&c, family, ssl, FR_HOOK_SSL_read, s))
		return -1;
	return moved(&c, FR_EV_TLS_READ, n, c.tls->read(ssl, buf, n));
}

FR_HOOK int SSL_read_1_1(void *ssl, void *buf, int n)
{
	return tls_read(FR_TLS_1_1, ssl, buf, n, FR_SITE());
}

FR_HOOK int SSL_read_3(void *ssl, void *buf, int n)
{
	return tls_read(FR_TLS_3, ssl, buf, n, FR_SITE());
}

static FR_ALWAYS_INLINE int tls_write(enum fr_tls_family family, void *ssl, const void *buf, int n,
				      struct fr_site s)
{
	struct tls_call c;

	if (!begin(&c, family, ssl, FR_HOOK_SSL_write, s))
		return -1;
	return moved(&c, FR_EV_TLS_WRITE, n, c.tls->write(ssl, buf, n));
}

FR_HOOK int SSL_write_1_1(void *ssl, const void *buf, int n)
{
	return tls_write(FR_TLS_1_1, ssl, buf, n, FR_SITE());
}

FR_HOOK int SSL_write_3(void *ssl, const void *buf, int n)
{
	return tls_write(FR_TLS_3, ssl, buf, n, FR_SITE());
}

static FR_ALWAYS_INLINE int tls_read_ex(enum fr_tls_family family, void *ssl, void *buf, size_t n,
					size_t *done, struct fr_site s)
{
	struct tls_call c;

	if (!begin(&c, family, ssl, FR_HOOK_SSL_read_ex, s))
		return 0;
	return moved_ex(&c, FR_EV_TLS_READ, n, c.tls->read_ex(ssl, buf, n, done), done);
}

FR_HOOK int SSL_read_ex_1_1(void *ssl, void *buf, size_t n, size_t *done)
{
	return tls_read_ex(FR_TLS_1_1, ssl, buf, n, done, FR_SITE());
}

FR_HOOK int SSL_read_ex_3(void *ssl, void *buf, size_t n, size_t *done)
{
	return tls_read_ex(FR_TLS_3, ssl, buf, n, done, FR_SITE());
}

static FR_ALWAYS_INLINE int tls_write_ex(enum fr_tls_family family, void *ssl, const void *buf,
					 size_t n, size_t *done, struct fr_site s)
{
	struct tls_call c;

	if (!begin(&c, family, ssl, FR_HOOK_SSL_write_ex, s))
		return 0;
	return moved_ex(&c, FR_EV_TLS_WRITE, n, c.tls->write_ex(ssl, buf, n, done), done);
}

FR_HOOK int SSL_write_ex_1_1(void *ssl, const void *buf, size_t n, size_t *done)
{
	return tls_write_ex(FR_TLS_1_1, ssl, buf, n, done, FR_SITE());
}

FR_HOOK int SSL_write_ex_3(void *ssl, const void *buf, size_t n, size_t *done)
{
	return tls_write_ex(FR_TLS_3, ssl, buf, n, done, FR_SITE());
}
