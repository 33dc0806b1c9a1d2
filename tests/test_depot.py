# SPDX-License-Identifier: MIT
"""Stacks without end: the newest are always there, and never one for another."""

import json

import pytest

import fr

MUTEXES, BITS = 4096, 16


def check(events, base):
    """Each event's mutex says which path its stack is; returns the places of those without one."""
    without = []
    for place, e in enumerate(events):
        if e["event"] not in ("mutex.lock", "mutex.unlock"):
            continue
        at = int(e["lock"], 16) - base
        if not 0 <= at < 64 * MUTEXES:
            continue
        names = fr.names(e["stack"])
        if not names:
            without.append(place)
            continue
        turns = [n for n in names if n in ("left", "right")]
        assert names[0] == "at_its_end" and len(turns) == BITS + 1, names
        path = sum((n == "right") << i for i, n in enumerate(turns[:-1]))
        assert path % MUTEXES == at // 64, (path, e)
    return without


@pytest.mark.parametrize("threads", [1, 4])
@pytest.mark.parametrize("live", [False, True])
def test_new_stacks_take_the_place_of_old_ones(host, threads, live, long):
    p = host.target("paths", threads, (800000 if long else 150000) // threads, FR_EVENTS="full",
                    FR_MAX_BYTES="4M", FR_VERIFY_STACKS=0 if live else 1)
    said = json.loads(p.line("mutexes", timeout=120))
    what = p.pid if live else host.ask(p)
    info = fr.read("info", what, ok=(0, 3))
    assert info["header"]["depot_turns"] > 3 * 8, "three laps of the ring"
    assert info["header"]["stack_differ"] == 0
    assert live or info["header"]["stack_tests"] > 10000
    events = fr.read("events", what, ok=(0, 3))
    without = check(events, int(said["mutexes"], 16))
    with_stack = sum(1 for e in events if e["stack"])
    assert with_stack > 3000, "what the younger half of the depot has"
    # nobody else's time slice is waited for: what has no stack for that reason is counted
    newest = [n for n in without if n >= len(events) - 3000]
    assert len(newest) <= info["drops"].get("stack_full", 0)


def test_what_lasts_keeps_its_stacks(host):
    """Who waits since ever, and where it took what it holds: records point there all the time."""
    p = host.target("paths", 2, 100000, FR_EVENTS="full", FR_MAX_BYTES="4M")
    said = json.loads(p.line("mutexes", timeout=120))
    recording = host.ask(p)
    assert fr.read("info", recording)["header"]["depot_turns"] > 3 * 8
    waiter, = [t for t in fr.read("threads", recording)
               if t["state"] == "blocked" and t["on"]["addr"] == said["never"]]
    assert "waits_for_ever" in fr.names(waiter["stack"])
    held, = waiter["held"]
    assert held["addr"] == said["held"] and "takes_it" in fr.names(held["stack"])


@pytest.mark.parametrize("kind", ["text", "jit", "lost"])
def test_code_without_unwind_tables_is_walked_once(host, kind):
    """By its frame pointers; and where these lead nowhere, the stack ends there, known as well."""
    p = host.run(fr.TARGETS / "nocfi", kind, 20000, FR_EVENTS="full", FR_TRIGGER="exit")
    if json.loads(p.lines[-1])["locked"] == 0:
        pytest.skip("written for x86-64")
    recording = host.snapshots(p.pid)[0]
    thread, = fr.read("info", recording)["threads"]
    assert thread["events"] >= 40000 and thread["stack_walks"] < 500, thread
    taken = [e for e in fr.read("events", recording) if e["event"] == "mutex.lock"]
    assert len(taken) == 20000
    for e in taken:
        names = fr.names(e["stack"])
        assert names[0] == "locks" and (kind == "lost" or "main" in names), names
