/* SPDX-License-Identifier: MIT */
/*
 * user_api_cxx.cc - see user_api.h: the C++ program, with objects for scopes.
 */
#include "user_api.h"

NOINLINE static void scoped()
{
	struct timespec nap = {0, 3000000};
	fr::task outer("outer task");
	uint64_t id;

	{
		fr::task inner("inner task"); /* inner task begins here */
		fr::zone parse("parse");
		{
			fr::zone slow("slow part");
			syscall(SYS_nanosleep, &nap, NULL);
		}
		id = inner.id();
	}
	fr_log("after", "inner");
	SAY("{\"tasks\":[%lu,%lu]}", (unsigned long)outer.id(), (unsigned long)id);
}

int main(int argc, char **argv)
{
	return run(argc, argv, scoped);
}
