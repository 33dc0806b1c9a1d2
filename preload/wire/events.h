/* SPDX-License-Identifier: MIT */
/*
 * events.h - events.def and drops.def as enumerations, for the recorder and the decoder.
 *
 * FR_A_MUTEX_LOCK_lock is the place of the argument `lock` of the event MUTEX_LOCK, in its row and
 * in what a reader gets: nobody counts commas. FR_A_..._none is -1, for tables in which an event
 * has no such argument.
 */
#ifndef FR_EVENTS_H
#define FR_EVENTS_H

#define EVENT(id, NAME, ...) FR_EV_##NAME = id,
enum fr_event {
#include "events.def"
	FR_EV_MAX = 127
};
#undef EVENT

#define EVENT(...) +1
enum {
	FR_EVENTS = 0
#include "events.def"
};
#undef EVENT

/* FR_EACH_ARG(F, X, ARG(type, name)...) is F(X, (type, name)) of each of up to eight. */
#define ARG(type, name) (type, name)
#define FR_ARG_TYPE(type, name) type
#define FR_ARG_NAME(type, name) name
#define FR_EACH_ARG(F, X, ...)                                                                     \
	FR_EACH_PICK(__VA_ARGS__, FR_EACH_8, FR_EACH_7, FR_EACH_6, FR_EACH_5, FR_EACH_4,           \
		     FR_EACH_3, FR_EACH_2, FR_EACH_1, 0)                                           \
	(F, X, __VA_ARGS__)
#define FR_EACH_PICK(a1, a2, a3, a4, a5, a6, a7, a8, pick, ...) pick
#define FR_EACH_1(F, X, a) F(X, a)
#define FR_EACH_2(F, X, a, ...) F(X, a) FR_EACH_1(F, X, __VA_ARGS__)
#define FR_EACH_3(F, X, a, ...) F(X, a) FR_EACH_2(F, X, __VA_ARGS__)
#define FR_EACH_4(F, X, a, ...) F(X, a) FR_EACH_3(F, X, __VA_ARGS__)
#define FR_EACH_5(F, X, a, ...) F(X, a) FR_EACH_4(F, X, __VA_ARGS__)
#define FR_EACH_6(F, X, a, ...) F(X, a) FR_EACH_5(F, X, __VA_ARGS__)
#define FR_EACH_7(F, X, a, ...) F(X, a) FR_EACH_6(F, X, __VA_ARGS__)
#define FR_EACH_8(F, X, a, ...) F(X, a) FR_EACH_7(F, X, __VA_ARGS__)
#define FR_PASTE(a, b) FR_PASTE_(a, b)
#define FR_PASTE_(a, b) a##b
#define FR_PASTE4(a, b, c, d) FR_PASTE4_(a, b, c, d)
#define FR_PASTE4_(a, b, c, d) a##b##c##d

#define FR_ARG_PLACE(NAME, arg) FR_PASTE4(FR_A_, NAME, _, FR_ARG_NAME arg),
#define EVENT(id, NAME, text, klass, tier, n_short, ...)                                           \
	enum { FR_A_##NAME##_none = -1, FR_EACH_ARG(FR_ARG_PLACE, NAME, __VA_ARGS__) };
#include "events.def"
#undef EVENT

/* Argument `why` of the event LEVEL. */
enum fr_level_why {
	FR_WHY_ASKED = 0, /* from outside */
	FR_WHY_BUDGET = 1, /* recording cost more than FR_BUDGET */
	FR_WHY_AGAIN = 2, /* lowered before, and tried again */
};

#define DROP(id, NAME, ...) FR_DROP_##NAME = id,
enum fr_drop {
#include "drops.def"
	FR_DROP_MAX
};
#undef DROP
#undef ARG

#endif
