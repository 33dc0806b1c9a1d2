# SPDX-License-Identifier: MIT
"""Waits that the kernel never restarts: our signal does not end them, the host's own does."""

import signal

import pytest

import fr

EINTR, EAGAIN = 4, 11
# How each ends: by SIGUSR2, or after its 800 ms.
ENDS = {
    "pause": (-1, EINTR, 1), "sigsuspend": (-1, EINTR, 1), "__sigsuspend": (-1, EINTR, 1),
    "sigwaitinfo": (signal.SIGUSR2, 0, 0), "semop": (-1, EINTR, 1), "msgrcv": (-1, EINTR, 1),
    "msgsnd": (-1, EINTR, 1),
    "sigtimedwait": (-1, EAGAIN, 0), "semtimedop": (-1, EAGAIN, 0),
}
TIMED = ("sigtimedwait", "semtimedop")


def waiting(p, tid):
    fr.wait_for(lambda: fr.task_syscall(p.pid, tid) not in (None, -1, 1), "the wait")


@pytest.mark.parametrize("events", ["", "full"])
@pytest.mark.parametrize("call", ENDS)
def test_our_signal_never_ends_a_wait(host, call, events):
    p = host.target("resumed", call, **({"FR_EVENTS": events} if events else {}))
    tid = p.truth("tid")["tid"]
    for n in range(1, 4):
        waiting(p, tid)
        fr.tgkill(p.pid, tid, signal.SIGUSR1)
        recording = host.snapshot(p, n)
    waiting(p, tid)
    if call not in TIMED:
        state = fr.read("threads", recording)[0]
        assert state["state"] == "blocked" and state["on"]["call"] == call, state
        fr.tgkill(p.pid, tid, signal.SIGUSR2)
    end = p.truth("result")
    assert p.code() == 0
    assert (end["result"], end["errno"], end["handled"]) == ENDS[call], end
    if call in TIMED:
        assert 795 <= end["took_ms"] < 1500, end


@pytest.mark.parametrize("call", ENDS)
def test_host_signal_ends_a_wait_at_once(host, call):
    p = host.target("resumed", call)
    tid = p.truth("tid")["tid"]
    waiting(p, tid)
    fr.tgkill(p.pid, tid, signal.SIGUSR2)
    end = p.truth("result")
    assert p.code() == 0
    if call == "sigtimedwait":
        assert end["result"] == signal.SIGUSR2, end
    elif call == "semtimedop":
        assert (end["result"], end["errno"], end["handled"]) == (-1, EINTR, 1), end
    else:
        assert (end["result"], end["errno"], end["handled"]) == ENDS[call], end


# More than fits at once is moved, and a signal comes in the middle: SIZE bytes, or fewer.
SIZE = 4 << 20
HALVES = ("write", "writev", "send", "sendmsg", "sendfile", "write_socket", "recv", "recvmsg")


@pytest.mark.parametrize("events", ["", "full"])
@pytest.mark.parametrize("call", HALVES)
def test_our_signal_cuts_no_transfer(host, call, events):
    p = host.target("halves", call, str(int(signal.SIGUSR1)),
                    **({"FR_EVENTS": events} if events else {}))
    end = p.truth("result")
    assert p.code() == 0
    host.snapshot(p)
    assert end == {"result": SIZE, "errno": 0, "moved": SIZE, "same": 1, "handled": 0}, end


@pytest.mark.parametrize("call", HALVES)
def test_host_signal_cuts_a_transfer(host, call):
    """As without us: the bytes moved until then."""
    p = host.target("halves", call, str(int(signal.SIGUSR2)))
    end = p.truth("result")
    assert p.code() == 0
    assert 0 < end["result"] < SIZE and end["errno"] == 0 and end["handled"] == 1, end
