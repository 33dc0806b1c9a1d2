/* SPDX-License-Identifier: MIT */
/*
 * symtool.c - the core of decoder/symbols on one file, for the tests and by hand.
 *
 *   symtool [-w] [-d] [-b BUILD_ID] FILE < addresses
 *
 * Addresses are hexadecimal ELF virtual addresses, one a line. Prints, for each, one line per frame
 * (function TAB file:line TAB origin TAB inlined TAB offset in function) and an empty line, and on
 * the last line what the names came from. -d: addresses of data. -w: through a worker process and
 * the persistent cache, as fr does. -b: the build-id the file must have (default: its own).
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "symbols/batch.h"
#include "symbols/elf.h"
#include "symbols/modsyms.h"

struct options {
	bool worker;
	enum image_kind kind;
	uint8_t id[32];
	uint32_t id_len;
};

static size_t parse_hex(const char *s, uint8_t *out, size_t max)
{
	size_t n = 0;
	unsigned int byte;

	for (; n < max && sscanf(s, "%2x", &byte) == 1; s += 2)
		out[n++] = (uint8_t)byte;
	return n;
}

static void own_id(const char *path, struct options *o)
{
	const char *why;
	struct elf_file *f = fr_elf_open(path, &why);
	size_t len = 0;
	const uint8_t *id = f ? fr_elf_build_id(f, &len) : NULL;

	if (id && len <= sizeof(o->id)) {
		memcpy(o->id, id, len);
		o->id_len = (uint32_t)len;
	}
	fr_elf_close(f);
}

static int compare(const void *x, const void *y)
{
	uint64_t a = *(const uint64_t *)x, b = *(const uint64_t *)y;

	return a < b ? -1 : a > b;
}

static size_t read_addresses(uint64_t **out)
{
	size_t n = 0, cap = 0;
	uint64_t v;

	*out = NULL;
	while (scanf("%lx", &v) == 1) {
		if (n == cap) {
			cap = cap ? cap * 2 : 1024;
			*out = realloc(*out, cap * sizeof(v));
		}
		(*out)[n++] = v;
	}
	return n;
}

static void print_answer(const struct image *img, const struct image_addr *a)
{
	uint16_t i;

	if (!a || !a->n)
		printf("??\t??:0\t0\t0\t-1\n");
	for (i = 0; a && i < a->n; i++) {
		const struct image_frame *f = &img->frames[a->first + i];
		const char *fn = fr_image_string(img, f->fn), *file = fr_image_string(img, f->file);

		printf("%s\t%s:%u\t%u\t%u\t%d\n", fn ? fn : "??", file ? file : "??", f->line,
		       f->origin, f->inl, (int)f->fn_off);
	}
	printf("\n");
}

static void print_state(uint32_t best, const char *source, const char *problem)
{
	printf("# best %u, from %s, problem: %s\n", best, source ? source : "nothing",
	       problem ? problem : "none");
}

static size_t sort_unique(uint64_t *v, size_t n)
{
	size_t i, k = 0;

	if (n)
		qsort(v, n, sizeof(*v), compare);
	for (i = 0; i < n; i++)
		if (!k || v[k - 1] != v[i])
			v[k++] = v[i];
	return k;
}

static int run_direct(const struct module_ref *m, const struct options *o, const uint64_t *asked,
		      size_t n)
{
	struct batch *b = fr_batch_open(m, true);
	uint64_t *v = malloc((n + 1) * sizeof(*v));
	bool data = o->kind == IMAGE_DATA;
	struct image img;
	size_t i, k, size;
	void *block;

	memcpy(v, asked, n * sizeof(*v));
	k = sort_unique(v, n);
	block = fr_batch_run(b, v, data ? 0 : k, v, data ? k : 0, &size);
	if (!block || !fr_image_open(&img, block, size))
		return 1;
	for (i = 0; i < n; i++)
		print_answer(&img, fr_image_find(&img, o->kind, asked[i]));
	print_state(img.head->best, fr_image_string(&img, img.head->source),
		    fr_image_string(&img, img.head->problem));
	free(v);
	free(block);
	fr_batch_close(b);
	return 0;
}

static int run_worker(const struct module_ref *m, const struct options *o, const uint64_t *asked,
		      size_t n)
{
	struct modsyms *ms = fr_modsyms_open(m);
	struct modsyms_state st;
	const struct image *img = NULL;
	size_t i;

	for (i = 0; i < n; i++)
		fr_modsyms_want(ms, o->kind, asked[i]);
	if (fr_modsyms_ask(ms))
		fr_modsyms_receive(ms);
	for (i = 0; i < n; i++) {
		const struct image_addr *a = fr_modsyms_find(ms, o->kind, asked[i], &img);

		print_answer(img, a);
	}
	fr_modsyms_state(ms, &st);
	print_state(st.best, st.source, st.problem);
	fr_modsyms_close(ms);
	return 0;
}

int main(int argc, char **argv)
{
	struct options o = {.kind = IMAGE_CODE};
	struct module_ref m = {.build_id = o.id};
	char path[PATH_MAX];
	bool given = false;
	uint64_t *asked;
	size_t n;
	int c, rc;

	while ((c = getopt(argc, argv, "wdb:")) != -1) {
		if (c == 'w')
			o.worker = true;
		else if (c == 'd')
			o.kind = IMAGE_DATA;
		else if (c == 'b')
			o.id_len = (uint32_t)parse_hex(optarg, o.id, sizeof(o.id)), given = true;
		else
			return 2;
	}
	if (optind + 1 != argc)
		return 2;
	m.path = realpath(argv[optind], path) ? path : argv[optind];
	if (!given)
		own_id(m.path, &o);
	m.build_id_len = o.id_len;
	n = read_addresses(&asked);
	rc = o.worker ? run_worker(&m, &o, asked, n) : run_direct(&m, &o, asked, n);
	free(asked);
	return rc;
}
