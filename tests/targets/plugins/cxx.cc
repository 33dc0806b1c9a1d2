/* SPDX-License-Identifier: MIT */
/*
 * cxx.cc - a C++ plugin of a plain C program: exceptions, and forced unwinding through its frames.
 */
#include <pthread.h>
#include <stdexcept>
#include <string>
#include <unistd.h>

struct noisy {
	~noisy()
	{
		static const char text[] = "destructor ran\n";
		if (write(1, text, sizeof(text) - 1) < 0)
			_exit(98);
	}
};

extern "C" int plugin_throw(int n)
{
	try {
		noisy on_the_way;
		if (n > 0)
			throw std::runtime_error(std::string(n, 'x'));
	} catch (const std::exception &e) {
		return (int)std::string(e.what()).size();
	}
	return 0;
}

extern "C" void plugin_pthread_exit(void *value)
{
	noisy on_the_way;
	pthread_exit(value);
}

extern "C" void plugin_block(int fd)
{
	char c;

	try {
		noisy on_the_way;
		if (read(fd, &c, 1) < 0)
			_exit(97);
	} catch (...) {
		static const char text[] = "catch ran\n";
		if (write(1, text, sizeof(text) - 1) < 0)
			_exit(98);
		throw; /* a cancellation must go on */
	}
}

extern "C" void plugin_call(void (*fn)())
{
	noisy on_the_way;
	pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, fn);
}
