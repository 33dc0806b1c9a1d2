/* SPDX-License-Identifier: MIT */
/*
 * user_api.h - what user_api.c and user_api_cxx.cc have in common: the program that speaks through
 * fr.h. With "bare" it prints what its calls return, and that must not depend on the recorder;
 * else it prints one line for each thing it has said.
 */
#ifndef TARGET_USER_API_H
#define TARGET_USER_API_H

#include <pthread.h>
#include <sys/socket.h>

#include "../../preload/fr.h"
#include "truth.h"

static int pair[2];
static int bare;

#define SAY(...)                                                                                   \
	do {                                                                                       \
		if (!bare)                                                                         \
			say(__VA_ARGS__);                                                          \
	} while (0)

/* An event of the recorder's own that a label can be seen on. */
static inline void make_event(void)
{
	char c;

	if (send(pair[1], "x", 1, 0) != 1 || recv(pair[0], &c, 1, 0) != 1)
		broken("send");
}

static void *helper(void *arg)
{
	make_event();
	SAY("{\"labelled\":{},\"tid\":%d}", tid());
	fr_label_set("own", "yes");
	fr_label_adopt((const struct fr_labels *)arg);
	make_event();
	SAY("{\"labelled\":{\"request\":\"r-17\"},\"tid\":%d}", tid());
	fr_region_begin("adopted"); /* by the names of before */
	fr_region_end();
	return NULL;
}

static inline void hand_over(void)
{
	struct fr_labels mine;
	pthread_t t;

	fr_label_get(&mine);
	if (pthread_create(&t, NULL, helper, &mine) != 0)
		broken("pthread_create");
	pthread_join(t, NULL);
}

static inline void labels(void)
{
	make_event();
	SAY("{\"labelled\":{},\"tid\":%d}", tid());
	fr_label_set("request", "r-16");
	fr_label_set("trace", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
	make_event();
	SAY("{\"labelled\":{\"request\":\"r-16\",\"trace\":"
	    "\"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\"},\"tid\":%d}",
	    tid());
	fr_label_set("request", "r-17");
	fr_label_set("trace", NULL);
	make_event();
	SAY("{\"labelled\":{\"request\":\"r-17\"},\"tid\":%d}", tid());
	hand_over();
	make_event();
	SAY("{\"labelled\":{\"request\":\"r-17\"},\"tid\":%d}", tid());
	fr_label_set("request", "");
	make_event();
	SAY("{\"labelled\":{},\"tid\":%d}", tid());
}

/* Every argument a host could get wrong. */
static inline void oddities(void)
{
	static char huge[5000];
	struct fr_labels junk;

	memset(huge, 'h', sizeof(huge) - 1);
	memset(&junk, 0xff, sizeof(junk));
	fr_log(NULL, NULL);
	fr_log("", "");
	fr_log(huge, huge);
	fr_counter(NULL, -1);
	fr_zone_begin(huge);
	fr_zone_end();
	fr_zone_end();
	fr_zone_end();
	for (int i = 0; i < 50; i++)
		fr_zone_begin("deep");
	for (int i = 0; i < 50; i++)
		fr_zone_end();
	fr_task_end(0);
	fr_task_end(12345678);
	fr_label_set(NULL, "x");
	fr_label_set("", "x");
	fr_label_set(huge, huge);
	fr_label_set(huge, NULL);
	fr_label_adopt(NULL);
	fr_label_adopt(&junk);
	for (int i = 0; i < 20; i++) {
		char key[20];

		snprintf(key, sizeof(key), "key%d", i);
		fr_label_set(key, huge);
	}
	memset(&junk, 0, sizeof(junk));
	fr_label_adopt(&junk);
	fr_log("escape \033[31m\n", "\xff\xfe\"\\");
}

/* Runs the whole program; SCOPED makes zones and tasks in the language's own way. */
static inline int run(int argc, char **argv, void (*scoped)(void))
{
	int rc;

	bare = argc > 1 && strcmp(argv[1], "bare") == 0;
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0)
		broken("socketpair");
	errno = 77;
	labels();
	scoped();
	oddities();
	fr_counter("queue", 41);
	fr_counter("queue", -7);
	fr_log("user", "bob");
	rc = fr_snapshot("because I say so");
	if (errno != 77)
		broken("errno changed");
	SAY("{\"enabled\":%d,\"snapshot\":%d}", fr_enabled(), rc);
	if (bare)
		say("{\"bare\":true}");
	while (argc > 1 && strcmp(argv[1], "stay") == 0)
		pause();
	return 0;
}

#endif
