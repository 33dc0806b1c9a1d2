/* SPDX-License-Identifier: MIT */
/*
 * labels.c - who has which labels: a forked child its parent's, a new thread none, even where it
 * gets the memory of one that has ended. Each says pid, tid and the labels it sends under.
 */
#include <pthread.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "../../preload/fr.h"
#include "truth.h"

static int pair[2];

static void send_under(const char *labels)
{
	if (send(pair[1], "x", 1, 0) != 1)
		broken("send");
	say("{\"pid\":%d,\"tid\":%d,\"labels\":%s}", getpid(), tid(), labels);
}

static void *with_label(void *arg)
{
	fr_label_set("own", arg);
	send_under("{\"own\":\"a\"}");
	return NULL;
}

static void *without(void *arg)
{
	send_under("{}");
	return arg;
}

static void in_thread(void *(*fn)(void *), void *arg)
{
	pthread_t t;

	if (pthread_create(&t, NULL, fn, arg) || pthread_join(t, NULL))
		broken("thread");
}

static void in_child(pid_t pid)
{
	if (pid == 0) {
		send_under("{\"request\":\"r-1\",\"user\":\"bob\"}");
		fr_label_set("request", "r-2");
		send_under("{\"request\":\"r-2\",\"user\":\"bob\"}");
		in_thread(without, NULL);
		exit(0);
	}
	waitpid(pid, NULL, 0);
}

int main(void)
{
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0)
		broken("socketpair");
	fr_label_set("request", "r-1");
	fr_label_set("user", "bob");
	in_child(fork());
	in_child(_Fork());
	send_under("{\"request\":\"r-1\",\"user\":\"bob\"}");
	for (int i = 0; i < 3; i++) {
		in_thread(with_label, "a");
		in_thread(without, NULL);
	}
	return 0;
}
