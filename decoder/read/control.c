/* SPDX-License-Identifier: MIT */
/*
 * control.c - the control section of a region, in place.
 *
 * Unlike everything else here it does not copy the recording: what a live process answers is to be
 * seen at once. The only bytes ever written are the request, what proves it whole, and its number,
 * in this order, so that a request half written is none.
 */
#include "read/control.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "read/impl.h"
#include "read/regions.h"

static bool find_section(struct control *ctl, const struct source *src)
{
	const struct fr_header *h = &ctl->hdr;

	for (uint32_t i = 0; i < h->section_count && i < FR_SECTIONS_MAX; i++) {
		const struct fr_section *s = &h->sections[i];

		if (s->id != FR_SEC_CONTROL || s->size < sizeof(ctl->c) ||
		    s->record_size != sizeof(ctl->c) || s->offset > src->size ||
		    src->size - s->offset < sizeof(ctl->c))
			continue;
		ctl->at = src->base + s->offset;
		return true;
	}
	return false;
}

/* Not in recordings of 0.1.0 and before. */
static void find_settings(struct control *ctl, const struct source *src)
{
	const struct fr_header *h = &ctl->hdr;

	for (uint32_t i = 0; i < h->section_count && i < FR_SECTIONS_MAX; i++) {
		const struct fr_section *s = &h->sections[i];

		if (s->id != FR_SEC_SETTINGS || s->record_size < sizeof(ctl->set[0]) ||
		    s->offset > src->size || s->x_used > src->size - s->offset)
			continue;
		ctl->set_at = src->base + s->offset;
		ctl->set_size = s->record_size;
		ctl->n_set = s->x_used / s->record_size;
		if (ctl->n_set > SETTINGS_MAX)
			ctl->n_set = SETTINGS_MAX;
	}
}

/* The same file or memory again, to be written: the name may mean another one by now. */
static bool open_again(struct control *ctl, const char *spec, struct diag *d)
{
	char path[40];
	int fd;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", ctl->fd);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0) {
		diag_add(d, DIAG_ERROR,
			 "%s: its region cannot be written: %s; only its own user and root may "
			 "change its settings",
			 spec, strerror(errno));
		return false;
	}
	close(ctl->fd);
	ctl->fd = fd;
	return true;
}

static bool check(struct control *ctl, const struct source *src, const char *spec, bool to_write,
		  struct diag *d)
{
	struct fr_header *h = &ctl->hdr;

	if (fr_source_read(src, 0, h, sizeof(*h)) < sizeof(*h) ||
	    memcmp(h->magic, FR_MAGIC, sizeof(h->magic)) || !fr_version_readable(h->version) ||
	    h->byte_order != FR_BYTE_ORDER || !find_section(ctl, src)) {
		diag_add(d, DIAG_ERROR, "%s: no recording with settings that fr %s", spec,
			 "could show or change");
		return false;
	}
	find_settings(ctl, src);
	h->comm[sizeof(h->comm) - 1] = 0;
	if (to_write && !ctl->live) {
		diag_add(d, DIAG_ERROR, "%s: its process is gone: there is nothing to change",
			 spec);
		return false;
	}
	return !to_write || open_again(ctl, spec, d);
}

const struct fr_control *fr_recording_control(const struct recording *rec)
{
	const struct section_view *v = &rec->sec[FR_SEC_CONTROL];

	if (!v->data || v->record_size != sizeof(struct fr_control) ||
	    v->size < sizeof(struct fr_control))
		return NULL;
	return (const struct fr_control *)v->data;
}

static void terminate(struct fr_setting_rec *s)
{
	s->name[sizeof(s->name) - 1] = 0;
	s->text[sizeof(s->text) - 1] = 0;
}

size_t fr_recording_settings(const struct recording *rec, struct fr_setting_rec *set)
{
	const struct section_view *v = &rec->sec[FR_SEC_SETTINGS];
	size_t n = 0;

	if (!v->data || v->record_size < sizeof(*set))
		return 0;
	for (; n < SETTINGS_MAX && n < v->size / v->record_size; n++) {
		memcpy(&set[n], v->data + n * v->record_size, sizeof(*set));
		terminate(&set[n]);
	}
	return n;
}

bool fr_control_open(struct control *ctl, const char *spec, bool to_write, struct diag *d)
{
	struct source src;
	char *path = fr_source_open(&src, spec, d);

	*ctl = (struct control){.fd = -1};
	if (!path)
		return false;
	ctl->fd = src.fd;
	if (fr_source_read(&src, 0, &ctl->hdr, sizeof(ctl->hdr)) == sizeof(ctl->hdr))
		ctl->live = src.kind == RECORDING_LIVE ||
			    fr_region_source(path, &ctl->hdr) == RECORDING_LIVE;
	free(path);
	if (check(ctl, &src, spec, to_write, d) && fr_control_read(ctl))
		return true;
	if (!diag_has(d, DIAG_ERROR))
		diag_add(d, DIAG_ERROR, "%s: cannot be read", spec);
	fr_control_close(ctl);
	return false;
}

static bool read_settings(struct control *ctl)
{
	for (size_t i = 0; i < ctl->n_set; i++) {
		struct fr_setting_rec *s = &ctl->set[i];

		if (pread(ctl->fd, s, sizeof(*s), (off_t)(ctl->set_at + i * ctl->set_size)) !=
		    sizeof(*s))
			return false;
		terminate(s);
	}
	return true;
}

struct fr_setting_rec *fr_control_setting(struct control *ctl, const char *name)
{
	for (size_t i = 0; i < ctl->n_set; i++)
		if (!strcmp(ctl->set[i].name, name))
			return &ctl->set[i];
	return NULL;
}

bool fr_control_read(struct control *ctl)
{
	struct fr_control *c = &ctl->c;

	if (pread(ctl->fd, c, sizeof(*c), (off_t)ctl->at) != sizeof(*c))
		return false;
	if (c->n_rules > FR_RULES_MAX)
		c->n_rules = FR_RULES_MAX;
	for (uint32_t i = 0; i < FR_RULES_MAX; i++)
		c->rules[i].name[sizeof(c->rules[i].name) - 1] = 0;
	return read_settings(ctl);
}

static bool put(const struct control *ctl, uint64_t at, const void *data, size_t size)
{
	return pwrite(ctl->fd, data, size, (off_t)at) == (ssize_t)size;
}

/* The numbers that stand in records of their own. */
static bool put_settings(const struct control *ctl)
{
	for (size_t i = 0; i < ctl->n_set; i++) {
		const struct fr_setting_rec *s = &ctl->set[i];
		uint64_t wanted[2] = {s->x_wanted, fr_setting_seal(s->x_wanted)};

		if (!(s->flags & FR_SETTING_LIVE))
			continue;
		if (!put(ctl,
			 ctl->set_at + i * ctl->set_size +
				 offsetof(struct fr_setting_rec, x_wanted),
			 wanted, sizeof(wanted)))
			return false;
	}
	return true;
}

uint64_t fr_control_write(struct control *ctl, const struct fr_settings *wanted)
{
	uint64_t hash = fr_settings_hash(wanted), request, at = ctl->at;
	struct fr_control now;

	flock(ctl->fd, LOCK_EX); /* two fr ctl at once; not to be had for a process's memory */
	if (pread(ctl->fd, &now, sizeof(now), (off_t)at) != sizeof(now))
		return 0;
	request = now.x_request > now.x_answer ? now.x_request : now.x_answer;
	request++;
	if (!put_settings(ctl) ||
	    !put(ctl, at + offsetof(struct fr_control, wanted), wanted, sizeof(*wanted)) ||
	    !put(ctl, at + offsetof(struct fr_control, hash), &hash, sizeof(hash)) ||
	    !put(ctl, at + offsetof(struct fr_control, x_request), &request, sizeof(request)))
		request = 0;
	flock(ctl->fd, LOCK_UN);
	return request;
}

void fr_control_close(struct control *ctl)
{
	if (ctl->fd >= 0)
		close(ctl->fd);
	ctl->fd = -1;
}
