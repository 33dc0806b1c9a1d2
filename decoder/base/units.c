/* SPDX-License-Identifier: MIT */
/*
 * units.c - numbers as people read them: three digits, a unit, never a false precision.
 */
#include "base/units.h"

#include "base/digits.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

struct unit {
	uint64_t size;
	const char *name;
};

static const struct unit times[] = {
	{1000000000ull, "s"}, {1000000ull, "ms"}, {1000ull, "us"}, {1, "ns"}};
static const struct unit sizes[] = {{1ull << 40, "TiB"},
				    {1ull << 30, "GiB"},
				    {1ull << 20, "MiB"},
				    {1ull << 10, "KiB"},
				    {1, "B"}};

/* Three significant digits, no trailing zeros behind the point. */
static const char *scaled(char *buf, uint64_t v, const struct unit *u)
{
	char digits[FR_DIGITS_MAX + 1], *end = digits + sizeof(digits) - 1, *p = buf;
	uint64_t whole, milli;
	unsigned int len;

	while (v < u->size && u->size > 1)
		u++;
	whole = v / u->size;
	milli = (v % u->size) * 1000 / u->size;
	*end = 0;
	p = stpcpy(p, fr_digits(end, whole));
	len = whole >= 100 || u->size == 1 ? 0 : whole >= 10 ? 1 : 2;
	milli /= len == 2 ? 10 : len == 1 ? 100 : 1000;
	for (; milli && milli % 10 == 0; len--)
		milli /= 10;
	if (milli) {
		*p++ = '.';
		for (unsigned int i = len; i-- > 0; milli /= 10)
			p[i] = (char)('0' + milli % 10);
		p += len;
	}
	*p++ = ' ';
	strcpy(p, u->name);
	return buf;
}

const char *fr_units_ns(char buf[FR_UNITS_LEN], uint64_t ns)
{
	uint64_t s = ns / 1000000000;

	if (s < 600)
		return scaled(buf, ns, times);
	if (s < 7200)
		snprintf(buf, FR_UNITS_LEN, "%" PRIu64 " min %" PRIu64 " s", s / 60, s % 60);
	else
		snprintf(buf, FR_UNITS_LEN, "%" PRIu64 " h %" PRIu64 " min", s / 3600, s / 60 % 60);
	return buf;
}

const char *fr_units_bytes(char buf[FR_UNITS_LEN], uint64_t bytes)
{
	return scaled(buf, bytes, sizes);
}

const char *fr_units_count(char buf[FR_UNITS_LEN], uint64_t n)
{
	char plain[24];
	size_t len = (size_t)snprintf(plain, sizeof(plain), "%" PRIu64, n);
	size_t at = 0;

	for (size_t i = 0; i < len; i++) {
		if (i && (len - i) % 3 == 0)
			buf[at++] = ' ';
		buf[at++] = plain[i];
	}
	buf[at] = 0;
	return buf;
}

/* Digits of V before END, at least MIN of them; where they begin. printf() is too slow here. */
static char *digits(char *end, uint64_t v, int min)
{
	for (; v || min > 0; v /= 10, min--)
		*--end = (char)('0' + v % 10);
	return end;
}

/* Called once a line by `fr events`. */
const char *fr_units_rel(char buf[FR_UNITS_LEN], int64_t ns)
{
	uint64_t v = ns < 0 ? 0 - (uint64_t)ns : (uint64_t)ns;
	char *p = buf + FR_UNITS_LEN;

	*--p = 0;
	*--p = 's';
	p = digits(p, v % 1000000000 / 1000, 6);
	*--p = '.';
	p = digits(p, v / 1000000000, 1);
	*--p = ns < 0 ? '-' : '+';
	return p;
}

const char *fr_units_percent(char buf[FR_UNITS_LEN], uint64_t part, uint64_t whole)
{
	double p = whole ? 100.0 * (double)part / (double)whole : 0;

	snprintf(buf, FR_UNITS_LEN, p >= 10 || p == 0 ? "%.0f %%" : "%.1f %%", p);
	return buf;
}

const char *fr_units_date(char buf[FR_UNITS_LEN], uint64_t real_ns)
{
	time_t s = (time_t)(real_ns / 1000000000);
	char day[24], zone[8];
	struct tm tm;

	if (!localtime_r(&s, &tm) || !strftime(day, sizeof(day), "%Y-%m-%d %H:%M:%S", &tm)) {
		snprintf(buf, FR_UNITS_LEN, "unknown date");
		return buf;
	}
	if (!strftime(zone, sizeof(zone), "%Z", &tm))
		zone[0] = 0;
	snprintf(buf, FR_UNITS_LEN, "%s.%03u %s", day, (unsigned int)(real_ns / 1000000 % 1000),
		 zone);
	return buf;
}

static const char *const errnos[] = {
#define ERRNO(name) [name] = #name,
#include "base/errnos.def"
#undef ERRNO
};

static const char *const signals[] = {
#define SIGNAL(name) [name] = #name,
#include "base/signals.def"
#undef SIGNAL
};

/* NUMBER by one of N names, which has gaps; or as it is. */
static const char *named(char *buf, const char *const *names, size_t n, uint64_t number)
{
	if (number < n && names[number])
		snprintf(buf, FR_UNITS_LEN, "%s", names[number]);
	else
		snprintf(buf, FR_UNITS_LEN, "%" PRIu64, number);
	return buf;
}

const char *fr_units_errno(char buf[FR_UNITS_LEN], uint64_t err)
{
	return named(buf, errnos, sizeof(errnos) / sizeof(*errnos), err);
}

/* Real-time ones as kill -l lists them: numbers of Linux with glibc, wherever the recording is. */
const char *fr_units_signal(char buf[FR_UNITS_LEN], uint64_t signo)
{
	if (signo >= 34 && signo <= 64) {
		snprintf(buf, FR_UNITS_LEN, signo < 50 ? "SIGRTMIN+%d" : "SIGRTMAX-%d",
			 signo < 50 ? (int)signo - 34 : 64 - (int)signo);
		return buf;
	}
	return named(buf, signals, sizeof(signals) / sizeof(*signals), signo);
}
