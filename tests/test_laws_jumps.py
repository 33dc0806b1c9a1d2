# SPDX-License-Identifier: MIT
"""Fibers that change threads, jumps out of calls and handlers, exceptions through our frames."""

import json
import subprocess

import pytest

import fr

WAYS = [["fiber_leaf", way, "fiber_main"] for way in ("fiber_middle", "fiber_other")]


@pytest.mark.parametrize("settings", [
    {}, {"FR_EVENTS": "full"}, {"FR_EVENTS": "full", "FR_UNWIND": "fp"},
    {"FR_EVENTS": "full", "FR_VERIFY_STACKS": 1}], ids=["default", "full", "fp", "verify"])
def test_fibers_do_what_they_do(host, settings):
    """Stacks of fibers are right or cut, never another's; no event is lost or torn."""
    p = host.target("coroutines", FR_TRIGGER="exit", **settings)
    assert p.code() == 0, p.stderr()
    said = json.loads(p.lines[-1])
    assert (said["total"], said["moves"]) == (800, 16 * 49), said
    recording = host.snapshot(p)
    info = fr.read("info", recording)
    assert info["header"]["stack_differ"] == 0, info
    assert info["header"]["stack_tests"] or "FR_VERIFY_STACKS" not in settings
    events = fr.read("events", recording)
    if not settings:
        return
    locks = [e for e in events if e["event"] == "mutex.lock" and e["lock"] == said["lock"]]
    sends = [e for e in events if e["event"] == "net.send"]
    assert len(locks) == len(sends) == 800
    whole = [0, 0]
    for e in locks + sends:
        got = [n for n in fr.names(e["stack"]) if n not in ("send", "pthread_mutex_lock")]
        assert got[:3] in [way[:len(got)] for way in WAYS], got
        assert "thread_main" not in got, got
        for i, way in enumerate(WAYS):
            whole[i] += got[:3] == way
    if settings.get("FR_UNWIND") != "fp":
        assert whole == [800, 800], "each fiber went both ways alike"


@pytest.mark.parametrize("where", [[], ["onstack"]])
@pytest.mark.parametrize("events", ["", "full"])
def test_jumps(host, long, events, where):
    """Out of calls and out of the recorder itself, a thousand times: it records on as ever."""
    settings = {"FR_EVENTS": events} if events else {}
    p = host.target("jumps", 20000 if long else 1000, *where, stdin=subprocess.PIPE, **settings)
    said = p.truth("locks", timeout=120 if long else None)
    recording = host.ask(p)
    report = fr.read("report", recording, ok=(0, 3))
    assert report["trigger"]["kind"] == "signal"
    state, = [t for t in fr.read("threads", recording, ok=(0, 3)) if t["tid"] == said["tid"]]
    assert state["alive"] and not state["held"] and not state["on"], state
    if events:
        seen = [e for e in fr.read("events", recording, "-e", "mutex.lock", ok=(0, 3))
                if e["lock"] == said["lock"]]
        assert len(seen) == said["locks"]
        assert all(fr.names(e["stack"])[:2] == ["work_in_peace", "main"] for e in seen)
    p.popen.stdin.write(b"x")
    p.popen.stdin.flush()
    assert p.code() == 0


def test_handler_that_interrupts_the_recorder(full):
    """It records on its own stack, or its event is dropped and counted; none is overwritten."""
    p = full.target("jumps", 300, "stay", FR_MAX_BYTES="256M")
    assert p.code() == 0
    said = json.loads(p.lines[-1])
    recording = full.snapshot(p)
    info = fr.read("info", recording)
    sends = [e for e in fr.read("events", recording, "-e", "net.send") if e["tid"] == said["tid"]]
    assert all("call_and_come_back" in fr.names(e["stack"]) for e in sends)
    assert info["torn"] == 0 and info["drops"]["nested"] > 10
    assert len(sends) + info["drops"]["nested"] == said["sends"] >= 300


@pytest.mark.parametrize("events", ["", "full", "off"])
def test_exceptions_through_our_frames(host, events):
    bare = host.run(fr.TARGETS / "throws", recorded=False)
    p = host.run(fr.TARGETS / "throws", **({"FR_EVENTS": events} if events else {}))
    assert p.lines == bare.lines and p.lines[-1] == "destroyed 24"
    assert p.stderr() == ""
