/* SPDX-License-Identifier: MIT */
/*
 * program.c - looks at a program before it is started under the recorder.
 *
 * The dynamic loader preloads a library only where there is a dynamic loader, no privilege change
 * and the same architecture. Otherwise it goes on without a word, so that is said here.
 */
#include "capture/program.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/regular.h"

#if defined(__x86_64__)
#define OUR_MACHINE EM_X86_64
#elif defined(__aarch64__)
#define OUR_MACHINE EM_AARCH64
#endif

#define PHDRS_MAX 64
#define SHEBANG_MAX 4

/* Who starts it. */
struct starter {
	uid_t uid;
	gid_t gid;
};

static bool read_at(int fd, void *buf, size_t n, uint64_t off)
{
	return pread(fd, buf, n, (off_t)off) == (ssize_t)n;
}

/* Go's build id stands among the notes of the segment, behind those of the C linker. */
static bool notes_are_go(int fd, const Elf64_Phdr *p)
{
	uint64_t at = 0;
	Elf64_Nhdr n;
	char name[4];

	while (at + sizeof(n) + 4 <= p->p_filesz && read_at(fd, &n, sizeof(n), p->p_offset + at)) {
		if (n.n_namesz == 4 && read_at(fd, name, 4, p->p_offset + at + sizeof(n)) &&
		    !memcmp(name, "Go\0\0", 4))
			return true;
		at += sizeof(n) + (((uint64_t)n.n_namesz + 3) & ~3ull) +
		      (((uint64_t)n.n_descsz + 3) & ~3ull);
	}
	return false;
}

static void read_headers(int fd, const Elf64_Ehdr *eh, struct program *prog)
{
	unsigned int i;
	Elf64_Phdr p;

	for (i = 0; i < eh->e_phnum && i < PHDRS_MAX; i++) {
		if (!read_at(fd, &p, sizeof(p), eh->e_phoff + i * sizeof(p)))
			return;
		if (p.p_type == PT_NOTE && notes_are_go(fd, &p))
			prog->go = true;
		if (p.p_type == PT_INTERP && p.p_filesz && p.p_filesz < sizeof(prog->loader) &&
		    !read_at(fd, prog->loader, p.p_filesz, p.p_offset))
			prog->loader[0] = 0;
	}
}

static bool check_elf(const char *path, int fd, struct program *prog, struct diag *d)
{
	Elf64_Ehdr eh;

	prog->image = fr_mem_strndup(path, strlen(path));
	if (!read_at(fd, &eh, sizeof(eh), 0) || eh.e_ident[EI_CLASS] != ELFCLASS64 ||
	    eh.e_machine != OUR_MACHINE || eh.e_phentsize != sizeof(Elf64_Phdr)) {
		diag_add(d, DIAG_ERROR, "%s is for another architecture than libfr.so", path);
		return false;
	}
	read_headers(fd, &eh, prog);
	if (!prog->loader[0] && prog->go)
		diag_add(d, DIAG_ERROR,
			 "%s is a Go program that calls no libc: nothing can be preloaded; Go has "
			 "its own, runtime/trace.FlightRecorder",
			 path);
	else if (!prog->loader[0])
		diag_add(d, DIAG_ERROR,
			 "%s is statically linked: nothing can be preloaded; link it dynamically "
			 "to record it",
			 path);
	else if (strstr(prog->loader, "ld-musl"))
		diag_add(d, DIAG_ERROR, "%s uses musl; libfr.so is for glibc", path);
	else if (prog->go)
		diag_add(d, DIAG_NOTE,
			 "%s is a Go program: only what its C parts do will be recorded", path);
	return prog->loader[0] && !strstr(prog->loader, "ld-musl");
}

static bool check_privileges(const char *path, int fd, const struct starter *who, struct diag *d)
{
	struct stat st;

	if (fstat(fd, &st) || !S_ISREG(st.st_mode)) {
		diag_add(d, DIAG_ERROR, "%s is no program", path);
		return false;
	}
	if ((st.st_mode & S_ISUID && st.st_uid != who->uid) ||
	    (st.st_mode & S_ISGID && st.st_mode & S_IXGRP && st.st_gid != who->gid) ||
	    (who->uid && fgetxattr(fd, "security.capability", NULL, 0) > 0)) {
		diag_add(d, DIAG_ERROR,
			 "%s is setuid, setgid or has file capabilities: the loader ignores "
			 "LD_PRELOAD for it; "
			 "run it as the user it changes to, or record a copy without the bit",
			 path);
		return false;
	}
	return true;
}

/* The interpreter in "#!/usr/bin/python3 -u\n"; false = no script. */
static bool shebang(const char *head, size_t n, char *interp, size_t size)
{
	size_t i = 2, k = 0;

	if (n < 3 || head[0] != '#' || head[1] != '!')
		return false;
	while (i < n && (head[i] == ' ' || head[i] == '\t'))
		i++;
	while (i < n && !strchr(" \t\r\n", head[i]) && head[i] && k + 1 < size)
		interp[k++] = head[i++];
	interp[k] = 0;
	return k > 0;
}

static bool check_file(const char *path, const struct starter *who, unsigned int depth,
		       struct program *prog, struct diag *d)
{
	char head[256], interp[256];
	struct stat st;
	ssize_t n;
	int fd = fr_regular_open(path, &st);
	bool ok;

	if (fd < 0 && errno == EACCES)
		return true; /* executable but not readable: the loader will see */
	if (fd < 0) {
		diag_add(d, DIAG_ERROR, "%s: %s", path, fr_regular_why());
		return false;
	}
	n = pread(fd, head, sizeof(head), 0);
	ok = check_privileges(path, fd, who, d);
	if (ok && n >= 4 && !memcmp(head, ELFMAG, SELFMAG))
		ok = check_elf(path, fd, prog, d);
	else if (ok && n > 0 && depth < SHEBANG_MAX &&
		 shebang(head, (size_t)n, interp, sizeof(interp)))
		ok = check_file(interp, who, depth + 1, prog, d);
	close(fd);
	return ok;
}

static bool is_program(const char *path)
{
	struct stat st;

	return !access(path, X_OK) && !stat(path, &st) && S_ISREG(st.st_mode);
}

/* As execvp would: through PATH unless there is a slash. */
static char *find(const char *name)
{
	const char *path = getenv("PATH");
	char *at = NULL;

	if (strchr(name, '/') || !*name)
		return is_program(name) ? fr_mem_strndup(name, strlen(name)) : NULL;
	if (!path)
		path = "/bin:/usr/bin";
	while (*path || at == NULL) {
		size_t n = strcspn(path, ":");

		if (asprintf(&at, "%.*s%s%s", (int)n, path, n ? "/" : "./", name) < 0)
			return NULL;
		if (is_program(at))
			return at;
		free(at);
		at = NULL;
		if (!path[n])
			return NULL;
		path += n + 1;
	}
	return NULL;
}

bool fr_program_inspect(const char *name, uid_t uid, gid_t gid, struct program *p, struct diag *d)
{
	struct starter who = {uid, gid};

	*p = (struct program){.path = find(name)};
	if (p->path)
		return check_file(p->path, &who, 0, p, d);
	if (strchr(name, '/') && !access(name, F_OK))
		diag_add(d, DIAG_ERROR, "%s is not executable", name);
	else
		diag_add(d, DIAG_ERROR, "there is no program '%s'%s", name,
			 strchr(name, '/') ? "" : " in PATH");
	return false;
}

void fr_program_free(struct program *p)
{
	free(p->path);
	free(p->image);
	*p = (struct program){0};
}

char *fr_program_find(const char *name, struct diag *d)
{
	struct program p;
	char *path = NULL;

	if (fr_program_inspect(name, geteuid(), getegid(), &p, d)) {
		path = p.path;
		p.path = NULL;
	}
	fr_program_free(&p);
	return path;
}
