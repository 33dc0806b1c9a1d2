/* SPDX-License-Identifier: MIT */
/*
 * test_dwarf.c - lists of ranges and line programs, byte by byte: forms that this machine's
 * compiler seldom writes, and what linkers leave behind.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "symbols/answers.h"
#include "symbols/dwarf_file.h"
#include "symbols/dwarf_lines.h"

/* ---- bytes ----------------------------------------------------------------------------------- */

static uint8_t bytes[400];
static size_t n_bytes;

static void u8(unsigned int v)
{
	bytes[n_bytes++] = (uint8_t)v;
}

static void u64(uint64_t v)
{
	memcpy(bytes + n_bytes, &v, 8);
	n_bytes += 8;
}

/* Below 16 384. */
static void uleb(unsigned int v)
{
	if (v > 127)
		u8((v & 127) | 128);
	u8(v > 127 ? v >> 7 : v);
}

static struct span span_of(const void *data, size_t size)
{
	return (struct span){data, size};
}

/* ---- ranges ---------------------------------------------------------------------------------- */

static struct dwarf_file file;
static struct unit unit;
static uint64_t found[16];
static size_t n_found;

static void add(void *arg, uint64_t lo, uint64_t hi)
{
	(void)arg;
	found[n_found++] = lo;
	found[n_found++] = hi;
}

/* A unit at 0x1000 whose list is what was written since. */
static void begin(uint16_t version)
{
	memset(&file, 0, sizeof(file));
	unit = (struct unit){
		.home = &file, .main = &file, .low = 0x1000, .version = version, .offset_size = 4};
	n_bytes = n_found = 0;
}

static void each(void)
{
	struct skim_die die = {.ranges_form = DW_FORM_sec_offset};

	file.sec.ranges = file.sec.rnglists = span_of(bytes, n_bytes);
	fr_ranges_each(&unit, &die, add, NULL);
}

#define EXPECT(...)                                                                                \
	do {                                                                                       \
		const uint64_t want[] = {__VA_ARGS__};                                             \
		assert_int_equal(n_found, sizeof(want) / sizeof(want[0]));                         \
		assert_memory_equal(found, want, sizeof(want));                                    \
	} while (0)

static void pair(uint64_t lo, uint64_t hi)
{
	u64(lo);
	u64(hi);
}

/* DWARF 2 to 4: from the unit's start, or from the base that the list has set last. */
static void old_lists_have_a_base(void **state)
{
	(void)state;
	begin(4);
	pair(0x10, 0x20);
	pair(UINT64_MAX, 0x500000);
	pair(0x30, 0x40);
	pair(0x50, 0x50); /* empty */
	pair(UINT64_MAX, 0);
	pair(0x600000, 0x600010);
	pair(0, 0);
	pair(0x70, 0x80); /* of the next list */
	each();
	EXPECT(0x1010, 0x1020, 0x500030, 0x500040, 0x600000, 0x600010);
}

static void new_lists_have_a_base(void **state)
{
	(void)state;
	begin(5);
	u8(DW_RLE_offset_pair);
	uleb(0x10);
	uleb(0x20);
	u8(DW_RLE_base_address);
	u64(0x500000);
	u8(DW_RLE_offset_pair);
	uleb(0x30);
	uleb(0x240);
	u8(DW_RLE_start_length);
	u64(0x600000);
	uleb(0x10);
	u8(DW_RLE_start_end);
	pair(0x700000, 0x700008);
	u8(DW_RLE_offset_pair);
	uleb(0x60);
	uleb(0x61);
	u8(DW_RLE_end_of_list);
	u8(DW_RLE_offset_pair);
	each();
	EXPECT(0x1010, 0x1020, 0x500030, 0x500240, 0x600000, 0x600010, 0x700000, 0x700008, 0x500060,
	       0x500061);
}

/* With split debug information addresses stand in a table, from the unit's base in it. */
static void new_lists_have_indices(void **state)
{
	static const uint64_t table[] = {0xbad, 0x500000, 0x500100, 0x600000};

	(void)state;
	begin(5);
	unit.addr_base = 8;
	file.sec.addr = span_of(table, sizeof(table));
	u8(DW_RLE_base_addressx);
	uleb(2);
	u8(DW_RLE_offset_pair);
	uleb(0x10);
	uleb(0x20);
	u8(DW_RLE_startx_endx);
	uleb(0);
	uleb(1);
	u8(DW_RLE_startx_length);
	uleb(1);
	uleb(0x30);
	u8(DW_RLE_startx_length);
	uleb(3); /* beyond the table: damaged, the list ends */
	uleb(0x30);
	u8(DW_RLE_start_end);
	pair(0x700000, 0x700008);
	each();
	EXPECT(0x600010, 0x600020, 0x500000, 0x500100, 0x500100, 0x500130);
}

/* Functions that the linker has dropped: at 0, at 1, or at the very end. */
static void discarded_functions_are_nowhere(void **state)
{
	(void)state;
	begin(5);
	for (int i = 0; i < 4; i++) {
		static const uint64_t at[] = {0, 1, UINT64_MAX - 1, UINT64_MAX};

		u8(DW_RLE_start_length);
		u64(at[i]);
		uleb(0x100);
	}
	u8(DW_RLE_start_length);
	u64(0x2000);
	uleb(0x100);
	u8(DW_RLE_end_of_list);
	each();
	EXPECT(0x2000, 0x2100);
}

/* DW_AT_high_pc is an address, or since DWARF 4 a length. */
static void high_is_address_or_length(void **state)
{
	struct skim_die die = {.low_form = DW_FORM_addr, .low = 0x2000};

	(void)state;
	begin(4);
	die.high_form = DW_FORM_addr;
	die.high = 0x2030;
	fr_ranges_each(&unit, &die, add, NULL);
	die.high_form = DW_FORM_data4;
	die.high = 0x40;
	fr_ranges_each(&unit, &die, add, NULL);
	EXPECT(0x2000, 0x2030, 0x2000, 0x2040);
}

/* ---- lines ----------------------------------------------------------------------------------- */

static struct line_file files[] = {{0}, {.name = "/src/one.c"}, {.name = "/src/two.c"}};

static struct line_table table_of(void)
{
	return (struct line_table){.unit = &unit,
				   .version = 4,
				   .min_inst = 1,
				   .max_ops = 1,
				   .line_base = -5,
				   .line_range = 14,
				   .opcode_base = 13,
				   .lengths = {0, 0, 1, 1, 1, 1, 0, 0, 0, 1, 0, 0, 1},
				   .files = files,
				   .n_files = 3,
				   .program = bytes_at(span_of(bytes, n_bytes), 0)};
}

static void set_address(uint64_t at)
{
	u8(0);
	u8(9);
	u8(DW_LNE_set_address);
	u64(at);
}

/* Moves and makes a row by one special opcode. */
static void row(unsigned int addresses, int lines)
{
	u8(13 + addresses * 14 + (unsigned int)(lines + 5));
}

static void end_sequence(unsigned int after)
{
	u8(DW_LNS_advance_pc);
	uleb(after);
	u8(0);
	u8(1);
	u8(DW_LNE_end_sequence);
}

/* What the program in BYTES says of ADDR: line, and the file's name in *NAME. */
static uint32_t line_of(struct line_table t, uint64_t addr, const char **name)
{
	struct image_builder *b = fr_image_new();
	struct answer a = {.vaddr = addr}, *list[] = {&a};
	static char kept[64];

	for (size_t i = 0; i < 3; i++)
		files[i].path = 0;
	fr_lines_run(&t, b, list, 1);
	strcpy(kept, a.file ? fr_image_interned(b, a.file) : "");
	fr_image_free(b);
	if (name)
		*name = kept;
	return a.line;
}

/* A row holds up to the next one; behind the sequence is nothing. */
static void a_row_holds_up_to_the_next(void **state)
{
	(void)state;
	begin(4);
	set_address(0x2000);
	row(0, 5); /* line 6 */
	row(4, 3); /* line 9 at 0x2004 */
	row(6, -2); /* line 7 at 0x200a */
	end_sequence(2);
	assert_int_equal(line_of(table_of(), 0x1fff, NULL), 0);
	assert_int_equal(line_of(table_of(), 0x2000, NULL), 6);
	assert_int_equal(line_of(table_of(), 0x2003, NULL), 6);
	assert_int_equal(line_of(table_of(), 0x2004, NULL), 9);
	assert_int_equal(line_of(table_of(), 0x200b, NULL), 7);
	assert_int_equal(line_of(table_of(), 0x200c, NULL), 0);
}

/* Registers begin anew with each sequence: file 1, line 1. */
static void sequences_begin_anew(void **state)
{
	const char *name;

	(void)state;
	begin(4);
	set_address(0x2000);
	u8(DW_LNS_set_file);
	uleb(2);
	row(0, 5);
	end_sequence(8);
	set_address(0x3000);
	row(0, 2);
	end_sequence(8);
	assert_int_equal(line_of(table_of(), 0x2001, &name), 6);
	assert_string_equal(name, "/src/two.c");
	assert_int_equal(line_of(table_of(), 0x3001, &name), 3);
	assert_string_equal(name, "/src/one.c");
}

/* A dropped function's sequence begins at 0 and reaches as far as the function was long. */
static void discarded_sequences_say_nothing(void **state)
{
	(void)state;
	begin(4);
	set_address(0);
	row(0, 5);
	end_sequence(0x3000);
	set_address(0x2000);
	row(0, 2);
	end_sequence(8);
	assert_int_equal(line_of(table_of(), 0x1000, NULL), 0);
	assert_int_equal(line_of(table_of(), 0x2001, NULL), 3);
}

/* Where instructions are four bytes long, so are the steps; DW_LNS_const_add_pc is one of 255. */
static void steps_are_instructions(void **state)
{
	struct line_table t;

	(void)state;
	begin(4);
	set_address(0x2000);
	row(0, 5);
	row(2, 3);
	u8(DW_LNS_const_add_pc); /* (255 - 13) / 14 = 17 instructions */
	row(0, 4);
	end_sequence(2);
	t = table_of();
	t.min_inst = 4;
	assert_int_equal(line_of(t, 0x2007, NULL), 6);
	assert_int_equal(line_of(t, 0x2008, NULL), 9);
	assert_int_equal(line_of(t, 0x2008 + 4 * 17 - 1, NULL), 9);
	assert_int_equal(line_of(t, 0x2008 + 4 * 17, NULL), 13);
	assert_int_equal(line_of(t, 0x2008 + 4 * 19, NULL), 0);
}

/* Rows that go back are damage: what follows in that sequence is not believed. */
static void rows_that_go_back_end_the_sequence(void **state)
{
	(void)state;
	begin(4);
	set_address(0x2000);
	row(0, 5);
	set_address(0x1000);
	row(0, 1);
	row(8, 1);
	end_sequence(8);
	assert_int_equal(line_of(table_of(), 0x1004, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(old_lists_have_a_base),
		cmocka_unit_test(new_lists_have_a_base),
		cmocka_unit_test(new_lists_have_indices),
		cmocka_unit_test(discarded_functions_are_nowhere),
		cmocka_unit_test(high_is_address_or_length),
		cmocka_unit_test(a_row_holds_up_to_the_next),
		cmocka_unit_test(sequences_begin_anew),
		cmocka_unit_test(discarded_sequences_say_nothing),
		cmocka_unit_test(steps_are_instructions),
		cmocka_unit_test(rows_that_go_back_end_the_sequence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
