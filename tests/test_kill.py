# SPDX-License-Identifier: MIT
"""Scene 4, the kill: SIGKILL at any instant leaves a region that is read like any recording."""

import random
import signal
import time

import fr

WAITS = fr.source_line("tests/targets/load.c", "/* the waiter waits here */")


def left_region(host, p):
    """The region of a dead process, named by the part of its name that is the PID."""
    regions = [r for r in host.regions() if str(p.pid) in r.name]
    assert len(regions) == 1, host.regions()
    return regions[0]


def check_left(region, said):
    """The stacks and the lock's owner are there; what was lost is at most said."""
    info = fr.read("info", region, ok=(0, 3))
    assert info
    threads = {t["tid"]: t for t in fr.read("threads", region, ok=(0, 3))}
    waiter = threads[said["waiter"]]
    assert fr.number(waiter["on"]["addr"]) == fr.number(said["lock"])
    assert waiter["on"]["owner_tid"] == said["owner"]
    assert waiter["stack"][0]["fn"] == "waiter" and waiter["stack"][0]["line"] == WAITS
    held = [fr.number(h["addr"]) for h in threads[said["owner"]]["held"]]
    assert fr.number(said["lock"]) in held
    events = fr.read("events", region, "-n", 3000, ok=(0, 3))
    calls = [e for e in events if e["event"] != "thread.start"]
    with_stack = [e for e in calls if e.get("stack")]
    assert len(with_stack) > 0.9 * len(calls), (len(with_stack), len(calls))
    report = fr.read("report", region, ok=(0, 3))
    assert report["trigger"]["kind"] == "left"
    return events


def test_killed_at_random_instants(host, long):
    rng = random.Random(20260101)
    for i in range(2000 if long else 30):
        p = host.target("load", FR_EVENTS="full", FR_MAX_BYTES="1M")
        said = p.truth("ready")
        end = time.monotonic() + rng.random() * 0.03
        while time.monotonic() < end:  # the instant is the point here
            pass
        p.signal(signal.SIGKILL)
        p.wait()
        region = left_region(host, p)
        events = check_left(region, said)
        assert i % 10 or any("churn" in fr.names(e.get("stack")) for e in events)
        region.unlink()


def test_killed_while_starting(host, long):
    """At an instant before main, or just after: either no region or one that is refused or read."""
    rng = random.Random(7)
    for _ in range(300 if long else 30):
        p = host.target("load", FR_EVENTS="full")
        end = time.monotonic() + rng.random() * 0.008
        while time.monotonic() < end:
            pass
        p.signal(signal.SIGKILL)
        p.wait()
        for region in host.regions():
            r = fr.fr("report", region, ok=(0, 1, 3))
            assert r.returncode != 1 or r.err.strip(), "a refusal says why"
            region.unlink()


def test_list_shows_left_regions(host):
    p = host.target("load")
    p.line("ready")
    p.signal(signal.SIGKILL)
    p.wait()
    listed = fr.fr("list", host.dir).out
    assert str(p.pid) in listed and "left" in listed, listed


def test_clean_exit_leaves_no_region(host):
    p = host.target("healthy", 50)
    assert p.code() == 0
    assert not host.regions()
