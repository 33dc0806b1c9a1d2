# SPDX-License-Identifier: MIT
"""A vfork child has our memory, but its own signal table and descriptors: no hook that keeps state
takes them for its parent's."""

import os
import pathlib
import pwd
import shutil
import signal
import subprocess
import tempfile

import pytest

import fr

HOWS = ["vfork", "clone"]


@pytest.mark.parametrize("events", ["", "full", "off"])
@pytest.mark.parametrize("how", HOWS)
def test_signals_stay_the_parents(host, how, events):
    """Ten ways to change them in the child; the parent sees its own, and they work."""
    argv = [fr.TARGETS / "vforks", how, "signals"]
    bare = host.run(*argv, recorded=False).lines
    assert bare.count("  caught 14, stack none") == 10 and "catches: 7" in bare, bare
    assert bare.count("  caught the fault") == 10
    p = host.run(*argv, **({"FR_EVENTS": events} if events else {}))
    assert p.lines == bare
    assert not host.snapshots()


@pytest.mark.parametrize("how", HOWS)
def test_the_trigger_stays_the_parents(host, how):
    """It ignores SIGUSR1, handles it, waits for it: the parent is asked by it all the same."""
    p = host.start(fr.TARGETS / "vforks", how, "rest", stdin=subprocess.PIPE)
    p.truth()
    assert fr.signal_of(p.pid) == signal.SIGUSR1
    host.ask(p)
    p.popen.stdin.close()
    assert p.code() == 0


@pytest.mark.parametrize("events", ["", "full"])
@pytest.mark.parametrize("how", HOWS)
def test_locks_names_and_descriptors_stay_the_parents(host, how, events):
    p = host.start(fr.TARGETS / "vforks", how, "rest", stdin=subprocess.PIPE,
                   **({"FR_EVENTS": events} if events else {}))
    said = p.truth()
    recording = host.ask(p)
    thread, = fr.read("threads", recording)
    assert [fr.number(h["addr"]) for h in thread["held"]] == [fr.number(said["mine"])], thread
    assert thread["name"] == "the parent"
    events = fr.read("events", recording)
    sent = [e for e in events if e["event"] in ("net.send", "net.recv")]
    assert [e["fd"] for e in sent] == said["pair"]
    assert not [e for e in events if e["event"] in ("net.close", "fd.close") and
                e["fd"] in said["pair"]], "closed by the child only"
    assert not [e for e in events if e.get("event") == "thread.name" and "child" in e["name"]]
    p.popen.stdin.close()
    assert p.code() == 0


@pytest.mark.parametrize("events", ["", "full"])
def test_allocations_of_both_count(host, events):
    """The heap is one: the child allocates, the parent frees; as if one had done it all."""
    counts = []
    for how in ["itself", *HOWS]:
        p = host.start(fr.TARGETS / "vforks", how, "rest", stdin=subprocess.PIPE,
                       **({"FR_EVENTS": events} if events else {}))
        p.truth()
        thread, = fr.read("threads", host.ask(p))
        counts.append(thread["mem"])
        p.popen.stdin.close()
        assert p.code() == 0
    assert counts[0]["frees"] >= 3 and counts == [counts[0]] * 3, counts


SCRIPTS = ['`echo hi`; Process.kill("SEGV", $$); sleep 5; puts "alive"',
           '`echo hi`; require "fiddle"; Fiddle::Pointer.new(8)[0,8]; puts "alive"']


@pytest.fixture
def nobodys(tmp_path_factory):
    """A Host of a user without rights: Ruby calls vfork for nobody else."""
    top = pathlib.Path(tempfile.mkdtemp(prefix="fr-ruby-", dir="/tmp"))
    shutil.copy(fr.LIB, top / "libfr.so")
    h = fr.Host(top, LD_PRELOAD=top / "libfr.so")
    for d in (top, h.dir, h.out, h.cwd):
        d.chmod(0o755 if d == top else 0o700)
        if os.geteuid() == 0:
            os.chown(d, pwd.getpwnam("nobody").pw_uid, -1)
    yield h
    h.stop()
    shutil.rmtree(top)


@pytest.mark.parametrize("script", SCRIPTS)
def test_ruby_reports_its_own_crash(nobodys, script):
    """Ruby resets its signals in vfork children, and has a handler that prints a report."""
    if not shutil.which("ruby"):
        pytest.skip("needs ruby")
    argv = ["prlimit", "--core=0", "ruby", "-e", script]
    if os.geteuid() == 0:
        argv = ["setpriv", "--reuid=nobody", "--clear-groups", *argv]
    bare = nobodys.start(*argv, recorded=False)
    assert bare.code() == -signal.SIGABRT and "[BUG]" in bare.stderr()
    p = nobodys.start(*argv)
    assert p.code(20) == -signal.SIGABRT
    assert "[BUG]" in p.stderr() and "alive" not in p.lines
