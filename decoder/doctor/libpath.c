/* SPDX-License-Identifier: MIT */
/*
 * libpath.c - the search of ld.so, by reading what it reads: nothing of the program is run.
 *
 * Directories of hardware capabilities are left out: what stands there has a plain twin, which says
 * the same about itself.
 */
#include "doctor/libpath.h"

#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/path.h"
#include "base/regular.h"
#include "doctor/objects.h"

#define CACHE "/etc/ld.so.cache"
#define CACHE_MAGIC "glibc-ld.so.cache1.1"
#define CACHE_MAX ((off_t)64 << 20)

#if defined(__x86_64__)
#define OUR_FLAGS 0x0303 /* a library of libc.so.6 for 64 bits */
#define PLATFORM "x86_64"
#elif defined(__aarch64__)
#define OUR_FLAGS 0x0a03
#define PLATFORM "aarch64"
#endif

/* ---- lists of directories -------------------------------------------------------------------- */

static bool take(const char *dir, size_t n, const char *name, char path[PATH_MAX])
{
	int len = snprintf(path, PATH_MAX, "%.*s/%s", (int)n, dir, name);

	return len > 0 && len < PATH_MAX && !access(path, R_OK);
}

/* What stands for a $WORD of the loader's; NULL = no such word. *LEN: of it with its dollar. */
static const char *meaning(const char *s, const char *origin, size_t *len)
{
	const struct {
		const char *word, *means;
	} words[] = {{"$ORIGIN", origin}, {"${ORIGIN}", origin},   {"$LIB", "lib"},
		     {"${LIB}", "lib"},   {"$PLATFORM", PLATFORM}, {"${PLATFORM}", PLATFORM}};

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		*len = strlen(words[i].word);
		if (!strncmp(s, words[i].word, *len))
			return words[i].means;
	}
	return NULL;
}

/* One directory of a list, its words replaced; false = too long. */
static bool expand(const char *s, size_t n, const char *origin, char out[PATH_MAX])
{
	size_t len = 0, word;

	for (size_t i = 0; i < n && len < PATH_MAX - 1;) {
		const char *means = s[i] == '$' ? meaning(s + i, origin, &word) : NULL;

		if (means) {
			len += (size_t)snprintf(out + len, PATH_MAX - len, "%s", means);
			i += word;
		} else {
			out[len++] = s[i++];
		}
	}
	if (len >= PATH_MAX - 1)
		return false;
	out[len] = 0;
	return len > 0;
}

static bool in_list(const char *list, const char *name, const char *owner_path, char path[PATH_MAX])
{
	char origin[PATH_MAX], dir[PATH_MAX];

	snprintf(origin, sizeof(origin), "%s", owner_path);
	if (!fr_path_up(origin))
		strcpy(origin, ".");
	while (list && *list) {
		size_t n = strcspn(list, ":;");

		if (expand(list, n, origin, dir) && take(dir, strlen(dir), name, path))
			return true;
		list += n + (list[n] != 0);
	}
	return false;
}

/* ---- the cache ------------------------------------------------------------------------------- */

struct cache_head {
	char magic[20];
	uint32_t n, strings;
	uint32_t unused[5];
};

struct cache_entry {
	int32_t flags;
	uint32_t key, value; /* where the texts are, from the head on */
	uint32_t os;
	uint64_t hwcap;
};

/* Its bytes, which are never given back: one for all questions. */
static struct span cache_read(void)
{
	static struct span cache;
	struct stat st;
	uint8_t *bytes;
	int fd;

	if (cache.data)
		return cache;
	fd = fr_regular_open(CACHE, &st);
	if (fd < 0)
		return cache;
	if (st.st_size > 0 && st.st_size <= CACHE_MAX) {
		bytes = fr_mem_alloc((size_t)st.st_size);
		if (read(fd, bytes, (size_t)st.st_size) == st.st_size)
			cache = (struct span){bytes, (size_t)st.st_size};
		else
			free(bytes);
	}
	close(fd);
	return cache;
}

/* An older format may stand before the one we read. */
static bool in_cache(const char *name, char path[PATH_MAX])
{
	struct span all = cache_read(), s = {0};
	const uint8_t *at = all.data ? memmem(all.data, all.size, CACHE_MAGIC, 20) : NULL;
	struct cache_entry e;
	struct cache_head h;

	if (!at)
		return false;
	s = (struct span){at, (size_t)(all.data + all.size - at)};
	if (s.size < sizeof(h))
		return false;
	memcpy(&h, at, sizeof(h));
	for (uint64_t i = 0; i < h.n && sizeof(h) + (i + 1) * sizeof(e) <= s.size; i++) {
		const char *key, *value;

		memcpy(&e, at + sizeof(h) + i * sizeof(e), sizeof(e));
		key = span_string(s, e.key);
		value = span_string(s, e.value);
		if (e.flags != OUR_FLAGS || e.hwcap || !key || !value || strcmp(key, name))
			continue;
		snprintf(path, PATH_MAX, "%s", value);
		return !access(path, R_OK);
	}
	return false;
}

/* ---- all of it ------------------------------------------------------------------------------- */

bool fr_libpath_find(const char *name, struct elf_file *owner, const char *owner_path,
		     struct elf_file *program, const char *program_path, char path[PATH_MAX])
{
	static const char *const dirs[] = {"/lib64", "/usr/lib64", "/lib", "/usr/lib"};
	const char *runpath = fr_object_dynamic(owner, DT_RUNPATH, 0);

	if (strchr(name, '/'))
		return snprintf(path, PATH_MAX, "%s", name) < PATH_MAX && !access(path, R_OK);
	if (!runpath &&
	    (in_list(fr_object_dynamic(owner, DT_RPATH, 0), name, owner_path, path) ||
	     in_list(fr_object_dynamic(program, DT_RPATH, 0), name, program_path, path)))
		return true;
	if (in_list(getenv("LD_LIBRARY_PATH"), name, owner_path, path) ||
	    in_list(runpath, name, owner_path, path) || in_cache(name, path))
		return true;
	for (size_t i = 0; i < sizeof(dirs) / sizeof(*dirs); i++) {
		if (take(dirs[i], strlen(dirs[i]), name, path))
			return true;
	}
	return false;
}
