/* SPDX-License-Identifier: MIT */
/*
 * c11.h - results of <threads.h> as errno values and back. Exact both ways, but for thrd_error: it
 * hides the true cause, and is EINVAL in a recording.
 */
#ifndef FR_C11_H
#define FR_C11_H

#include <errno.h>
#include <threads.h>

static inline int fr_c11_errno(int result)
{
	switch (result) {
	case thrd_success:
		return 0;
	case thrd_busy:
		return EBUSY;
	case thrd_timedout:
		return ETIMEDOUT;
	case thrd_nomem:
		return ENOMEM;
	}
	return EINVAL;
}

static inline int fr_c11_result(int err)
{
	switch (err) {
	case 0:
		return thrd_success;
	case EBUSY:
		return thrd_busy;
	case ETIMEDOUT:
		return thrd_timedout;
	case ENOMEM:
		return thrd_nomem;
	}
	return thrd_error;
}

#endif
