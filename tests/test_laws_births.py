# SPDX-License-Identifier: MIT
"""A forked child may be born by anything: a signal that asks for a snapshot, a handler of the
host's, a crash. It lives and dies as it would without us."""

import shutil
import signal
import subprocess

import pytest

import fr

HOWS = ["fork", "_Fork", "clone", "clone3", "clone_fn"]
EVENTS = ["", "full", "off"]


@pytest.mark.parametrize("stack", [[], ["stack"]], ids=str)
@pytest.mark.parametrize("events", EVENTS)
@pytest.mark.parametrize("how", HOWS)
def test_ends_alike_when_the_host_has_the_signal(host, how, events, stack):
    argv = [fr.TARGETS / "births", how, "host", *stack]
    bare = host.run(*argv, recorded=False).lines
    assert len(bare) > 10 and "trigger: exit 7" in bare and "fault: signal 11" in bare
    p = host.run(*argv, **({"FR_EVENTS": events} if events else {}))
    assert p.lines == bare


@pytest.mark.parametrize("stack", [[], ["stack"]], ids=str)
@pytest.mark.parametrize("how", HOWS)
def test_asked_before_anything_else(host, how, stack):
    """SIGUSR1 at its default is ours: the child lives, and leaves the snapshot it was asked for."""
    argv = [fr.TARGETS / "births", how, *stack]
    bare = host.run(*argv, recorded=False).lines
    killed = [line for line in bare if line.endswith(f"signal {signal.SIGUSR1:d}")]
    assert {"trigger: signal 10", "trigger twice: signal 10", "handler asks: signal 10"} == \
        set(killed)
    p = host.run(*argv)
    want = [line.replace("signal 10", "exit 7") if line in killed else line for line in bare]
    assert p.lines == want
    asked = [s for s in host.snapshots() if
             fr.read("report", s, ok=(0, 3))["trigger"]["kind"] == "signal"]
    assert len({fr.read("report", s, ok=(0, 3))["process"]["pid"] for s in asked}) == 3


def test_crash_of_a_newborn_is_told(host):
    host.run(fr.TARGETS / "births", "fork")
    crashes = [r for r in (fr.read("report", s, ok=(0, 3)) for s in host.snapshots())
               if r["trigger"]["kind"] == "crash"]
    assert sorted(r["trigger"]["signal"] for r in crashes) == ["SIGABRT", "SIGSEGV"]
    fault = next(r for r in crashes if r["trigger"]["signal"] == "SIGSEGV")
    assert "act_fault" in fr.names(fr.findings(fault, "crash")[0]["stacks"][0])


@pytest.mark.parametrize("events", ["", "full"])
def test_group_of_workers(host, long, events):
    """kill -USR1 to a prefork server's group, whose workers have not made a call yet."""
    rounds, workers = (60 if long else 6), 4
    p = host.run(fr.TARGETS / "prefork", rounds, workers,
                 **({"FR_EVENTS": events} if events else {}))
    assert p.truth() == {"exits": rounds * workers, "kills": 0, "signal": 0}


@pytest.mark.skipif(not shutil.which("gdb"), reason="needs gdb")
def test_asked_in_the_middle_of_birth(host):
    """The header is not complete yet: the snapshot comes when it is, and not before."""
    program = host.cwd / "forks.py"
    program.write_text("import os\nos.fork() or os._exit(len(bytearray(7)))\n")
    script = ["set breakpoint pending on", "set follow-fork-mode child",
              "handle SIGUSR1 nostop noprint pass", f"set environment LD_PRELOAD={fr.LIB}",
              *(f"set environment {k}={v}" for k, v in host.env().items()
                if k.startswith("FR_")),
              "set startup-with-shell off", "catch fork", "run", "break fr_depot_init",
              "continue", "queue-signal SIGUSR1", "delete", "continue"]
    out = subprocess.run(["gdb", "-nx", "-batch", *(a for line in script for a in ("-ex", line)),
                          "--args", "/usr/bin/python3", program], capture_output=True,
                         text=True, cwd=host.cwd, env=host.env(recorded=False), timeout=60)
    assert "fr_depot_init" in out.stdout and "exited with code 07" in out.stdout, out
    for s in host.snapshots():
        read = fr.read("report", s, ok=(0, 3))
        assert read["process"]["pid"] and read["process"]["comm"] == "python3"
    assert any(fr.read("report", s, ok=(0, 3))["trigger"]["kind"] == "signal"
               for s in host.snapshots())
