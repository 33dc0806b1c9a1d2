/* SPDX-License-Identifier: MIT */
/* inner.c - found only through the RUNPATH of whoever loads it: it lies in the subdirectory. */
int inner_answer(void);

int inner_answer(void)
{
	return 42;
}
