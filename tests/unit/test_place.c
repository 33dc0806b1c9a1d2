/* SPDX-License-Identifier: MIT */
/*
 * test_place.c - which directories the recorder uses (preload/core/place.c), case by case.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <linux/magic.h>

#include "preload/core/place.h"
#include "preload/core/sys.h"

/* What sys.h wants of the rest of the recorder. */
enum fr_sys_filter fr_sys_filter;
int fr_sys_own_pid;

bool fr_sys_let_through(long nr)
{
	return true;
}

#define ME 1000u
#define OTHER 1001u
#define NOBODY 65534u

static const struct {
	uint32_t uid, owner;
	mode_t mode;
	enum fr_place answer;
} cases[] = {
	{ME, ME, 0700, FR_PLACE_GOOD},
	{ME, ME, 0755, FR_PLACE_GOOD},
	{ME, ME, 0775, FR_PLACE_GOOD}, /* a group's */
	{ME, ME, 0777, FR_PLACE_OPEN},
	{ME, ME, 0707, FR_PLACE_OPEN},
	{ME, ME, 01777, FR_PLACE_GOOD},
	{ME, ME, 0, FR_PLACE_GOOD}, /* the system says what cannot be done */
	{ME, 0, 0755, FR_PLACE_GOOD},
	{ME, 0, 0775, FR_PLACE_GOOD}, /* /var/log/app */
	{ME, 0, 01777, FR_PLACE_GOOD}, /* /tmp */
	{ME, 0, 0777, FR_PLACE_OPEN},
	{ME, OTHER, 0755, FR_PLACE_OWNER},
	{ME, OTHER, 0775, FR_PLACE_OWNER},
	{ME, OTHER, 0777, FR_PLACE_OWNER},
	{ME, OTHER, 01777, FR_PLACE_OWNER},
	{ME, NOBODY, 01777, FR_PLACE_OWNER}, /* somebody outside of our user namespace */
	{0, 0, 0700, FR_PLACE_GOOD},
	{0, 0, 0777, FR_PLACE_OPEN},
	{0, 0, 01777, FR_PLACE_GOOD},
	{0, ME, 0700, FR_PLACE_OWNER},
	{0, ME, 0755, FR_PLACE_OWNER},
	{0, ME, 01777, FR_PLACE_OWNER},
};

static void owners_and_modes(void **state)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct stat st = {.st_uid = cases[i].owner, .st_mode = S_IFDIR | cases[i].mode};

		if (fr_place_judge(&st, cases[i].uid) != cases[i].answer)
			fail_msg("uid %u, owner %u, mode %o: not %d", cases[i].uid, cases[i].owner,
				 cases[i].mode, cases[i].answer);
	}
}

static void file_systems(void **state)
{
	static const int64_t good[] = {TMPFS_MAGIC, RAMFS_MAGIC, HUGETLBFS_MAGIC, EXT4_SUPER_MAGIC,
				       0x58465342 /* xfs */};
	static const int64_t bad[] = {BTRFS_SUPER_MAGIC,
				      OVERLAYFS_SUPER_MAGIC,
				      F2FS_SUPER_MAGIC,
				      NFS_SUPER_MAGIC,
				      FUSE_SUPER_MAGIC,
				      V9FS_MAGIC,
				      CIFS_SUPER_MAGIC,
				      0x2fc12fc1 /* zfs */,
				      0xca451a4e /* bcachefs */,
				      0x7366746e /* ntfs */,
				      MSDOS_SUPER_MAGIC,
				      PROC_SUPER_MAGIC,
				      0};

	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		assert_true(fr_place_keeps_space(good[i]));
		assert_true(fr_place_keeps_space((int32_t)good[i])); /* f_type may be signed */
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_false(fr_place_keeps_space(bad[i]));
}

static void words(void **state)
{
	for (int why = FR_PLACE_SYSTEM; why <= FR_PLACE_LIMIT; why++)
		assert_true(fr_place_why(&(struct fr_refusal){why, 0})[0]);
	assert_string_equal(fr_place_why(&(struct fr_refusal){FR_PLACE_SYSTEM, 28}),
			    "no space left there");
	assert_string_equal(fr_place_why(&(struct fr_refusal){77, 0}), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(owners_and_modes),
		cmocka_unit_test(file_systems),
		cmocka_unit_test(words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
