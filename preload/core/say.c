/* SPDX-License-Identifier: MIT */
/*
 * say.c - see say.h.
 *
 * A daemon closes its stderr, and descriptor 2 may be a client's socket then. So nothing is written
 * unless it is still the file that it was at start. A regular file must not grow over RLIMIT_FSIZE:
 * the kernel would send SIGXFSZ.
 *
 * Context: any, system calls only.
 */
#include "core/say.h"

#include <poll.h>
#include <sys/stat.h>
#include <time.h>

#include "core/config.h"
#include "core/place.h"
#include "core/sys.h"
#include "core/text.h"

static struct stat before; /* st_ino 0 = there was none */

void fr_say_init(void)
{
	if (fr_config.verbose && fr_sys2(SYS_fstat, 2, &before) != 0)
		before.st_ino = 0;
}

bool fr_say_is_read(void)
{
	struct pollfd p = {2, POLLOUT, 0};
	struct timespec now = {0, 0};

	return fr_sys4(SYS_ppoll, &p, 1, &now, 0) >= 0 &&
	       !(p.revents & (POLLERR | POLLHUP | POLLNVAL));
}

static bool may_write(size_t n)
{
	struct stat now;

	if (!before.st_ino || fr_sys2(SYS_fstat, 2, &now) != 0 || now.st_ino != before.st_ino ||
	    now.st_dev != before.st_dev || !fr_say_is_read())
		return false;
	return !S_ISREG(now.st_mode) || fr_file_size_allowed((uint64_t)now.st_size + n);
}

void fr_say(const char *a, const char *b, const char *c)
{
	char line[800];
	struct fr_text t = fr_text_on(line, sizeof(line));

	if (!fr_config.verbose)
		return;
	fr_text_str(&t, "fr: ");
	fr_text_str(&t, a);
	fr_text_str(&t, b);
	fr_text_str(&t, c[0] ? ": " : "");
	fr_text_str(&t, c);
	fr_text_str(&t, "\n");
	if (may_write(t.n))
		fr_sys_write_all(2, line, t.n);
}
