# SPDX-License-Identifier: MIT
"""Scene 3, the crash: the process dies as it would have died, and the recording shows why."""

import json
import os
import pathlib
import resource
import signal

import pytest

import fr

SIGNALS = {"segv": signal.SIGSEGV, "bus": signal.SIGBUS, "fpe": signal.SIGFPE, "ill": signal.SIGILL,
           "trap": signal.SIGTRAP, "abrt": signal.SIGABRT, "sys": signal.SIGSYS,
           "overflow": signal.SIGSEGV}
PLACES = ["main", "thread", "held"]
HANDLED = {k: v for k, v in SIGNALS.items() if k != "overflow"}


def allow_core():
    hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
    resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))


def core_pattern():
    return pathlib.Path("/proc/sys/kernel/core_pattern").read_text().strip()


def crash(host, what, place, handler, **how):
    if fr.QEMU and what == "overflow":
        pytest.skip("qemu-user refuses SS_AUTODISARM, without which our handler has no stack")
    if what == "bus" and os.environ.get("QEMU_PAGESIZE", "4096") != "4096":
        pytest.skip("qemu-user maps nothing beyond a file's end while it plays larger pages")
    p = host.target("crash", what, place, handler, **how)
    status = p.wait()
    return p, status, [json.loads(line) for line in p.lines]


def check_recording(host, p, said, what, place):
    recording = host.snapshot(p)
    report = fr.read("report", recording)
    assert report["trigger"]["kind"] == "crash"
    assert report["trigger"]["signal"] in (SIGNALS[what], SIGNALS[what].name), report["trigger"]
    assert report["trigger"]["tid"] == said["tid"]
    finding = report["findings"][0]
    assert finding["rule"] == "crash" and finding["severity"] == "crit", report["findings"]
    assert said["tid"] in finding["threads"]
    assert SIGNALS[what].name in finding["title"], finding["title"]
    stack = next((s for s in finding["stacks"] if said["fn"] in fr.names(s)), None)
    assert stack, [fr.names(s) for s in finding["stacks"]]
    frame = stack[fr.names(stack).index(said["fn"])]
    assert frame["file"].endswith("crash.c")
    if "line" in said:
        assert frame["line"] == said["line"], frame
    if what in ("segv", "bus"):
        text = " ".join(finding[k] for k in ("title", "why", "next"))
        assert f"{fr.number(said['addr']):#x}" in text, text
    if place == "held":
        threads = {t["tid"]: t for t in fr.read("threads", recording)}
        held = [fr.number(h["addr"]) for h in threads[said["tid"]]["held"]]
        assert fr.number(said["lock"]) in held
    return report


@pytest.mark.parametrize("what", SIGNALS)
@pytest.mark.parametrize("place", PLACES)
def test_dies_alike_and_is_recorded(host, what, place):
    _, bare, _ = crash(host, what, place, "none", recorded=False)
    p, status, said = crash(host, what, place, "none", FR_EVENTS="lock=full")
    assert os.WIFSIGNALED(bare) and status == bare, (status, bare)
    check_recording(host, p, said[-1], what, place)
    assert not host.regions(), "the snapshot says it all: once is enough"
    state = fr.read("info", host.snapshot(p))
    assert "crash" in json.dumps(state).lower()


@pytest.mark.parametrize("what", HANDLED)
def test_own_handler_that_gets_away_is_no_crash(host, what):
    """A handler that leaves by siglongjmp, three times: the program goes on, no dump is made."""
    bare, status, _ = crash(host, what, "thread", "longjmp", recorded=False)
    p, recorded, said = crash(host, what, "thread", "longjmp")
    assert status == recorded == 0, (bare.lines, p.lines)
    assert said[-1] == {"survived": 3}
    assert not host.snapshots(p.pid)


@pytest.mark.parametrize("what", HANDLED)
@pytest.mark.parametrize("place", ["main", "held"])
def test_own_handler_that_gives_up(host, what, place):
    """A handler that restores the default and raises again: it ran, then the process died."""
    _, bare, _ = crash(host, what, place, "reset", recorded=False)
    p, status, said = crash(host, what, place, "reset", FR_EVENTS="lock=full")
    assert status == bare, (status, bare)
    assert [s for s in said if "handled" in s] == [{"handled": int(SIGNALS[what])}]
    report = fr.read("report", host.snapshot(p))
    assert report["findings"][0]["rule"] == "crash"
    assert report["trigger"]["tid"] == said[0]["tid"]


@pytest.mark.parametrize("what", ["segv", "abrt"])
def test_core_file_as_without(host, what):
    """Where the kernel writes core files, it does so with the recorder too."""
    if core_pattern().startswith("|"):
        pytest.skip(f"core_pattern pipes to a program: {core_pattern()}")
    cores = {}
    for recorded in (False, True):
        p = host.target("crash", what, "thread", "none", recorded=recorded, preexec=allow_core)
        status = p.wait()
        cores[recorded] = os.WCOREDUMP(status)
        here = [f for f in host.cwd.iterdir() if "core" in f.name]
        if not core_pattern().startswith("/"):
            assert bool(here) == os.WCOREDUMP(status), here
        for f in here:
            f.unlink()
    assert cores[True] == cores[False]


def test_crash_while_everybody_works(host):
    """SIGSEGV from outside into a busy program, at level full."""
    p = host.target("load", FR_EVENTS="full")
    said = p.truth("ready")
    p.signal(signal.SIGSEGV)
    assert os.WTERMSIG(p.wait()) == signal.SIGSEGV
    recording = host.snapshot(p)
    told = fr.read("info", recording, ok=(0, 3))["crash"]
    assert fr.number(told["fault_addr"]) == 0, "nothing was accessed: it was sent"
    report = fr.read("report", recording, ok=(0, 3))
    assert report["findings"][0]["rule"] == "crash"
    threads = {t["tid"]: t for t in fr.read("threads", recording, ok=(0, 3))}
    assert threads[said["waiter"]]["on"]["owner_tid"] == said["owner"]


def test_killed_by_plain_signals_alike(host):
    """Signals that are no crash kill as ever and leave the region."""
    for signo in (signal.SIGTERM, signal.SIGINT, signal.SIGKILL, signal.SIGQUIT):
        p = host.target("load")
        p.line("ready")
        p.signal(signo)
        assert os.WTERMSIG(p.wait()) == signo
    assert len(host.regions()) == 4
