/* SPDX-License-Identifier: MIT */
/*
 * labelled_storm.c - sets one label at its start and then writes logs until any window of a
 * megabyte has long moved on.
 */
#include "../../preload/fr.h"

int main(void)
{
	fr_label_set("request", "r-1");
	for (int i = 0; i < 20000; i++)
		fr_log("step", "one of very many");
	return 0;
}
