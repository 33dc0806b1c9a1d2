/* SPDX-License-Identifier: MIT */
/*
 * sanitizer.c - what is not done in hosts that a sanitizer watches.
 *
 * ThreadSanitizer, MemorySanitizer, helgrind and drd watch memory that the recorder touches: they
 * would report the recorder's intended races as the host's. So nothing is recorded there.
 * AddressSanitizer replaces malloc and reports faults itself: those stay its own, and unwind.c does
 * without RTLD_DEEPBIND, which it does not allow.
 *
 * Context: the constructor, before the sanitizer's runtime is up. Must not: call anything of libc
 * that a runtime could stand in front of: LSan's sigaction() complains when it comes too early.
 */
#include "core/sanitizer.h"

#include <stdbool.h>

#include "core/lookup.h"
#include "core/real.h"
#include "core/symbols.h"

/* Weak: filled in by the loader. To ask dlsym for a name that is missing would allocate. */
extern void __tsan_init(void) __attribute__((weak));
extern void __msan_init(void) __attribute__((weak));
extern void __hwasan_init(void) __attribute__((weak));
extern void __asan_init(void) __attribute__((weak));
extern void __lsan_init(void) __attribute__((weak));
/* of valgrind's helgrind and drd */
extern void _vgw00000ZZ_libcZdsoZa_pthreadZumutexZulock(void) __attribute__((weak));

/*
 * gcc's -static-libasan and -static-libtsan leave no name of their own to be found. But nobody
 * else replaces this one, the inside of getc().
 */
static bool is_nameless(void)
{
	if (!fr_symbols_before_us("__uflow")) /* dlsym() takes longer */
		return false;
	return fr_lookup_first("__uflow") != fr_lookup_next("__uflow", "");
}

enum fr_sanitizer fr_sanitizer_find(void)
{
	if (__tsan_init || __msan_init || __hwasan_init || __lsan_init ||
	    _vgw00000ZZ_libcZdsoZa_pthreadZumutexZulock)
		return FR_SANITIZER_OTHER;
	if (__asan_init)
		return FR_SANITIZER_ASAN;
	return is_nameless() ? FR_SANITIZER_OTHER : FR_SANITIZER_NONE;
}

/*
 * ASan's way for a program to set its defaults; the environment and a definition in the program
 * itself go before ours. It refuses to run when another library comes before its own, because
 * that one's replacements could hide its own. Ours lead on to the next ones, that is, to ASan's.
 */
FR_HOOK const char *__asan_default_options(void);
FR_HOOK const char *__asan_default_options(void)
{
	return "verify_asan_link_order=0";
}
