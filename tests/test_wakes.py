# SPDX-License-Identifier: MIT
"""Who woke whom: each wait names the thread and the event that ended it."""

import json

import pytest

import fr


def recorded(full, level, target="wakes"):
    levels = {"FR_EVENTS": level} if level else {"FR_EVENTS": "io=slow"}
    p = full.run(fr.TARGETS / target, FR_SLOW="1us", **levels)
    said = [json.loads(line) for line in p.lines]
    return said, full.snapshot(p)


def waits_of(said, events):
    """The last wait of that thread by that name which somebody ended, while this was tried."""
    return [e for e in events if e["event"] == said["wait"] and e["tid"] == said["waiter"]
            and said["from_ns"] - 1000000 < e["t_ns"] < said["to_ns"] + 1000000
            and ("woken_by" in e or not said["wake"])][-1:]


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


@pytest.mark.parametrize("level", ["full", ""])
def test_own_connections(full, level):
    """Both ends of a connection in one process: TCP, IPv4 to IPv6, UNIX; any that is ready."""
    said, recording = recorded(full, level, "wakes_net")
    events = fr.read("events", recording)
    by_id = {e["id"]: e for e in events}
    assert len(said) == 6 * 11 - 3 * 1
    for s in said:
        end, = waits_of(s, events) or pytest.fail(f"nobody woke {s}")
        if not s["wake"]:
            assert "woken_by" not in end, (s, end)
            continue
        wake = by_id[end["woken_by"]["event"]]
        assert wake["event"] == s["wake"] and wake["tid"] == s["waker"], (s, end, wake)
        assert wake["t_ns"] - wake.get("dur_ns", 0) >= end["t_ns"] - end["dur_ns"] - 1000


def first_message(events, at, tid):
    """Whom the message of TID's first net.recv from place AT on was from: its place in TID's."""
    return next((e for e in events[at:] if e["event"] == "net.recv" and e["tid"] == tid
                 and e["result"] == 4), None)


@pytest.mark.parametrize("family,share", [("tcp", 0.8), ("unix", 0.2)])
def test_nobody_wrong_is_named(full, family, share):
    """
    Many connections at once: the bytes say who sent them. A client of UNIX has no name: of those
    that connect at the same time nothing is said, but never something wrong.
    """
    p = full.run(fr.TARGETS / "wakes_storm", family, FR_SLOW="1us", FR_MAX_BYTES="64M")
    events = fr.read("events", full.snapshot(p))
    sender = {}
    for tid in {json.loads(line)["tid"] for line in p.lines}:
        messages = [e for e in events if first_message([e], 0, tid)]
        told = [m["from"] for m in map(json.loads, p.lines) if m["tid"] == tid]
        assert len(messages) == len(told)
        sender |= {m["id"]: who for m, who in zip(messages, told)}
    by_id = {e["id"]: e for e in events}
    woken = 0
    for at, e in enumerate(events):
        if e["event"] not in ("net.recv", "net.poll", "net.accept") or "woken_by" not in e:
            continue
        woken += 1
        message = first_message(events, at, e["tid"])
        by = by_id[e["woken_by"]["event"]]
        assert message and by["tid"] == sender[message["id"]], (e, by, message)
        assert by["event"] == ("net.connect" if e["event"] == "net.accept" else "net.send"), e
    waits = sum(1 for e in events if e["id"] in sender and e["dur_ns"] >= 10000)
    assert waits > 200 and woken >= share * waits, (woken, waits)
