/* SPDX-License-Identifier: MIT */
/*
 * preload_env.c - see preload_env.h.
 *
 * The components of others stay, in their order; where ours was alone the variable goes. The copy
 * is one array of pointers to the host's own texts and, behind it, the new texts of LD_PRELOAD. It
 * lies on the caller's stack, because a vfork child shares its parent's memory: a mapping would be
 * left there for good when exec succeeds. Only where the stack has no room it is mapped.
 *
 * Context: as loader_fit.c. Must not: allocate, follow a pointer that the kernel could not, change
 * the host's environment.
 */
#include "host/preload_env.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "core/config.h"
#include "core/say.h"
#include "core/sys.h"
#include "core/text.h"
#include "record/host.h"
#include "record/thread.h"
#include "record/wait.h"

#define NAME "LD_PRELOAD="
#define NAME_LEN (sizeof(NAME) - 1)
#define SMALL_STACK 4096u /* where its bounds are not known */

/* ---- reading --------------------------------------------------------------------------------- */

#define NO_PAGE UINTPTR_MAX

/* May these bytes be read? The kernel is asked once for each page in a row: GOOD, NO_PAGE first. */
static bool may_read(uintptr_t *good, const void *p, size_t n)
{
	uintptr_t lo = (uintptr_t)p / FR_PAGE, hi = ((uintptr_t)p + n - 1) / FR_PAGE;

	if (lo == *good && hi == *good)
		return true;
	if (!fr_wait_readable(p, n))
		return false;
	*good = hi;
	return true;
}

static bool is_preload(uintptr_t *good, const char *s)
{
	for (size_t i = 0; i < NAME_LEN; i++) {
		if (!may_read(good, s + i, 1) || s[i] != NAME[i])
			return false;
	}
	return true;
}

/* Length of the text, or SIZE_MAX: it leads out of memory. */
static size_t length(uintptr_t *good, const char *s)
{
	size_t n = 0;

	while (may_read(good, s + n, 1)) {
		if (!s[n])
			return n;
		n++;
	}
	return SIZE_MAX;
}

/* As the loaders separate. */
static size_t component(const char *s)
{
	return strcspn(s, ": \t\n");
}

static bool names_us(const char *value)
{
	for (size_t n; *value; value += n + (value[n] != '\0')) {
		n = component(value);
		if (n && fr_fit_is_us(value, n))
			return true;
	}
	return false;
}

/* ---- the copy -------------------------------------------------------------------------------- */

static bool room_on_stack(size_t size)
{
	const struct fr_thread *t = fr_self;
	uintptr_t here = (uintptr_t)__builtin_frame_address(0);

	if (here > t->stack_lo && here < t->stack_hi)
		return size <= (here - t->stack_lo) / 4;
	return size <= SMALL_STACK;
}

/* Is there an LD_PRELOAD with us? And how big would a copy be? */
static bool measure(struct fr_env *e)
{
	uintptr_t good = NO_PAGE, good_text = NO_PAGE;
	size_t n = 0, text = 0, len;
	bool ours = false;

	for (; may_read(&good, &e->envp[n], sizeof(*e->envp)); n++) {
		if (!e->envp[n]) {
			e->size = (n + 1) * sizeof(*e->envp) + text;
			return ours;
		}
		if (!is_preload(&good_text, e->envp[n]))
			continue;
		len = length(&good_text, e->envp[n]);
		if (len == SIZE_MAX)
			break;
		text += len + 1;
		ours |= names_us(e->envp[n] + NAME_LEN);
	}
	return false; /* the kernel will answer with EFAULT */
}

static void say(const struct fr_program *p)
{
	struct fr_blob name = fr_host_text(p->path);
	char path[FR_PATH_SHOWN + 1];
	struct fr_text t = fr_text_on(path, sizeof(path));

	fr_text_bytes(&t, name.data, name.size);
	fr_say("not recorded, its loader cannot take libfr.so: ", path, "");
}

struct fr_env fr_env_prepare(const struct fr_program *p, char *const *envp)
{
	struct fr_env e = {.envp = envp};

	if (!measure(&e) || fr_fit_takes_us(p)) {
		e.size = 0;
		return e;
	}
	if (fr_config.verbose)
		say(p);
	if (room_on_stack(e.size))
		e.on_stack = e.size;
	return e;
}

/* The variable without us, at TO; its end, or TO: nothing of it is left. */
static char *without_us(char *to, const char *var)
{
	const char *value = var + NAME_LEN;
	char *at = to;

	for (size_t n; *value; value += n + (value[n] != '\0')) {
		n = component(value);
		if (!n || fr_fit_is_us(value, n))
			continue;
		if (at == to)
			at = mempcpy(at, NAME, NAME_LEN);
		else
			*at++ = ':';
		at = mempcpy(at, value, n);
	}
	if (at > to)
		*at++ = '\0';
	return at;
}

static char *const *copy(const struct fr_env *e, void *room)
{
	char **out = room, *text;
	uintptr_t good = NO_PAGE;
	size_t n = 0, k = 0;

	while (e->envp[n])
		n++;
	text = (char *)(out + n + 1);
	for (size_t i = 0; i < n; i++) {
		char *end = text;

		if (is_preload(&good, e->envp[i]))
			end = without_us(text, e->envp[i]);
		else
			out[k++] = e->envp[i];
		if (end > text)
			out[k++] = text;
		text = end;
	}
	out[k] = NULL;
	return out;
}

char *const *fr_env_for(struct fr_env *e, char *room)
{
	char *at = room + (-(uintptr_t)room & (FR_ENV_ALIGN - 1));

	if (!e->size)
		return e->envp;
	if (e->on_stack)
		return copy(e, at);
	e->map = fr_sys_mmap(e->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	return e->map ? copy(e, e->map) : e->envp;
}

void fr_env_end(struct fr_env *e)
{
	if (e->map)
		fr_sys_munmap(e->map, e->size);
}
