/* SPDX-License-Identifier: MIT */
/*
 * dl.c - a plain C program with plugins. Its RUNPATH is $ORIGIN/plugins.
 *
 *   dl cxx      a C++ plugin throws, is left by pthread_exit and by a cancellation
 *   dl origin   plugins that are found only through $ORIGIN in a RUNPATH
 *   dl deep     a plugin under RTLD_DEEPBIND, to and fro
 *   dl bypass deep|plain PATH ...   says which of these call another malloc than we do; a child,
 * too dl storm    threads load and unload objects while others call through them
 */
#include <dlfcn.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "truth.h"

static int fds[2];
static volatile int blocked_tid;
static void (*plugin_pthread_exit)(void *);
static void (*plugin_block)(int);

static void *load(const char *name, int flags)
{
	void *h = dlopen(name, flags);

	if (!h)
		say("dlopen: %s", dlerror());
	return h;
}

static void *sym(void *h, const char *name)
{
	void *p = h ? dlsym(h, name) : NULL;

	if (!p)
		broken(name);
	return p;
}

static void *leave(void *arg)
{
	plugin_pthread_exit(arg);
	return NULL;
}

static void *block(void *arg)
{
	blocked_tid = tid();
	plugin_block(fds[0]);
	return arg;
}

static void cxx(void)
{
	void *h = load("cxx.so", RTLD_NOW), *value = NULL;
	int (*throw_it)(int);
	pthread_t t;

	*(void **)&throw_it = sym(h, "plugin_throw");
	*(void **)&plugin_pthread_exit = sym(h, "plugin_pthread_exit");
	*(void **)&plugin_block = sym(h, "plugin_block");
	say("caught: %d", throw_it(5));
	pthread_create(&t, NULL, leave, (void *)99);
	pthread_join(t, &value);
	say("left with: %ld", (long)value);
	pthread_create(&t, NULL, block, NULL);
	while (!blocked_tid)
		;
	wait_blocked(blocked_tid, -1);
	pthread_cancel(t);
	pthread_join(t, &value);
	say("cancelled: %d", value == PTHREAD_CANCELED);
}

static void origin(void)
{
	int (*answer)(void);

	*(void **)&answer = sym(load("outer.so", RTLD_NOW), "outer_answer");
	say("answer: %d", answer());
}

static void deep(void)
{
	pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
	void *h = load("deep.so", RTLD_NOW | RTLD_DEEPBIND);
	char *(*alloc)(size_t), *(*grow)(char *, size_t), *p;
	int (*lock)(pthread_mutex_t *), (*unlock)(pthread_mutex_t *);
	void (*release)(char *), (*close_it)(int);

	*(void **)&alloc = sym(h, "deep_alloc");
	*(void **)&release = sym(h, "deep_free");
	*(void **)&grow = sym(h, "deep_grow");
	*(void **)&lock = sym(h, "deep_lock");
	*(void **)&unlock = sym(h, "deep_unlock");
	*(void **)&close_it = sym(h, "deep_close");
	for (int i = 0; i < 1000; i++) {
		free(alloc(100 + i));
		release(malloc(100 + i));
		free(grow(malloc(50), 5000));
		p = realloc(alloc(100), 9000);
		say("%c%c", p[0], p[99]);
		release(p);
		lock(&m);
		pthread_mutex_unlock(&m);
		pthread_mutex_lock(&m);
		unlock(&m);
		if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds) < 0)
			broken("socketpair");
		close_it(fds[0]);
		close(fds[1]);
	}
}

static void *own_malloc(void)
{
	return malloc;
}

/* The handle stays open, unless another of the same file is: then the first one decides. */
static void say_bypass(const char *how, const char *path)
{
	int deep = strcmp(how, "deep") == 0;
	void *h = dlopen(path, RTLD_NOW | (deep ? RTLD_DEEPBIND : 0));
	void *(*its)(void);

	if (!h) {
		say("{\"path\":\"%s\",\"loaded\":false,\"bypass\":false}", path);
		return;
	}
	*(void **)&its = sym(h, "deep_malloc");
	say("{\"path\":\"%s\",\"loaded\":true,\"bypass\":%s}", path,
	    its() == own_malloc() ? "false" : "true");
}

static void bypass(int argc, char **argv)
{
	pid_t pid;

	for (int i = 2; i + 1 < argc; i += 2)
		say_bypass(argv[i], argv[i + 1]);
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		free(malloc(77));
		exit(0);
	}
	say("{\"child\":%d}", pid);
	if (waitpid(pid, NULL, 0) != pid)
		broken("waitpid");
}

static volatile int stop;

static void *load_and_unload(void *arg)
{
	while (!stop) {
		void *h = dlopen("outer.so", RTLD_NOW);

		if (h)
			dlclose(h);
	}
	return arg;
}

static void *work(void *arg)
{
	pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;

	for (int i = 0; i < 100000; i++) {
		pthread_mutex_lock(&m);
		free(malloc(i % 5000));
		pthread_mutex_unlock(&m);
	}
	return arg;
}

static void storm(void)
{
	pthread_t loaders[2], workers[3];

	for (int i = 0; i < 2; i++)
		pthread_create(&loaders[i], NULL, load_and_unload, NULL);
	for (int i = 0; i < 3; i++)
		pthread_create(&workers[i], NULL, work, NULL);
	for (int i = 0; i < 3; i++)
		pthread_join(workers[i], NULL);
	stop = 1;
	for (int i = 0; i < 2; i++)
		pthread_join(loaders[i], NULL);
	say("done");
}

int main(int argc, char **argv)
{
	const char *kind = argc > 1 ? argv[1] : "";

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds) < 0)
		broken("socketpair");
	if (strcmp(kind, "cxx") == 0)
		cxx();
	else if (strcmp(kind, "origin") == 0)
		origin();
	else if (strcmp(kind, "deep") == 0)
		deep();
	else if (strcmp(kind, "bypass") == 0)
		bypass(argc, argv);
	else
		storm();
	return 0;
}
