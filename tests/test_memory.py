# SPDX-License-Identifier: MIT
"""Memory: exact counters, samples whose weights add up to what was allocated, and what lives."""

import json

import pytest

import fr

MEAN = 512 << 10
# A sample stands for MEAN bytes and comes once in MEAN bytes, so of B bytes there are B / MEAN
# samples with a standard deviation of its root. Six of those are left once in 10^9 runs; each run
# compares a handful of sums.
SIGMAS = 6


def bound(size):
    return SIGMAS * (size / MEAN) ** 0.5 * MEAN


def run(host, **settings):
    p = host.run(fr.TARGETS / "allocs", FR_TRIGGER="exit", **settings)
    said = [json.loads(line) for line in p.lines]
    recording = host.snapshots(p.pid)[0]
    assert not fr.read("report", recording)["drops"].get("sample_full")
    return said, recording


def sites(events, names):
    """(allocated, alive) by function, of the weights of samples."""
    total = {n: [0, 0] for n in names}
    alive = {}
    for e in events:
        if e["event"] == "mem.alloc" and e.get("weight"):
            site = next((n for n in fr.names(e["stack"]) if n in total), None)
            assert e["ptr"] not in alive, "two samples of one block"
            alive[e["ptr"]] = site, e["weight"]
            if site:
                # a sample that comes back after a failed realloc (size 0) is no new one
                total[site][0] += e["weight"] if e["size"] else 0
        elif e["event"] == "mem.free":
            assert e["weight"] == alive.pop(e["ptr"])[1]
    for site, weight in alive.values():
        if site:
            total[site][1] += weight
    return total


def test_samples_add_up(host):
    said, recording = run(host)
    want = {s["site"]: s for s in said if "site" in s}
    found = sites(fr.read("events", recording), want)
    for name, s in want.items():
        # blocks as big as the mean are all taken
        exact = name in ("big_ones", "at_the_mean", "growing", "failing")
        for what, got in zip(("bytes", "live"), found[name]):
            allowed = 0 if exact else bound(s[what])
            assert abs(got - s[what]) <= allowed, (name, what, got, s[what], allowed)


@pytest.mark.parametrize("events", ["", "mem=full"])
def test_counters_are_exact(host, events):
    said, recording = run(host, **({"FR_EVENTS": events} if events else {}))
    want = said[-1]
    thread, = [t for t in fr.read("threads", recording, "--all", ok=(0, 3))
               if t["tid"] == want["tid"]]
    assert thread["mem"] == {"allocs": want["allocs"], "alloc_bytes": want["bytes"],
                             "frees": want["frees"]}
