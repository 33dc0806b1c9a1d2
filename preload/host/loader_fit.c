/* SPDX-License-Identifier: MIT */
/*
 * loader_fit.c - see loader_fit.h.
 *
 * A program is a script (its interpreter is looked at), or an ELF file. One of another class or
 * machine is unfit. One without PT_INTERP is static and loads nothing, unless it is itself a loader
 * ("/opt/app/ld.so ./program"). The loader that runs us takes us again. Of any other one we want to
 * see that it is glibc's and that the libc.so.6 beside it defines each symbol version that we need;
 * that is how the loader itself would decide, but for the exit status. In doubt it is unfit: a
 * program that is not recorded runs, one that is wrongly thought fit does not.
 *
 * Context: hooks of exec and posix_spawn, so perhaps a vfork child, a forked child that has not
 * been born, a signal handler, a thread with a small stack: system calls only, no state, one path
 * buffer at a time. Must not: touch errno, open what is not a regular file, keep a descriptor.
 */
#include "host/loader_fit.h"

#include <elf.h>
#include <errno.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/arch.h"
#include "core/sys.h"
#include "core/text.h"
#include "record/host.h"
#include "record/wait.h"

#define PATH_SIZE 512u
#define SHEBANG_SIZE 256u /* what the kernel reads of a file's beginning */
#define SCRIPTS_MAX 6 /* of scripts, one deeper than the kernel goes */
#define PHDRS_MAX 64u
#define VERSIONS_MAX 512u

struct identity {
	dev_t dev;
	ino_t ino; /* 0 = not known */
};

static struct {
	const char *path; /* as LD_PRELOAD named us */
	struct identity file, loader;
} own = {.path = "libfr.so"};

extern const char __ehdr_start[] __attribute__((visibility("hidden")));

static bool same(const struct identity *a, const struct stat *st)
{
	return a->ino && a->ino == st->st_ino && a->dev == st->st_dev;
}

static struct identity identity_of(const char *path)
{
	struct stat st;

	if (!path || fr_sys4(SYS_newfstatat, AT_FDCWD, path, &st, 0) != 0)
		return (struct identity){0};
	return (struct identity){st.st_dev, st.st_ino};
}

void fr_fit_init(void)
{
	for (const struct link_map *m = _r_debug.r_map; m; m = m->l_next) {
		if (m->l_ld == _DYNAMIC) {
			own.path = m->l_name;
			own.file = identity_of(m->l_name);
		} else if (m->l_addr == _r_debug.r_ldbase) {
			own.loader = identity_of(m->l_name);
		}
	}
}

bool fr_fit_is_us(const char *s, size_t n)
{
	const char *name = strrchr(own.path, '/');
	const char *slash = memrchr(s, '/', n);
	size_t len;
	char path[PATH_SIZE];
	struct stat st;
	struct fr_text t = fr_text_on(path, sizeof(path));

	if (n == strlen(own.path) && memcmp(s, own.path, n) == 0)
		return true;
	name = name ? name + 1 : own.path;
	len = strlen(name);
	if (n < len || memcmp(s + n - len, name, len) != 0 ||
	    (slash ? slash + 1 != s + n - len : n != len))
		return false;
	if (!slash || memchr(s, '$', n)) /* the loader searches for it, or puts something in */
		return true;
	fr_text_bytes(&t, s, n);
	return fr_sys4(SYS_newfstatat, AT_FDCWD, path, &st, 0) == 0 && same(&own.file, &st);
}

/* ---- files ----------------------------------------------------------------------------------- */

/* A descriptor, or a negative errno value. */
static int open_regular(int dir, const char *path, int flags)
{
	int nofollow = flags & AT_SYMLINK_NOFOLLOW;
	struct stat st;
	long rc = fr_sys4(SYS_newfstatat, dir, path, &st, nofollow);

	if (rc < 0)
		return (int)rc;
	if (!S_ISREG(st.st_mode)) /* a FIFO would wait, a device might do anything */
		return -EACCES;
	return fr_sys_openat(
		dir, path,
		O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC | (nofollow ? O_NOFOLLOW : 0), 0);
}

static void name_descriptor(char *buf, size_t size, int fd)
{
	struct fr_text t = fr_text_on(buf, size);

	fr_text_str(&t, "/proc/self/fd/");
	fr_text_num(&t, (unsigned int)fd, 10);
}

/* The host's descriptor may be O_PATH: opened once more. */
static int open_descriptor(int fd)
{
	char name[40];
	int mine;

	if (fd < 0)
		return -EBADF;
	name_descriptor(name, sizeof(name), fd);
	mine = open_regular(AT_FDCWD, name, 0);
	return mine == -ENOENT ? (int)fr_sys3(SYS_fcntl, fd, F_DUPFD_CLOEXEC, 0) : mine;
}

static bool read_at(int fd, void *buf, size_t n, uint64_t at)
{
	return fr_sys4(SYS_pread64, fd, buf, n, at) == (long)n;
}

struct elf {
	int fd;
	Elf64_Ehdr eh;
};

static bool read_elf(struct elf *e, int fd)
{
	static const unsigned char ident[] = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB};

	e->fd = fd;
	return read_at(fd, &e->eh, sizeof(e->eh), 0) &&
	       memcmp(e->eh.e_ident, ident, sizeof(ident)) == 0 &&
	       e->eh.e_machine == FR_ELF_MACHINE && e->eh.e_phentsize == sizeof(Elf64_Phdr);
}

static bool read_phdr(const struct elf *e, unsigned int i, Elf64_Phdr *p)
{
	return i < e->eh.e_phnum && i < PHDRS_MAX &&
	       read_at(e->fd, p, sizeof(*p), e->eh.e_phoff + i * sizeof(*p));
}

static bool find_phdr(const struct elf *e, uint32_t type, Elf64_Phdr *p)
{
	for (unsigned int i = 0; read_phdr(e, i, p); i++) {
		if (p->p_type == type)
			return true;
	}
	return false;
}

/* The value of a tag of the dynamic section; 0 = it has none. */
static uint64_t dynamic(const struct elf *e, int64_t tag)
{
	Elf64_Phdr p;
	Elf64_Dyn d;

	if (!find_phdr(e, PT_DYNAMIC, &p))
		return 0;
	for (uint64_t at = 0; at + sizeof(d) <= p.p_filesz; at += sizeof(d)) {
		if (!read_at(e->fd, &d, sizeof(d), p.p_offset + at) || d.d_tag == DT_NULL)
			return 0;
		if (d.d_tag == tag)
			return d.d_un.d_val;
	}
	return 0;
}

static uint64_t offset_of(const struct elf *e, uint64_t addr)
{
	Elf64_Phdr p;

	for (unsigned int i = 0; read_phdr(e, i, &p); i++) {
		if (p.p_type == PT_LOAD && addr >= p.p_vaddr && addr - p.p_vaddr < p.p_filesz)
			return addr - p.p_vaddr + p.p_offset;
	}
	return 0;
}

/* ---- symbol versions ------------------------------------------------------------------------- */

#define HASH_GLIBC_PRIVATE 0x0963cf85u /* only glibc's own objects define it */

/* AT: where the version definitions begin in the file. */
static bool defines(const struct elf *e, uint64_t at, uint32_t hash)
{
	Elf64_Verdef d;

	for (unsigned int i = 0; i < VERSIONS_MAX && read_at(e->fd, &d, sizeof(d), at); i++) {
		if (d.vd_hash == hash)
			return true;
		if (!d.vd_next)
			break;
		at += d.vd_next;
	}
	return false;
}

/* What the loader has not made an address of yet is one relative to our beginning. */
static const void *own_dynamic(int64_t tag)
{
	for (const ElfW(Dyn) *d = _DYNAMIC; d->d_tag != DT_NULL; d++) {
		if (d->d_tag == tag)
			return d->d_un.d_ptr < (uintptr_t)__ehdr_start
				       ? __ehdr_start + d->d_un.d_ptr
				       : (const char *)d->d_un.d_ptr;
	}
	return NULL;
}

static bool has_needed(const struct elf *e, uint64_t defs, const ElfW(Verneed) * n)
{
	const ElfW(Vernaux) *a = (const void *)((const char *)n + n->vn_aux);

	for (unsigned int i = 0; i < n->vn_cnt; i++) {
		if (!(a->vna_flags & VER_FLG_WEAK) && !defines(e, defs, a->vna_hash))
			return false;
		a = (const void *)((const char *)a + a->vna_next);
	}
	return true;
}

/* Is E of glibc, and has it what we need of the object called NAME... ? */
static bool provides(const struct elf *e, const char *name)
{
	uint64_t defs = offset_of(e, dynamic(e, DT_VERDEF));
	const ElfW(Verneed) *n = own_dynamic(DT_VERNEED);
	const char *strings = own_dynamic(DT_STRTAB);

	if (!defs || !defines(e, defs, HASH_GLIBC_PRIVATE))
		return false;
	while (n && strings) {
		if (strncmp(strings + n->vn_file, name, strlen(name)) == 0 &&
		    !has_needed(e, defs, n))
			return false;
		n = n->vn_next ? (const void *)((const char *)n + n->vn_next) : NULL;
	}
	return true;
}

/* ---- loaders --------------------------------------------------------------------------------- */

/* The libc.so.6 in the directory where LOADER really is, or < 0. */
static int open_libc_beside(int loader)
{
	char name[40], path[PATH_SIZE];
	struct fr_text t = {path, 0, sizeof(path)};
	long n;

	name_descriptor(name, sizeof(name), loader);
	n = fr_sys4(SYS_readlinkat, AT_FDCWD, name, path, sizeof(path) - 1);
	if (n <= 0 || n == sizeof(path) - 1)
		return -ENOENT;
	while (n && path[n - 1] != '/')
		n--;
	t.n = (size_t)n;
	fr_text_str(&t, "libc.so.6");
	return open_regular(AT_FDCWD, path, 0);
}

static bool libc_provides(int loader)
{
	int fd = open_libc_beside(loader);
	struct elf libc;
	bool ok;

	if (fd < 0)
		return false;
	ok = read_elf(&libc, fd) && provides(&libc, "libc.so.6");
	fr_sys_close(fd);
	return ok;
}

static bool loader_takes_us(const struct elf *e)
{
	struct stat st;

	if (fr_sys2(SYS_fstat, e->fd, &st) == 0 && same(&own.loader, &st))
		return true;
	return provides(e, "ld-") && libc_provides(e->fd);
}

static bool loader_at_takes_us(const char *path)
{
	int fd = open_regular(AT_FDCWD, path, 0);
	struct elf e;
	bool ok;

	if (fd < 0)
		return fd == -ENOENT; /* exec will say the same */
	ok = read_elf(&e, fd) && loader_takes_us(&e);
	fr_sys_close(fd);
	return ok;
}

/* ---- programs -------------------------------------------------------------------------------- */

enum answer {
	NO,
	YES,
	ASK_INTERPRETER, /* a script: its interpreter decides */
};

static bool elf_takes_us(int fd)
{
	char path[PATH_SIZE];
	Elf64_Phdr p;
	struct elf e;

	if (!read_elf(&e, fd))
		return false;
	if (find_phdr(&e, PT_INTERP, &p)) {
		if (!p.p_filesz || p.p_filesz >= sizeof(path) ||
		    !read_at(fd, path, p.p_filesz, p.p_offset))
			return false;
		path[p.p_filesz] = '\0';
		return loader_at_takes_us(path);
	}
	/* no loader: static, position independent or not; or it is one */
	return e.eh.e_type != ET_DYN || !find_phdr(&e, PT_DYNAMIC, &p) ||
	       (dynamic(&e, DT_FLAGS_1) & DF_1_PIE) || loader_takes_us(&e);
}

/* "#! /usr/bin/perl -w": the name. Cut, as the kernel cuts it. */
static bool script(const char *head, size_t n, char *interp)
{
	size_t i = 2, k = 0;

	while (i < n && (head[i] == ' ' || head[i] == '\t'))
		i++;
	while (i < n && head[i] && !strchr(" \t\n", head[i]))
		interp[k++] = head[i++];
	interp[k] = '\0';
	return k > 0;
}

/* NEXT: SHEBANG_SIZE bytes for the script's interpreter. */
static enum answer judge(int fd, char *next)
{
	char head[SHEBANG_SIZE];
	long n = fr_sys4(SYS_pread64, fd, head, sizeof(head) - 1, 0);

	if (n >= SELFMAG && memcmp(head, ELFMAG, SELFMAG) == 0)
		return elf_takes_us(fd) ? YES : NO;
	if (n > 2 && head[0] == '#' && head[1] == '!' && script(head, (size_t)n, next))
		return ASK_INTERPRETER;
	return YES; /* a shell script without a first line, or the kernel knows better */
}

static bool judge_and_close(int fd)
{
	enum answer a = ASK_INTERPRETER;
	char next[SHEBANG_SIZE];

	for (int i = 0; a == ASK_INTERPRETER && i < SCRIPTS_MAX; i++) {
		if (i)
			fd = open_regular(AT_FDCWD, next, 0);
		if (fd < 0)
			return fd != -EMFILE && fd != -ENFILE;
		a = judge(fd, next);
		fr_sys_close(fd);
	}
	return a != NO;
}

/* ---- finding the program --------------------------------------------------------------------- */

static bool can_be_run(const char *path)
{
	struct stat st;

	return fr_sys4(SYS_newfstatat, AT_FDCWD, path, &st, 0) == 0 && S_ISREG(st.st_mode) &&
	       fr_sys4(SYS_faccessat2, AT_FDCWD, path, 1 /* X_OK */, AT_EACCESS) != -EACCES;
}

/* As execvp searches. FILE: readable, without a slash. */
static int open_searched(const char *file)
{
	const char *path = fr_text_search_path();
	char name[2 * PATH_SIZE];
	struct fr_text t;

	while (path) {
		t = fr_text_on(name, sizeof(name));
		fr_text_searched(&t, &path, file);
		if (can_be_run(name))
			return open_regular(AT_FDCWD, name, 0);
	}
	return -ENOENT;
}

/* 1: a slash is in it; 0: none; < 0: it cannot be read, or is no name. */
static int has_slash(const char *file)
{
	for (size_t i = 0; i <= PATH_SIZE; i++) {
		if ((i == 0 || ((uintptr_t)(file + i) & (FR_PAGE - 1)) == 0) &&
		    !fr_wait_readable(file + i, 1))
			return -EFAULT;
		if (file[i] == '/')
			return 1;
		if (!file[i])
			return i ? 0 : -ENOENT;
	}
	return -ENAMETOOLONG;
}

static int open_program(const struct fr_program *p)
{
	int slash;

	if (!p->path)
		return open_descriptor(p->dir);
	if (p->flags & AT_EMPTY_PATH && fr_wait_readable(p->path, 1) && !*p->path)
		return open_descriptor(p->dir);
	slash = p->search ? has_slash(p->path) : 1;
	if (slash <= 0)
		return slash < 0 ? slash : open_searched(p->path);
	return open_regular(p->dir, p->path, p->flags);
}

bool fr_fit_takes_us(const struct fr_program *p)
{
	int fd = open_program(p);

	if (fd == -ENOENT && p->elsewhere)
		return false;
	return judge_and_close(fd);
}
