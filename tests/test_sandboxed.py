# SPDX-License-Identifier: MIT
"""Programs that put themselves under a filter which kills for all but their own system calls."""
import os
import signal
import subprocess

import pytest

import fr


def fate(p):
    p.wait()
    return p.lines, p.status


@pytest.fixture
def host(tmp_path):
    h = fr.Host(tmp_path, FR_EVENTS="full")
    yield h
    h.stop()


def clean_up(host):
    """The next program that makes a region removes what a confined one was not allowed to."""
    host.run("/bin/sleep", 0)
    return host.regions()


@pytest.mark.parametrize("events", ["full", "off", "lock=slow,mem=sampled,net=full"])
@pytest.mark.parametrize("how", ["prctl", "syscall", "refused", "strict", "clockless"])
def test_lives_as_without(host, how, events):
    bare = fate(host.target("sandboxed", how, recorded=False))
    assert os.waitstatus_to_exitcode(bare[1]) == (7 if how == "strict" else 3), bare
    assert fate(host.target("sandboxed", how, FR_EVENTS=events)) == bare
    assert not host.snapshots()
    assert clean_up(host) == []


@pytest.mark.parametrize("how", ["prctl", "syscall", "clockless"])
def test_dies_as_without(host, how):
    bare = fate(host.target("sandboxed", how, "crash", recorded=False))
    p = host.target("sandboxed", how, "crash")
    assert fate(p) == bare
    assert os.WTERMSIG(p.status) == signal.SIGSEGV


def test_crash_is_left_as_a_region(host):
    """No snapshot can be written any more: the region itself has all of it, and stays."""
    p = host.target("sandboxed", "prctl", "crash")
    p.wait()
    region, = clean_up(host)
    info = fr.read("info", region)
    assert info["crash"]["signal"] == signal.SIGSEGV and info["crash"]["fault_addr"] == "0x10"
    assert info["crash"]["tid"] == p.pid and info["header"]["state"] == "crashed"
    assert any("system call filter" in n for n in info["notes"]), info["notes"]


def test_goes_on_recording(host):
    p = host.target("sandboxed", "syscall", FR_KEEP=1)
    assert p.code() == 3
    region, = host.regions()
    events = fr.read("events", region, ok=(0, 3))
    work = {e["tid"] for e in events if "work" in fr.names(e.get("stack"))}
    assert len(work) == 4 and 0 not in work, work
    kinds = {e["event"] for e in events if e["tid"] in work}
    assert {"mutex.lock", "mutex.unlock", "mem.alloc", "mem.free"} <= kinds
    assert any(e["event"] == "net.accept" for e in events)
    assert len([e for e in events if e["event"] == "thread.start"]) == 6


@pytest.mark.parametrize("how", ["prctl", "refused"])
def test_no_budget_there(host, how):
    """The CPU time cannot be asked for under the filter: no level is changed any more."""
    p = host.target("sandboxed", how, "long", FR_KEEP=1, FR_BUDGET="1%")
    assert p.code() == 3, p.status
    region, = host.regions()
    header = fr.read("info", region, ok=(0, 3))["header"]
    lowered = [k for k, level in header["asked"].items() if header["levels"][k] != level]
    assert not lowered if how == "prctl" else lowered, header


def test_snapshot_from_outside(host):
    """Nobody inside can write one; fr can."""
    p = host.target("sandboxed", "prctl", "stay")
    p.line("stays")
    p.signal(signal.SIGUSR1)
    out = host.out / "x.frd"
    fr.fr("snapshot", p.pid, "-o", out)
    info = fr.read("info", out)
    assert p.alive() and info["events"] > 1000
    assert not [f for f in host.snapshots() if f != out]


def test_syscall_is_the_hosts(host):
    """clone by syscall() returns twice; results and errno are the kernel's."""
    source = host.path / "x.c"
    source.write_text("""
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
int main(void)
{
	int status = 0;
	long pid = syscall(SYS_clone, CLONE_VFORK | SIGCHLD, 0, 0, 0, 0);
	if (pid == 0)
		syscall(SYS_exit, 42);
	waitpid((pid_t)pid, &status, 0);
	errno = 0;
	long rc = syscall(SYS_pwrite64, -1, "x", 1L, 0L, 0L, 0L);
	printf("%d %ld %d %d\\n", WEXITSTATUS(status), rc, errno,
	       syscall(SYS_getpid) == getpid());
	return 0;
}
""")
    subprocess.run(["gcc", "-O2", "-o", host.path / "x", source], check=True)
    assert host.run(host.path / "x").lines == ["42 -1 9 1"]


@pytest.mark.skipif(os.geteuid() != 0, reason="chroot needs root")
def test_region_out_of_reach_is_removed_by_the_next(host):
    """After chroot the process cannot remove its file; a killed one's stays for its reader."""
    root = host.path / "root"
    root.mkdir()
    enter = f"import os, sys; os.chroot({str(root)!r}); os.chdir('/'); "
    host.run("/usr/bin/python3", "-c", enter + "sys.exit(0)")
    assert len(host.regions()) == 1
    host.run("/usr/bin/python3", "-c", enter + "os.kill(os.getpid(), 9)", code=-9)
    left, = clean_up(host)
    assert fr.read("info", left)["trigger"]["kind"] == "left"
    assert fr.read("info", left)["header"]["state"] == "alive"
