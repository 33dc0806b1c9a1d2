/* SPDX-License-Identifier: MIT */
/*
 * hooks_dns.c - replacement functions: names into addresses and back.
 *
 * libc asks the servers by calls of its own that nobody can stand in front of: a lookup is one
 * event with the name, the time and the answer. The names are those that the host asked for or,
 * backwards, was given.
 *
 * Context: ordinary calls of the host: they lock and allocate by themselves, so nobody makes them
 * in a signal handler. Must not: look at a result that the call did not give.
 */
#include <arpa/inet.h>
#include <netdb.h>
#include <string.h>

#include "core/real.h"
#include "record/host.h"
#include "record/wait.h"

#define SHOWN 64u /* bytes of a name */

struct lookup {
	struct fr_wait w;
	enum fr_hook via;
};

static bool watched(void)
{
	return fr_level(FR_CLASS_NET) != FR_LEVEL_OFF;
}

/* ANSWER: an EAI_ code or h_errno, 0 = found. ERR: errno where it says more. */
static void record(const struct lookup *l, const char *name, int answer, int err)
{
	struct fr_blob text = fr_host_text(name);
	uint64_t now, dur;
	struct fr_thread *t = fr_call_end(&l->w, &now, &dur);

	if (!t)
		return;
	if (text.size > SHOWN)
		text.size = SHOWN;
	if (FR_LEVEL(FR_CLASS_NET) == FR_LEVEL_FULL || dur >= fr_slow_ticks || answer)
		fr_put_cold(t, FR_EV_DNS_LOOKUP, FR_TIER_RARE, now, l->w.stack,
			    FR_ARGS(DNS_LOOKUP, .name = &text, .result = answer, .dur = dur,
				    .err = err, .via = l->via));
	fr_leave(t);
}

#define BEGIN(l, fn)                                                                               \
	do {                                                                                       \
		(l).via = FR_HOOK_##fn;                                                            \
		fr_wait_begin(&(l).w, FR_SITE(), FR_HOOK_##fn, 0, 0, 0);                           \
	} while (0)

FR_HOOK int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
			struct addrinfo **res)
{
	struct lookup l;
	int rc;

	if (!watched())
		return FR_REAL(getaddrinfo)(node, service, hints, res);
	BEGIN(l, getaddrinfo);
	rc = FR_REAL(getaddrinfo)(node, service, hints, res);
	record(&l, node ? node : service, rc, rc == EAI_SYSTEM ? errno : 0);
	return rc;
}

FR_HOOK int getnameinfo(const struct sockaddr *addr, socklen_t len, char *host, socklen_t hostlen,
			char *serv, socklen_t servlen, int flags)
{
	struct lookup l;
	int rc;

	if (!watched())
		return FR_REAL(getnameinfo)(addr, len, host, hostlen, serv, servlen, flags);
	BEGIN(l, getnameinfo);
	rc = FR_REAL(getnameinfo)(addr, len, host, hostlen, serv, servlen, flags);
	record(&l, rc == 0 && host && hostlen ? host : NULL, rc, rc == EAI_SYSTEM ? errno : 0);
	return rc;
}

/* ---- the old calls
 * ------------------------------------------------------------------------------- */

static int herr_of(const struct hostent *h, int herr)
{
	return h ? 0 : herr;
}

FR_HOOK struct hostent *gethostbyname(const char *name)
{
	struct hostent *h;
	struct lookup l;

	if (!watched())
		return FR_REAL(gethostbyname)(name);
	BEGIN(l, gethostbyname);
	h = FR_REAL(gethostbyname)(name);
	record(&l, name, herr_of(h, h_errno), 0);
	return h;
}

FR_HOOK struct hostent *gethostbyname2(const char *name, int family)
{
	struct hostent *h;
	struct lookup l;

	if (!watched())
		return FR_REAL(gethostbyname2)(name, family);
	BEGIN(l, gethostbyname2);
	h = FR_REAL(gethostbyname2)(name, family);
	record(&l, name, herr_of(h, h_errno), 0);
	return h;
}

FR_HOOK struct hostent *gethostbyaddr(const void *addr, socklen_t len, int family)
{
	struct hostent *h;
	struct lookup l;

	if (!watched())
		return FR_REAL(gethostbyaddr)(addr, len, family);
	BEGIN(l, gethostbyaddr);
	h = FR_REAL(gethostbyaddr)(addr, len, family);
	record(&l, h ? h->h_name : NULL, herr_of(h, h_errno), 0);
	return h;
}

/*
 * The reentrant forms give ERANGE for a buffer that is too small: the caller comes again, and
 * h_errno then says NETDB_INTERNAL. A bad *herr would have killed the host inside the real call.
 */
FR_HOOK int gethostbyname_r(const char *name, struct hostent *ret, char *buf, size_t size,
			    struct hostent **result, int *herr)
{
	struct lookup l;
	int rc;

	if (!watched())
		return FR_REAL(gethostbyname_r)(name, ret, buf, size, result, herr);
	BEGIN(l, gethostbyname_r);
	rc = FR_REAL(gethostbyname_r)(name, ret, buf, size, result, herr);
	record(&l, name, herr_of(*result, *herr), rc);
	return rc;
}

FR_HOOK int gethostbyname2_r(const char *name, int family, struct hostent *ret, char *buf,
			     size_t size, struct hostent **result, int *herr)
{
	struct lookup l;
	int rc;

	if (!watched())
		return FR_REAL(gethostbyname2_r)(name, family, ret, buf, size, result, herr);
	BEGIN(l, gethostbyname2_r);
	rc = FR_REAL(gethostbyname2_r)(name, family, ret, buf, size, result, herr);
	record(&l, name, herr_of(*result, *herr), rc);
	return rc;
}

FR_HOOK int gethostbyaddr_r(const void *addr, socklen_t len, int family, struct hostent *ret,
			    char *buf, size_t size, struct hostent **result, int *herr)
{
	struct lookup l;
	int rc;

	if (!watched())
		return FR_REAL(gethostbyaddr_r)(addr, len, family, ret, buf, size, result, herr);
	BEGIN(l, gethostbyaddr_r);
	rc = FR_REAL(gethostbyaddr_r)(addr, len, family, ret, buf, size, result, herr);
	record(&l, *result ? (*result)->h_name : NULL, herr_of(*result, *herr), rc);
	return rc;
}
