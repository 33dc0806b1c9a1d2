// SPDX-License-Identifier: MIT
//
// stdsync.cc - the locks and threads of the C++ library. Its timed calls are the clock forms;
// an exception leaves the function of a call_once through pthread_once.

#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <mutex>
#include <shared_mutex>
#include <stdexcept>
#include <thread>
#include <unistd.h>
#include <vector>

#define NOINLINE __attribute__((noinline))

using namespace std::chrono_literals;

static void say(const char *what, long value)
{
	char line[100];
	int n = snprintf(line, sizeof(line), "%s %ld\n", what, value);

	if (write(1, line, n) != n)
		_exit(99);
}

NOINLINE static void timed_mutexes()
{
	std::recursive_mutex again;
	std::timed_mutex timed;

	timed.lock();
	std::thread t([&] { say("try_lock_for", timed.try_lock_for(15ms)); });
	t.join();
	timed.unlock();
	say("try_lock_until", timed.try_lock_until(std::chrono::steady_clock::now() + 5ms));
	timed.unlock();
	again.lock();
	say("recursive", again.try_lock());
	again.unlock();
	again.unlock();
}

NOINLINE static void shared_mutexes()
{
	std::shared_timed_mutex shared;
	std::shared_mutex plain;

	plain.lock_shared();
	say("shared twice", plain.try_lock_shared());
	say("exclusive beside shared", plain.try_lock());
	plain.unlock_shared();
	plain.unlock_shared();
	shared.lock();
	std::thread t([&] {
		say("try_lock_shared_for", shared.try_lock_shared_for(15ms));
		say("try_lock_for", shared.try_lock_for(15ms));
	});
	t.join();
	shared.unlock();
}

NOINLINE static void conditions()
{
	std::condition_variable cond;
	std::mutex mutex;
	bool go = false;
	std::unique_lock lock(mutex);

	say("wait_for", cond.wait_for(lock, 15ms) == std::cv_status::timeout);
	std::thread t([&] {
		std::lock_guard guard(mutex);
		go = true;
		cond.notify_one();
	});
	cond.wait(lock, [&] { return go; });
	lock.unlock();
	t.join();
	say("woken", go);
}

NOINLINE static void onces()
{
	std::once_flag flag;
	int runs = 0;

	for (int i = 0; i < 3; i++) {
		try {
			std::call_once(flag, [&] {
				if (++runs < 3)
					throw std::runtime_error("not yet");
			});
		} catch (const std::runtime_error &) {
			say("thrown", runs);
		}
	}
	say("runs", runs);
}

NOINLINE static void crowd()
{
	std::vector<std::thread> threads;
	std::mutex mutex;
	long sum = 0;

	for (int i = 0; i < 8; i++)
		threads.emplace_back([&] {
			for (int k = 0; k < 1000; k++) {
				std::lock_guard guard(mutex);
				sum++;
			}
		});
	for (auto &t : threads)
		t.join();
	say("sum", sum);
	std::thread([] {}).detach();
}

int main()
{
	timed_mutexes();
	shared_mutexes();
	conditions();
	onces();
	crowd();
	return 0;
}
