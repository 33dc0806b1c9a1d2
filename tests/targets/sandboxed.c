/* SPDX-License-Identifier: MIT */
/*
 * sandboxed.c - puts itself under a system call filter that kills for every call it does not make
 * itself, as sandboxed programs do, and then works: threads, a mutex, memory, a TCP connection.
 *
 *   sandboxed prctl|syscall|refused|strict|clockless [crash|stay|long]
 *
 * prctl, syscall: how the filter is installed. refused: the kernel does not take it, so that all
 * goes on as before. clockless: no filter, but reading the clock kills. strict:
 * SECCOMP_MODE_STRICT, after which only read, write and _exit are left. long: works on for 1.5 s.
 */
#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "truth.h"

/* What this program calls from then on, libc's own included; nothing else. */
static const int allowed[] = {
	SYS_read,    SYS_write,       SYS_close,        SYS_mmap,           SYS_mprotect,
	SYS_munmap,  SYS_brk,         SYS_rt_sigaction, SYS_rt_sigprocmask, SYS_rt_sigreturn,
	SYS_madvise, SYS_socket,      SYS_connect,      SYS_accept,         SYS_bind,
	SYS_listen,  SYS_getsockname, SYS_sendto,       SYS_recvfrom,       SYS_clone,
	SYS_clone3,  SYS_exit,        SYS_exit_group,   SYS_futex,          SYS_set_robust_list,
	SYS_rseq,    SYS_getrandom,
};
#define N_ALLOWED (sizeof(allowed) / sizeof(allowed[0]))

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static long sum;

/* madvise only as glibc gives back a thread's stack: the recorder grows by another advice. */
static struct sock_fprog program(void)
{
	static struct sock_filter code[2 * N_ALLOWED + 8];
	static struct sock_fprog p = {.filter = code};
	unsigned short n = 0;

	code[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
						 offsetof(struct seccomp_data, nr));
	for (size_t i = 0; i < N_ALLOWED; i++) {
		if (allowed[i] == SYS_madvise) {
			code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
								 SYS_madvise, 0, 3);
			code[n++] = (struct sock_filter)BPF_STMT(
				BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[2]));
			code[n++] =
				(struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, 14, 0, 1);
			code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K,
								 SECCOMP_RET_KILL_PROCESS);
			code[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
								 offsetof(struct seccomp_data, nr));
			code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
								 SYS_madvise, 0, 1);
			code[n++] =
				(struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
			continue;
		}
		code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
							 (unsigned int)allowed[i], 0, 1);
		code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	}
	code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
	p.len = n;
	return p;
}

static void confine(const char *how)
{
	struct sock_fprog p = program();
	struct sock_fprog wrong = {.len = 0};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		broken("no_new_privs");
	if (!strcmp(how, "prctl") && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &p, 0, 0))
		broken("prctl");
	if (!strcmp(how, "syscall") && syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &p))
		broken("seccomp");
	if (!strcmp(how, "clockless") && prctl(PR_SET_TSC, PR_TSC_SIGSEGV, 0, 0, 0))
		broken("clockless");
	if (!strcmp(how, "strict") && prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT, 0, 0, 0))
		broken("strict");
	if (!strcmp(how, "refused") &&
	    (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &wrong, 0, 0) != -1 ||
	     syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &wrong) != -1))
		broken("a filter without a line was taken");
}

NOINLINE static void *work(void *arg)
{
	for (int i = 0; i < 2000; i++) {
		void *p = malloc((size_t)(100 + 40 * i));

		pthread_mutex_lock(&mutex);
		sum += p != NULL;
		pthread_mutex_unlock(&mutex);
		free(p);
	}
	return arg;
}

/* The clock is read in the vDSO. */
static void work_on(long ms)
{
	for (long end = now_ms() + ms; now_ms() < end;)
		work(NULL);
}

NOINLINE static void *client(void *arg)
{
	const struct sockaddr_in *to = arg;
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (connect(fd, (const struct sockaddr *)to, sizeof(*to)) || send(fd, "hello", 5, 0) != 5)
		broken("client");
	close(fd);
	return NULL;
}

NOINLINE static void talk(void)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t n = sizeof(a);
	int s = socket(AF_INET, SOCK_STREAM, 0), fd;
	char text[8] = "";
	pthread_t th;

	if (bind(s, (struct sockaddr *)&a, sizeof(a)) || listen(s, 1) ||
	    getsockname(s, (struct sockaddr *)&a, &n))
		broken("listen");
	pthread_create(&th, NULL, client, &a);
	fd = accept(s, NULL, NULL);
	if (fd < 0 || recv(fd, text, sizeof(text), 0) != 5)
		broken("server");
	pthread_join(th, NULL);
	close(fd);
	close(s);
	say("{\"heard\":\"%s\"}", text);
}

int main(int argc, char **argv)
{
	const char *how = argc > 1 ? argv[1] : "prctl";
	pthread_t th[4];

	say("{\"before\":true}");
	confine(how);
	if (!strcmp(how, "strict")) {
		say("{\"strict\":true}");
		syscall(SYS_exit, 7); /* exit_group is not among the four */
	}
	for (int i = 0; i < 4; i++)
		pthread_create(&th[i], NULL, work, NULL);
	for (int i = 0; i < 4; i++)
		pthread_join(th[i], NULL);
	say("{\"sum\":%ld}", sum);
	talk();
	if (argc > 2 && !strcmp(argv[2], "stay")) {
		say("{\"stays\":true}");
		pthread_mutex_lock(&mutex);
		pthread_mutex_lock(&mutex);
	}
	if (argc > 2 && !strcmp(argv[2], "long"))
		work_on(1500);
	else if (argc > 2)
		*(volatile int *)16 = 1;
	return 3;
}
