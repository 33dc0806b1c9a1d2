/* SPDX-License-Identifier: MIT */
/*
 * alone.c - linked statically (targets.mk): nothing can be preloaded into it.
 */
#include "truth.h"

int main(void)
{
	say("alone");
	return 0;
}
