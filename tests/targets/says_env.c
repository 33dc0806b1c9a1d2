/* SPDX-License-Identifier: MIT */
/*
 * says_env.c - prints LD_PRELOAD and every variable that begins with T_, and ends with 7. Built by
 * the tests for other C libraries, loaders and word sizes too: nothing but ISO C.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv, char **envp)
{
	const char *preload = getenv("LD_PRELOAD");

	printf("preload=%s args=%d", preload ? preload : "(none)", argc);
	for (int i = 0; envp[i]; i++) {
		if (strncmp(envp[i], "T_", 2) == 0)
			printf(" %.40s", envp[i]);
	}
	printf("\n");
	return 7;
}
