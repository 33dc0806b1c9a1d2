/* SPDX-License-Identifier: MIT */
/*
 * frame.c - two plugins of one shape: each instruction stands at the same place, only the frame is
 * of another size. One is loaded where the other was.
 */
#include <sys/socket.h>

int frame_send(int fd);

int frame_send(int fd)
{
	volatile char room[ROOM];

	room[0] = (char)fd;
	return (int)send(room[0], "x", 1, 0) - 1;
}
