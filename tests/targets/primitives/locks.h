/* SPDX-License-Identifier: MIT */
/*
 * locks.h - what the programs of this folder do with a library's lock:
 *
 *   PROGRAM zoo     each thread waits in one primitive for ever, and has said so before
 *   PROGRAM waited  two threads take a lock each, which they have to wait for, and then want the
 *                   other's: "deadlock"
 *   PROGRAM fresh   the same without that first wait
 *   PROGRAM again   one thread waits for a lock, takes it, and wants it again
 *   PROGRAM hot     one holds the lock over sleeps, two others want it; ends by itself
 *
 * LOCK is the type, take() and give() are its functions, and NAME is what it is called.
 */
#include <atomic>
#include <cstdio>
#include <cstring>
#include <sys/syscall.h>
#include <thread>
#include <unistd.h>

#define NOINLINE __attribute__((noinline, noclone))

static LOCK first_lock, second_lock;
static std::atomic<int> have_first;

static int tid()
{
	return (int)syscall(SYS_gettid);
}

static void say(const char *what)
{
	char line[200];
	int n = snprintf(line, sizeof(line), "{\"primitive\":\"%s\",\"tid\":%d}\n", what, tid());

	if (write(1, line, (size_t)n) != n)
		_exit(99);
}

static NOINLINE void take_second(LOCK &l)
{
	take(l);
	give(l);
	asm volatile("");
}

static NOINLINE void take_first(LOCK &a, LOCK &b)
{
	take(a);
	have_first++;
	while (have_first < 2)
		usleep(1000);
	take_second(b);
	give(a);
	asm volatile("");
}

static void crosswise(bool waited)
{
	if (waited) {
		take(first_lock);
		take(second_lock);
	}
	std::thread x([] { say(NAME), take_first(first_lock, second_lock); });
	std::thread y([] { say(NAME), take_first(second_lock, first_lock); });
	usleep(waited ? 100000 : 1);
	if (waited) {
		give(first_lock);
		give(second_lock);
	}
	x.join();
	y.join();
}

static void again()
{
	take(first_lock);
	have_first = 2;
	std::thread x([] { say(NAME), take_first(first_lock, first_lock); });
	usleep(100000);
	give(first_lock);
	x.join();
}

static NOINLINE void hold_long()
{
	take(first_lock);
	usleep(30000);
	give(first_lock);
	asm volatile("");
}

static void hot()
{
	std::thread y[2];

	for (auto &t : y)
		t = std::thread([] {
			for (int i = 0; i < 10; i++)
				take_second(first_lock), usleep(1000);
		});
	for (int i = 0; i < 10; i++)
		hold_long(), usleep(1000);
	for (auto &t : y)
		t.join();
}

static void zoo();

/* A thread that waits in F for ever. */
template <typename F> static void keeps(const char *what, F f)
{
	std::thread([=] { say(what), f(); }).detach();
}

int main(int argc, char **argv)
{
	const char *how = argc > 1 ? argv[1] : "zoo";

	if (!strcmp(how, "zoo"))
		zoo(), pause();
	if (!strcmp(how, "waited") || !strcmp(how, "fresh"))
		crosswise(how[0] == 'w');
	if (!strcmp(how, "again"))
		again();
	if (!strcmp(how, "hot"))
		hot();
	return 0;
}
