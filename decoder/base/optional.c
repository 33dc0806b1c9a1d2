/* SPDX-License-Identifier: MIT */
/*
 * optional.c - see optional.h.
 *
 * A static program could load a library only together with the very glibc that it was linked with,
 * and crashes with any other. So `make static` loads nothing; of zstd it has what the machine that
 * built it had.
 */
#include "base/optional.h"

#include <stddef.h>
#include <string.h>

#ifdef FR_STATIC

#ifdef FR_STATIC_ZSTD
extern size_t ZSTD_decompress(void *to, size_t room, const void *from, size_t size);
#endif

void fr_optional(const char *library, const char *function, void **where)
{
	*where = NULL;
#ifdef FR_STATIC_ZSTD
	if (!strcmp(function, "ZSTD_decompress"))
		*(size_t(**)(void *, size_t, const void *, size_t))where = ZSTD_decompress;
#endif
}

#else

#include <dlfcn.h>

void fr_optional(const char *library, const char *function, void **where)
{
	void *handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);

	*where = handle ? dlsym(handle, function) : NULL;
}

#endif
