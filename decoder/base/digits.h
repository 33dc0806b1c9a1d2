/* SPDX-License-Identifier: MIT */
/*
 * digits.h - decimal digits, for what is printed millions of times: printf() is too slow there.
 */
#ifndef FR_BASE_DIGITS_H
#define FR_BASE_DIGITS_H

#include <stdint.h>
#include <string.h>

#define FR_DIGITS_MAX 20u

static const char fr_digit_pairs[] =
	"00010203040506070809101112131415161718192021222324252627282930"
	"31323334353637383940414243444546474849505152535455565758596061"
	"62636465666768697071727374757677787980818283848586878889909192"
	"93949596979899";

/* V in decimal before END; returns where it begins. */
static inline char *fr_digits(char *end, uint64_t v)
{
	for (; v >= 100; v /= 100) {
		end -= 2;
		memcpy(end, fr_digit_pairs + 2 * (v % 100), 2);
	}
	if (v < 10) {
		*--end = (char)('0' + v);
		return end;
	}
	end -= 2;
	memcpy(end, fr_digit_pairs + 2 * v, 2);
	return end;
}

#endif
