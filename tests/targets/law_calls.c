/* SPDX-License-Identifier: MIT */
/*
 * law_calls.c - every hook is called: with errno looked at, with a cancellation pending, and, where
 * it can wait, cancelled while it waits. Prints the same with and without the recorder.
 *
 *   law_calls errno|cases|pending|blocked [PLUGIN]
 *
 * The calls stand in law_quick.def, law_cases.def and law_blocking.def. This file is built as C and
 * as C++, as a program and as a plugin of such a program: where the unwinding of a cancellation
 * must pass, and which unwinder does it, is different each time.
 */
#include "law_cases.h"

#ifdef __cplusplus
#define LANGUAGE "C++"
#else
#define LANGUAGE "C"
#endif

struct row {
	const char *name;
	void (*prepare)(void);
	long (*call)(void);
};

#define CALL(name, preparation, expression)                                                        \
	static void quick_prepare_##name(void)                                                     \
	{                                                                                          \
		(void)(preparation);                                                               \
	}                                                                                          \
	static long quick_##name(void)                                                             \
	{                                                                                          \
		return (long)(expression);                                                         \
	}
#include "law_quick.def"
#undef CALL
#define CALL(name, preparation, expression)                                                        \
	static void blocking_prepare_##name(void)                                                  \
	{                                                                                          \
		(void)(preparation);                                                               \
	}                                                                                          \
	static long blocking_##name(void)                                                          \
	{                                                                                          \
		return (long)(expression);                                                         \
	}
#define CASE(name, which, ...) CALL(name##__##which, __VA_ARGS__)
#include "law_blocking.def"
#undef CALL
#define CALL(name, preparation, expression)                                                        \
	static void case_prepare_##name(void)                                                      \
	{                                                                                          \
		(void)(preparation);                                                               \
	}                                                                                          \
	static long case_##name(void)                                                              \
	{                                                                                          \
		return (long)(expression);                                                         \
	}
#include "law_cases.def"
#undef CASE
#undef CALL

static const struct row quick[] = {
#define CALL(name, preparation, expression) {#name, quick_prepare_##name, quick_##name},
#include "law_quick.def"
#undef CALL
	{NULL, NULL, NULL}};
static const struct row blocking[] = {
#define CALL(name, preparation, expression) {#name, blocking_prepare_##name, blocking_##name},
#define CASE(name, which, ...)                                                                     \
	{#name "/" #which, blocking_prepare_##name##__##which, blocking_##name##__##which},
#include "law_blocking.def"
#undef CASE
#undef CALL
	{NULL, NULL, NULL}};
static const struct row cases[] = {
#define CASE(name, which, ...)                                                                     \
	{#name "/" #which, case_prepare_##name##__##which, case_##name##__##which},
#include "law_cases.def"
#undef CASE
	{NULL, NULL, NULL}};

static void prepare(const struct row *r)
{
	fresh();
	fresh_cases();
	r->prepare();
}

/* Pids, descriptors and addresses differ from run to run: results up to MOST are said. */
static void errno_after(const struct row *r, long most)
{
	long rc;

	prepare(r);
	errno = 77;
	rc = r->call();
	say("%s: %ld errno %d", r->name, rc > most ? most : rc, errno);
}

/* ---- cancelled ------------------------------------------------------------------------------- */

static bool pending; /* the cancellation is there before the call */
static volatile int caller_tid;
static int returned, cleaned, caught, destroyed, held;

static void clean(void *arg)
{
	(void)arg;
	cleaned++;
	held = (pthread_mutex_trylock(&mutex) == EBUSY) + 2 * (mtx_trylock(&mtx) == thrd_busy);
}

#ifdef __cplusplus
struct on_the_way {
	~on_the_way()
	{
		destroyed++;
	}
};

static void call_it(const struct row *r)
{
	try {
		on_the_way o;

		r->call();
	} catch (...) {
		caught++;
		throw;
	}
}
#else
static void call_it(const struct row *r)
{
	r->call();
}
#endif

static void *run(void *arg)
{
	const struct row *r = (const struct row *)arg;
	int old;

	pthread_cleanup_push(clean, NULL);
	if (pending) {
		pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &old);
		pthread_cancel(pthread_self());
		pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &old);
	}
	caller_tid = tid();
	call_it(r);
	returned = 1;
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &old);
	pthread_cleanup_pop(0);
	return NULL;
}

static void cancel_in(const struct row *r)
{
	void *value = NULL;
	pthread_t t;

	prepare(r);
	caller_tid = returned = cleaned = caught = destroyed = held = 0;
	if (pthread_create(&t, NULL, run, (void *)r) != 0)
		broken("pthread_create");
	if (!pending) {
		while (!caller_tid)
			;
		wait_blocked(caller_tid, -1);
		pthread_cancel(t);
	}
	pthread_join(t, &value);
	if ((value == PTHREAD_CANCELED) == returned)
		broken(r->name);
	say("%s: %s, cleaned %d, caught %d, destroyed %d, held %d", r->name,
	    returned ? "returned" : "cancelled", cleaned, caught, destroyed, held);
}

#ifdef __cplusplus
extern "C"
#endif
	int
	law_calls(const char *kind);
int law_calls(const char *kind)
{
	const struct row *r = strcmp(kind, "blocked") == 0 ? blocking
			      : strcmp(kind, "cases") == 0 ? cases
							   : quick;

	say("%s in %s", kind, LANGUAGE);
	set_up();
	pending = strcmp(kind, "pending") == 0;
	if (r == blocking)
		set_up_holder();
	for (; r->name; r++) {
		if (strcmp(kind, "errno") == 0)
			errno_after(r, 99);
		else if (strcmp(kind, "cases") == 0)
			errno_after(r, 200000);
		else
			cancel_in(r);
	}
	tear_down();
	return 0;
}

#ifndef PLUGIN
int main(int argc, char **argv)
{
	int (*of_plugin)(const char *);
	void *h;

	if (argc < 2)
		broken("usage: law_calls errno|cases|pending|blocked [PLUGIN]");
	if (argc < 3)
		return law_calls(argv[1]);
	h = dlopen(argv[2], RTLD_NOW | RTLD_LOCAL);
	if (!h)
		broken(dlerror());
	*(void **)&of_plugin = dlsym(h, "law_calls");
	return of_plugin ? of_plugin(argv[1]) : 1;
}
#endif
