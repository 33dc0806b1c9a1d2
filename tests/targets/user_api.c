/* SPDX-License-Identifier: MIT */
/*
 * user_api.c - see user_api.h: the C program.
 */
#include "user_api.h"

NOINLINE static void scoped(void)
{
	uint64_t outer = fr_task_begin("outer task");
	uint64_t inner = fr_task_begin("inner task"); /* inner task begins here */
	struct timespec nap = {0, 3000000};

	fr_zone_begin("parse");
	fr_zone_begin("slow part");
	syscall(SYS_nanosleep, &nap, NULL);
	fr_zone_end();
	fr_zone_end();
	fr_task_end(inner);
	fr_log("after", "inner");
	fr_task_end(outer);
	SAY("{\"tasks\":[%lu,%lu]}", (unsigned long)outer, (unsigned long)inner);
}

int main(int argc, char **argv)
{
	return run(argc, argv, scoped);
}
