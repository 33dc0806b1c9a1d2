/* SPDX-License-Identifier: MIT */
/*
 * dropped.c - a function that the linker drops, larger than what lies before the code: its line
 * program is left behind at address 0, comes last and reaches over the functions that are there.
 * Never run.
 */
#include <stdio.h>

__attribute__((noinline)) int used(int n)
{
	return puts("used") + n;
}

int main(int argc, char **argv)
{
	(void)argv;
	return used(argc);
}

void unused(void)
{
	__asm__ volatile(".skip 65536, 0x90");
	puts("unused");
}
