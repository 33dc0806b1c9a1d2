/* SPDX-License-Identifier: MIT */
/*
 * ssl11.c - a stand-in for libssl.so.1.1, which today's distributions no longer have: its names and
 * versions (ssl11.map), its results and its order of calls, and plain text on the socket.
 *
 * Built by test_openssl.py. As in the original, SSL_connect and SSL_accept end in SSL_do_handshake,
 * called by its public name.
 */
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

struct ssl {
	int fd;
	int server;
	const char *name;
	int error;
};

#define SSL_ERROR_SYSCALL 5
#define SSL_ERROR_ZERO_RETURN 6

int SSL_do_handshake(struct ssl *s);

void *TLS_method(void)
{
	return NULL;
}

void *SSL_CTX_new(void *method)
{
	(void)method;
	return malloc(1);
}

int SSL_CTX_use_certificate_file(void *ctx, const char *file, int type)
{
	(void)ctx, (void)type;
	return file != NULL;
}

int SSL_CTX_use_PrivateKey_file(void *ctx, const char *file, int type)
{
	(void)ctx, (void)type;
	return file != NULL;
}

struct ssl *SSL_new(void *ctx)
{
	(void)ctx;
	return calloc(1, sizeof(struct ssl));
}

int SSL_set_fd(struct ssl *s, int fd)
{
	s->fd = fd;
	return 1;
}

int SSL_get_fd(const struct ssl *s)
{
	return s->fd;
}

void *SSL_get_rbio(struct ssl *s)
{
	return s;
}

long SSL_ctrl(struct ssl *s, int cmd, long n, void *p)
{
	(void)cmd, (void)n;
	s->name = p;
	return 1;
}

const char *SSL_get_servername(const struct ssl *s, int type)
{
	(void)type;
	return s->name;
}

int SSL_get_error(const struct ssl *s, int rc)
{
	return rc > 0 ? 0 : s->error;
}

void SSL_set_connect_state(struct ssl *s)
{
	s->server = 0;
}

int SSL_do_handshake(struct ssl *s)
{
	char c = 'h';

	if (s->server)
		return read(s->fd, &c, 1) == 1 && write(s->fd, &c, 1) == 1 ? 1 : -1;
	return write(s->fd, &c, 1) == 1 && read(s->fd, &c, 1) == 1 ? 1 : -1;
}

int SSL_connect(struct ssl *s)
{
	s->server = 0;
	return SSL_do_handshake(s);
}

int SSL_accept(struct ssl *s)
{
	s->server = 1;
	return SSL_do_handshake(s);
}

static int moved(struct ssl *s, ssize_t n)
{
	s->error = n == 0 ? SSL_ERROR_ZERO_RETURN : SSL_ERROR_SYSCALL;
	return (int)n;
}

int SSL_read(struct ssl *s, void *buf, int n)
{
	return moved(s, read(s->fd, buf, (size_t)n));
}

int SSL_write(struct ssl *s, const void *buf, int n)
{
	return moved(s, write(s->fd, buf, (size_t)n));
}

int SSL_read_ex(struct ssl *s, void *buf, size_t n, size_t *done)
{
	int rc = moved(s, read(s->fd, buf, n));

	if (rc > 0)
		*done = (size_t)rc;
	return rc > 0;
}

int SSL_write_ex(struct ssl *s, const void *buf, size_t n, size_t *done)
{
	int rc = moved(s, write(s->fd, buf, n));

	if (rc > 0)
		*done = (size_t)rc;
	return rc > 0;
}
