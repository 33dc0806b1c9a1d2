/* SPDX-License-Identifier: MIT */
/*
 * trial.c - records cat while it waits for us, and reads that recording.
 *
 * Nothing of a trial stays: the region goes when cat ends, which it does when its input does, so
 * also when we are killed. Regions that others have left are not touched (FR_KEEP_MAX). The program
 * that was asked about is never run.
 */
#include "doctor/trial.h"

#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "read/regions.h"

#define PATIENCE_MS 20000

static const char *const programs[] = {"/bin/cat", "/usr/bin/cat"};

struct pipes {
	int in[2], out[2], err[2];
};

/* ---- the child ------------------------------------------------------------------------------- */

/* As the process is: its limits, its user. */
static bool become(uint32_t pid, uid_t uid, gid_t gid)
{
	static const __rlimit_resource_t limits[] = {RLIMIT_FSIZE, RLIMIT_AS, RLIMIT_DATA};
	struct rlimit l;

	for (size_t i = 0; pid && i < sizeof(limits) / sizeof(*limits); i++) {
		if (!prlimit((pid_t)pid, limits[i], NULL, &l))
			setrlimit(limits[i], &l);
	}
	if (!pid || geteuid() || !uid)
		return true;
	return !setgroups(0, NULL) && !setresgid(gid, gid, gid) && !setresuid(uid, uid, uid);
}

static void set_environment(const char *library)
{
	static const char *const others[] = {"FR_ONLY", "FR_TRIGGER", "FR_KEEP", "FR_TELL",
					     "FR_FOLLOW"};

	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
		unsetenv(others[i]);
	setenv("LD_PRELOAD", library, 1);
	setenv("FR_KEEP_MAX", "none", 1);
	setenv("FR_VERBOSE", "1", 1);
}

static _Noreturn void child(const struct pipes *p, const char *program, const char *library,
			    uint32_t pid, uid_t uid, gid_t gid)
{
	if (dup2(p->in[0], 0) < 0 || dup2(p->out[1], 1) < 0 || dup2(p->err[1], 2) < 0 ||
	    !become(pid, uid, gid))
		_exit(126);
	signal(SIGXFSZ, SIG_DFL);
	set_environment(library);
	execl(program, program, (char *)NULL);
	_exit(127);
}

/* ---- we -------------------------------------------------------------------------------------- */

static bool open_pipes(struct pipes *p)
{
	memset(p, -1, sizeof(*p));
	return !pipe2(p->in, O_CLOEXEC) && !pipe2(p->out, O_CLOEXEC) && !pipe2(p->err, O_CLOEXEC);
}

static void close_one(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void close_pipes(struct pipes *p)
{
	for (int i = 0; i < 2; i++) {
		close_one(&p->in[i]);
		close_one(&p->out[i]);
		close_one(&p->err[i]);
	}
}

/* What we write comes back as soon as cat runs, which is after the recorder's start. */
static bool is_up(const struct pipes *p)
{
	struct pollfd back = {.fd = p->out[0], .events = POLLIN};
	char c = '.';

	return write(p->in[1], &c, 1) == 1 && poll(&back, 1, PATIENCE_MS) == 1 &&
	       read(p->out[0], &c, 1) == 1;
}

static bool is_said(const char *line)
{
	return strncmp(line, "fr: recording into ", 19) != 0;
}

/* The end of cat closes the pipe; what else holds it open does not keep us. */
static void read_said(struct trial *t, int fd)
{
	struct pollfd more = {.fd = fd, .events = POLLIN};
	char all[4096];
	size_t n = 0;
	ssize_t got = 1;

	while (got > 0 && n < sizeof(all) - 1 && poll(&more, 1, PATIENCE_MS) == 1) {
		got = read(fd, all + n, sizeof(all) - 1 - n);
		n += got > 0 ? (size_t)got : 0;
	}
	all[n] = 0;
	for (char *save = NULL, *line = strtok_r(all, "\n", &save); line && !t->said[0];
	     line = strtok_r(NULL, "\n", &save)) {
		if (is_said(line))
			snprintf(t->said, sizeof(t->said), "%s", line);
	}
}

static void read_recording(struct trial *t, pid_t pid)
{
	struct diag d = {0};
	uint64_t start, end;
	char spec[16];

	snprintf(spec, sizeof(spec), "%d", pid);
	t->rec = fr_recording_open(spec, &d);
	diag_free(&d);
	if (!t->rec ||
	    !fr_process_region((uint32_t)pid, t->region, sizeof(t->region), &start, &end))
		t->region[0] = 0;
	for (uint32_t i = 0; t->rec && i < t->rec->hdr.section_count; i++) {
		const struct fr_section *s = &t->rec->hdr.sections[i];

		if (s->offset + s->size > t->bytes)
			t->bytes = s->offset + s->size;
	}
}

static const char *program_there(void)
{
	for (size_t i = 0; i < sizeof(programs) / sizeof(*programs); i++) {
		if (!access(programs[i], X_OK))
			return programs[i];
	}
	return NULL;
}

void fr_trial_run(struct trial *t, const char *library, uint32_t pid, uid_t uid, gid_t gid)
{
	const char *program = program_there();
	void (*before)(int) = signal(SIGPIPE, SIG_IGN);
	struct pipes p;
	pid_t its = -1;

	if (!program)
		t->why = "there is no /bin/cat to try it on";
	else if (!open_pipes(&p) || (its = fork()) < 0)
		t->why = "no process could be started to try it on";
	if (its == 0)
		child(&p, program, library, pid, uid, gid);
	if (its > 0) {
		t->as_user = uid != geteuid() && !geteuid();
		close_one(&p.in[0]);
		close_one(&p.out[1]);
		close_one(&p.err[1]);
		if (is_up(&p))
			read_recording(t, its);
		close_one(&p.in[1]);
		read_said(t, p.err[0]);
		waitpid(its, NULL, 0);
	}
	if (program)
		close_pipes(&p);
	signal(SIGPIPE, before);
}

void fr_trial_close(struct trial *t)
{
	fr_recording_close(t->rec);
	t->rec = NULL;
}

/* "FR_DIR=/x" only repeats what was asked for. */
static bool tells_more(const char *note, size_t n)
{
	size_t k = strspn(note, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_");

	return n && !(k < n && k > 3 && note[k] == '=');
}

const char *fr_trial_note(const struct trial *t, size_t i, char buf[512])
{
	const struct section_view *v = &t->rec->sec[FR_SEC_NOTES];
	const char *at = (const char *)v->data, *end = at + (at ? v->size : 0);

	while (at < end) {
		const char *nl = memchr(at, '\n', (size_t)(end - at));
		size_t n = strnlen(at, (size_t)((nl ? nl : end) - at));

		if (tells_more(at, n) && i-- == 0) {
			snprintf(buf, 512, "%.*s", (int)n, at);
			return buf;
		}
		at = nl ? nl + 1 : end;
	}
	return NULL;
}
