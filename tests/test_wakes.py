# SPDX-License-Identifier: MIT
"""Who woke whom: each wait names the thread and the event that ended it."""

import json

import pytest

import fr


def recorded(full, level):
    levels = {"FR_EVENTS": level} if level else {"FR_EVENTS": "io=slow"}
    p = full.run(fr.TARGETS / "wakes", FR_SLOW="1us", **levels)
    said = [json.loads(line) for line in p.lines]
    return said, full.snapshot(p)


def waits_of(said, events):
    """The last wait of that thread by that name which somebody ended, while this was tried."""
    return [e for e in events if e["event"] == said["wait"] and e["tid"] == said["waiter"]
            and said["from_ns"] - 1000000 < e["t_ns"] < said["to_ns"] + 1000000
            and "woken_by" in e][-1:]


@pytest.mark.parametrize("level", ["full", "slow", ""])
def test_each_way(full, level):
    """At the default levels and at slow too. (What takes no microsecond is not there.)"""
    said, recording = recorded(full, level)
    events = fr.read("events", recording)
    by_id = {e["id"]: e for e in events}
    assert len({(s["wait"], s["wake"]) for s in said}) == 13
    for s in said:
        if level == "slow" and s["wake"] == "net.send":
            continue
        end, = waits_of(s, events) or pytest.fail(f"nobody woke {s}")
        by = end["woken_by"]
        wake = by_id[by["event"]]
        assert wake["event"] == s["wake"] and wake["tid"] == by["tid"], (s, end, wake)
        assert by["tid"] == (s["waker"] or by["tid"]) != s["waiter"], (s, end, wake)
        if s["wake"] not in ("thread.create", "once"):  # they began before the wait
            assert wake["t_ns"] - wake.get("dur_ns", 0) >= end["t_ns"] - end["dur_ns"] - 1000


def test_nobody_wakes_who_gave_up(full):
    """Calls that failed or did not wait have no waker; nobody wakes himself."""
    _, recording = recorded(full, "full")
    for e in fr.read("events", recording):
        if "woken_by" in e:
            assert not e.get("err") and (e["event"] == "thread.start" or e["dur_ns"]), e
            assert e["woken_by"]["tid"] != e["tid"], e


@pytest.mark.parametrize("command", ["events", "decode"])
def test_text_says_so(full, command):
    said, recording = recorded(full, "full")
    events = {e["id"]: e for e in fr.read("events", recording) if "woken_by" in e}
    assert len(events) >= len(said)
    lines = {line.split()[0]: line for line in fr.fr(command, recording).out.splitlines()
             if " woken by T" in line}
    assert lines.keys() == events.keys()
    for i, line in lines.items():
        by = events[i]["woken_by"]
        assert f" woken by {by['thread']} ({by['event']})" in line
