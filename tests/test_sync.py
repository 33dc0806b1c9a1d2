# SPDX-License-Identifier: MIT
"""Semaphores, spin locks, barriers, once, file locks, C11 and C++ threads, cancelled waits."""

import json
import subprocess

import pytest

import fr
import oracle
import test_truth as truth

truth.ADDRESSES |= {"sem", "barrier", "once", "object"}
SHAPES = ["sync", "sync-O2", "c11", "c11-O2", "threads", "threads-O2"]
WAITS = {"sem.wait", "barrier.wait", "spin.lock", "once", "file.lock"}


def object_of(said):
    """The recording has numbers where the target says a pointer that is a descriptor."""
    if said["event"] == "thread.cancelled" and said["via"] == "poll":
        said["object"] = -1 & (1 << 64) - 1
    return said


def recorded(host, target, **settings):
    said, events, recording = truth.recorded(host, target, **settings)
    return [object_of(s) for s in said], events, recording


@pytest.mark.parametrize("shape", SHAPES)
def test_every_call_is_recorded(full, shape):
    said, events, _ = recorded(full, shape)
    assert len(said) >= 15
    for call, event in truth.match_all(said, events):
        if not call.get("fn"):
            continue
        leaf = event["stack"][0]
        assert (leaf["fn"], leaf["line"]) == (call["fn"], call["line"]), (call, event["stack"][:3])
    oracle.check(events)


@pytest.mark.parametrize("level", ["full", "slow"])
@pytest.mark.parametrize("shape", ["sync", "sync-O2"])
def test_waits_have_their_length(full, shape, level):
    """At level slow too: whoever waited is in the recording, with the time it took."""
    said, events, recording = recorded(full, shape, FR_EVENTS=level)
    slow = [s for s in said if "waited_ms" in s]
    assert {s["event"] for s in slow} == WAITS
    for call in slow:
        event, = [e for e in events if truth.call_matches(call, e)]
        assert 30e6 < event["dur_ns"] < 3e9, event
    kinds = {w["kind"] for w in fr.read("report", recording, ok=(0, 10))["waits"]}
    assert {"sem", "barrier", "spin", "once", "filelock"} <= kinds


@pytest.mark.parametrize("level", ["full", "slow"])
def test_mutexes_of_dead_owners(full, level):
    """EOWNERDEAD gives the mutex; ENOTRECOVERABLE, of one that looks free, is recorded and gives
    nothing."""
    if fr.QEMU:
        pytest.skip("qemu-user has no list of robust mutexes")
    said, events, recording = recorded(full, "robust", FR_EVENTS=level)
    assert len(said) == 4
    for call, event in truth.match_all(said, events):
        leaf = event["stack"][0]
        assert (leaf["fn"], leaf["line"]) == (call["fn"], call["line"]), (call, event["stack"][:3])
    main, = [t for t in fr.read("threads", recording) if t["tid"] == said[0]["tid"]]
    assert [fr.number(h["addr"]) for h in main["held"]] == [fr.number(said[0]["lock"])]


def test_slow_level_is_quiet(full):
    """What neither waited nor failed is not in the recording."""
    _, events, _ = recorded(full, "sync", FR_EVENTS="slow")
    for e in events:
        if e["event"] in WAITS | {"lock.destroy", "lock.init", "sem.open"}:
            assert e.get("dur_ns") or e.get("err"), e
        if e["event"] == "sem.post":
            assert e["waiters"] or e["err"], e
        if e["event"] == "spin.unlock":
            assert e["contended"], e
    assert [e["err"] for e in events if e["event"] == "lock.destroy"] == [16]


@pytest.mark.parametrize("level", ["full", "slow"])
def test_who_woke_whom(full, level):
    """The release stands between the start and the end of the wait that it ended."""
    said, events, _ = recorded(full, "sync", FR_EVENTS=level)
    slow = {c["event"]: e for c in said if "waited_ms" in c
            for e in events if truth.call_matches(c, e)}
    pairs = [("sem.wait", "sem.post", "sem"), ("spin.lock", "spin.unlock", "lock")]
    if fr.AARCH64 and level == "slow":
        pairs.pop()  # a spin lock's word says there that it is taken, not that others spin
    for wait, wake, name in pairs:
        end = slow[wait]
        wakers = [e for e in events if e["event"] == wake and e[name] == end[name]
                  and end["t_ns"] - end["dur_ns"] < e["t_ns"] <= end["t_ns"]
                  and e["tid"] != end["tid"]]
        assert len(wakers) == 1, (wait, wakers)
    barrier = slow["barrier.wait"]
    last, = [e for e in events if e["event"] == "barrier.wait" and e["serial"]]
    assert last["barrier"] == barrier["barrier"] and last["tid"] != barrier["tid"]
    assert barrier["t_ns"] - barrier["dur_ns"] < last["t_ns"] - last["dur_ns"] <= barrier["t_ns"]


@pytest.mark.parametrize("events", ["full", "slow"])
def test_cancelled_waits_are_seen(full, events):
    """A thread cancelled while it waited: in what, since when; also when it waited to clean up."""
    said, found, _ = recorded(full, "threads", FR_EVENTS=events)
    said = [s for s in said if s["event"] == "thread.cancelled"]
    assert len(said) == 5
    for call, event in truth.match_all(said, found):
        assert event["dur_ns"] > 0
        assert event["stack"][0]["line"] == call["line"]
    assert len([e for e in found if e["event"] == "thread.cancelled"]) == 5


@pytest.mark.parametrize("order", ["after", "before"])
def test_mutex_of_a_cancelled_condition_wait(host, order):
    """While the thread cleans up it has the mutex again, until it gives it back."""
    p = fr.Process([fr.TARGETS / "cleanup", order], host.env(), host.cwd, stdin=subprocess.PIPE)
    host.started.append(p)
    told = []
    for _ in range(2):
        said = p.truth("held")
        t, = [t for t in fr.read("threads", host.ask(p)) if t["tid"] == said["tid"]]
        assert (t["state"], t["on"]["kind"]) == ("blocked", "sem"), t
        held = [fr.number(h["addr"]) for h in t["held"]]
        assert held == ([fr.number(said["mutex"])] if said["held"] else []), (said, t)
        told.append(said["held"])
        p.popen.stdin.write(b"\n")
        p.popen.stdin.flush()
    assert p.code() == 0 and told == [order == "after", False]


def test_thread_name_by_prctl(full):
    p = full.target("threads")
    assert p.code() == 0
    names = {t["tid"]: t["name"] for t in fr.read("threads", full.snapshot(p))}
    assert names[p.pid] == "by prctl, and t"


def test_state_of_blocked_threads(host):
    """Threads that wait for a semaphore, barrier, spin lock, once or file lock are shown so."""
    p = host.target("blocked")
    said = json.loads(p.line("tids"))
    threads = {t["tid"]: t for t in fr.read("threads", host.ask(p))}
    for kind, tid in said["tids"].items():
        t = threads[tid]
        assert t["state"] == "blocked" and t["on"]["kind"] == kind, (kind, t)
        if kind != "filelock":
            assert fr.number(t["on"]["addr"]) == fr.number(said["objects"][kind])
    spin = threads[said["tids"]["spin"]]
    assert spin["on"]["owner_tid"] == p.pid
    assert p.alive()


def bare(host, name, *args):
    p = host.target(name, *args, recorded=False)
    assert p.code() == 0, p.lines[-3:]
    return p.lines


@pytest.mark.parametrize("events", ["", "slow", "full", "off"])
@pytest.mark.parametrize("name", ["once", "syncsmall", "stdsync"])
def test_same_output(host, name, events):
    """Cancelled in a once and in a lock, 16 KiB stacks, exceptions through once."""
    p = host.target(name, **({"FR_EVENTS": events} if events else {}))
    assert p.code() == 0, (p.lines[-3:], p.stderr())
    assert p.lines == bare(host, name)


@pytest.mark.parametrize("call", ["sem_timedwait", "sem_clockwait", "sem_wait", "flock"])
def test_our_signal_never_ends_a_wait(host, call):
    p = host.target("synceintr", call, 8)
    tid = p.truth("tid")["tid"]
    for n in range(1, 4):
        fr.wait_for(lambda: (fr.task_syscall(p.pid, tid) or -1) not in (-1, 1), "the wait")
        fr.tgkill(p.pid, tid, 10)
        host.snapshot(p, n)
    end = p.truth("result")
    assert p.code() == 0
    timed = call.startswith("sem_") and call != "sem_wait"
    assert (end["result"], end["errno"]) == ((-1, 110) if timed else (0, 0)), end
    assert end["took_ms"] >= 780, end


@pytest.mark.parametrize("call", ["sem_timedwait", "sem_clockwait", "sem_wait", "flock"])
def test_host_signal_ends_a_wait(host, call):
    p = host.target("synceintr", call, 8, "alarm")
    end = p.truth("result")
    assert p.code() == 0
    assert (end["result"], end["errno"]) == (-1, 4), end


def test_cxx_names(full):
    """libstdc++ calls the clock forms; its frames lead to the program's own."""
    p = full.target("stdsync")
    assert p.code() == 0
    events = fr.read("events", full.snapshot(p))
    vias = {e.get("via") for e in events}
    assert {"pthread_mutex_clocklock", "pthread_cond_clockwait", "pthread_rwlock_clockrdlock",
            "pthread_rwlock_clockwrlock"} <= vias, vias
    oracle.check(events)
    for e in events:
        if e.get("via") == "pthread_mutex_clocklock":
            assert any("timed_mutexes" in n for n in fr.names(e["stack"])), fr.names(e["stack"])
    runs = [e for e in events if e["event"] == "once"]
    assert runs and all(not e["waited"] for e in runs)
