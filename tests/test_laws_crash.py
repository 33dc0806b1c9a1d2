# SPDX-License-Identifier: MIT
"""The rest of the crash matrix: fatal signals at the worst moments. See also test_crash.py."""

import json
import os
import signal
import subprocess

import pytest

import fr

MOMENTS = {"malloc": signal.SIGSEGV, "heap": signal.SIGABRT, "two": signal.SIGSEGV,
           "dlopen": signal.SIGSEGV, "ctor": signal.SIGSEGV, "probe": signal.SIGILL}

SYS_READ = 0


def run(host, *args, **how):
    p = host.target("crashes", *args, **how)
    status = p.wait()
    return p, status, [json.loads(line) for line in p.lines]


def the_crash(recording):
    report = fr.read("report", recording, ok=(0, 3))
    assert report["trigger"]["kind"] == "crash"
    assert report["findings"][0]["rule"] == "crash", report["findings"]
    return report


def check(host, p, said, signo):
    """One snapshot, which shows the thread that said so crashing where it said; nothing else."""
    recording, = host.snapshots(p.pid)
    report = the_crash(recording)
    tid = report["trigger"]["tid"]
    where = {s["tid"]: s["fn"] for s in said if "fn" in s}
    assert tid in where, (report["trigger"], said)
    finding = report["findings"][0]
    assert signo.name in finding["title"]
    assert any(where[tid] in fr.names(s) for s in finding["stacks"]), finding["stacks"]
    assert not host.regions(), "the snapshot says it all"
    return recording


@pytest.mark.parametrize("events", ["", "full"])
@pytest.mark.parametrize("moment", MOMENTS)
def test_dies_alike_at_a_bad_moment(host, moment, events):
    _, bare, _ = run(host, moment, recorded=False)
    p, status, said = run(host, moment, **({"FR_EVENTS": events} if events else {}))
    assert status == bare and os.WTERMSIG(status) == MOMENTS[moment], (status, bare)
    check(host, p, said, MOMENTS[moment])


def test_the_allocator_held_its_lock(host):
    """What the case is for: the stack of the crash goes through malloc."""
    p, _, said = run(host, "malloc")
    stacks = the_crash(host.snapshots(p.pid)[0])["findings"][0]["stacks"]
    names = [fr.names(s) for s in stacks if "bad_heap" in fr.names(s)]
    assert any("malloc" in " ".join(n[:n.index("bad_heap")]) for n in names), names


def test_two_at_once(host, long):
    """Many times, for they must meet: always one snapshot, of one of the two."""
    for _ in range(300 if long else 25):
        p, status, said = run(host, "two")
        assert os.WTERMSIG(status) == signal.SIGSEGV
        check(host, p, said, signal.SIGSEGV)


@pytest.mark.parametrize("threads", [8, 200])
def test_while_many_record(host, threads):
    _, bare, _ = run(host, "many", threads, recorded=False)
    p, status, said = run(host, "many", threads, FR_EVENTS="full")
    assert status == bare
    recording = check(host, p, said, signal.SIGSEGV)
    assert len(fr.read("threads", recording, ok=(0, 3))) == threads + 1


# ---- in the dump itself --------------------------------------------------------------------------


def told_to_crash(host, before, **how):
    """crashes wait: does BEFORE(process) and then lets it crash."""
    p = fr.Process([fr.TARGETS / "crashes", "wait"], host.env(**how), host.cwd,
                   stdin=subprocess.PIPE)
    host.started.append(p)
    said = p.truth("fault")
    fr.wait_for(lambda: fr.task_syscall(p.pid, p.pid) == SYS_READ, "the read, past all hooks")
    before(p)
    p.popen.stdin.write(b"x")
    p.popen.stdin.flush()
    return p, p.wait(), said


@pytest.mark.parametrize("keep", [0, 4096, 0.5, 0.9])
def test_region_is_cut_before_the_crash(host, keep):
    """Somebody truncates the region: the dump faults. The status is still the first crash's."""
    def cut(_):
        region, = host.regions()
        size = region.stat().st_size
        os.truncate(region, keep if keep >= 1 else int(size * keep) & ~4095)

    _, bare, _ = told_to_crash(host, lambda _: None, recorded=False)
    p, status, _ = told_to_crash(host, cut, FR_EVENTS="full")
    assert status == bare, (status, bare)
    assert not [f for f in host.out.iterdir() if f.name.endswith(".part")]


def test_crash_on_command(host):
    """The control of the test above: uncut, it is a crash like any other."""
    p, _, said = told_to_crash(host, lambda _: None, FR_EVENTS="full")
    check(host, p, [said], signal.SIGSEGV)


# ---- children ------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["fork", "_fork", "clone"])
def test_crash_in_a_child(host, form):
    """Of a program with threads, before any call of the child: its own crash, its own recording."""
    p = fr.Process([fr.TARGETS / "crashes", "in_child", form], host.env(), host.cwd,
                   stdin=subprocess.PIPE)
    host.started.append(p)
    said = p.truth("parent")
    assert os.WTERMSIG(said["status"]) == signal.SIGSEGV
    report = the_crash(host.snapshots(said["child"])[0])
    assert report["process"]["pid"] == report["trigger"]["tid"] == said["child"]
    assert any("fault" in fr.names(s) for s in report["findings"][0]["stacks"])
    check_parent(host, p)


def test_crash_in_a_vfork_child(host):
    """It lives in its parent's memory and must not mark the parent's recording as crashed."""
    p = fr.Process([fr.TARGETS / "crashes", "in_child", "vfork"], host.env(), host.cwd,
                   stdin=subprocess.PIPE)
    host.started.append(p)
    said = p.truth("parent")
    assert os.WTERMSIG(said["status"]) == signal.SIGSEGV
    assert not host.snapshots(said["child"])
    check_parent(host, p)


def check_parent(host, p):
    """Alive, recorded, and answering to the signal."""
    report = fr.read("report", host.snapshot(p))
    assert report["trigger"]["kind"] == "signal"
    assert not fr.findings(report, "crash")
    assert len(host.regions()) == 1
    assert fr.read("report", p.pid, ok=(0, 3))["trigger"]["kind"] == "live"
    p.popen.stdin.write(b"x")
    p.popen.stdin.flush()
    assert p.code() == 0


ODD = {"null_call": "calls_null", "data_call": "calls_data", "wild_call": "calls_wild",
       "nowhere": "pushes_to_nowhere", "first_page": "pushes_to_first_page",
       "askew": "reads_askew", "unmapped": None}
SHAPES = ["", "-O2", "-nofp"]


@pytest.mark.parametrize("own", [[], ["own"]], ids=str)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("way", ODD)
def test_what_is_broken_is_the_stack(host, way, shape, own):
    """No stack, no code at the pc, no unaligned word: the same death, and who did it is named."""
    argv = [fr.TARGETS / f"oddcrash{shape}", way, *own]
    bare = host.start(*argv, recorded=False)
    p = host.start(*argv)
    assert p.wait() == bare.wait()
    assert os.WIFSIGNALED(p.status), p.lines
    report = the_crash(host.snapshots(p.pid)[0])
    names = fr.names(report["findings"][0]["stacks"][0])
    assert names, "at least the function"
    if ODD[way]:
        assert ODD[way] in names[:2], names
    if way.endswith("_call"):
        assert "main" in names, names
