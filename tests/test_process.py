# SPDX-License-Identifier: MIT
"""Every way to begin another process: each recorded by itself, none disturbed."""

import json
import os
import shutil
import signal
import subprocess
import tempfile

import pytest

import fr

SAME_PROGRAM = ["fork", "_fork", "clone"]
NEW_PROGRAM = ["vfork", "exec", "spawn", "system", "popen"]
ENDS = ["return", "exit", "_exit", "_Exit", "quick_exit", "thread"]


@pytest.fixture
def family(tmp_path):
    h = fr.Host(tmp_path, FR_EVENTS="full", FR_TRIGGER="exit")
    yield h
    h.stop()


def said_by(p):
    said = {}
    for line in p.lines:
        said.update({json.loads(line)["who"]: json.loads(line)})
    return said["parent"], said["child"]


def locked(recording, said):
    """How often the recording shows the lock that this process said it took."""
    return len([e for e in fr.read("events", recording) if e["event"] == "mutex.lock"
                and fr.number(e["lock"]) == fr.number(said["lock"])])


@pytest.mark.parametrize("kind", SAME_PROGRAM + NEW_PROGRAM)
def test_parent_and_child_have_their_own(family, kind):
    p = family.target("process", kind)
    assert p.code() == 0, p.stderr()
    parent, child = said_by(p)
    assert parent["child_code"] == 7
    own, = family.snapshots(parent["pid"])
    theirs, = family.snapshots(child["pid"])
    assert fr.read("report", own)["process"]["pid"] == parent["pid"]
    assert fr.read("report", theirs)["process"]["pid"] == child["pid"]
    assert locked(own, parent) == 2 and locked(theirs, child) == 1
    if kind in SAME_PROGRAM:
        assert locked(own, child) == 0 and locked(theirs, parent) == 0, "written to the other's"
        assert all(e["tid"] == child["pid"] for e in fr.read("events", theirs))
    stack = next(e["stack"] for e in fr.read("events", theirs) if e["event"] == "mutex.lock")
    assert fr.names(stack)[:2] == ["lock_child", "be_child"]
    assert not family.regions(), "both ended cleanly"


@pytest.mark.parametrize("kind", SAME_PROGRAM + NEW_PROGRAM)
def test_same_without(host, kind):
    for recorded in (False, True):
        p = host.target("process", kind, recorded=recorded)
        assert p.code() == 0
        assert sorted(json.loads(line)["who"] for line in p.lines) == ["child", "parent"]


def test_children_can_be_left_out(family):
    p = family.target("process", "fork", FR_FOLLOW=0)
    assert p.code() == 0
    parent, child = said_by(p)
    own, = family.snapshots(parent["pid"])
    assert not family.snapshots(child["pid"])
    assert locked(own, parent) == 2 and locked(own, child) == 0


def test_fork_storm(host, long):
    """Forks out of a program whose threads lock, allocate and load objects: none hangs."""
    n = 3000 if long else 150
    p = host.target("process", "storm", n, FR_EVENTS="full")
    assert p.code(timeout=600 if long else 90) == 0, p.stderr()
    assert json.loads(p.lines[-1])["child_code"] == n


def test_killed_child_leaves_its_region(host):
    """The child of a fork is as safe against SIGKILL as anybody."""
    script = ("import os, threading, time\n"
              "pid = os.fork()\n"
              "if pid == 0:\n"
              "    t = threading.Thread(target=lambda: os.read(os.pipe()[0], 1), name='inner')\n"
              "    t.start()\n"
              "    print('child', os.getpid(), flush=True)\n"
              "    t.join()\n"
              "os.waitpid(pid, 0)\n")
    p = host.start("/usr/bin/python3", "-c", script)
    child = int(p.line("child").split()[1])
    os.kill(child, signal.SIGKILL)
    assert p.code() == 0
    region, = [r for r in host.regions() if str(child) in r.name]
    assert fr.read("report", region)["trigger"]["kind"] == "left"


@pytest.mark.parametrize("kind,code", [
    *((kind, code) for code in (0, 3, 255) for kind in ENDS + ["pthread_exit", "raw"]),
    *((signo, 0) for signo in ("6", "9", "10", "14", "15"))])
def test_ends_alike(host, kind, code):
    """Exit status and everything that runs late are the same with and without."""
    bare = host.target("ends", kind, code, recorded=False)
    with_it = host.target("ends", kind, code, FR_SIGNAL="none", FR_EVENTS="full")
    assert bare.wait() == with_it.wait()
    assert bare.lines == with_it.lines
    assert bare.stderr() == with_it.stderr() == ""


@pytest.mark.parametrize("kind", ENDS)
def test_clean_ends_give_a_recording(host, kind):
    """Every end that the program asked for itself is an exit: a snapshot, no region left."""
    p = host.target("ends", kind, 0, FR_TRIGGER="exit")
    assert p.code() == 0
    report = fr.read("report", host.snapshot(p))
    assert report["trigger"]["kind"] == "exit"
    assert not host.regions()


def test_shell_scripts(host):
    """A shell with pipes, substitutions and background jobs, all recorded, behaves as ever."""
    script = ("a=$(echo one | tr a-z A-Z); (exit 3); b=$?; sleep 0 & wait; "
              "printf '%s %s\\n' \"$a\" $b; "
              "for i in 1 2 3; do /bin/echo $i; done | sort -r; exit 9")
    bare = host.run("sh", "-c", script, code=9, recorded=False)
    p = host.run("sh", "-c", script, code=9)
    assert p.lines == bare.lines and not p.stderr()
    assert not host.regions(), "an executed program takes the place of the region of its fork"


def test_bare_true_is_silent(host):
    p = host.run("/bin/true")
    assert p.lines == [] and p.stderr() == ""
    assert not host.regions() and not host.snapshots()


def test_empty_environment(host):
    """A child that is executed with no environment at all is simply not recorded."""
    p = host.run("env", "-i", "/bin/sh", "-c", "echo $LD_PRELOAD.$FR_DIR")
    assert p.lines == ["."]


def with_preload_file(host, library, command):
    """Runs a command where /etc/ld.so.preload names the library, in a mount namespace."""
    at = host.cwd
    script = (f"mount -t tmpfs none {at} && mkdir {at}/u {at}/w && "
              f"mount -t overlay -o lowerdir=/etc,upperdir={at}/u,workdir={at}/w o /etc && "
              f"echo {library} > /etc/ld.so.preload && exec {command}")
    return host.start("unshare", "-m", "sh", "-c", script, recorded=False)


@pytest.fixture
def public_host():
    """Where any user may read and write: neither pytest's directories nor the checkout need be."""
    with tempfile.TemporaryDirectory(dir="/tmp") as path:
        h = fr.Host(path)
        for d in (h.path, h.dir, h.out):
            d.chmod(0o1777)
        yield h
        h.stop()


def test_setuid_program_is_left_alone(public_host, mounts):
    """AT_SECURE: no region, no snapshot, no change; the same program without setuid is recorded."""
    host = public_host
    target = host.path / "healthy"
    shutil.copy(fr.TARGETS / "healthy", target)
    library = shutil.copy(fr.LIB, host.path)
    for mode, regions in ((0o4755, 0), (0o755, 1)):
        target.chmod(mode)
        p = with_preload_file(
            host, library, f"env FR_DIR={host.dir} FR_OUT={host.out} FR_TRIGGER=exit "
            f"setpriv --reuid 65534 --clear-groups {target} 50")
        assert p.code() == 0, p.stderr()
        assert "done" in p.lines[-1]
        made = [f for f in host.snapshots() if "healthy" in f.name]
        assert len(made) == regions, (oct(mode), made, p.stderr())


def test_run_gives_the_program_everything(host):
    """fr run: arguments, standard streams and exit status are the program's own."""
    env = host.env(recorded=False)
    env.update(FR_DIR=str(host.dir), FR_OUT=str(host.out))
    command = ["sh", "-c", "cat; echo $0 $1 >&2; exit 5", "-x", "--json"]
    r = subprocess.run([fr.FR, "run", "-q", "--", *command], input=b"in\n", capture_output=True,
                       env=env, check=False, cwd=host.cwd)
    assert r.returncode == 5
    assert r.stdout == b"in\n" and r.stderr == b"-x --json\n"
    r = subprocess.run([fr.FR, "run", "--", "/no/such/program"], capture_output=True, env=env,
                       check=False, cwd=host.cwd)
    assert r.returncode in (1, 127) and b"/no/such/program" in r.stderr
