/* SPDX-License-Identifier: MIT */
/* outer.c - a plugin with RUNPATH $ORIGIN/sub, which loads inner.so by its bare name. */
#include <dlfcn.h>
#include <stdio.h>

int outer_answer(void);

int outer_answer(void)
{
	void *h = dlopen("inner.so", RTLD_NOW);
	int (*answer)(void);

	if (!h) {
		printf("outer: %s\n", dlerror());
		return -1;
	}
	*(void **)&answer = dlsym(h, "inner_answer");
	return answer ? answer() : -2;
}
