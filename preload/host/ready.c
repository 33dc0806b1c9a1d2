/* SPDX-License-Identifier: MIT */
/*
 * ready.c - see ready.h.
 */
#include "host/ready.h"

#include "core/text.h"
#include "record/wait.h"

/* A number of 64 bits, the letters, a comma and the end. */
#define ONE_MAX 26u

static bool wants_more(const struct fr_ready *out)
{
	return out->left > 0 && out->blob.size + ONE_MAX <= sizeof(out->text);
}

static void add(struct fr_ready *out, uint64_t number, const char *letters)
{
	struct fr_text t = {out->text, out->blob.size, sizeof(out->text)};

	fr_text_str(&t, t.n ? "," : "");
	fr_text_num(&t, number, 10);
	fr_text_str(&t, letters);
	out->blob.size = (uint32_t)t.n;
	out->left--;
}

/* The bits of poll and epoll are the same. */
static void add_polled(struct fr_ready *out, uint64_t number, uint32_t bits)
{
	char letters[4], *p = letters;

	if (bits & (POLLIN | POLLPRI | POLLRDNORM | POLLRDBAND))
		*p++ = 'r';
	if (bits & (POLLOUT | POLLWRNORM | POLLWRBAND))
		*p++ = 'w';
	if (bits & (POLLHUP | POLLERR | POLLNVAL | POLLRDHUP))
		*p++ = 'h';
	*p = '\0';
	add(out, number, letters);
}

static void add_polls(struct fr_ready *out, const struct pollfd *fds, size_t n)
{
	__asm__("" : "+r"(fds)); /* in and out, whatever poll.h tells the compiler */
	for (size_t i = 0; i < n && wants_more(out); i++) {
		if (fds[i].revents)
			add_polled(out, (uint64_t)fds[i].fd, (uint16_t)fds[i].revents);
	}
}

/* The kernel looks at no more of it than this process can have descriptors: N may be nonsense. */
static void add_set(struct fr_ready *out, const fd_set *set, size_t n, const char *letter)
{
	size_t words = (n + NFDBITS - 1) / NFDBITS;

	if (!set || !fr_wait_readable(set, words * sizeof(fd_mask)))
		return;
	for (size_t i = 0; i < words && wants_more(out); i++) {
		unsigned long bits = (unsigned long)__FDS_BITS(set)[i];

		for (; bits && wants_more(out); bits &= bits - 1)
			add(out, i * NFDBITS + (unsigned int)__builtin_ctzl(bits), letter);
	}
}

void fr_ready_list(struct fr_ready *out, const struct fr_asked *a, int result)
{
	out->blob = (struct fr_blob){out->text, 0};
	out->left = result;
	if (result <= 0)
		return;
	if (a->fds)
		add_polls(out, a->fds, a->n);
	for (int i = 0; a->events && i < result && wants_more(out); i++)
		add_polled(out, a->events[i].data.u64, a->events[i].events);
	add_set(out, a->r, a->n, "r");
	add_set(out, a->w, a->n, "w");
	add_set(out, a->x, a->n, "x");
}
