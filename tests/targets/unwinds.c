/* SPDX-License-Identifier: MIT */
/*
 * unwinds.c - a program that uses libunwind itself, by every kind of call that the recorder answers
 * for its own: it must find its own stack.
 */
#include "plugins/unwinder.h"

int main(void)
{
	for (int i = 0; i < 6; i++)
		calls("linked");
	return 0;
}
