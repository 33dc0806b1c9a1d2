/* SPDX-License-Identifier: MIT */
/*
 * ioerrnos.c - calls of processes, descriptors and files that fail, some with pointers to nowhere:
 * result and errno must be the same with and without the recorder; errno stays where they succeed.
 */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "truth.h"

#define MARK 4242

/* Pids and addresses differ from run to run: only the sign of a result is said. */
#define TRY(call)                                                                                  \
	do {                                                                                       \
		long rc_;                                                                          \
                                                                                                   \
		errno = MARK;                                                                      \
		rc_ = (long)(call);                                                                \
		say("%s: %ld errno %d", #call, rc_<0 ? rc_ : rc_> 99 ? 99 : rc_, errno);           \
	} while (0)

static void *volatile wild = (void *)0x10000000001;
static char *volatile no_text = (char *)16;

static void processes(void)
{
	char *args[] = {"x", NULL};
	siginfo_t info;
	int status;
	pid_t pid;

	TRY(wait(&status));
	TRY(waitpid(-1, wild, WNOHANG));
	TRY(waitpid(123456789, &status, 0));
	TRY(waitpid(-1, &status, ~0));
	TRY(waitid(P_PID, 123456789, &info, WEXITED));
	TRY(waitid(P_ALL, 0, wild, 0));
	TRY(wait4(-1, &status, 0, wild));
	TRY(execv(no_text, args));
	TRY(execv("/", args));
	TRY(execve("/bin/true", wild, NULL));
	TRY(execve("/bin/true/x", args, NULL));
	TRY(execvp("", args));
	TRY(execveat(-1, "x", args, args, 0));
	TRY(fexecve(-1, args, args));
	TRY(posix_spawn(&pid, "/no/such", NULL, NULL, args, args));
	TRY(system(NULL));
	pid = fork();
	if (pid == 0)
		_exit(5);
	TRY(waitpid(pid, wild, 0));
	pid = fork();
	if (pid == 0)
		_exit(5);
	TRY(waitpid(pid, NULL, 0) == pid);
	TRY(popen("true", "x") == NULL);
	TRY(pclose(popen("exit 3", "r")));
	TRY(system("exit 4"));
}

static void descriptors(void)
{
	int two[2];

	TRY(open(no_text, O_RDONLY));
	TRY(open("/no/such", O_RDONLY));
	TRY(open("/", O_WRONLY));
	TRY(open("/dev/null", O_RDONLY) > 0);
	TRY(openat(-1, "x", O_RDONLY));
	TRY(creat("/", 0600));
	TRY(dup(-1));
	TRY(dup2(-1, 5));
	TRY(dup2(1, -1));
	TRY(dup2(1, 1));
	TRY(dup3(1, 1, 0));
	TRY(pipe(wild));
	TRY(pipe2(two, ~0));
	TRY(pipe2(two, O_NONBLOCK));
	TRY(socketpair(1234, SOCK_STREAM, 0, two));
	TRY(socketpair(AF_UNIX, SOCK_STREAM, 0, wild));
	TRY(eventfd(0, ~0));
	TRY(epoll_create(0));
	TRY(epoll_create1(~0));
	TRY(close(-1));
	TRY(close(12345));
	TRY(close_range(10, 5, 0));
	TRY(close_range(1000, 2000, 0));
	TRY(close_range(1000, 2000, ~0));
	TRY(fclose(fmemopen(NULL, 10, "w")));
	TRY(freopen("/no/such", "r", fopen("/dev/null", "r")) == NULL);
}

static void files(void)
{
	int fd = open("/tmp", O_TMPFILE | O_RDWR, 0600), p[2];
	struct iovec v = {wild, 10};
	char b[10] = "";

	if (fd < 0 || pipe2(p, O_NONBLOCK) != 0)
		broken("descriptors");
	TRY(write(fd, b, 10));
	TRY(write(fd, wild, 10));
	TRY(read(fd, wild, 10));
	TRY(pread(fd, wild, 10, 0));
	TRY(pread(fd, b, 10, -1));
	TRY(pread(p[0], b, 1, 0));
	TRY(pwrite(fd, wild, 10, 0));
	TRY(readv(fd, wild, 1));
	TRY(preadv(fd, &v, 1, 0));
	TRY(preadv(fd, wild, 1, 0));
	TRY(preadv(fd, wild, 2000, 0));
	TRY(readv(fd, wild, 2000));
	TRY(readv(p[1], wild, 1));
	TRY(pwritev(fd, wild, 3, 0));
	TRY(writev(fd, wild, 1));
	TRY(read(p[0], b, 1));
	TRY(write(p[1], b, 1));
	TRY(read(p[0], wild, 1));
	TRY(fsync(p[0]));
	TRY(fsync(fd));
	TRY(fdatasync(-1));
	TRY(sync_file_range(p[0], 0, 0, 0));
	TRY(msync(wild, 4096, MS_SYNC));
	TRY(ftruncate(fd, -1));
	TRY(ftruncate(fd, 100));
	TRY(rename(no_text, "x"));
	TRY(rename("/no/such", no_text));
	TRY(unlink(no_text));
	TRY(unlink("/no/such"));
	TRY(unlinkat(AT_FDCWD, "/", AT_REMOVEDIR));
}

static void sleeps_and_maps(void)
{
	struct timespec bad = {0, -1}, none = {0, 0}, rem = {7, 7};

	TRY(nanosleep(wild, NULL));
	TRY(nanosleep(&bad, NULL));
	TRY(nanosleep(&none, wild));
	TRY(nanosleep(&none, &rem));
	say("rem %ld %ld", (long)rem.tv_sec, rem.tv_nsec);
	TRY(clock_nanosleep(12345, 0, &none, NULL));
	TRY(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &none, NULL));
	TRY(clock_nanosleep(CLOCK_MONOTONIC, 0, wild, NULL));
	TRY(clock_nanosleep(CLOCK_THREAD_CPUTIME_ID, 0, &none, NULL));
	TRY(usleep(1));
	TRY(sleep(0));
	TRY(mmap(NULL, 0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	TRY(mmap(NULL, 2 << 20, PROT_READ, MAP_PRIVATE, -1, 0));
	TRY(munmap((void *)1, 2 << 20));
	TRY(mremap((void *)4096, 2 << 20, 4 << 20, 0));
	TRY(munmap(mmap(NULL, 2 << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), 2 << 20));
}

int main(void)
{
	processes();
	descriptors();
	files();
	sleeps_and_maps();
	return 0;
}
