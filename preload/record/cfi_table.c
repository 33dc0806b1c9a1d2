/* SPDX-License-Identifier: MIT */
/*
 * cfi_table.c - see cfi_table.h: the table in .eh_frame_hdr, then a description (FDE) and what it
 * has in common with others (CIE). Without the table .eh_frame is read from its beginning, once for
 * each PC.
 *
 * Context: as fr_modules_find(). Must not: read outside the segments that the object's headers name.
 */
#include "record/cfi_table.h"

#include <elf.h>

#define PE_PCREL 0x10
#define PE_DATAREL 0x30
#define PE_UDATA4 0x03
#define PE_TABLE (PE_DATAREL | 0x0b) /* sdata4: as every linker writes it */

uint64_t fr_bytes_uleb(struct fr_bytes *b)
{
	uint64_t v = 0, byte = 0x80;

	for (unsigned int shift = 0; byte & 0x80; shift += 7) {
		byte = fr_bytes_number(b, 1);
		v |= shift < 64 ? (byte & 0x7f) << shift : 0;
	}
	return v;
}

int64_t fr_bytes_sleb(struct fr_bytes *b)
{
	const uint8_t *begin = b->p;
	uint64_t v = fr_bytes_uleb(b);
	unsigned int bits = 7 * (unsigned int)(b->p - begin);

	if (bits && bits < 64)
		v = (uint64_t)((int64_t)(v << (64 - bits)) >> (64 - bits));
	return (int64_t)v;
}

/* From ADDR to the end of the loaded segment it lies in. */
static struct fr_bytes bytes_at(const struct fr_object *o, uintptr_t addr)
{
	for (uint16_t i = 0; i < o->n_phdr; i++) {
		const ElfW(Phdr) *p = &o->phdr[i];
		uintptr_t lo = o->bias + p->p_vaddr;

		if (p->p_type == PT_LOAD && (p->p_flags & PF_R) && addr >= lo &&
		    addr < lo + p->p_filesz)
			return (struct fr_bytes){(const uint8_t *)addr,
						 (const uint8_t *)lo + p->p_filesz, false};
	}
	return (struct fr_bytes){NULL, NULL, true};
}

static uint64_t value(struct fr_bytes *b, uint8_t format)
{
	switch (format) {
	case 0x00: /* absptr */
	case 0x04: /* udata8 */
	case 0x0c: /* sdata8 */
		return fr_bytes_number(b, 8);
	case 0x01:
		return fr_bytes_uleb(b);
	case 0x02:
	case 0x03:
		return fr_bytes_number(b, format == 0x02 ? 2 : 4);
	case 0x09:
		return (uint64_t)fr_bytes_sleb(b);
	case 0x0a:
	case 0x0b:
		return (uint64_t)fr_bytes_signed(b, format == 0x0a ? 2 : 4);
	default:
		b->bad = true;
		return 0;
	}
}

uintptr_t fr_cfi_address(struct fr_bytes *b, uint8_t encoding, uintptr_t data)
{
	uintptr_t at = (uintptr_t)b->p;
	uint64_t v = value(b, encoding & 0x0f);

	switch (encoding & 0xf0) { /* what is indirect is nobody's code */
	case 0:
		return v;
	case PE_PCREL:
		return at + v;
	case PE_DATAREL:
		return data + v;
	default:
		b->bad = true;
		return 0;
	}
}

/* ---- one description ------------------------------------------------------------------------- */

/* "zR", "zPLR", "zRS" ... */
static void read_augmentation(struct fr_bytes *b, const char *letters, struct fr_cfi_function *out)
{
	struct fr_bytes data = fr_bytes_part(b, fr_bytes_uleb(b));

	for (letters++; *letters; letters++) {
		uint8_t encoding;

		if (*letters == 'L') {
			fr_bytes_skip(&data, 1);
		} else if (*letters == 'R') {
			out->encoding = (uint8_t)fr_bytes_number(&data, 1);
		} else if (*letters == 'P') {
			encoding = (uint8_t)fr_bytes_number(&data, 1);
			value(&data, encoding & 0x0f);
		} else if (*letters == 'S') {
			out->signal = true;
		} else if (*letters != 'B') {
			break; /* what stands behind it is not known, but its length is */
		}
	}
	b->bad |= data.bad;
}

static const char *read_text(struct fr_bytes *b)
{
	const char *s = (const char *)b->p;

	while (fr_bytes_number(b, 1))
		;
	return b->bad ? "" : s;
}

/* The piece of .eh_frame at B, which moves behind it: a CIE or an FDE. Empty: the end. */
static struct fr_bytes next_piece(struct fr_bytes *b)
{
	uint64_t size = fr_bytes_number(b, 4);

	return fr_bytes_part(b, size == UINT32_MAX ? fr_bytes_number(b, 8) : size);
}

static bool read_cie(struct fr_bytes b, struct fr_cfi_function *out)
{
	struct fr_bytes cie = next_piece(&b);
	bool is_cie = fr_bytes_number(&cie, 4) == 0;
	uint64_t version = fr_bytes_number(&cie, 1);
	const char *letters = read_text(&cie);

	if (!is_cie || (version != 1 && version != 3))
		return false;
	out->code_align = fr_bytes_uleb(&cie);
	out->data_align = fr_bytes_sleb(&cie);
	out->ra = version == 1 ? fr_bytes_number(&cie, 1) : fr_bytes_uleb(&cie);
	out->encoding = 0;
	out->signal = false;
	out->augmented = *letters == 'z';
	if (out->augmented)
		read_augmentation(&cie, letters, out);
	else if (*letters)
		return false;
	out->common = cie;
	return !cie.bad;
}

/* True: it is an FDE, and of which function. */
static bool read_fde(const struct fr_object *o, struct fr_bytes fde, struct fr_cfi_function *out)
{
	uintptr_t at = (uintptr_t)fde.p;
	uint64_t back = fr_bytes_number(&fde, 4);

	if (!back || !read_cie(bytes_at(o, at - back), out))
		return false;
	out->begin = fr_cfi_address(&fde, out->encoding, 0);
	out->end = out->begin + value(&fde, out->encoding & 0x0f);
	if (out->augmented)
		fr_bytes_skip(&fde, fr_bytes_uleb(&fde)); /* what belongs to the language */
	out->own = fde;
	return !fde.bad;
}

/* ---- which one ------------------------------------------------------------------------------- */

static bool covers(const struct fr_cfi_function *f, uintptr_t pc)
{
	return pc >= f->begin && pc < f->end;
}

/* An entry of the table: where a function begins and where its FDE lies, from the table's section. */
static int64_t entry(struct fr_bytes table, uint64_t i, bool fde)
{
	fr_bytes_skip(&table, 8 * i + (fde ? 4 : 0));
	return fr_bytes_signed(&table, 4);
}

/* The last of N that begins no later than PC. */
static bool search(const struct fr_object *o, struct fr_bytes table, uint64_t n, uintptr_t section,
		   uintptr_t pc, struct fr_cfi_function *out)
{
	uint64_t lo = 0, hi = n;
	struct fr_bytes at;

	if (n > (uint64_t)(table.end - table.p) / 8)
		return false;
	while (lo < hi) {
		uint64_t mid = lo + (hi - lo) / 2;

		if (section + (uintptr_t)entry(table, mid, false) <= pc)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (!lo)
		return false;
	at = bytes_at(o, section + (uintptr_t)entry(table, lo - 1, true));
	return read_fde(o, next_piece(&at), out) && covers(out, pc);
}

static bool walk(const struct fr_object *o, struct fr_bytes frames, uintptr_t pc,
		 struct fr_cfi_function *out)
{
	while (!frames.bad) {
		struct fr_bytes piece = next_piece(&frames);

		if (piece.p == piece.end)
			return false;
		if (read_fde(o, piece, out) && covers(out, pc))
			return true;
	}
	return false;
}

bool fr_cfi_find(const struct fr_object *o, uintptr_t pc, struct fr_cfi_function *out)
{
	struct fr_bytes b = {NULL, NULL, true};
	uintptr_t section = 0, frames;
	uint8_t of_frames, of_count, of_table;
	uint64_t n;

	for (uint16_t i = 0; i < o->n_phdr && !section; i++) {
		if (o->phdr[i].p_type == PT_GNU_EH_FRAME)
			section = o->bias + o->phdr[i].p_vaddr;
	}
	b = bytes_at(o, section);
	if (!section || fr_bytes_number(&b, 1) != 1)
		return false;
	of_frames = (uint8_t)fr_bytes_number(&b, 1);
	of_count = (uint8_t)fr_bytes_number(&b, 1);
	of_table = (uint8_t)fr_bytes_number(&b, 1);
	frames = fr_cfi_address(&b, of_frames, section);
	if (of_count != PE_UDATA4 || of_table != PE_TABLE)
		return walk(o, bytes_at(o, frames), pc, out);
	n = fr_bytes_number(&b, 4);
	return !b.bad && search(o, b, n, section, pc, out);
}
