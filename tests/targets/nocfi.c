/* SPDX-License-Identifier: MIT */
/*
 * nocfi.c KIND N - takes a lock N times by way of code that no unwind table covers.
 *
 * KIND is `text`, assembly of this program; `jit`, code in memory of nobody, both with frame
 * pointers; or `lost`, which leaves a frame pointer that points nowhere, another one each time.
 */
#include <pthread.h>
#include <stdbool.h>
#include <sys/mman.h>

#include "truth.h"

static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;

NOINLINE static void locks(void)
{
	pthread_mutex_lock(&m);
	pthread_mutex_unlock(&m);
}

#if defined(__x86_64__)
/* f(call, fp): no .cfi directive in it */
extern const char with_frame[], with_frame_end[], lost_frame[], lost_frame_end[];
__asm__(".text\n"
	".type with_frame, @function\n"
	"with_frame:\n"
	"	push %rbp\n"
	"	mov %rsp, %rbp\n"
	"	call *%rdi\n"
	"	pop %rbp\n"
	"	ret\n"
	".size with_frame, . - with_frame\n"
	"with_frame_end:\n"
	"lost_frame:\n"
	"	push %rbp\n"
	"	mov %rsi, %rbp\n"
	"	call *%rdi\n"
	"	pop %rbp\n"
	"	ret\n"
	"lost_frame_end:\n");

#elif defined(__aarch64__)
extern const char with_frame[], with_frame_end[], lost_frame[], lost_frame_end[];
__asm__(".text\n"
	".type with_frame, %function\n"
	"with_frame:\n"
	"	hint #34\n" /* bti c */
	"	stp x29, x30, [sp, #-16]!\n"
	"	mov x29, sp\n"
	"	blr x0\n"
	"	ldp x29, x30, [sp], #16\n"
	"	ret\n"
	".size with_frame, . - with_frame\n"
	"with_frame_end:\n"
	"lost_frame:\n"
	"	hint #34\n"
	"	stp x29, x30, [sp, #-16]!\n"
	"	mov x29, x1\n"
	"	blr x0\n"
	"	ldp x29, x30, [sp], #16\n"
	"	ret\n"
	"lost_frame_end:\n");
#endif

typedef void frame_fn(void (*call)(void), unsigned long fp);

static frame_fn *in_memory(const char *from, const char *end)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS,
		       -1, 0);

	if (p == MAP_FAILED)
		broken("mmap");
	memcpy(p, from, (size_t)(end - from));
	__builtin___clear_cache(p, (char *)p + (end - from));
	return (frame_fn *)p;
}

int main(int argc, char **argv)
{
	frame_fn *f = (frame_fn *)with_frame;
	long n = argc > 2 ? atol(argv[2]) : 0;
	bool lost = n && strcmp(argv[1], "lost") == 0;

	if (lost)
		f = in_memory(lost_frame, lost_frame_end);
	else if (n && strcmp(argv[1], "jit") == 0)
		f = in_memory(with_frame, with_frame_end);
	for (long i = 0; i < n; i++)
		f(locks,
		  (unsigned long)__builtin_frame_address(0) + 4096 * (unsigned long)(i % 200));
	say("{\"locked\":%ld}", n);
	return 0;
}
