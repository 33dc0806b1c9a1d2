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

static bool is_recorded(void)
{
	return fr_level(FR_CLASS_NET) != FR_LEVEL_OFF;
}

/* ANSWER: an EAI_ code or h_errno, 0 = found. ERR: errno where it says more. */
static void record(const struct fr_wait *w, const char *name, int answer, int err)
{
	struct fr_blob text = fr_host_text(name);
	uint64_t now, dur;
	struct fr_thread *t = fr_call_end(w, &now, &dur);

	if (!t)
		return;
	if (text.size > SHOWN)
		text.size = SHOWN;
	if (FR_LEVEL(FR_CLASS_NET) == FR_LEVEL_FULL || dur >= fr_slow_ticks || answer)
		fr_put_cold(t, FR_EV_DNS_LOOKUP, FR_TIER_RARE, now, w->stack,
			    FR_ARGS(DNS_LOOKUP, .name = &text, .result = answer, .dur = dur,
				    .err = err, .via = w->call));
	fr_leave(t);
}

static FR_ALWAYS_INLINE void begin(struct fr_wait *w, enum fr_hook via, struct fr_site s)
{
	fr_wait_begin(w, s, via, 0, 0, 0);
}

FR_HOOK int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
			struct addrinfo **res)
{
	struct fr_wait w;
	int rc;

	if (!is_recorded())
		return FR_REAL(getaddrinfo)(node, service, hints, res);
	begin(&w, FR_HOOK_getaddrinfo, FR_SITE());
	rc = FR_REAL(getaddrinfo)(node, service, hints, res);
	record(&w, node ? node : service, rc, rc == EAI_SYSTEM ? errno : 0);
	return rc;
}

FR_HOOK int getnameinfo(const struct sockaddr *addr, socklen_t len, char *host, socklen_t hostlen,
			char *serv, socklen_t servlen, int flags)
{
	struct fr_wait w;
	int rc;

	if (!is_recorded())
		return FR_REAL(getnameinfo)(addr, len, host, hostlen, serv, servlen, flags);
	begin(&w, FR_HOOK_getnameinfo, FR_SITE());
	rc = FR_REAL(getnameinfo)(addr, len, host, hostlen, serv, servlen, flags);
	record(&w, rc == 0 && host && hostlen ? host : NULL, rc, rc == EAI_SYSTEM ? errno : 0);
	return rc;
}

/* ---- the old calls --------------------------------------------------------------------------- */

static int herr_of(const struct hostent *h, int herr)
{
	return h ? 0 : herr;
}

FR_HOOK struct hostent *gethostbyname(const char *name)
{
	struct hostent *h;
	struct fr_wait w;

	if (!is_recorded())
		return FR_REAL(gethostbyname)(name);
	begin(&w, FR_HOOK_gethostbyname, FR_SITE());
	h = FR_REAL(gethostbyname)(name);
	record(&w, name, herr_of(h, h_errno), 0);
	return h;
}

FR_HOOK struct hostent *gethostbyname2(const char *name, int family)
{
	struct hostent *h;
	struct fr_wait w;

	if (!is_recorded())
		return FR_REAL(gethostbyname2)(name, family);
	begin(&w, FR_HOOK_gethostbyname2, FR_SITE());
	h = FR_REAL(gethostbyname2)(name, family);
	record(&w, name, herr_of(h, h_errno), 0);
	return h;
}

FR_HOOK struct hostent *gethostbyaddr(const void *addr, socklen_t len, int family)
{
	struct hostent *h;
	struct fr_wait w;

	if (!is_recorded())
		return FR_REAL(gethostbyaddr)(addr, len, family);
	begin(&w, FR_HOOK_gethostbyaddr, FR_SITE());
	h = FR_REAL(gethostbyaddr)(addr, len, family);
	record(&w, h ? h->h_name : NULL, herr_of(h, h_errno), 0);
	return h;
}

/*
 * The reentrant forms give ERANGE for a buffer that is too small: the caller comes again, and
 * h_errno then says NETDB_INTERNAL. A bad *herr would have killed the host inside the real call.
 */
FR_HOOK int gethostbyname_r(const char *name, struct hostent *ret, char *buf, size_t size,
			    struct hostent **result, int *herr)
{
	struct fr_wait w;
	int rc;

	if (!is_recorded())
		return FR_REAL(gethostbyname_r)(name, ret, buf, size, result, herr);
	begin(&w, FR_HOOK_gethostbyname_r, FR_SITE());
	rc = FR_REAL(gethostbyname_r)(name, ret, buf, size, result, herr);
	record(&w, name, herr_of(*result, *herr), rc);
	return rc;
}

FR_HOOK int gethostbyname2_r(const char *name, int family, struct hostent *ret, char *buf,
			     size_t size, struct hostent **result, int *herr)
{
	struct fr_wait w;
	int rc;

	if (!is_recorded())
		return FR_REAL(gethostbyname2_r)(name, family, ret, buf, size, result, herr);
	begin(&w, FR_HOOK_gethostbyname2_r, FR_SITE());
	rc = FR_REAL(gethostbyname2_r)(name, family, ret, buf, size, result, herr);
	record(&w, name, herr_of(*result, *herr), rc);
	return rc;
}

FR_HOOK int gethostbyaddr_r(const void *addr, socklen_t len, int family, struct hostent *ret,
			    char *buf, size_t size, struct hostent **result, int *herr)
{
	struct fr_wait w;
	int rc;

	if (!is_recorded())
		return FR_REAL(gethostbyaddr_r)(addr, len, family, ret, buf, size, result, herr);
	begin(&w, FR_HOOK_gethostbyaddr_r, FR_SITE());
	rc = FR_REAL(gethostbyaddr_r)(addr, len, family, ret, buf, size, result, herr);
	record(&w, *result ? (*result)->h_name : NULL, herr_of(*result, *herr), rc);
	return rc;
}
