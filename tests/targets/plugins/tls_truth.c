/* SPDX-License-Identifier: MIT */
/*
 * tls_truth.c - two threads speak TLS over a socket pair and say each call of OpenSSL's they make.
 *
 *   tls_truth CERTIFICATE KEY
 *
 * Built by test_openssl.py against OpenSSL 3, and against the stand-in for 1.1 (ssl11.c). No
 * headers of OpenSSL are needed.
 */
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>

#include "../did.h"

void *TLS_method(void);
void *SSL_CTX_new(void *method);
int SSL_CTX_use_certificate_file(void *ctx, const char *file, int type);
int SSL_CTX_use_PrivateKey_file(void *ctx, const char *file, int type);
void *SSL_new(void *ctx);
int SSL_set_fd(void *ssl, int fd);
long SSL_ctrl(void *ssl, int cmd, long n, void *p);
void SSL_set_connect_state(void *ssl);
int SSL_get_error(const void *ssl, int rc);
int SSL_connect(void *ssl);
int SSL_accept(void *ssl);
int SSL_do_handshake(void *ssl);
int SSL_read(void *ssl, void *buf, int n);
int SSL_write(void *ssl, const void *buf, int n);
int SSL_read_ex(void *ssl, void *buf, size_t n, size_t *done);
int SSL_write_ex(void *ssl, const void *buf, size_t n, size_t *done);

#define PEM 1
#define SET_HOSTNAME 55
#define NAME "truth.example"

static void *context;

static int error_of(const void *ssl)
{
	return rc > 0 ? 0 : SSL_get_error(ssl, rc);
}

static void *on(int fd)
{
	void *ssl = SSL_new(context);

	must(ssl && SSL_set_fd(ssl, fd) == 1, "SSL_set_fd");
	return ssl;
}

#define SHOOK(via, fd, ssl, name)                                                                  \
	DID("tls.handshake", via,                                                                  \
	    "\"fd\":%d,\"ssl\":\"%p\",\"result\":%d,\"ssl_error\":%d,\"name\":\"%s\"", fd, ssl,    \
	    rc, error_of(ssl), name)
#define MOVED(event, via, fd, ssl, size, result)                                                   \
	DID(event, via, "\"fd\":%d,\"ssl\":\"%p\",\"size\":%d,\"result\":%d,\"ssl_error\":%d", fd, \
	    ssl, size, (int)(result), error_of(ssl))

NOINLINE static void *server(void *arg)
{
	int fd = *(int *)arg;
	void *ssl = on(fd);
	char buf[100];
	size_t n = 0;

	rc = CALL(SSL_accept(ssl));
	must(rc == 1, "SSL_accept");
	DID("tls.handshake", "SSL_accept", "\"fd\":%d,\"ssl\":\"%p\",\"result\":1,\"ssl_error\":0",
	    fd, ssl);
	rc = CALL(SSL_read(ssl, buf, 100));
	must(rc == 5 && memcmp(buf, "hello", 5) == 0, "SSL_read");
	MOVED("tls.read", "SSL_read", fd, ssl, 100, rc);
	rc = CALL(SSL_write(ssl, "answer!", 7));
	MOVED("tls.write", "SSL_write", fd, ssl, 7, rc);
	rc = CALL(SSL_read_ex(ssl, buf, 99, &n));
	must(rc == 1 && n == 6, "SSL_read_ex");
	MOVED("tls.read", "SSL_read_ex", fd, ssl, 99, n);
	rc = CALL(SSL_write_ex(ssl, "more of it", 10, &n));
	MOVED("tls.write", "SSL_write_ex", fd, ssl, 10, n);
	rc = CALL(SSL_read(ssl, buf, 98));
	must(rc <= 0, "SSL_read after the end");
	MOVED("tls.read", "SSL_read", fd, ssl, 98, rc);
	rc = CALL(SSL_read_ex(ssl, buf, 97, &n));
	must(rc == 0, "SSL_read_ex after the end");
	MOVED("tls.read", "SSL_read_ex", fd, ssl, 97, -1);
	return NULL;
}

NOINLINE static void client(int fd, int by_state)
{
	void *ssl = on(fd);
	char buf[100];
	size_t n;

	SSL_ctrl(ssl, SET_HOSTNAME, 0, (void *)(uintptr_t)NAME);
	if (by_state) {
		SSL_set_connect_state(ssl);
		rc = CALL(SSL_do_handshake(ssl));
		SHOOK("SSL_do_handshake", fd, ssl, NAME);
	} else {
		rc = CALL(SSL_connect(ssl));
		SHOOK("SSL_connect", fd, ssl, NAME);
	}
	must(rc == 1, "a handshake");
	rc = CALL(SSL_write(ssl, "hello", 5));
	MOVED("tls.write", "SSL_write", fd, ssl, 5, rc);
	rc = CALL(SSL_read(ssl, buf, 50));
	must(rc == 7 && memcmp(buf, "answer!", 7) == 0, "SSL_read");
	MOVED("tls.read", "SSL_read", fd, ssl, 50, rc);
	rc = CALL(SSL_write_ex(ssl, "second", 6, &n));
	MOVED("tls.write", "SSL_write_ex", fd, ssl, 6, n);
	rc = CALL(SSL_read_ex(ssl, buf, 51, &n));
	must(rc == 1 && n == 10, "SSL_read_ex");
	MOVED("tls.read", "SSL_read_ex", fd, ssl, 51, n);
}

int main(int argc, char **argv)
{
	pthread_t t;
	int s[2];

	signal(SIGPIPE, SIG_IGN);
	context = SSL_CTX_new(TLS_method());
	must(argc > 2 && SSL_CTX_use_certificate_file(context, argv[1], PEM) == 1 &&
		     SSL_CTX_use_PrivateKey_file(context, argv[2], PEM) == 1,
	     "certificate and key");
	for (int by_state = 0; by_state < 2; by_state++) {
		must(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0, "socketpair");
		must(pthread_create(&t, NULL, server, &s[1]) == 0, "pthread_create");
		client(s[0], by_state);
		close(s[0]);
		pthread_join(t, NULL);
		close(s[1]);
	}
	return 0;
}
