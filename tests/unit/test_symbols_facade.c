/* SPDX-License-Identifier: MIT */
/*
 * test_symbols_facade.c - a recording whose only module is this program itself: the stacks are
 * real return addresses, the expected lines come from __LINE__.
 */
#include <link.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "symbols/elf.h"
#include "symbols/symbols.h"
#include "tests/lib/synth.h"

struct bucket {
	int n;
	pthread_mutex_t mu;
};

static struct bucket buckets[100];
static char path[64];

struct own {
	uint64_t bias, base, end;
	char exe[256];
	uint8_t id[20];
};

static int own_range(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct own *o = arg;

	(void)size;
	o->bias = info->dlpi_addr;
	o->base = UINT64_MAX;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *ph = &info->dlpi_phdr[i];

		if (ph->p_type != PT_LOAD)
			continue;
		if (o->bias + ph->p_vaddr < o->base)
			o->base = o->bias + ph->p_vaddr;
		o->end = o->bias + ph->p_vaddr + ph->p_memsz;
	}
	return 1; /* the first object is the program */
}

static struct own own(void)
{
	struct own o = {0};
	const char *why;
	struct elf_file *f = fr_elf_open("/proc/self/exe", &why);
	size_t len = 0;

	dl_iterate_phdr(own_range, &o);
	assert_true(readlink("/proc/self/exe", o.exe, sizeof(o.exe) - 1) > 0);
	memcpy(o.id, fr_elf_build_id(f, &len), sizeof(o.id));
	assert_int_equal(len, sizeof(o.id));
	fr_elf_close(f);
	return o;
}

static struct fr_module_rec *add_own(struct synth *s, const struct own *o)
{
	struct fr_module_rec *m = synth_module(s, o->exe, o->base, o->end);

	m->bias = o->bias;
	m->build_id_len = sizeof(o->id);
	memcpy(m->build_id, o->id, sizeof(o->id));
	return m;
}

struct fixture {
	struct recording *rec;
	struct symbols *sy;
	struct diag d;
};

static void begin(struct fixture *f, struct synth *s)
{
	synth_thread(s, 100, "main");
	synth_write(s, path);
	synth_free(s);
	memset(f, 0, sizeof(*f));
	f->rec = fr_recording_open(path, &f->d);
	assert_non_null(f->rec);
	f->sy = fr_symbols_open(f->rec, &f->d);
}

static void end(struct fixture *f)
{
	fr_symbols_close(f->sy);
	fr_recording_close(f->rec);
	diag_free(&f->d);
}

static bool said(const struct fixture *f, const char *what)
{
	for (size_t i = 0; i < f->d.n; i++)
		if (strstr(f->d.entries[i].text, what))
			return true;
	return false;
}

/* ---- real stacks ----------------------------------------------------------------------------- */

static uint64_t pcs[2];
static unsigned int lines[2];

__attribute__((noinline)) static void leaf(void)
{
	pcs[0] = (uint64_t)(uintptr_t)__builtin_return_address(0);
	__asm__ volatile("");
}

static inline __attribute__((always_inline)) void inlined(void)
{
	lines[0] = __LINE__ + 1;
	leaf();
	__asm__ volatile("");
}

__attribute__((noinline)) static void middle(void)
{
	pcs[1] = (uint64_t)(uintptr_t)__builtin_return_address(0);
	lines[1] = __LINE__ + 1;
	inlined();
	__asm__ volatile("");
}

static void names_lines_and_inlines(void **state)
{
	struct own o = own();
	struct synth *s = synth_new();
	const struct frame *fr;
	struct fixture f;
	uint32_t id;
	unsigned int call;

	(void)state;
	call = __LINE__ + 1;
	middle();
	add_own(s, &o);
	id = synth_stack(s, 2, pcs);
	begin(&f, s);
	fr_symbols_prefetch(f.sy, &id, 1);
	assert_int_equal(fr_symbols_stack(f.sy, id, &fr), 3);
	assert_string_equal(fr[0].fn, "inlined");
	assert_true(fr[0].inl);
	assert_int_equal(fr[0].line, lines[0]);
	assert_string_equal(fr[1].fn, "middle");
	assert_false(fr[1].inl);
	assert_int_equal(fr[1].line, lines[1]);
	assert_string_equal(fr[2].fn, "names_lines_and_inlines");
	assert_int_equal(fr[2].line, call);
	assert_string_equal(fr[0].mod, "test_symbols_facade");
	assert_int_equal(fr[0].off, pcs[0] - 1 - o.bias);
	assert_int_equal(fr[0].origin, FRAME_DWARF);
	assert_non_null(strstr(fr[0].file, "tests/unit/test_symbols_facade.c"));
	assert_int_equal(f.d.n, 0);
	end(&f);
}

static void code_and_data(void **state)
{
	struct own o = own();
	struct synth *s = synth_new();
	struct module_symbols ms;
	struct fixture f;
	struct frame fr;
	long local = 0;

	(void)state;
	add_own(s, &o);
	begin(&f, s);
	assert_true(fr_symbols_code(f.sy, (uint64_t)(uintptr_t)middle, &fr));
	assert_string_equal(fr.fn, "middle");
	assert_int_equal(fr.fn_off, 0);
	assert_string_equal(fr_symbols_data(f.sy, (uint64_t)(uintptr_t)&buckets[42].mu),
			    "buckets[42].mu");
	assert_string_equal(fr_symbols_data(f.sy, (uint64_t)(uintptr_t)&buckets[42].mu + 8),
			    "buckets[42].mu+0x8");
	assert_null(fr_symbols_data(f.sy, (uint64_t)(uintptr_t)&local));
	fr_symbols_module(f.sy, &f.rec->modules[0], &ms);
	assert_int_equal(ms.best, FRAME_DWARF);
	assert_string_equal(ms.file, o.exe);
	assert_null(ms.problem);
	end(&f);
}

/* ---- what must stay an offset ---------------------------------------------------------------- */

static void wrong_build_id_gives_no_name(void **state)
{
	struct own o = own();
	struct synth *s = synth_new();
	struct module_symbols ms;
	const struct frame *fr;
	struct fixture f;
	uint32_t id;

	(void)state;
	middle();
	add_own(s, &o)->build_id[3] ^= 1;
	id = synth_stack(s, 2, pcs);
	begin(&f, s);
	assert_int_equal(fr_symbols_stack(f.sy, id, &fr), 2);
	assert_null(fr[0].fn);
	assert_null(fr[0].file);
	assert_string_equal(fr[0].mod, "test_symbols_facade");
	assert_int_equal(fr[0].off, pcs[0] - 1 - o.bias);
	assert_null(fr_symbols_data(f.sy, (uint64_t)(uintptr_t)&buckets[1]));
	fr_symbols_module(f.sy, &f.rec->modules[0], &ms);
	assert_int_equal(ms.best, FRAME_NONE);
	assert_null(ms.file);
	assert_true(said(&f, "build-id differs"));
	end(&f);
}

static void missing_build_id_gives_no_name(void **state)
{
	struct own o = own();
	struct synth *s = synth_new();
	const struct frame *fr;
	struct fixture f;
	uint32_t id;

	(void)state;
	middle();
	add_own(s, &o)->build_id_len = 0;
	id = synth_stack(s, 2, pcs);
	begin(&f, s);
	assert_int_equal(fr_symbols_stack(f.sy, id, &fr), 2);
	assert_null(fr[0].fn);
	assert_true(said(&f, "no build-id"));
	end(&f);
}

static void odd_modules(void **state)
{
	static const uint64_t odd[] = {0x10001000, 0x20001000, 0x30001000, 0};
	struct synth *s = synth_new();
	const struct frame *fr;
	struct fixture f;
	uint32_t id;

	(void)state;
	synth_module(s, "[vdso]", 0x10000000, 0x10010000);
	synth_module(s, "/tmp/\x1b[31m\xff.so", 0x20000000, 0x20010000);
	id = synth_stack(s, 4, odd);
	begin(&f, s);
	assert_int_equal(fr_symbols_stack(f.sy, id, &fr), 4);
	assert_string_equal(fr[0].fn, "[vdso]");
	assert_string_equal(fr[1].mod, "?[31m?.so");
	assert_null(fr[1].fn);
	assert_null(fr[2].mod);
	assert_int_equal(fr[2].off, 0x30001000);
	assert_null(fr[3].mod);
	assert_int_equal(fr_symbols_stack(f.sy, 0, &fr), 0);
	assert_int_equal(fr_symbols_stack(f.sy, 12345, &fr), 0);
	end(&f);
}

/* One module took the place of another: the frame is the living one's, and the doubt is said. */
static void reused_place(void **state)
{
	static const uint64_t pc[] = {0x20001000};
	struct synth *s = synth_new();
	const struct frame *fr;
	struct fixture f;
	uint32_t id;

	(void)state;
	synth_module(s, "/lib/old.so", 0x20000000, 0x20010000)->unloaded = SYNTH_START_NS + 5;
	synth_module(s, "/lib/new.so", 0x20000000, 0x20020000)->loaded = SYNTH_START_NS + 9;
	id = synth_stack(s, 1, pc);
	begin(&f, s);
	assert_int_equal(fr_symbols_stack(f.sy, id, &fr), 1);
	assert_string_equal(fr[0].mod, "new.so");
	assert_true(said(&f, "new.so and old.so were loaded in the same place"));
	end(&f);
}

/* More modules than workers may live at the same time. */
static void many_modules(void **state)
{
	struct own o = own();
	struct synth *s = synth_new();
	const struct frame *fr;
	uint64_t many[200];
	struct fixture f;
	uint32_t id;
	size_t i;

	(void)state;
	middle();
	for (i = 0; i < 200; i++) {
		struct fr_module_rec *m = add_own(s, &o);
		uint64_t shift = i * 0x10000000;

		m->base += shift;
		m->end += shift;
		m->bias += shift;
		many[i] = pcs[1] + shift;
	}
	id = synth_stack(s, 60, many + 140);
	begin(&f, s);
	assert_int_equal(fr_symbols_stack(f.sy, id, &fr), 60);
	for (i = 0; i < 60; i++)
		assert_string_equal(fr[i].fn, "many_modules");
	end(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_lines_and_inlines),
		cmocka_unit_test(code_and_data),
		cmocka_unit_test(wrong_build_id_gives_no_name),
		cmocka_unit_test(missing_build_id_gives_no_name),
		cmocka_unit_test(odd_modules),
		cmocka_unit_test(reused_place),
		cmocka_unit_test(many_modules),
	};
	int rc;

	setenv("FR_CACHE", "0", 1);
	snprintf(path, sizeof(path), "/tmp/fr-facade-%d.frd", (int)getpid());
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(path);
	return rc;
}
