/* SPDX-License-Identifier: MIT */
/*
 * words.h - a number from outside to its word: an array of words by number, which may have gaps.
 */
#ifndef FR_BASE_WORDS_H
#define FR_BASE_WORDS_H

#include <stddef.h>

/* The word of number I; "unknown" where the N words have none. */
static inline const char *fr_words_at(const char *const *words, size_t n, size_t i)
{
	return i < n && words[i] ? words[i] : "unknown";
}

#define FR_WORDS_AT(words, i) fr_words_at(words, sizeof(words) / sizeof((words)[0]), i)

#endif
