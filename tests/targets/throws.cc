// SPDX-License-Identifier: MIT
//
// throws.cc - exceptions that pass through the recorder's frames, from thread to caller.
//
// Thrown out of the init function of a once (std's and pthread's), out of a thread function into a
// future, out of a plugin's callback, and with calls of every kind in destructors on the way.
//
#include <cstdio>
#include <cstdlib>
#include <dlfcn.h>
#include <future>
#include <mutex>
#include <pthread.h>
#include <stdexcept>
#include <string>
#include <unistd.h>

static std::mutex mutex;
static int destroyed;

struct busy {
	~busy()
	{
		std::lock_guard<std::mutex> g(mutex);
		std::string s(5000, 'x');

		destroyed += s.size() == 5000;
	}
};

static void thrower()
{
	busy on_the_way;

	throw std::runtime_error("thrown");
}

static int caught(void (*run)())
{
	try {
		busy on_the_way;

		run();
	} catch (const std::exception &e) {
		return std::string(e.what()) == "thrown";
	}
	return -1;
}

static void through_call_once()
{
	static std::once_flag flag;

	std::call_once(flag, thrower);
}

static void through_pthread_once()
{
	static pthread_once_t once;

	pthread_once(&once, thrower);
}

static void through_future()
{
	std::async(std::launch::async, thrower).get();
}

static void through_plugin()
{
	void *h = dlopen("cxx.so", RTLD_NOW);
	auto call = h ? (void (*)(void (*)()))dlsym(h, "plugin_call") : nullptr;

	if (!call)
		std::_Exit(98);
	call(thrower);
}

int main()
{
	for (int i = 0; i < 3; i++) {
		std::printf("call_once %d\n", caught(through_call_once));
		std::printf("pthread_once %d\n", caught(through_pthread_once));
		std::printf("future %d\n", caught(through_future));
		std::printf("plugin %d\n", caught(through_plugin));
	}
	std::printf("destroyed %d\n", destroyed);
}
