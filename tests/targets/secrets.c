/* SPDX-License-Identifier: MIT */
/*
 * secrets.c - texts with and without secrets, in every place where the recorder keeps a text.
 *
 *   secrets [--password HUNTER-ARG] ...
 *
 * Each secret begins with HUNTER and each text that must stay with PLAIN: a test looks for both in
 * the bytes of the recording.
 */
#include <netdb.h>
#include <pthread.h>
#include <semaphore.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "../../preload/fr.h"
#include "truth.h"

static void paths(void)
{
	static const char *const names[] = {
		"/nowhere/PLAIN-path/token=HUNTER-open",
		"/nowhere/PLAIN-a?api_key=HUNTER-key&b=PLAIN-b",
		"/nowhere/https://user:HUNTER-url@PLAIN-host/x",
		"/nowhere/customer=HUNTER-added",
	};

	/* first: an open alone is no event that a recording begins with */
	if (unlink("/nowhere/PLAIN-from/secret=HUNTER-unlink") == 0)
		broken("unlink");
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (open(names[i], O_RDONLY) >= 0)
			broken("nowhere is there");
	}
}

static void labels(void)
{
	fr_label_set("session_token", "HUNTER-label");
	fr_label_set("request", "PLAIN-label");
	fr_log("Authorization", "Bearer HUNTER-log");
	fr_log("header", "Authorization: Basic HUNTER-basic");
	fr_log("json", "{\"password\": \"HUNTER-json\", \"user\": \"PLAIN-json\"}");
	fr_log("options", "--user PLAIN-user --db-password HUNTER-option --port 1");
	fr_log("upper", "DB_PASSWORD=HUNTER-upper PLAIN-after");
	fr_log("key", "PLAIN-keyboard");
	fr_log("time", "PLAIN-time: 12:30 = now");
	fr_zone_begin("pass=HUNTER-zone");
	fr_zone_end();
}

static void sockets(void)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX,
				.sun_path = "/nowhere/PLAIN-un/key=HUNTER-un"};
	int s = socket(AF_UNIX, SOCK_STREAM, 0);

	if (connect(s, (struct sockaddr *)&a, sizeof(a)) == 0)
		broken("nobody is there");
}

/* A file whose path the table of descriptors keeps: its end, which begins behind the name. */
static void files(void)
{
	char path[200];
	int fd;

	snprintf(path, sizeof(path), "token=HUNTER-%s",
		 "0123456789012345678901234567890123456789HUNTER");
	fd = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
	if (fd < 0 || pwrite(fd, "x", 1, 0) != 1)
		broken("a file");
	pthread_setname_np(pthread_self(), "key=HUNTER");
}

int main(int argc, char **argv)
{
	static char *const args[] = {"/nowhere/PLAIN-exec/passwd=HUNTER-exec", NULL};
	pid_t pid;

	paths();
	files();
	labels();
	sockets();
	posix_spawn(&pid, args[0], NULL, NULL, args, environ);
	fr_snapshot("PLAIN-reason secret=HUNTER-reason");
	say("{\"did\":\"all\",\"argc\":%d}", argc);
	(void)argv;
	pause();
	return 0;
}
