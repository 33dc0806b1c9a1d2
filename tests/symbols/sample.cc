/* SPDX-License-Identifier: MIT */
/*
 * sample.cc - C++ with namespaces, templates, lambdas, classes: compiled in many ways by
 * tests/test_symbols.py, never run.
 */
#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace store
{
std::mutex big_lock;

namespace
{
int hidden_counter;
}

template <typename T> class pool
{
	std::vector<T> items;
	std::mutex mu;

      public:
	explicit pool(size_t n) : items(n)
	{
	}
	virtual ~pool()
	{
	}
	T take(size_t i)
	{
		std::lock_guard<std::mutex> hold(mu);

		hidden_counter++;
		return items.at(i % items.size());
	}
	void put(T v)
	{
		std::lock_guard<std::mutex> hold(mu);

		items.push_back(v);
	}
	bool operator<(const pool &other) const
	{
		return items.size() < other.items.size();
	}
};

struct base {
	std::mutex first, second;
};

struct session : base {
	int id;
	std::mutex third;
} sessions[4];

template <typename F> auto twice(F f)
{
	f(1);
	return f(2);
}
} // namespace store

static std::map<std::string, std::unique_ptr<store::pool<long>>> pools;

__attribute__((noinline)) static long use(const std::string &name, std::function<long(long)> each)
{
	auto &p = pools[name];

	if (!p)
		p = std::make_unique<store::pool<long>>(4);
	p->put(each(3));
	return store::twice([&](long v) { return p->take(v) + each(v); });
}

int main(int argc, char **argv)
{
	std::vector<std::string> names(argv, argv + argc);
	store::pool<std::string> strings(3);
	long sum = 0;

	std::sort(names.begin(), names.end(),
		  [](const std::string &a, const std::string &b) { return a.size() < b.size(); });
	for (const auto &n : names) {
		std::lock_guard<std::mutex> hold(store::sessions[2].third);

		strings.put(n);
		sum += use(n, [&](long v) { return v * (long)n.size() + strings.take(0).size(); });
	}
	return (int)sum;
}
