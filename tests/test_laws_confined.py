# SPDX-License-Identifier: MIT
"""Workers after chroot, setuid and under limits: they work on, and what can be recorded is."""

import os
import signal
import subprocess

import pytest

import fr

DROPS = ["u", "c", "cu", "fu", "fc", "fcu"]
LIMITS = ["n", "s", "ns", "fns"]


class Worker:
    """targets/confined.c: told letter by letter what to do."""

    def __init__(self, host, what, **how):
        self.host = host
        jail = host.path / "jail"
        jail.mkdir(exist_ok=True)
        self.p = fr.Process([fr.TARGETS / "confined", what, jail], host.env(**how), host.cwd,
                            stdin=subprocess.PIPE)
        host.started.append(self.p)
        self.forked = "f" in what
        self.pid = self.p.truth("ready")["ready"]

    def tell(self, letter):
        self.p.popen.stdin.write(letter.encode())
        self.p.popen.stdin.flush()

    def work(self):
        self.tell("w")
        return self.p.truth("worked")["worked"]

    def status(self):
        if self.forked:
            self.status_of_child = self.p.truth("status")["status"]
            assert self.p.code() == 0
            return self.status_of_child
        return self.p.wait()


@pytest.fixture
def open_host(tmp_path):
    """A Host whose snapshots anybody may write, as an administrator would set it up."""
    h = fr.Host(tmp_path, FR_EVENTS="full")
    for d in (tmp_path, *tmp_path.parents):
        if d.stat().st_uid == os.getuid() and str(d).startswith("/tmp/pytest"):
            d.chmod(0o755)
    h.out.chmod(0o1777)
    yield h
    h.stop()


def locked(recording, lock):
    """The recording shows the work, with its stack."""
    events = fr.read("events", recording, ok=(0, 3))
    hits = [e for e in events if e["event"] == "mutex.lock" and e["lock"] == lock]
    assert all("work_confined" in fr.names(e["stack"]) for e in hits)
    return len(hits)


@pytest.mark.parametrize("what", DROPS)
def test_lives_on_and_is_read_from_outside(open_host, root, what):
    """After the drop: works, survives the signal, `fr snapshot` shows before and after, exits."""
    w = Worker(open_host, what)
    lock = w.work()
    os.kill(w.pid, signal.SIGUSR1)
    w.work()
    out = open_host.path / "outside.frd"
    fr.fr("snapshot", "-o", out, w.pid)
    assert locked(out, lock) == 3, "one before the drop, two after it"
    w.tell("x")
    assert os.waitstatus_to_exitcode(w.status()) == 3


@pytest.mark.parametrize("what", ["u", "fu"])
def test_signal_after_setuid(open_host, root, what):
    """The snapshot is written by the user that the process has become."""
    w = Worker(open_host, what)
    lock = w.work()
    os.kill(w.pid, signal.SIGUSR1)
    recording = fr.wait_for(lambda: open_host.snapshots(w.pid), "the snapshot")[0]
    assert recording.stat().st_uid == 65534
    assert locked(recording, lock) == 2
    w.tell("x")
    w.status()


@pytest.mark.parametrize("what", DROPS + LIMITS)
def test_crash(open_host, root, what):
    """Dies as it would have died; the snapshot, or the region it leaves, tells of the crash."""
    bare = Worker(open_host, what, recorded=False)
    bare.tell("c")
    w = Worker(open_host, what)
    lock = w.work()
    w.tell("c")
    assert w.status() == bare.status()
    files = open_host.snapshots(w.pid) or [r for r in open_host.regions() if f"-{w.pid}-" in r.name]
    recording, = files
    assert bool(open_host.snapshots(w.pid)) == ("c" not in what and "s" not in what)
    report = fr.read("report", recording, ok=(0, 3))
    assert report["findings"][0]["rule"] == "crash", report["findings"]
    assert any("crash_confined" in fr.names(s) for s in report["findings"][0]["stacks"])
    assert locked(recording, lock) == 2


@pytest.mark.parametrize("what", LIMITS)
def test_limits(open_host, what):
    """No file may grow, no descriptor is to be had: no SIGXFSZ, the work goes on."""
    w = Worker(open_host, what)
    for _ in range(3):
        os.kill(w.pid, signal.SIGUSR1)
        w.work()
    w.tell("e")
    assert w.p.truth("exec") == {"exec": -1, "errno": 13}
    w.work()
    w.tell("x")
    assert os.waitstatus_to_exitcode(w.status()) == 3
    assert not [f for f in open_host.out.iterdir() if f.name.endswith(".part")]


@pytest.mark.parametrize("flags", ["-n 8", "-f 0", "-f 100"])
def test_limits_before_the_start(host, flags):
    """The program is started under the limit."""
    command = f"ulimit {flags} && {fr.TARGETS / 'process'} fork && exec {fr.TARGETS / 'args'} a"
    bare = host.run("sh", "-c", command, recorded=False)
    p = host.run("sh", "-c", command, FR_EVENTS="full", FR_TRIGGER="exit")
    assert p.lines[2:] == bare.lines[2:] and len(p.lines) > 4
    assert p.stderr() == bare.stderr() == ""


def test_read_only_directories(host, mounts):
    """Nothing can be written anywhere: the program neither notices nor complains."""
    script = ("mount -t tmpfs none /dev/shm && mount -o remount,ro /dev/shm && "
              f"mount -t tmpfs none {host.out} && mount -o remount,ro {host.out} && "
              f"cd {host.out} && exec env LD_PRELOAD={fr.LIB} FR_DIR={host.out} "
              f"FR_OUT={host.out} FR_EVENTS=full FR_TRIGGER=exit {fr.TARGETS}/healthy 50")
    p = host.start("unshare", "-m", "sh", "-c", script, recorded=False)
    assert p.code() == 0 and "done" in p.lines[-1]
    assert p.stderr() == ""


def test_empty_environment_in_every_form(host):
    """exec with an environment of nothing: the program runs, unrecorded, and nothing is left."""
    script = ("import os, sys\n"
              "for f in (lambda: os.execve('/bin/echo', ['echo', 'a'], {}),\n"
              "          lambda: os.execvpe('echo', ['echo', 'b'], {})):\n"
              "    pid = os.fork()\n"
              "    if pid == 0:\n"
              "        f()\n"
              "    print(os.waitpid(pid, 0)[1], flush=True)\n"
              "pid = os.posix_spawn('/bin/echo', ['echo', 'c'], {})\n"
              "print(os.waitpid(pid, 0)[1], flush=True)\n")
    p = host.run("/usr/bin/python3", "-c", script, FR_EVENTS="full")
    assert p.lines == ["a", "0", "b", "0", "c", "0"] and p.stderr() == ""
    assert not host.regions()
