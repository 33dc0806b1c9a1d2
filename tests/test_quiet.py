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


def threads(recording):
    return fr.read("threads", recording)["threads"]


@pytest.mark.parametrize("argv", [("/bin/true",), ("ls", "/"), ("sort", "/etc/passwd")])
def test_no_file_is_made(host, argv):
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


@pytest.mark.parametrize("how", ["signal", "overflow"])
def test_crash(host, how):
    p = host.start(fr.TARGETS / "quiet", *(("spin",) if how == "signal" else ("overflow",)))
    if how == "signal":
        p.line("ready")
        p.signal(signal.SIGSEGV)
    assert p.wait() == -signal.SIGSEGV
    report = fr.read("report", host.snapshot(p))
    names = fr.names(report["crash"]["stack"])
    assert ("overflow" in names) if how == "overflow" else names[0] == "main"
    if how == "signal":
        assert "__libc_start_call_main" in names[1]


@pytest.mark.parametrize("n, size", [(1000, 100), (300, 100_000)])
def test_allocations_count_from_the_beginning(host, n, size):
    """Those before the birth, too; and a sample may be what gives birth."""
    p = host.run(fr.TARGETS / "quiet", "allocs", n, size, FR_TRIGGER="exit")
    eager = threads(host.snapshot(p))[0]
    p = host.run(fr.TARGETS / "quiet", "allocs", n, size, FR_KEEP=0, FR_SIGNAL="none")
    assert p.truth("allocs")["allocs"] == n
    p = quiet(host, "allocs", n, size)
    assert p.code() == 0
    assert eager["allocs"] >= n
