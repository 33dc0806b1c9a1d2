# SPDX-License-Identifier: MIT
"""Hosts that wait for signals instead of handling them, and jumps out of everything."""

import signal

import pytest

import fr

SYS_POLL, SYS_PAUSE, SYS_SIGTIMEDWAIT, SYS_SIGSUSPEND, SYS_READ = 7, 34, 128, 130, 0
QUEUES = ["sigwait", "sigwaitinfo", "sigtimedwait", "signalfd"]


def waiting(p, tid):
    """The thread sleeps in its wait, past what the hook does before it."""
    calls = (SYS_PAUSE, SYS_SIGTIMEDWAIT, SYS_SIGSUSPEND, SYS_READ)
    fr.wait_for(lambda: fr.task_syscall(p.pid, tid) in calls, "the wait")


def trigger_of(p):
    """The number of the signal that asks for a snapshot, 0 where there is none."""
    value = fr.read("info", p.pid, ok=(0, 3))["header"]["signal"]
    if isinstance(value, int):
        return value
    if value.startswith("SIGRTMAX-"):
        return signal.SIGRTMAX - int(value.split("-")[1])
    return getattr(signal, value)


@pytest.mark.parametrize("call", QUEUES)
def test_host_that_takes_sigusr1_itself(host, call):
    """It gets every one of them; another signal asks for snapshots and is not seen by it."""
    p = host.target("sigwaits", call)
    tid = p.truth("tid")["tid"]
    waiting(p, tid)
    ours = trigger_of(p)
    assert ours not in (0, signal.SIGUSR1)
    for n in (1, 2):
        p.signal(signal.SIGUSR1)
        assert p.truth("got") == {"got": signal.SIGUSR1, "errno": 0}
        waiting(p, tid)
        fr.tgkill(p.pid, tid, ours)
        assert fr.read("report", host.snapshot(p, n))["trigger"]["kind"] == "signal"
    p.signal(signal.SIGTERM)
    assert p.truth("got") == {"got": signal.SIGTERM, "errno": 0}
    assert p.code() == 0 and len(p.lines) == 4
    assert len(host.snapshots(p.pid)) == 2


@pytest.mark.parametrize("call", ["sigwait", "signalfd"])
def test_host_that_takes_every_signal(host, call):
    """No signal is left for us: none is used, and `fr snapshot` needs none."""
    p = host.target("sigwaits", call, "all")
    tid = p.truth("tid")["tid"]
    waiting(p, tid)
    assert trigger_of(p) == 0
    for signo in (signal.SIGUSR1, signal.SIGRTMAX - 1, signal.SIGRTMIN + 3):
        p.signal(signo)
        assert p.truth("got")["got"] == signo
    out = host.path / "outside.frd"
    fr.fr("snapshot", "-o", out, p.pid)
    assert fr.read("report", out)["process"]["pid"] == p.pid
    p.signal(signal.SIGTERM)
    assert p.code() == 0


@pytest.mark.parametrize("call", QUEUES)
def test_forced_signal_does_not_end_the_wait(host, call):
    """FR_SIGNAL says SIGUSR2: it comes in the middle of the wait, which goes on."""
    p = host.target("sigwaits", call, FR_SIGNAL="SIGUSR2")
    tid = p.truth("tid")["tid"]
    for n in (1, 2):
        waiting(p, tid)
        fr.tgkill(p.pid, tid, signal.SIGUSR2)
        host.snapshot(p, n)
    p.signal(signal.SIGUSR1)
    assert p.truth("got") == {"got": signal.SIGUSR1, "errno": 0}
    p.signal(signal.SIGTERM)
    assert p.code() == 0 and len(p.lines) == 3


def test_timeout_lasts_as_long_as_it_should(host):
    p = host.target("sigwaits", "timed", 8, FR_SIGNAL="SIGUSR2")
    tid = p.truth("tid")["tid"]
    for n in (1, 2):
        waiting(p, tid)
        fr.tgkill(p.pid, tid, signal.SIGUSR2)
        host.snapshot(p, n)
    end = p.truth("result")
    assert (end["result"], end["errno"]) == (-1, 11), end
    assert 795 <= end["took_ms"] < 1500, end


@pytest.mark.parametrize("call", ["pause", "sigsuspend"])
def test_pause_ends_by_the_hosts_handler_only(host, call):
    p = host.target("sigwaits", call)
    tid = p.truth("tid")["tid"]
    for n in (1, 2, 3):
        waiting(p, tid)
        fr.tgkill(p.pid, tid, signal.SIGUSR1)
        host.snapshot(p, n)
        waiting(p, tid)
        fr.tgkill(p.pid, tid, signal.SIGUSR2)
        assert p.truth("returned") == {"returned": -1, "errno": 4, "handled": n}
    waiting(p, tid)
    fr.tgkill(p.pid, tid, signal.SIGTERM)
    assert p.truth("returned")["handled"] == 1003
    assert p.code() == 0 and len(p.lines) == 5


@pytest.mark.parametrize("events", ["", "full", "off"])
def test_a_handler_is_exchanged_at_once(host, long, events):
    """By one thread while another gets the signal: never the one with the other's arguments."""
    p = host.run(fr.TARGETS / "toggles", 4000000 if long else 400000, timeout=120,
                 **({"FR_EVENTS": events} if events else {}))
    assert p.truth() == {"wrong": 0, "ran": 1}


@pytest.mark.parametrize("thread", [[], ["thread"]], ids=str)
@pytest.mark.parametrize("when", ["before", "after", "libc"])
def test_stacks_the_host_sets_by_itself(host, when, thread):
    """Also by a system call of its own, which nobody sees: its handlers run there."""
    argv = [fr.TARGETS / "altstacks", when, *thread]
    bare = host.run(*argv, recorded=False).lines
    assert bare == ["raised: on its stack 1", "overflowed: on its stack 1"]
    assert host.run(*argv).lines == bare


@pytest.mark.parametrize("thread", [[], ["thread"]], ids=str)
def test_no_stack_to_run_on(host, thread):
    """The handler asks for an alternate stack and the host has none: an overflow kills, and that is
    a crash."""
    argv = [fr.TARGETS / "altstacks", "none", *thread]
    bare = host.start(*argv, recorded=False)
    assert bare.code() == -signal.SIGSEGV and bare.lines == ["raised: on its stack 0"]
    p = host.start(*argv)
    assert p.code() == -signal.SIGSEGV and p.lines == bare.lines
    crash, = fr.findings(fr.read("report", host.snapshots(p.pid)[0]), "crash")
    assert "deep" in fr.names(crash["stacks"][0])


@pytest.mark.parametrize("shape", ["-O2", "-nofp"])
def test_stack_through_a_signal_frame(full, shape):
    """The interrupted function is named, also where it had not run one instruction of its own."""
    p = full.run(fr.TARGETS / f"sigframes{shape}")
    writes = [e for e in fr.read("events", full.snapshot(p))
              if e["event"] == "io.write" and e["fd"] != 1]
    assert {e["size"] for e in writes} >= {len("entry"), len("middle")}
    for word, fn in (("entry", "at_entry"), ("middle", "in_middle")):
        event, = [e for e in writes if e["size"] == len(word)]
        names = fr.names(event["stack"])
        at = names.index("on_fault")
        assert names[0] == "on_fault" and fn in names[at:], names
        assert names[names.index(fn):][:3] == [fn, "on_request", "main"], names
