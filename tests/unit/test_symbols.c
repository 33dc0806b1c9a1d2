/* SPDX-License-Identifier: MIT */
/*
 * test_symbols.c - the parts of decoder/symbols that need no recording: blocks of answers, names,
 * the cache, workers that die.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "symbols/cache.h"
#include "symbols/demangle.h"
#include "symbols/elf.h"
#include "symbols/image.h"
#include "symbols/modsyms.h"
#include "symbols/symbols.h"

static char dir[64]; /* of this run, with the cache in it */

/* ---- names ----------------------------------------------------------------------------------- */

static void demangles_for_people(void **state)
{
	static const char *const pairs[][2] = {
		{"_ZN2ns4poolIiE4takeERKSs", "ns::pool<int>::take"},
		{"_ZZ3fooiENKUliE_clEi", "foo::{lambda(int)#1}::operator()"},
		{"_ZNKSt8functionIFviEEclEi", "std::function<void (int)>::operator()"},
		{"_ZNSt6threadC1IRFvvEJEvEEOT_DpOT0_", "std::thread::thread<void (&)(), , void>"},
		{"_ZlsRSoRK3Foo", "operator<<"},
		{"_ZltIiEbT_", "operator< <int>"},
		{"_ZN1AptEv", "A::operator->"},
		{"_ZN12_GLOBAL__N_13fooEv", "(anonymous namespace)::foo"},
		{"_ZNKR1A1fEv", "A::f"},
		{"_ZZ3fooiE4lock", "foo::lock"},
		{"_ZN3std2io5stdio6_print17h1234567890abcdefE", "std::io::stdio::_print"},
		{"_RNvCs1234_7mycrate3foo", "mycrate::foo"},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		char *s = fr_demangle(pairs[i][0]);

		assert_non_null(s);
		assert_string_equal(s, pairs[i][1]);
		free(s);
	}
	assert_null(fr_demangle("main"));
	assert_null(fr_demangle("_start"));
	assert_null(fr_demangle("_ZN"));
}

static void cleans_strings(void **state)
{
	char text[] = "a\x1b[31m\n\xc3\xa9\xff\xed\xa0\x80\xc2\x9b"
		      "b";

	(void)state;
	fr_image_clean(text);
	assert_string_equal(text, "a?[31m?\xc3\xa9??????"
				  "b");
}

/* ---- blocks ---------------------------------------------------------------------------------- */

static void *make_block(size_t *size)
{
	struct image_builder *b = fr_image_new();
	struct image_head h = {.best = FRAME_SYMTAB, .build_id_len = 20};
	struct image_frame f[2] = {{.line = 7, .inl = 1}, {.line = 9}};
	void *block;

	memset(h.build_id, 0xab, 20);
	f[0].fn = fr_image_intern(b, "inner");
	f[1].fn = fr_image_intern(b, "outer");
	assert_int_equal(fr_image_intern(b, "inner"), f[0].fn);
	fr_image_add(b, IMAGE_CODE, 0x2000, f, 2);
	fr_image_add(b, IMAGE_CODE, 0x1000, f + 1, 1);
	fr_image_add(b, IMAGE_CODE, 0x3000, NULL, 0);
	fr_image_add(b, IMAGE_DATA, 0x1000, f, 1);
	block = fr_image_finish(b, &h, size);
	fr_image_free(b);
	return block;
}

static void finds_what_was_added(void **state)
{
	const struct image_addr *a;
	struct image img;
	size_t size;
	void *block = make_block(&size);

	(void)state;
	assert_true(fr_image_open(&img, block, size));
	a = fr_image_find(&img, IMAGE_CODE, 0x2000);
	assert_int_equal(a->n, 2);
	assert_string_equal(fr_image_string(&img, img.frames[a->first].fn), "inner");
	assert_string_equal(fr_image_string(&img, img.frames[a->first + 1].fn), "outer");
	assert_int_equal(fr_image_find(&img, IMAGE_CODE, 0x3000)->n, 0);
	assert_null(fr_image_find(&img, IMAGE_CODE, 0x2001));
	assert_null(fr_image_find(&img, IMAGE_DATA, 0x2000));
	assert_non_null(fr_image_find(&img, IMAGE_DATA, 0x1000));
	free(block);
}

static void refuses_damaged_blocks(void **state)
{
	struct image img;
	size_t size, i;
	uint8_t *block = make_block(&size);

	(void)state;
	for (i = 0; i < size; i++) {
		uint8_t *cut = malloc(i ? i : 1);

		memcpy(cut, block, i);
		assert_false(fr_image_open(&img, cut, i));
		free(cut);
		block[i] ^= 1;
		assert_false(fr_image_open(&img, block, size));
		block[i] ^= 1;
	}
	assert_true(fr_image_open(&img, block, size));
	free(block);
}

static void first_answer_stays(void **state)
{
	struct image_builder *b = fr_image_new();
	struct image_frame f = {.line = 1};
	struct image_head h = {0};
	struct image img;
	size_t size;
	void *old = make_block(&size), *block;

	(void)state;
	assert_true(fr_image_open(&img, old, size));
	f.fn = fr_image_intern(b, "newer");
	fr_image_add(b, IMAGE_CODE, 0x2000, &f, 1);
	fr_image_merge(b, &img);
	block = fr_image_finish(b, &h, &size);
	fr_image_free(b);
	assert_true(fr_image_open(&img, block, size));
	assert_int_equal(img.head->n_addrs, 4);
	assert_string_equal(
		fr_image_string(&img,
				img.frames[fr_image_find(&img, IMAGE_CODE, 0x2000)->first].fn),
		"newer");
	free(old);
	free(block);
}

/* ---- the cache ------------------------------------------------------------------------------- */

static void cache_file(char *buf, size_t size)
{
	int n = snprintf(buf, size, "%s/cache/fr/", dir);

	for (int i = 0; i < 20; i++)
		n += sprintf(buf + n, "ab");
	strcpy(buf + n, ".sym");
}

static void cache_keeps_and_checks(void **state)
{
	uint8_t id[20];
	struct image img;
	char path[256];
	size_t size;
	void *block = make_block(&size), *again;
	FILE *fp;

	(void)state;
	memset(id, 0xab, sizeof(id));
	assert_null(fr_cache_load(id, sizeof(id), &img));
	fr_cache_store(id, sizeof(id), block, size);
	again = fr_cache_load(id, sizeof(id), &img);
	assert_non_null(again);
	assert_int_equal(img.head->n_addrs, 4);
	free(again);

	cache_file(path, sizeof(path));
	fp = fopen(path, "r+");
	assert_non_null(fp);
	fseek(fp, 60, SEEK_SET);
	fputc(0x55, fp);
	fclose(fp);
	assert_null(fr_cache_load(id, sizeof(id), &img));

	/* Too short an id names nothing; FR_CACHE=0 switches it off. */
	fr_cache_store(id, 4, block, size);
	assert_null(fr_cache_load(id, 4, &img));
	fr_cache_store(id, sizeof(id), block, size);
	setenv("FR_CACHE", "0", 1);
	assert_null(fr_cache_load(id, sizeof(id), &img));
	unsetenv("FR_CACHE");
	free(block);
}

/* A file under the name of another build, or whose source is another file by now, is not used. */
static void cache_is_of_this_build(void **state)
{
	uint8_t id[20], other[20];
	char from[300], to[300], source[200];
	struct image_head h = {.build_id_len = sizeof(id)};
	struct image_builder *b = fr_image_new();
	struct image img;
	struct stat st;
	size_t size;
	void *block, *again;
	FILE *fp;

	(void)state;
	memset(id, 0xcd, sizeof(id));
	memset(other, 0xce, sizeof(other));
	snprintf(source, sizeof(source), "%s/source", dir);
	fp = fopen(source, "w");
	assert_non_null(fp);
	fputs("what it was", fp);
	fclose(fp);
	assert_int_equal(stat(source, &st), 0);
	memcpy(h.build_id, id, sizeof(id));
	h.source = fr_image_intern(b, source);
	h.source_size = (uint64_t)st.st_size;
	h.source_mtime_ns =
		(uint64_t)(st.st_mtim.tv_sec * INT64_C(1000000000) + st.st_mtim.tv_nsec);
	block = fr_image_finish(b, &h, &size);
	fr_image_free(b);
	fr_cache_store(id, sizeof(id), block, size);
	again = fr_cache_load(id, sizeof(id), &img);
	assert_non_null(again);
	free(again);

	snprintf(from, sizeof(from), "%s/cache/fr/%040d.sym", dir, 0);
	strcpy(to, from);
	for (char *p = strrchr(from, '/') + 1, *q = strrchr(to, '/') + 1; *p != '.';
	     p += 2, q += 2) {
		memcpy(p, "cd", 2);
		memcpy(q, "ce", 2);
	}
	assert_int_equal(link(from, to), 0);
	assert_null(fr_cache_load(other, sizeof(other), &img));
	unlink(to);

	fp = fopen(source, "a");
	assert_non_null(fp);
	fputs(", and more", fp);
	fclose(fp);
	assert_null(fr_cache_load(id, sizeof(id), &img));
	unlink(from);
	free(block);
}

/* ---- workers --------------------------------------------------------------------------------- */

static uint64_t own_bias;

__attribute__((noinline)) static uint64_t here(void)
{
	return (uint64_t)(uintptr_t)__builtin_return_address(0) - 1 - own_bias;
}

static struct module_ref own_module(void)
{
	static uint8_t id[32];
	static size_t len;
	const char *why;
	struct elf_file *f = fr_elf_open("/proc/self/exe", &why);
	static char path[256];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);

	assert_non_null(f);
	assert_true(n > 0);
	memcpy(id, fr_elf_build_id(f, &len), 20);
	fr_elf_close(f);
	return (struct module_ref){.path = path, .build_id = id, .build_id_len = (uint32_t)len};
}

static const struct image_frame *ask_one(struct modsyms *ms, uint64_t vaddr, const char **fn)
{
	const struct image *img;
	const struct image_addr *a;

	fr_modsyms_want(ms, IMAGE_CODE, vaddr);
	if (fr_modsyms_ask(ms))
		fr_modsyms_receive(ms);
	a = fr_modsyms_find(ms, IMAGE_CODE, vaddr, &img);
	if (!a || !a->n)
		return NULL;
	*fn = fr_image_string(img, img->frames[a->first].fn);
	return &img->frames[a->first];
}

/* Kills the only child and waits until it is dead, without reaping it. */
static void kill_child(void)
{
	char buf[64] = "";
	siginfo_t info;
	FILE *fp;
	int pid;

	snprintf(buf, sizeof(buf), "/proc/self/task/%d/children", (int)getpid());
	fp = fopen(buf, "r");
	assert_non_null(fp);
	assert_int_equal(fscanf(fp, "%d", &pid), 1);
	fclose(fp);
	kill(pid, SIGKILL);
	assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
}

static void dead_worker_degrades(void **state)
{
	struct module_ref m = own_module();
	struct modsyms *ms;
	struct modsyms_state st;
	const struct image_frame *f;
	const char *fn = NULL;

	(void)state;
	setenv("FR_CACHE", "0", 1);
	ms = fr_modsyms_open(&m);
	f = ask_one(ms, here(), &fn);
	assert_non_null(f);
	assert_string_equal(fn, "dead_worker_degrades");
	assert_int_equal(f->origin, FRAME_DWARF);
	assert_int_not_equal(f->line, 0);

	kill_child();
	f = ask_one(ms, here(), &fn);
	assert_non_null(f);
	assert_string_equal(fn, "dead_worker_degrades");
	assert_int_equal(f->origin, FRAME_SYMTAB);
	fr_modsyms_state(ms, &st);
	assert_non_null(strstr(st.problem, "crashed"));

	/* The one without DWARF dies as well: nothing more to be had, and no endless trying. */
	kill_child();
	assert_null(ask_one(ms, here(), &fn));
	assert_null(ask_one(ms, here(), &fn));
	fr_modsyms_close(ms);
	unsetenv("FR_CACHE");
}

static void cache_outlives_the_file(void **state)
{
	struct module_ref m = own_module();
	struct modsyms *ms = fr_modsyms_open(&m);
	struct modsyms_state st;
	const struct image_frame *f;
	const char *fn = NULL;
	uint64_t vaddr = here();

	(void)state;
	assert_non_null(ask_one(ms, vaddr, &fn));
	fr_modsyms_close(ms);

	m.path = "/nowhere/to/be/found";
	ms = fr_modsyms_open(&m);
	f = ask_one(ms, vaddr, &fn);
	assert_non_null(f);
	assert_string_equal(fn, "cache_outlives_the_file");
	fr_modsyms_state(ms, &st);
	assert_int_equal(st.best, FRAME_DWARF);
	/* What it does not know it cannot give. */
	assert_null(ask_one(ms, here(), &fn));
	fr_modsyms_close(ms);
}

extern const char __executable_start; /* set by the linker: virtual address 0 of a PIE */

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(demangles_for_people),    cmocka_unit_test(cleans_strings),
		cmocka_unit_test(finds_what_was_added),    cmocka_unit_test(refuses_damaged_blocks),
		cmocka_unit_test(first_answer_stays),      cmocka_unit_test(cache_keeps_and_checks),
		cmocka_unit_test(cache_is_of_this_build),  cmocka_unit_test(dead_worker_degrades),
		cmocka_unit_test(cache_outlives_the_file),
	};
	char cache[128], clean[160];
	int rc;

	own_bias = (uint64_t)(uintptr_t)&__executable_start;
	strcpy(dir, "/tmp/fr-symbols-XXXXXX");
	if (!mkdtemp(dir))
		return 1;
	snprintf(cache, sizeof(cache), "%s/cache", dir);
	setenv("XDG_CACHE_HOME", cache, 1);
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	snprintf(clean, sizeof(clean), "rm -rf '%s'", dir);
	return system(clean) ? 1 : rc;
}
