/* SPDX-License-Identifier: MIT */
/*
 * tls_host.c - a program without OpenSSL.
 *
 *   tls_host [PLUGIN]...
 *
 * Says which OpenSSL functions it can see, loads plugins (tests/targets/plugins/tls_user.c) that
 * bring their own, says what each did, and what it can see then.
 */
#include <dlfcn.h>

#include "truth.h"

int SSL_connect(void *) __attribute__((weak));
int SSL_read(void *, void *, int) __attribute__((weak));

static void visible(void)
{
	static const char *const names[] = {"SSL_connect", "SSL_accept", "SSL_do_handshake",
					    "SSL_read",    "SSL_write",  "SSL_read_ex",
					    "SSL_write_ex"};
	char text[100] = "";

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		strcat(text, dlsym(RTLD_DEFAULT, names[i]) ? " yes" : " no");
	say("weak %d %d, dlsym%s", SSL_connect != NULL, SSL_read != NULL, text);
}

int main(int argc, char **argv)
{
	visible();
	for (int i = 1; i < argc; i++) {
		void *h = dlopen(argv[i], RTLD_NOW | RTLD_LOCAL);
		void (*run)(char *, size_t);
		char text[300];

		if (!h)
			broken(dlerror());
		run = (void (*)(char *, size_t))dlsym(h, "plugin");
		run(text, sizeof(text));
		say("%s", text);
		run(text, sizeof(text)); /* what was found once is remembered */
		say("%s", text);
		visible();
	}
	return 0;
}
