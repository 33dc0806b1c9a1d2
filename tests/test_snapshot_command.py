# SPDX-License-Identifier: MIT
"""fr snapshot PID: a recording from outside, of a process that runs, is stopped or hangs."""

import json
import os
import pathlib
import signal
import subprocess

import pytest

import fr


def snapshot(host, spec, *args, ok=(0,)):
    """Runs fr snapshot in the host's own directory: (path, CompletedProcess)."""
    r = subprocess.run([fr.FR, "snapshot", str(spec), *map(str, args)], cwd=host.cwd, text=True,
                       capture_output=True, timeout=60, check=False)
    assert r.returncode in ok, r.stderr
    return host.cwd / r.stdout.strip() if r.returncode == 0 else None, r


def state_of(pid):
    return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]


def test_running(host):
    p = host.target("load", FR_EVENTS="full")
    p.line("ready")
    path, _ = snapshot(host, p.pid)
    assert path.name == f"fr-load-{p.pid}-1.frd" and path.stat().st_mode & 0o777 == 0o600
    report = fr.read("report", path)
    assert report["trigger"]["kind"] == "live" and report["events"] > 100
    assert report["process"]["pid"] == p.pid
    second, _ = snapshot(host, p.pid)
    assert second.name == f"fr-load-{p.pid}-2.frd"
    assert not list(host.cwd.glob("*.part"))
    assert fr.read("report", second)["window"]["end_ns"] > report["window"]["end_ns"]
    assert p.alive()
    events = fr.read("events", path)
    times = [e["t_ns"] for e in events]
    assert times == sorted(times) and times[-1] <= report["window"]["end_ns"]


def test_same_as_the_recorders_own(host):
    """What a stopped process has recorded is the same from inside and from outside."""
    p = host.target("triggers", "recv:20", "lock:30", "stay", FR_EVENTS="full")
    p.line("stay")
    own = host.ask(p)
    path, _ = snapshot(host, p.pid)
    assert fr.read("info", own)["header"]["state"] == "snapshot"
    strip = lambda f: [(e["t_ns"] // 1000000, e["tid"], e["event"]) for e in fr.read("events", f)]
    inside = strip(own)
    assert inside and strip(path)[:len(inside)] == inside


def test_stopped(host):
    p = host.target("load")
    p.line("ready")
    p.signal(signal.SIGSTOP)
    fr.wait_for(lambda: state_of(p.pid) == "T", "the stop")
    path, _ = snapshot(host, p.pid, "-o", host.path / "stopped.frd")
    assert path == host.path / "stopped.frd" and path.stat().st_mode & 0o777 == 0o600
    report = fr.read("report", path)
    assert report["trigger"]["kind"] == "live" and report["events"] > 0
    assert state_of(p.pid) == "T", "it was not woken up"
    p.signal(signal.SIGCONT)
    assert p.alive()


@pytest.mark.parametrize("kind", ["cycle", "self"])
def test_deadlocked(host, kind):
    """The file says what the live process says: a deadlock, and since when."""
    p = host.target("hang", kind)
    p.line()
    rules = lambda r: {f["rule"] for f in fr.read("report", r)["findings"]}
    fr.wait_for(lambda: rules(p.pid) & {"deadlock", "self-deadlock"}, "the wait to be old")
    path, _ = snapshot(host, p.pid)
    assert rules(path) & {"deadlock", "self-deadlock"}
    assert rules(path) == rules(p.pid)
    waits = [t for t in fr.read("threads", path) if t["state"] != "running"]
    assert waits and p.alive()


def test_memfd_region(host, mounts):
    script = (f"mount -t tmpfs none /dev/shm && mount -o remount,ro /dev/shm && exec env "
              f"LD_PRELOAD={fr.LIB} FR_DIR=/proc/self {fr.TARGETS}/load")
    p = host.start("unshare", "-m", "sh", "-c", script, recorded=False)
    p.line("ready")
    path, _ = snapshot(host, p.pid)
    assert fr.read("report", path)["events"] > 0


def test_left_region_is_packed(host):
    p = host.target("load")
    p.line("ready")
    p.kill()
    region, = host.regions()
    path, _ = snapshot(host, region)
    assert path.stat().st_size < region.stat().st_size
    before, after = fr.read("events", region), fr.read("events", path)
    assert before == after and before


def test_refusals(host):
    p = host.target("load")
    p.line("ready")
    path, _ = snapshot(host, p.pid)
    assert "snapshot already" in snapshot(host, path, ok=(1,))[1].stderr
    assert "no recording" in snapshot(host, os.getpid(), ok=(1,))[1].stderr
    assert "cannot be written" in snapshot(host, p.pid, "-o", "/proc/none/x.frd", ok=(1,))[1].stderr
    assert not list(host.cwd.glob("*.part"))


def test_existing_file_is_replaced_whole(host):
    """Not written through a link, and with its own mode."""
    victim = host.path / "victim"
    victim.write_text("untouched")
    target = host.path / "out.frd"
    target.symlink_to(victim)
    p = host.target("load")
    p.line("ready")
    snapshot(host, p.pid, "-o", target)
    assert victim.read_text() == "untouched" and not target.is_symlink()
    assert target.stat().st_mode & 0o777 == 0o600


def test_region_whose_file_was_removed(host):
    """Somebody tidied up: the process records on, and is read from its memory."""
    p = host.target("hang", "cycle")
    p.line("cycle")
    for region in host.regions():
        region.unlink()

    def deadlock(recording):
        return fr.findings(fr.read("report", recording, ok=(0, 3)), "deadlock")

    fr.wait_for(lambda: deadlock(p.pid), "the deadlock to be old enough")
    fr.fr("snapshot", p.pid, "-o", host.path / "s.frd", ok=(0, 3))
    assert deadlock(host.path / "s.frd")
    row, = [e for e in json.loads(fr.fr("list", "--json").out) if e["pid"] == p.pid]
    assert row["kind"] == "live" and row["comm"] == "hang"
