/* SPDX-License-Identifier: MIT */
/*
 * process.c - reads what identifies this process.
 *
 * Context: birth, one thread, perhaps a forked child: system calls only.
 */
#include "core/process.h"

#include <string.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/utsname.h>

#include "core/arch.h"
#include "core/mask.h"
#include "core/sanitizer.h"
#include "core/sys.h"
#include "core/text.h"
#include "wire/wire.h"

struct fr_process fr_process;

#if FR_PAGE_MAX > FR_PAGE_MIN
uint32_t fr_arch_page = FR_PAGE_MIN;
#endif

void fr_process_page(void)
{
#if FR_PAGE_MAX > FR_PAGE_MIN
	fr_arch_page = (uint32_t)getauxval(AT_PAGESZ);
#endif
}

extern void *__libc_stack_end; /* set by the loader before any constructor runs */

static void read_stack_bounds(void)
{
	struct rlimit lim = {0};
	uintptr_t hi = ((uintptr_t)__libc_stack_end | (FR_PAGE - 1)) + 1;
	uint64_t size = 8u << 20;

	if (fr_sys2(SYS_getrlimit, RLIMIT_STACK, &lim) == 0 && lim.rlim_cur != RLIM_INFINITY)
		size = lim.rlim_cur;
	fr_process.main_stack_hi = hi;
	fr_process.main_stack_lo = hi > size ? hi - size : FR_PAGE;
	/* nptl's ARCH_STACK_DEFAULT_SIZE where the limit says nothing */
	fr_process.default_stack = lim.rlim_cur == RLIM_INFINITY ? 2u << 20 : size;
}

void fr_process_read(bool forked)
{
	fr_process.pid = (uint32_t)fr_sys_getpid();
	fr_process.ppid = (uint32_t)fr_sys0(SYS_getppid);
	fr_process.uid = (uint32_t)fr_sys0(SYS_geteuid);
	fr_sys2(SYS_prctl, PR_GET_NAME, fr_process.comm);
	fr_process.comm[sizeof(fr_process.comm) - 1] = '\0';
	for (unsigned int i = 0; i < sizeof(fr_process.comm); i++) {
		char c = fr_process.comm[i];
		bool ok = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			  (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-' || c == '+' ||
			  !c;

		fr_process.comm_safe[i] = ok ? c : '_';
	}
	if (forked)
		return;
	read_stack_bounds();
	fr_process.sanitized = fr_sanitizer_find() == FR_SANITIZER_ASAN;
}

void fr_process_describe_host(struct fr_header *h)
{
	struct utsname uts = {0};
	long n;

	fr_sys1(SYS_uname, (long)&uts);
	fr_text_copy(h->host, sizeof(h->host), uts.nodename);
	n = fr_sys_read_file("/proc/sys/kernel/random/boot_id", h->boot_id, sizeof(h->boot_id));
	if (n > 0 && h->boot_id[n - 1] == '\n')
		h->boot_id[n - 1] = '\0';
}

static void store(struct fr_header *h, char *to, const char *from, size_t n)
{
	if (fr_mask_copy(to, from, (uint32_t)n))
		h->x_masked++;
}

static void describe_exe(struct fr_header *h)
{
	char exe[sizeof(h->exe)] = "";

	fr_sys4(SYS_readlinkat, AT_FDCWD, "/proc/self/exe", exe, sizeof(exe) - 1);
	store(h, h->exe, exe, sizeof(exe));
}

static void describe_cmdline(struct fr_header *h, int argc, char *const *argv)
{
	char line[sizeof(h->cmdline)] = "";
	size_t at = 0;

	if (argc <= 0)
		fr_sys_read_file("/proc/self/cmdline", line, sizeof(line));
	for (int i = 0; i < argc; i++) {
		size_t len = strlen(argv[i]) + 1;

		if (at + len >= sizeof(line))
			break;
		memcpy(line + at, argv[i], len);
		at += len;
	}
	store(h, h->cmdline, line, sizeof(line));
}

void fr_process_describe(struct fr_header *h, int argc, char *const *argv)
{
	h->pid = fr_process.pid;
	h->ppid = fr_process.ppid;
	h->uid = fr_process.uid;
	memcpy(h->comm, fr_process.comm, sizeof(h->comm));
	fr_process_describe_host(h);
	describe_exe(h);
	describe_cmdline(h, argc, argv);
}
