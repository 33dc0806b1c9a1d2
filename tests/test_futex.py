# SPDX-License-Identifier: MIT
"""futex(2) by syscall(): waits and wakes as the target says them; our signal ends no wait."""

import errno
import json
import signal
import time

import fr

FUTEXES = (202, 98, 219, 128)  # and the restarted ones
PLACES = ("wait_on", "wake", "wants_pi", "with_a_second_thread", "with_an_owner", "calls")


def test_every_operation(host):
    p = host.run(fr.TARGETS / "futex", "calls", FR_EVENTS="lock=full", FR_TRIGGER="exit")
    bare = host.run(fr.TARGETS / "futex", "calls", recorded=False)
    said = [json.loads(line) for line in p.lines]
    results = [[c["event"], c["op"], c["result"], c["err"]] for c in said]
    assert sorted(results) == sorted([c["event"], c["op"], c["result"], c["err"]]
                                     for c in map(json.loads, bare.lines)), "as without us"
    events = [e for e in fr.read("events", host.snapshots(p.pid)[0])
              if e["event"].startswith("futex.")]
    for call in said:
        at = next((i for i, e in enumerate(events) if is_of(e, call)), None)
        assert at is not None, (call, events)
        e = events.pop(at)
        assert e["stack"] and fr.names(e["stack"])[0] in PLACES, e
        if call["event"] == "futex.wake":
            woken = 0 if "CMP_REQUEUE" in call or call["op"] == 132 else max(call["result"], 0)
            assert e["woken"] == woken, (e, call)
        elif call["err"] == errno.ETIMEDOUT:
            assert 0 < e["timeout_ns"] < 3.1e6 and e["dur_ns"] >= 0.9 * e["timeout_ns"], e
        assert not call["owner"] or e["owner"] == call["owner"], (e, call)
    # what is left is the target's looking whether its thread sleeps again; one of them woke it
    assert {e["op"] for e in events} == {138}, events
    assert [e["woken"] for e in events if e["woken"]] == [1]
    assert all(e["asked"] == 5 for e in events)


def is_of(e, call):
    return (e["event"] == call["event"] and e["tid"] == call["tid"] and e["op"] == call["op"] and
            fr.number(e["futex"]) == call["futex"] and (e.get("err") or 0) == call["err"])


def test_our_signal_never_ends_a_wait(host):
    p = host.target("futex", "timed")
    said = p.truth("tid")
    n = signalled = 0
    while signalled < said["began_ms"] + 600:
        fr.wait_for(lambda: fr.task_syscall(p.pid, said["tid"]) in FUTEXES, "the wait")
        signalled = time.monotonic() * 1000
        fr.tgkill(p.pid, said["tid"], signal.SIGUSR1)
        n += 1
        host.snapshot(p, n)
    end = p.truth("result")
    assert p.code() == 0 and n > 1
    assert (end["result"], end["errno"]) == (-1, errno.ETIMEDOUT), end
    # with its whole limit again after the last signal it would end 2 s after that
    assert 1995 <= end["took_ms"] < signalled - said["began_ms"] + 1900, (end, signalled)


def test_state_while_it_lasts(host):
    p = host.target("futex", "parked")
    said = p.truth("tid")
    fr.wait_for(lambda: fr.task_syscall(p.pid, said["tid"]) in (202, 98), "the wait")
    for source in (host.ask(p), p.pid):
        t = fr.read("threads", source)[0]
        assert t["state"] == "blocked" and t["on"]["call"] == "futex", t
        assert fr.number(t["on"]["addr"]) == said["futex"], t
        assert fr.names(t["stack"])[0] == "main", t
