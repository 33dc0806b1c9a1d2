/* SPDX-License-Identifier: MIT */
/*
 * fr.h - what a program can tell the flight recorder about itself: tasks, zones, logs, labels,
 * counters, and "keep this".
 *
 *     #include <fr.h>
 *
 *     fr_label_set("request", id);                  on every event of this thread from here on
 *     fr_zone_begin("parse"); ... fr_zone_end();
 *     if (took_too_long)
 *             fr_snapshot("slow request");          the last seconds go to a file
 *
 * Header-only, C99 and C++98. The one symbol is weak: a program built with this needs no library,
 * and runs unchanged without the recorder; each call is then a load and a branch. With it, a call
 * costs some tens of nanoseconds, takes no lock, and may be made in a signal handler. Nothing here
 * changes errno.
 *
 * Texts are copied at once and cut where they are too long (names and keys 63 bytes, values of logs
 * 319, of labels 159); what was cut is counted in the recording. NULL is the empty text. What you
 * say here stands in the recording: say no secrets.
 */
#ifndef FR_H
#define FR_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The labels and the task of a thread, to be handed to another one. Opaque; may be copied. */
struct fr_labels {
	uint64_t task;
	uint32_t n;
	uint32_t bytes;
	char text[496];
};

/* Version 1. Later ones add functions at the end and raise `size`. */
struct fr_api {
	uint32_t version;
	uint32_t size;
	int (*enabled)(void);
	int (*snapshot)(const char *reason);
	uint64_t (*task_begin)(const char *name);
	void (*task_end)(uint64_t task);
	void (*zone_begin)(const char *name);
	void (*zone_end)(void);
	void (*log)(const char *key, const char *value);
	void (*label_set)(const char *key, const char *value);
	void (*label_get)(struct fr_labels *out);
	void (*label_adopt)(const struct fr_labels *labels);
	void (*counter)(const char *name, int64_t value);
};

/*
 * The recorder's table, or NULL without the recorder. Through the global offset table by hand: a
 * compiler that builds for a fixed address would ask the linker for the address of a weak symbol
 * that is not there, and the linker would write 0 for good.
 */
static inline const struct fr_api *fr_api_get(void)
{
	const struct fr_api *api;

#if defined(__x86_64__) && !defined(__ILP32__)
	__asm__(".weak fr_api_v1\n\tmovq fr_api_v1@GOTPCREL(%%rip), %0" : "=r"(api));
#elif defined(__aarch64__)
	__asm__(".weak fr_api_v1\n\tadrp %0, :got:fr_api_v1\n\t"
		"ldr %0, [%0, #:got_lo12:fr_api_v1]"
		: "=r"(api));
#else
	extern const struct fr_api fr_api_v1 __attribute__((weak));

	api = &fr_api_v1;
#endif
	return api;
}

/* 1 = what is told here is recorded now. To save the work of making up texts, for nothing else. */
static inline int fr_enabled(void)
{
	const struct fr_api *api = fr_api_get();

	return api ? api->enabled() : 0;
}

/* Saves the last seconds; REASON stands in the report. Returns at once. 0 = asked for, -1 = no. */
static inline int fr_snapshot(const char *reason)
{
	const struct fr_api *api = fr_api_get();

	return api ? api->snapshot(reason) : -1;
}

/*
 * A task is a piece of work that may go over several threads: a request, a job. It is a child of
 * the calling thread's current task, and becomes that until it ends. 0 = not recorded.
 */
static inline uint64_t fr_task_begin(const char *name)
{
	const struct fr_api *api = fr_api_get();

	return api ? api->task_begin(name) : 0;
}

/* On any thread. */
static inline void fr_task_end(uint64_t task)
{
	const struct fr_api *api = fr_api_get();

	if (api)
		api->task_end(task);
}

/* A zone is a stretch of one thread's time. Zones nest; begin and end on the same thread. */
static inline void fr_zone_begin(const char *name)
{
	const struct fr_api *api = fr_api_get();

	if (api)
		api->zone_begin(name);
}

/* Ends the innermost zone of this thread. */
static inline void fr_zone_end(void)
{
	const struct fr_api *api = fr_api_get();

	if (api)
		api->zone_end();
}

/* A remark, with the stack it was made at. */
static inline void fr_log(const char *key, const char *value)
{
	const struct fr_api *api = fr_api_get();

	if (api)
		api->log(key, value);
}

/*
 * A label holds for all later events of this thread until it is changed: a request's id, a W3C
 * trace id. An empty VALUE takes it away. At most 8 labels, 496 bytes in all.
 */
static inline void fr_label_set(const char *key, const char *value)
{
	const struct fr_api *api = fr_api_get();

	if (api)
		api->label_set(key, value);
}

/* The labels and the task of this thread ... */
static inline void fr_label_get(struct fr_labels *out)
{
	const struct fr_api *api = fr_api_get();

	out->task = 0;
	out->n = out->bytes = 0;
	if (api)
		api->label_get(out);
}

/* ... become those of this one, instead of its own. */
static inline void fr_label_adopt(const struct fr_labels *labels)
{
	const struct fr_api *api = fr_api_get();

	if (api)
		api->label_adopt(labels);
}

/* A number at this moment: length of a queue, connections open. */
static inline void fr_counter(const char *name, int64_t value)
{
	const struct fr_api *api = fr_api_get();

	if (api)
		api->counter(name, value);
}

/* What these were called once; "region" is the file that everything is recorded into. */
#define fr_region_begin fr_zone_begin
#define fr_region_end fr_zone_end

#ifdef __cplusplus
} /* extern "C" */

namespace fr
{

/* A zone for as long as this object lives. */
class zone
{
      public:
	explicit zone(const char *name)
	{
		fr_zone_begin(name);
	}
	~zone()
	{
		fr_zone_end();
	}

      private:
	zone(const zone &);
	zone &operator=(const zone &);
};
typedef zone region;

/* A task for as long as this object lives. */
class task
{
      public:
	explicit task(const char *name) : id_(fr_task_begin(name))
	{
	}
	~task()
	{
		fr_task_end(id_);
	}
	uint64_t id() const
	{
		return id_;
	}

      private:
	task(const task &);
	task &operator=(const task &);
	uint64_t id_;
};

} /* namespace fr */
#endif

#endif
