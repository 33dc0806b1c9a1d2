/* SPDX-License-Identifier: MIT */
/*
 * library.cc - much of the C++ library in one file: deep inlining, templates, exceptions, threads.
 * Compiled in several ways by tests/test_symbols_readers.py, never run.
 */
#include <algorithm>
#include <chrono>
#include <deque>
#include <fstream>
#include <functional>
#include <future>
#include <iomanip>
#include <map>
#include <memory>
#include <mutex>
#include <numeric>
#include <queue>
#include <random>
#include <regex>
#include <set>
#include <shared_mutex>
#include <sstream>
#include <string>
#include <thread>
#include <unordered_map>
#include <variant>
#include <vector>

namespace
{

template <class K, class V> class cache
{
      public:
	V *find(const K &k)
	{
		std::shared_lock<std::shared_mutex> hold(mu);
		auto it = values.find(k);

		return it == values.end() ? nullptr : &it->second;
	}
	void put(K k, V v)
	{
		std::unique_lock<std::shared_mutex> hold(mu);

		values[std::move(k)] = std::move(v);
		order.push_back(k);
	}

      private:
	std::shared_mutex mu;
	std::unordered_map<K, V> values;
	std::deque<K> order;
};

using value = std::variant<long, double, std::string, std::vector<int>>;

struct show {
	std::ostream &out;
	void operator()(long v) const
	{
		out << v;
	}
	void operator()(double v) const
	{
		out << std::setprecision(3) << v;
	}
	void operator()(const std::string &v) const
	{
		out << std::quoted(v);
	}
	void operator()(const std::vector<int> &v) const
	{
		for (int i : v)
			out << i << ' ';
	}
};

template <class T> void sort_all(std::vector<T> &v)
{
	std::sort(v.begin(), v.end());
	std::stable_sort(v.begin(), v.end(), std::greater<T>());
	std::nth_element(v.begin(), v.begin() + (long)v.size() / 2, v.end());
	std::make_heap(v.begin(), v.end());
	v.erase(std::unique(v.begin(), v.end()), v.end());
}

} // namespace

std::string describe(const std::vector<value> &values)
{
	std::ostringstream out;

	for (const value &v : values)
		std::visit(show{out}, v);
	return out.str();
}

std::map<std::string, int> words(const std::string &text)
{
	static const std::regex word("([a-z]+)([0-9]{1,3})?|\\b[^x]*\\b", std::regex::icase);
	std::map<std::string, int> n;

	for (std::sregex_iterator it(text.begin(), text.end(), word), end; it != end; ++it)
		n[it->str(1)]++;
	return n;
}

long simulate(unsigned int seed, int threads)
{
	cache<std::string, std::shared_ptr<std::set<long>>> kept;
	std::vector<std::future<long>> results;
	std::priority_queue<long> best;

	for (int t = 0; t < threads; t++)
		results.push_back(std::async(std::launch::async, [&kept, seed, t] {
			std::mt19937_64 rng(seed + (unsigned int)t);
			std::normal_distribution<double> normal(0, 10);
			auto set = std::make_shared<std::set<long>>();

			for (int i = 0; i < 1000; i++)
				set->insert((long)normal(rng));
			kept.put(std::to_string(t), set);
			return std::accumulate(set->begin(), set->end(), 0L);
		}));
	for (auto &r : results)
		best.push(r.get());
	return best.top();
}

int run(int argc, char **argv)
{
	std::vector<std::string> names(argv, argv + argc);
	std::vector<double> numbers;
	std::vector<long> longs;
	std::ifstream in(argv[0]);

	try {
		for (std::string line; std::getline(in, line);)
			numbers.push_back(std::stod(line)), longs.push_back(std::stol(line));
	} catch (const std::invalid_argument &e) {
		names.emplace_back(e.what());
	}
	sort_all(names);
	sort_all(numbers);
	sort_all(longs);
	return (int)simulate((unsigned int)words(names[0]).size(), argc) +
	       (int)describe({1L, 2.0, names[0], std::vector<int>{1, 2}}).size();
}
