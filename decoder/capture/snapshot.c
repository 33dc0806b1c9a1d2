/* SPDX-License-Identifier: MIT */
/*
 * snapshot.c - fr snapshot: what a live process has recorded, into a file, from outside.
 *
 * Neither a signal nor the process's help is needed: the reader has copied the region, chunk by
 * chunk, and what it holds is written down in the same format. So it works for a stopped or hung
 * process as well. The region of a dead process is packed the same way, without a trigger.
 *
 * The file has mode 0600 from its first byte and gets its name when it is complete.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/output.h"
#include "capture/image.h"
#include "exporters/exporters.h"

struct part {
	const void *data;
	uint64_t size;
};

/* The file as it will be: the header and, in the order of the section table, what follows it. */
struct image {
	struct fr_header hdr;
	struct part parts[FR_SECTIONS_MAX];
	struct fr_trigger trigger;
	struct fr_clock_pair clocks[FR_CLOCK_PAIRS];
	struct fr_task_rec *tasks;
	size_t n_tasks;
};

/* ---- time ------------------------------------------------------------------------------------ */

/*
 * The last tick that is not after NS: fr_recording_ns() rises. Ticks are numbers and no array, so
 * this halving is not fr_search().
 */
static uint64_t ticks_at(const struct recording *rec, uint64_t ns)
{
	uint64_t lo = 0, hi = UINT64_MAX >> 8;

	while (lo < hi) {
		uint64_t mid = lo + (hi - lo + 1) / 2;

		if (fr_recording_ns(rec, mid) <= ns)
			lo = mid;
		else
			hi = mid - 1;
	}
	return lo;
}

/*
 * The process may have been stopped for hours: a clock pair of now says how long. It lies on the
 * line through the pairs that are there, for fr cannot know the process's clock any better.
 */
static void add_clock_pair(struct image *im, const struct recording *rec)
{
	const struct section_view *v = &rec->sec[FR_SEC_CLOCKS];
	struct fr_clock_pair *oldest = im->clocks;
	uint64_t last = 0;

	if (v->data)
		memcpy(im->clocks, v->data,
		       v->size < sizeof(im->clocks) ? v->size : sizeof(im->clocks));
	for (size_t i = 0; i < FR_CLOCK_PAIRS; i++) {
		if (im->clocks[i].x_seq < oldest->x_seq)
			oldest = &im->clocks[i];
		if (im->clocks[i].x_seq > last)
			last = im->clocks[i].x_seq;
	}
	*oldest = (struct fr_clock_pair){.raw = im->trigger.ticks << (rec->hdr.tick_shift & 63),
					 .mono_ns = rec->end_ns,
					 .real_ns = im->trigger.real_ns,
					 .x_seq = last + 1};
}

/* ---- the image ------------------------------------------------------------------------------- */

static void add_section(struct image *im, uint64_t *at, uint32_t id, uint32_t record_size,
			struct part p)
{
	uint32_t n = im->hdr.section_count++;

	im->parts[n] = p;
	im->hdr.sections[n] = (struct fr_section){id, record_size, *at, p.size, p.size};
	*at += (p.size + 7) & ~7ull;
}

static void make_trigger(struct image *im, const struct recording *rec)
{
	im->trigger = rec->trigger;
	im->trigger.kind = FR_TRIGGER_LIVE;
	im->trigger.ticks = ticks_at(rec, rec->end_ns);
	im->trigger.number = (uint32_t)rec->hdr.x_snapshots + 1;
	strcpy(im->trigger.reason, "fr snapshot");
}

static void gather_tasks(struct image *im, const struct recording *rec)
{
	im->tasks = fr_mem_alloc((rec->n_threads + 1) * sizeof(*im->tasks));
	for (size_t i = 0; i < rec->n_threads; i++) {
		struct fr_task_rec *t = &im->tasks[im->n_tasks];

		if (!rec->threads[i].task.known)
			continue;
		*t = rec->threads[i].task;
		t->seq = (uint16_t)(rec->threads[i].r.st_seq + rec->threads[i].ran);
		im->n_tasks++;
	}
}

static void make_image(struct image *im, const struct recording *rec)
{
	bool live = rec->source == RECORDING_LIVE;
	uint64_t at = FR_HEADER_SIZE;

	im->hdr = rec->hdr;
	im->hdr.section_count = 0;
	memset(im->hdr.sections, 0, sizeof(im->hdr.sections));
	if (live) {
		im->hdr.x_state = FR_STATE_FROZEN;
		make_trigger(im, rec);
		add_clock_pair(im, rec);
	}
	for (uint32_t id = 1; id < sizeof(rec->sec) / sizeof(rec->sec[0]); id++) {
		const struct section_view *v = &rec->sec[id];
		struct part p = {v->data, v->size};

		if (!v->data || (live && (id == FR_SEC_TRIGGER || id == FR_SEC_TASKS)) ||
		    im->hdr.section_count == FR_SECTIONS_MAX - 2)
			continue;
		if (live && id == FR_SEC_CLOCKS)
			p = (struct part){im->clocks, sizeof(im->clocks)};
		add_section(im, &at, id, v->record_size, p);
	}
	if (!live)
		return;
	gather_tasks(im, rec);
	if (im->n_tasks)
		add_section(im, &at, FR_SEC_TASKS, sizeof(*im->tasks),
			    (struct part){im->tasks, im->n_tasks * sizeof(*im->tasks)});
	add_section(im, &at, FR_SEC_TRIGGER, sizeof(im->trigger),
		    (struct part){&im->trigger, sizeof(im->trigger)});
}

/* ---- the file -------------------------------------------------------------------------------- */

static bool put(int fd, const void *data, uint64_t size)
{
	const char *p = data;

	while (size) {
		ssize_t n = write(fd, p, size < 1u << 30 ? size : 1u << 30);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		p += n;
		size -= (uint64_t)n;
	}
	return true;
}

static bool put_image(int fd, const struct image *im)
{
	static const char zeros[FR_HEADER_SIZE];

	if (!put(fd, &im->hdr, sizeof(im->hdr)) ||
	    !put(fd, zeros, FR_HEADER_SIZE - sizeof(im->hdr)))
		return false;
	for (uint32_t i = 0; i < im->hdr.section_count; i++) {
		const struct part *p = &im->parts[i];

		if (!put(fd, p->data, p->size) || !put(fd, zeros, -p->size & 7))
			return false;
	}
	return true;
}

/* fr-<comm>-<pid>-<n>.frd, as the recorder names them, with the first N that is free here. */
static char *free_name(const struct fr_header *h)
{
	char comm[sizeof(h->comm)], *name = NULL;
	struct stat st;

	memcpy(comm, h->comm, sizeof(comm));
	for (char *c = comm; *c; c++) {
		if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-+",
			    *c))
			*c = '_';
	}
	for (unsigned int n = 1; n < 100000; n++) {
		free(name);
		if (asprintf(&name, "fr-%s-%u-%u.frd", comm, h->pid, n) < 0)
			return NULL;
		if (lstat(name, &st)) /* a link that leads nowhere is there, too */
			break;
	}
	return name;
}

static bool write_file(const char *path, const struct image *im, struct diag *d)
{
	struct output file;
	const char *why;
	bool ok;

	if (!fr_output_open(&file, path, 0600, &why)) {
		diag_add(d, DIAG_ERROR, "%s: cannot be written: %s", path, why);
		return false;
	}
	ok = put_image(file.fd, im);
	if (!ok)
		diag_add(d, DIAG_ERROR, "%s: cannot be written: %s", path, fr_output_why(errno));
	if (close(file.fd) && ok) {
		ok = false;
		diag_add(d, DIAG_ERROR, "%s: cannot be written: %s", path, strerror(errno));
	}
	if (!fr_output_end(&file, ok) && ok) {
		ok = false;
		diag_add(d, DIAG_ERROR, "%s: cannot be written: %s", path, strerror(errno));
	}
	return ok;
}

int fr_image_save(struct call *c)
{
	struct image *im = fr_mem_alloc(sizeof(*im));
	char *path;
	bool ok;

	make_image(im, c->rec);
	path = c->opt->file ? fr_mem_strndup(c->opt->file, strlen(c->opt->file))
			    : free_name(&c->rec->hdr);
	ok = path && write_file(path, im, c->diag);
	if (ok)
		fprintf(c->out, "%s\n", path);
	free(path);
	free(im->tasks);
	free(im);
	return ok ? FR_EXIT_OK : FR_EXIT_ERROR;
}

int fr_cmd_snapshot(struct call *c)
{
	if (c->rec->source == RECORDING_FILE) {
		diag_add(c->diag, DIAG_ERROR, "%s is a snapshot already", c->spec);
		return FR_EXIT_ERROR;
	}
	return fr_image_save(c);
}
