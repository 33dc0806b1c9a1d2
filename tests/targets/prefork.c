/* SPDX-License-Identifier: MIT */
/*
 * prefork.c - a server with workers that only compute; somebody signals the whole group.
 *
 *   prefork ROUNDS WORKERS
 *
 * Workers make no call before the signal and one after; each ends with 7. Says how they ended.
 */
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "truth.h"

int main(int argc, char **argv)
{
	int rounds = argc > 1 ? atoi(argv[1]) : 1, workers = argc > 2 ? atoi(argv[2]) : 4;
	atomic_int *shared =
		mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int exits = 0, kills = 0, last = 0;

	if (shared == MAP_FAILED || setpgid(0, 0) != 0)
		broken("set-up");
	for (int r = 0; r < rounds; r++) {
		atomic_store(&shared[0], 0);
		atomic_store(&shared[1], 0);
		for (int i = 0; i < workers; i++) {
			pid_t p = fork();

			if (p < 0)
				broken("fork");
			if (p == 0) {
				atomic_fetch_add(&shared[0], 1);
				while (!atomic_load(&shared[1]))
					;
				free(malloc(10));
				_exit(7);
			}
		}
		while (atomic_load(&shared[0]) < workers)
			;
		kill(-getpid(), SIGUSR1);
		atomic_store(&shared[1], 1);
		for (int i = 0; i < workers; i++) {
			int status;

			if (wait(&status) < 0)
				broken("wait");
			exits += WIFEXITED(status) && WEXITSTATUS(status) == 7;
			kills += WIFSIGNALED(status);
			last = WIFSIGNALED(status) ? WTERMSIG(status) : last;
		}
	}
	say("{\"exits\":%d,\"kills\":%d,\"signal\":%d}", exits, kills, last);
	return 0;
}
