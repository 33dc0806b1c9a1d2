# SPDX-License-Identifier: MIT
"""A program that has nothing to record makes no region; one thing happens, and nothing is missing."""

import signal

import pytest

import fr

SAMPLE = 512 << 10


def quiet(host, *args, **how):
    p = host.start(fr.TARGETS / "quiet", *args, **how)
    p.line("ready")
    return p


@pytest.mark.parametrize("argv", [("/bin/true",), ("ls", "/"), ("sed", "s/a/b/", "/etc/passwd")])
def test_no_file_is_made(host, argv):
    """Without samples of memory: any allocation may be the first."""
    host.settings["FR_EVENTS"] = "mem=off"
    log = host.path / "strace"
    env = host.env(recorded=False)
    settings = [f"-E{k}={v}" for k, v in host.env().items() if env.get(k) != v]
    host.run("strace", "-f", "-e", "trace=file", "-o", log, *settings, *argv, recorded=False)
    assert "execve(" in log.read_text() and ".frr" not in log.read_text()


def test_a_region_is_made_where_it_was_asked_for(host):
    for settings in ({"FR_KEEP": 1}, {"FR_VERBOSE": 1}, {"FR_TRIGGER": "exit"},
                     {"FR_EVENTS": "full"}):
        p = quiet(host, "spin", **settings)
        assert host.region(p)
        p.kill()
        for region in host.regions():
            region.unlink()


def test_asked_for_a_snapshot(host):
    p = quiet(host, "spin")
    assert not host.regions()
    p.signal(signal.SIGUSR1)
    info = fr.read("info", host.snapshot(p))
    assert info["header"]["pid"] == p.pid and info["header"]["unwind"] == "call frame information"
    assert host.region(p) and p.alive()
    p.kill()


@pytest.mark.parametrize("how", ["spin", "overflow"])
def test_crash(host, how):
    """The whole stack, also where there is no room left on it."""
    p = host.start(fr.TARGETS / "quiet", how)
    if how == "spin":
        p.line("ready")
        p.signal(signal.SIGSEGV)
    assert p.code() == -signal.SIGSEGV
    report = fr.read("report", host.snapshot(p))
    assert report["trigger"]["kind"] == "crash"
    stack = fr.names(fr.read("threads", host.snapshot(p))[0]["stack"])
    assert stack[0] == how
    assert len(stack) > 2


@pytest.mark.parametrize("n, size", [(1000, 100), (300, 100_000)])
def test_allocations_count_from_the_beginning(host, n, size):
    """Those before the birth, too; a sample may be what gives it."""
    p = host.start(fr.TARGETS / "quiet", "allocs", n, size)
    p.line("ready")
    recording = host.region(p)
    mem = fr.read("threads", recording)[0]["mem"]
    assert n <= mem["allocs"] <= n + 20 and mem["alloc_bytes"] >= n * size
    assert n <= mem["frees"] + 20
    samples = [e for e in fr.read("events", recording) if e["event"] == "mem.alloc"]
    if n * size > 20 * SAMPLE:
        weight = sum(e["weight"] for e in samples)
        assert n * size / 3 < weight < n * size * 3, "as the mean says, give or take chance"


def test_bare_child_is_born_for_itself(host):
    """Its parent still has nothing to tell."""
    p = host.start(fr.TARGETS / "quiet", "fork")
    child = p.truth("child")["child"]
    region = fr.wait_for(lambda: [f for f in host.regions() if f"-{child}-" in f.name and
                                  fr.region_state(f) == fr.REGION_ALIVE], "the child's region")
    assert fr.read("info", region[0])["header"]["pid"] == child
    assert len(host.regions()) == 1 and p.alive()


def test_before_a_filter(host):
    """Under the host's own filter no file could be opened: it is made before."""
    p = host.start(fr.TARGETS / "quiet", "filter")
    assert p.truth("filtered")["filtered"] == 1
    p.line("ready")
    assert host.region(p)


def test_altstack_is_not_shown(host):
    bare = host.run(fr.TARGETS / "quiet", "altstack", recorded=False)
    assert host.run(fr.TARGETS / "quiet", "altstack").lines == bare.lines
