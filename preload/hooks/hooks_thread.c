/* SPDX-License-Identifier: MIT */
/*
 * hooks_thread.c - replacement functions: threads and the end of the process.
 *
 * A new thread starts in thread_main(), which gives it its block and jumps to the host's routine:
 * no frame of ours stays on its stack. Must not: change the attributes the host asked for.
 */
#include <pthread.h>

#include "core/c11.h"
#include "core/real.h"
#include "record/wait.h"
#include "start/init.h"

/* What a new thread needs, handed over outside the creator's stack, which may be gone first. */
struct start {
	atomic_uint used;
	void *(*routine)(void *);
	void *arg;
	struct fr_thread_origin origin;
};
#define STARTS 256u
static FR_BIG struct start starts[STARTS];

static struct start *take_start(void)
{
	static atomic_uint turn;
	uint32_t from = atomic_fetch_add(&turn, 1);

	for (uint32_t i = 0; i < STARTS; i++) {
		struct start *s = &starts[(from + i) % STARTS];

		if (!atomic_exchange_explicit(&s->used, 1, memory_order_acquire))
			return s;
	}
	return NULL;
}

static void free_start(struct start *s)
{
	atomic_store_explicit(&s->used, 0, memory_order_release);
}

/* Apart from thread_main, so that its frame holds nothing and can be left by a jump. */
static __attribute__((noinline)) void begin(struct start *s)
{
	if (fr_self == &fr_thread_none && fr_level_now(FR_CLASS_THREAD) > FR_LEVEL_OFF)
		fr_thread_birth(&s->origin);
	free_start(s);
}

static void *thread_main(void *arg)
{
	struct start *s = arg;
	void *(*routine)(void *) = s->routine;
	void *routine_arg = s->arg;

	begin(s);
	return routine(routine_arg);
}

/* The same for a thread of C11, whose routine returns an int. */
static int thrd_main(void *arg)
{
	struct start *s = arg;
	thrd_start_t routine = (thrd_start_t)(void (*)(void))s->routine;
	void *routine_arg = s->arg;
	struct fr_thread_origin origin = s->origin;

	free_start(s);
	if (fr_self == &fr_thread_none && fr_level_now(FR_CLASS_THREAD) > FR_LEVEL_OFF)
		fr_thread_birth(&origin);
	return routine(routine_arg);
}

static struct fr_thread_origin origin_of(const pthread_attr_t *attr, void *(*routine)(void *),
					 struct fr_site s)
{
	struct fr_thread_origin o = {.routine = (uint64_t)routine};
	struct fr_thread *t = fr_enter();
	size_t size = 0;

	if (attr && pthread_attr_getstacksize(attr, &size) == 0)
		o.stack_size = size;
	if (!t)
		return o;
	o.creator_tid = t->tid;
	o.create_stack = fr_stack_get(t, s);
	fr_leave(t);
	return o;
}

static void record_create(uint64_t handle, const struct fr_thread_origin *o, int rc, uint64_t via)
{
	struct fr_thread *t = fr_enter();

	if (!t)
		return;
	fr_put_cold(t, FR_EV_THREAD_CREATE, FR_TIER_RARE, fr_clock_ticks(), o->create_stack,
		    FR_ARGS(THREAD_CREATE, .handle = handle, .routine = o->routine, .err = rc,
			    .via = via));
	fr_leave(t);
}

FR_HOOK int pthread_create(pthread_t *th, const pthread_attr_t *attr, void *(*routine)(void *),
			   void *arg)
{
	struct fr_thread_origin o;
	struct start *s;
	int rc;

	if (fr_level(FR_CLASS_THREAD) == FR_LEVEL_OFF)
		return FR_REAL(pthread_create)(th, attr, routine, arg);
	o = origin_of(attr, routine, FR_SITE());
	s = take_start();
	if (s) {
		s->routine = routine;
		s->arg = arg;
		s->origin = o;
		rc = FR_REAL(pthread_create)(th, attr, thread_main, s);
		if (rc != 0)
			free_start(s);
	} else {
		rc = FR_REAL(pthread_create)(th, attr, routine, arg);
	}
	record_create(rc == 0 ? (uint64_t)*th : 0, &o, rc, 0);
	return rc;
}

FR_HOOK int thrd_create(thrd_t *th, thrd_start_t routine, void *arg)
{
	struct fr_thread_origin o;
	struct start *s;
	int rc;

	if (fr_level(FR_CLASS_THREAD) == FR_LEVEL_OFF)
		return FR_REAL(thrd_create)(th, routine, arg);
	o = origin_of(NULL, (void *(*)(void *))(void (*)(void))routine, FR_SITE());
	s = take_start();
	if (s) {
		s->routine = (void *(*)(void *))(void (*)(void))routine;
		s->arg = arg;
		s->origin = o;
		rc = FR_REAL(thrd_create)(th, thrd_main, s);
		if (rc != thrd_success)
			free_start(s);
	} else {
		rc = FR_REAL(thrd_create)(th, routine, arg);
	}
	record_create(rc == thrd_success ? (uint64_t)*th : 0, &o, fr_c11_errno(rc),
		      FR_HOOK_thrd_create);
	return rc;
}

/* ---- join ------------------------------------------------------------------------------------ */

struct join {
	enum fr_hook via;
	pthread_t th;
	void *ret; /* void ** of pthread_join, int * of thrd_join; passed on as it came */
	clockid_t clock;
	const struct timespec *until;
};

static int real_join(const struct join *j)
{
	switch (j->via) {
	case FR_HOOK_pthread_tryjoin_np:
		return FR_REAL(pthread_tryjoin_np)(j->th, j->ret);
	case FR_HOOK_pthread_timedjoin_np:
		return FR_REAL(pthread_timedjoin_np)(j->th, j->ret, j->until);
	case FR_HOOK_pthread_clockjoin_np:
		return FR_REAL(pthread_clockjoin_np)(j->th, j->ret, j->clock, j->until);
	case FR_HOOK_thrd_join:
		return fr_c11_errno(FR_REAL(thrd_join)((thrd_t)j->th, j->ret));
	default:
		return FR_REAL(pthread_join)(j->th, j->ret);
	}
}

static int join(const struct join *j, struct fr_site s)
{
	uint64_t via = j->via == FR_HOOK_pthread_join ? 0 : (uint64_t)j->via;
	uint64_t now, dur;
	struct fr_wait w;
	struct fr_thread *t;
	int rc;

	if (fr_level(FR_CLASS_THREAD) == FR_LEVEL_OFF)
		return real_join(j);
	fr_wait_begin(&w, s, j->via, (uint64_t)j->th, 0, 0);
	rc = real_join(j);
	t = fr_wait_end(&w, &now, &dur);
	if (!t)
		return rc;
	fr_put_cold(
		t, FR_EV_THREAD_JOIN, FR_TIER_RARE, now, w.stack,
		FR_ARGS(THREAD_JOIN, .handle = (uint64_t)j->th, .dur = dur, .err = rc, .via = via));
	fr_leave(t);
	return rc;
}

FR_HOOK int pthread_join(pthread_t th, void **ret)
{
	const struct join j = {.via = FR_HOOK_pthread_join, .th = th, .ret = ret};

	return join(&j, FR_SITE());
}

/* NOLINTNEXTLINE(readability-non-const-parameter): the signature is threads.h's */
FR_HOOK int thrd_join(thrd_t th, int *ret)
{
	const struct join j = {.via = FR_HOOK_thrd_join, .th = (pthread_t)th, .ret = ret};

	return fr_c11_result(join(&j, FR_SITE()));
}

FR_HOOK int pthread_tryjoin_np(pthread_t th, void **ret)
{
	const struct join j = {.via = FR_HOOK_pthread_tryjoin_np, .th = th, .ret = ret};

	return join(&j, FR_SITE());
}

FR_HOOK int pthread_timedjoin_np(pthread_t th, void **ret, const struct timespec *until)
{
	const struct join j = {FR_HOOK_pthread_timedjoin_np, th, ret, 0, until};

	return join(&j, FR_SITE());
}

FR_HOOK int pthread_clockjoin_np(pthread_t th, void **ret, clockid_t clock,
				 const struct timespec *until)
{
	const struct join j = {FR_HOOK_pthread_clockjoin_np, th, ret, clock, until};

	return join(&j, FR_SITE());
}

/* ---- names ----------------------------------------------------------------------------------- */

FR_HOOK int pthread_setname_np(pthread_t th, const char *name)
{
	int rc = FR_REAL(pthread_setname_np)(th, name);
	struct fr_thread_rec *rec;
	struct fr_thread *t;
	struct fr_blob blob;

	if (fr_level(FR_CLASS_THREAD) == FR_LEVEL_OFF)
		return rc;
	t = fr_enter();
	if (!t)
		return rc;
	blob = (struct fr_blob){name, (uint32_t)strnlen(name, 16)};
	rec = t->rec->handle == (uint64_t)th ? t->rec : fr_thread_by_handle((uint64_t)th);
	if (rc == 0 && rec)
		fr_thread_rename(rec, name);
	fr_put_cold(t, FR_EV_THREAD_NAME, FR_TIER_RARE, fr_clock_ticks(),
		    fr_stack_get(t, FR_SITE()),
		    FR_ARGS(THREAD_NAME, .handle = (uint64_t)th, .name = &blob, .err = rc));
	fr_leave(t);
	return rc;
}

/* ---- ends that no destructor sees ------------------------------------------------------------ */

FR_HOOK void _exit(int status)
{
	fr_process_end();
	FR_REAL(_exit)(status);
	__builtin_unreachable();
}

FR_HOOK void _Exit(int status)
{
	fr_process_end();
	FR_REAL(_Exit)(status);
	__builtin_unreachable();
}

/* ---- the last moment before the host's own code ---------------------------------------------- */

/*
 * All libraries are up and libc too: here, and not in the constructor, libunwind can be loaded. (A
 * dlopen from an initfirst constructor would run libc's own initialisation as that of a dependency,
 * without argv and environ, for good.) A tail call: no frame of ours under main.
 */
FR_HOOK int __libc_start_main(int (*main_fn)(int, char **, char **), int argc, char **argv,
			      void (*init)(void), void (*fini)(void), void (*rtld_fini)(void),
			      void *stack_end)
{
	fr_process_started();
	return FR_REAL(__libc_start_main)(main_fn, argc, argv, init, fini, rtld_fini, stack_end);
}
