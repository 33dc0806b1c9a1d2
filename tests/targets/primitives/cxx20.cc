// SPDX-License-Identifier: MIT
// cxx20.cc - what C++20 waits in by futex(2), see locks.h. Its lock is a program's own.
#include <atomic>
#include <barrier>
#include <future>
#include <latch>
#include <semaphore>
#include <unistd.h>

struct Own {
	std::atomic<int> word{0};
	void lock()
	{
		while (word.exchange(1))
			word.wait(1);
	}
	void unlock()
	{
		word = 0;
		word.notify_one();
	}
};

#define LOCK Own
#define NAME "lock upon std::atomic::wait"
#define take(l) (l).lock()
#define give(l) (l).unlock()
#include "locks.h"

struct Slow {
	Slow()
	{
		pause();
	}
};

static NOINLINE Slow &slow()
{
	static Slow s;

	return s;
}

static std::atomic<int> word;
static std::counting_semaphore<4> sem{0};
static std::latch latch{2};
static std::barrier barrier{2};
static std::promise<int> promise;

static void zoo()
{
	std::thread([] { slow(); }).detach();
	usleep(100000);
	keeps("initialization of a static variable (C++)", [] { slow(); });
	keeps("std::atomic::wait", [] { word.wait(0); });
	keeps("std::counting_semaphore", [] { sem.acquire(); });
	keeps("std::latch", [] { latch.wait(); });
	keeps("std::barrier", [] { barrier.arrive_and_wait(); });
	keeps("std::future", [] { promise.get_future().get(); });
}
