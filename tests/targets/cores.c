/* SPDX-License-Identifier: MIT */
/*
 * cores.c - which lines of memory the recorder writes while threads record, one by one.
 *
 *   cores OP TIMES
 *
 * Two threads live side by side, warm, and do OP one after the other while all writable memory of
 * the recorder is read-only: each write faults. The parent, which traces them, notes it with its
 * place in the code, opens the page, has the one instruction made and closes it again. A line that
 * both threads have written is one that cores would take from each other. It prints the truth as
 * JSON: how many writes there were, and each such line with the places in libfr.so.
 */
#include <link.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__x86_64__)

#define PAGE 4096ul
#define LINE 64ul

/* ---- what both processes see ----------------------------------------------------------------- */

struct line {
	uintptr_t at; /* 0 = free */
	unsigned long times; /* it was written */
	unsigned long moves; /* by another thread than the time before */
	int last; /* thread, from 1 */
	uintptr_t pc; /* of the last write */
};

struct part {
	uintptr_t lo, hi;
};

#define LINES (1u << 18)
static struct seen {
	struct line lines[LINES];
	unsigned long writes;
	struct part parts[256]; /* the memory that is closed */
	size_t n_parts;
	uintptr_t fr_lo, fr_hi; /* libfr.so */
	uintptr_t system_call; /* such an instruction */
	pid_t tid[2];
} * seen;

/* ---- the traced one: which memory is the recorder's ------------------------------------------ */

static int find_recorder(struct dl_phdr_info *info, size_t size, void *arg)
{
	if (!strstr(info->dlpi_name, "libfr.so"))
		return 0;
	seen->fr_lo = info->dlpi_addr;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];

		if (p->p_type == PT_LOAD)
			seen->fr_hi = seen->fr_lo + p->p_vaddr + p->p_memsz;
	}
	return 1;
}

#define STACK (256ul << 10)
static _Alignas(4096) char stacks[2][STACK];

static bool has(uintptr_t lo, uintptr_t hi, const void *p)
{
	return (uintptr_t)p >= lo && (uintptr_t)p < hi;
}

/* libfr.so's data, regions, and memory without a name that is nobody else's. */
static bool is_recorders(uintptr_t lo, uintptr_t hi, const char *name)
{
	if ((lo >= seen->fr_lo && lo < seen->fr_hi) || strstr(name, ".frr"))
		return true;
	return !*name && !has(lo, hi, __builtin_thread_pointer()) && !has(lo, hi, stacks);
}

static void find_parts(void)
{
	FILE *f = fopen("/proc/self/maps", "r");
	char row[512];

	while (f && fgets(row, sizeof(row), f)) {
		unsigned long lo, hi;
		char mode[8], name[256] = "";

		if (sscanf(row, "%lx-%lx %7s %*s %*s %*s %255s", &lo, &hi, mode, name) < 3 ||
		    mode[1] != 'w' || !is_recorders(lo, hi, name))
			continue;
		seen->parts[seen->n_parts++] = (struct part){lo, hi};
	}
	if (f)
		fclose(f);
}

static void all_parts(int mode)
{
	for (size_t i = 0; i < seen->n_parts; i++)
		syscall(SYS_mprotect, seen->parts[i].lo, seen->parts[i].hi - seen->parts[i].lo,
			mode);
}

/* ---- the tracer ------------------------------------------------------------------------------ */

static void note(pid_t tid, uintptr_t at, uintptr_t pc)
{
	int who = tid == seen->tid[0] ? 1 : 2;
	struct line *l;

	uintptr_t key = at / LINE * LINE;
	size_t i = key / LINE * 0x9e3779b97f4a7c15ul >> 46;

	while (seen->lines[i].at && seen->lines[i].at != key)
		i = (i + 1) % LINES;
	l = &seen->lines[i];
	l->at = key;
	l->times++;
	l->moves += l->last && l->last != who;
	l->last = who;
	l->pc = pc;
	seen->writes++;
}

static int step(pid_t tid)
{
	int status;

	ptrace(PTRACE_SINGLESTEP, tid, NULL, NULL);
	waitpid(tid, &status, __WALL);
	return WIFSTOPPED(status) ? WSTOPSIG(status) : 0;
}

/* The thread calls mprotect() of one page and is then where it was. */
static void set_page(pid_t tid, uintptr_t page, long mode)
{
	struct user_regs_struct regs, call;

	ptrace(PTRACE_GETREGS, tid, NULL, &regs);
	call = regs;
	call.rip = seen->system_call;
	call.rax = SYS_mprotect;
	call.rdi = page;
	call.rsi = PAGE;
	call.rdx = (unsigned long)mode;
	call.orig_rax = ~0ul;
	ptrace(PTRACE_SETREGS, tid, NULL, &call);
	if (step(tid) != SIGTRAP)
		abort();
	ptrace(PTRACE_SETREGS, tid, NULL, &regs);
}

static bool is_closed(uintptr_t at)
{
	for (size_t i = 0; i < seen->n_parts; i++) {
		if (at >= seen->parts[i].lo && at < seen->parts[i].hi)
			return true;
	}
	return false;
}

/* One instruction that may write to several pages. False: it is no write of this kind. */
static bool let_write(pid_t tid)
{
	uintptr_t open[8];
	size_t n = 0;
	int sig = SIGSEGV;

	while (sig == SIGSEGV) {
		struct user_regs_struct regs;
		siginfo_t si;
		uintptr_t at;

		ptrace(PTRACE_GETSIGINFO, tid, NULL, &si);
		ptrace(PTRACE_GETREGS, tid, NULL, &regs);
		at = (uintptr_t)si.si_addr;
		if (!is_closed(at) || n == sizeof(open) / sizeof(open[0]))
			return false;
		if (regs.rip >= seen->fr_lo && regs.rip < seen->fr_hi)
			note(tid, at, regs.rip - seen->fr_lo);
		open[n++] = at / PAGE * PAGE;
		set_page(tid, open[n - 1], PROT_READ | PROT_WRITE);
		sig = step(tid);
	}
	while (n)
		set_page(tid, open[--n], PROT_READ);
	return sig == SIGTRAP;
}

/* Until the traced process has ended; its exit code. */
static int trace(pid_t first)
{
	int status;
	pid_t tid;

	waitpid(first, &status, __WALL);
	ptrace(PTRACE_SETOPTIONS, first, NULL, PTRACE_O_TRACECLONE | PTRACE_O_EXITKILL);
	ptrace(PTRACE_CONT, first, NULL, NULL);
	while ((tid = waitpid(-1, &status, __WALL)) > 0) {
		long sig = WIFSTOPPED(status) ? WSTOPSIG(status) : 0;

		if (!WIFSTOPPED(status)) {
			if (tid == first)
				return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
			continue;
		}
		if (sig == SIGTRAP || sig == SIGSTOP || (sig == SIGSEGV && let_write(tid)))
			sig = 0;
		ptrace(PTRACE_CONT, tid, NULL, sig);
	}
	return 1;
}

/* ---- what the workers do --------------------------------------------------------------------- */

struct job {
	pthread_mutex_t mutex;
	pthread_cond_t cond;
	sem_t sem;
	int socket[2];
};

static void lock_unlock(struct job *j)
{
	pthread_mutex_lock(&j->mutex);
	pthread_mutex_unlock(&j->mutex);
}

static void malloc_free(struct job *j)
{
	free(malloc(64));
}

static void send_recv(struct job *j)
{
	char c = 'x';

	if (send(j->socket[0], &c, 1, 0) != 1 || recv(j->socket[1], &c, 1, 0) != 1)
		abort();
}

static void post_wait(struct job *j)
{
	sem_post(&j->sem);
	sem_wait(&j->sem);
}

static void signal_nobody(struct job *j)
{
	pthread_cond_signal(&j->cond);
}

static void failing(struct job *j)
{
	char c;

	recv(j->socket[1], &c, 1, MSG_DONTWAIT);
}

static const struct op {
	const char *name;
	void (*run)(struct job *j);
	int events;
} ops[] = {
	{"lock_unlock", lock_unlock, 2}, {"malloc_free", malloc_free, 2},
	{"send_recv", send_recv, 2},     {"post_wait", post_wait, 2},
	{"signal", signal_nobody, 1},    {"failing", failing, 1},
};

static const struct op *op;
static long times;
#define TURN 10 /* of each thread, then it is the other's */
static atomic_long turn = -1; /* how many have been; -1 = the first has not begun */
static atomic_int ready;

/* Not by a hooked call: who waits would record. */
static void wait_for_turn(long n)
{
	while (turn != n)
		sched_yield();
}

static void run(struct job *j, long n)
{
	for (long i = 0; i < n; i++)
		op->run(j);
}

static void *worker(void *arg)
{
	struct job *j = aligned_alloc(4096, (sizeof(*j) + 4095) / 4096 * 4096);
	int me = (int)(intptr_t)arg;

	*j = (struct job){PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, .socket = {0}};
	sem_init(&j->sem, 0, 0);
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, j->socket) != 0)
		abort();
	seen->tid[me] = gettid();
	run(j, 200);
	ready++;
	for (long i = 0; i <= times / TURN; i++) {
		wait_for_turn(2 * i + me);
		all_parts(i ? PROT_READ : PROT_READ | PROT_WRITE); /* the first turn warms up */
		run(j, TURN);
		all_parts(PROT_READ | PROT_WRITE);
		turn++;
	}
	wait_for_turn(-1);
	return NULL;
}

static void print(void)
{
	const char *comma = "";

	printf("{\"op\": \"%s\", \"events\": %ld, \"writes\": %lu, \"shared\": [", op->name,
	       2 * times * op->events, seen->writes);
	for (size_t i = 0; i < LINES; i++) {
		const struct line *l = &seen->lines[i];

		if (!l->moves)
			continue;
		printf("%s{\"line\": %lu, \"pc\": %lu, \"times\": %lu, \"moves\": %lu}", comma,
		       l->at, l->pc, l->times, l->moves);
		comma = ", ";
	}
	printf("]}\n");
}

static void record(void)
{
	pthread_t th[2];
	pthread_attr_t attr;

	dl_iterate_phdr(find_recorder, NULL);
	__asm__("lea 1f(%%rip), %0\n\tjmp 2f\n1:\tsyscall\n2:" : "=r"(seen->system_call));
	pthread_attr_init(&attr);
	for (intptr_t i = 0; i < 2; i++) {
		pthread_attr_setstack(&attr, stacks[i], STACK);
		pthread_create(&th[i], &attr, worker, (void *)i);
		while (ready == i)
			sched_yield();
	}
	find_parts();
	turn = 0;
	wait_for_turn(2 * (times / TURN + 1));
	_exit(0);
}

int main(int argc, char **argv)
{
	pid_t pid;
	int rc;

	for (size_t i = 0; argc == 3 && i < sizeof(ops) / sizeof(ops[0]); i++)
		op = strcmp(argv[1], ops[i].name) == 0 ? &ops[i] : op;
	if (!op)
		return 2;
	times = strtol(argv[2], NULL, 10);
	seen = mmap(NULL, sizeof(*seen), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid = fork();
	if (pid == 0) {
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		raise(SIGSTOP);
		record();
	}
	rc = trace(pid);
	print();
	return rc;
}

#else

int main(void)
{
	return 77; /* the trap flag is x86's */
}

#endif
