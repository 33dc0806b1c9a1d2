/* SPDX-License-Identifier: MIT */
/*
 * levels.c - numbers of classes and levels to words. They come from the recording and may be any.
 */
#include "read/levels.h"

#include "base/words.h"
#include "preload/wire/events.h"

static const char *const classes[] = {
	[FR_CLASS_THREAD] = "thread",     [FR_CLASS_LOCK] = "lock", [FR_CLASS_NET] = "net",
	[FR_CLASS_MEM] = "mem",           [FR_CLASS_IO] = "io",     [FR_CLASS_USER] = "user",
	[FR_CLASS_RECORDER] = "recorder",
};
static const char *const levels[] = {
	[FR_LEVEL_UNBORN] = "unset",    [FR_LEVEL_OFF] = "off",   [FR_LEVEL_SLOW] = "slow",
	[FR_LEVEL_SAMPLED] = "sampled", [FR_LEVEL_FULL] = "full",
};
static const char *const reasons[] = {
	[FR_WHY_ASKED] = "asked",
	[FR_WHY_BUDGET] = "budget",
	[FR_WHY_AGAIN] = "again",
};

const char *fr_word_class(uint32_t klass)
{
	return FR_WORDS_AT(classes, klass);
}

const char *fr_word_level(uint32_t level)
{
	return FR_WORDS_AT(levels, level);
}

const char *fr_word_why(uint32_t why)
{
	return FR_WORDS_AT(reasons, why);
}

const uint8_t *fr_levels_asked(const struct fr_control *c)
{
	return c->asked[0] ? c->asked
			   : c->in_force.levels; /* a file from before there was a budget */
}
