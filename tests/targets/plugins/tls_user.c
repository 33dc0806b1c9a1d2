/* SPDX-License-Identifier: MIT */
/*
 * tls_user.c - a plugin that begins a handshake and says which libssl did the work.
 *
 * Built by test_net_calls.py against one libssl or another; no headers of OpenSSL are needed. The
 * info callback is called by the libssl that runs the handshake: its return address names it.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

void *TLS_client_method(void);
void *SSL_CTX_new(void *method);
void SSL_CTX_set_info_callback(void *ctx, void (*cb)(const void *ssl, int where, int ret));
void *SSL_new(void *ctx);
void SSL_set_bio(void *ssl, void *r, void *w);
int SSL_connect(void *ssl);
int SSL_read(void *ssl, void *buf, int n);
int SSL_get_error(const void *ssl, int rc);
void *BIO_new(void *method);
void *BIO_s_mem(void);
unsigned long ERR_peek_error(void);

static const char *who = "nobody";

static void info(const void *ssl, int where, int ret)
{
	Dl_info i;

	(void)ssl, (void)where, (void)ret;
	if (dladdr(__builtin_return_address(0), &i))
		who = strrchr(i.dli_fname, '/') + 1;
}

void plugin(char *out, size_t size);

void plugin(char *out, size_t size)
{
	void *ctx = SSL_CTX_new(TLS_client_method());
	void *ssl, *none;
	int rc, rc2;

	SSL_CTX_set_info_callback(ctx, info);
	ssl = SSL_new(ctx);
	SSL_set_bio(ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
	rc = SSL_connect(ssl);
	none = SSL_new(ctx); /* without any BIO */
	rc2 = SSL_read(none, out, 1);
	snprintf(out, size, "%s: connect %d error %d, read %d error %d, queue %lx", who, rc,
		 SSL_get_error(ssl, rc), rc2, SSL_get_error(none, rc2), ERR_peek_error());
}
