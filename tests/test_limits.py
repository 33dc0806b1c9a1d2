# SPDX-License-Identifier: MIT
"""Hosts whose memory or means are limited: what works bare works recorded.

The recorder's own code cannot be given back: OWN bytes, which a test holds it to. So a limit is
tried only where the host, bare, does the same with that much less.
"""

import os
import pathlib
import shutil
import subprocess
import tempfile

import pytest

import fr

MIB = 1 << 20
OWN = MIB
CGROUPS = pathlib.Path("/sys/fs/cgroup/memory")

PROGRAMS = {
    "python": ["/usr/bin/python3", "-c", "print(1)"],
    "cat": ["cat", "/etc/hostname"],
    "true": ["/bin/true"],
    "threads": [fr.TARGETS / "limits"],
    "shell": ["sh", "-c", "echo a | cat; (echo b); echo $(echo c)"],
}


def under(kind, limit, argv, env):
    """Its end and output. CPython without memory may try for ever, so its CPU time is limited."""
    done = subprocess.run(["prlimit", f"--{kind}={limit}", "--cpu=10", *argv], env=env, text=True,
                          capture_output=True, stdin=subprocess.DEVNULL, check=False)
    return done.returncode, done.stdout, done.stderr


def megabytes(long):
    return [*range(8, 130, 2 if long else 7), 150, 180, 220, 300]


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("kind", ["as", "data"])
def test_every_limit(host, long, kind, program):
    """A walk over the limits: output, status and errors as bare."""
    tried = 0
    for mb in megabytes(long):
        bare = under(kind, mb * MIB, PROGRAMS[program], host.env(recorded=False))
        less = under(kind, mb * MIB - OWN, PROGRAMS[program], host.env(recorded=False))
        if bare != less:
            continue
        tried += bare[0] == 0
        assert under(kind, mb * MIB, PROGRAMS[program], host.env()) == bare, f"{kind} {mb} MiB"
        left = [f for f in host.dir.iterdir()]
        assert not left, f"{kind} {mb} MiB"
    assert tried > len(megabytes(long)) / 2


def status_of(host, limit, **how):
    argv = ["prlimit", f"--as={limit}", "cat", "/proc/self/status"]
    lines = host.run(*argv, **how).lines
    return {k: int(v.split()[0]) * 1024 for k, v in (line.split(":", 1) for line in lines)
            if k in ("VmSize", "VmData")}


def test_own_size(host):
    """Where nothing is recorded for want of room, only our code is in the host's way."""
    bare = status_of(host, 40 * MIB, recorded=False)
    ours = status_of(host, 40 * MIB)
    assert ours["VmSize"] - bare["VmSize"] < OWN
    assert ours["VmData"] - bare["VmData"] < OWN // 2


@pytest.mark.parametrize("mb", [80, 100, 120, 160, 250, 1000])
def test_a_quarter_at_most(host, mb):
    bare = status_of(host, mb * MIB, recorded=False)
    ours = status_of(host, mb * MIB, FR_TRIGGER="exit")
    assert ours["VmSize"] - bare["VmSize"] < (mb * MIB - bare["VmSize"]) / 4 + OWN
    snapshot = host.snapshots()[-1]
    info = fr.read("info", snapshot)
    notes = " ".join(info["notes"])
    lowered = info["header"]["max_bytes"] < 16 * MIB
    assert ("the process's own memory is limited" in notes) == lowered, notes
    assert info["header"]["unwind"] == "call frame information" and "libunwind" not in notes
    if mb == 1000:
        assert not lowered


@pytest.mark.parametrize("mb, loaded", [(100, False), (1000, True)])
def test_libunwind_has_room_or_is_not_used(host, mb, loaded):
    bare = status_of(host, mb * MIB, recorded=False)
    ours = status_of(host, mb * MIB, FR_TRIGGER="exit", FR_UNWIND="libunwind")
    assert ours["VmSize"] - bare["VmSize"] < (mb * MIB - bare["VmSize"]) / 4 + OWN
    info = fr.read("info", host.snapshots()[-1])
    assert info["header"]["unwind"] == ("libunwind" if loaded else "call frame information")
    assert ("no room for libunwind" in " ".join(info["notes"])) != loaded


def test_none_is_said(host):
    p = host.run("prlimit", f"--as={30 * MIB}", "/bin/true", FR_VERBOSE=1)
    assert "limited too tightly: not recording" in p.stderr()
    assert not host.regions()


def test_children_look_again(host):
    """A forked child of a host that has used up its room records nothing, and works."""
    script = ("import os, mmap\n"
              "m = mmap.mmap(-1, 330 << 20)\n"
              "pid = os.fork()\n"
              "if pid == 0:\n    os._exit(len(bytearray(20 << 20)) >> 20)\n"
              "print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))\n")
    p = host.run("prlimit", f"--as={400 * MIB}", "/usr/bin/python3", "-c", script, FR_VERBOSE=1)
    assert p.lines == ["20"]
    assert "recording into" in p.stderr() and "not recording" in p.stderr()


OWN_LIMITS = ["nofile", "nofile0", "fsize", "stack", "memlock", "sigpending", "as", "data"]


@pytest.mark.parametrize("kind", OWN_LIMITS)
def test_limits_that_the_host_sets(host, kind):
    """The same works under them, bare and recorded, at every level."""
    if kind == "memlock" and os.geteuid() != 0:
        pytest.skip("needs root, who may lock any memory")
    bare = host.run(fr.TARGETS / "limits", kind, recorded=False)
    for events in ("full", "off"):
        p = host.run(fr.TARGETS / "limits", kind, FR_EVENTS=events)
        assert p.lines == bare.lines
        assert p.stderr() == bare.stderr() == ""


@pytest.fixture
def cgroup(root):
    """A memory cgroup of a test's own, in which `limit` is in force."""
    at = CGROUPS / f"fr-test-{os.getpid()}"
    file = "memory.limit_in_bytes"
    if not (CGROUPS / file).exists():
        at = pathlib.Path("/sys/fs/cgroup") / at.name
        file = "memory.max"
    try:
        at.mkdir()
        (at / file).write_text(str(64 * MIB))
    except OSError as e:
        if at.exists():
            at.rmdir()
        pytest.skip(f"needs a memory cgroup: {e}")
    yield at, at / file
    fr.wait_for(lambda: not (at / "cgroup.procs").read_text(), "the cgroup's end")
    at.rmdir()


def inside(host, cgroup, argv, **settings):
    """Starts a program in a group below the limited one."""
    inner = cgroup / "inner"
    inner.mkdir(exist_ok=True)
    given = " ".join(f"{k}={v}" for k, v in settings.items())
    return host.start("sh", "-c", f"echo $$ > {inner}/cgroup.procs; exec env LD_PRELOAD={fr.LIB} "
                      f"FR_DIR={host.dir} FR_OUT={host.out} {given} {' '.join(map(str, argv))}",
                      recorded=False)


@pytest.mark.parametrize("mb", [6, 24, 40, 1000])
def test_cgroup(host, cgroup, mb):
    at, limit = cgroup
    limit.write_text(str(mb * MIB))
    try:
        p = inside(host, at, [fr.TARGETS / "limits"], FR_TRIGGER="exit")
        assert p.code() == 0
        assert p.lines == ["threads 4 big 1 child 700 queued 0"] and p.stderr() == ""
    finally:
        fr.wait_for(lambda: not (at / "inner/cgroup.procs").read_text(), "the end")
        (at / "inner").rmdir()


@pytest.mark.parametrize("mb", [6, 24, 40, 1000])
def test_cgroup_is_followed(host, cgroup, mb):
    """At most a quarter of what it has left, or half a MiB where that is less."""
    at, limit = cgroup
    limit.write_text(str(mb * MIB))
    try:
        p = inside(host, at, [fr.TARGETS / "quiet", "allocs", 500_000, 64], FR_EVENTS="full")
        p.line("ready")
        region = host.region(p)
        info = fr.read("info", region)
        assert region.stat().st_blocks * 512 <= max(mb * MIB / 4, MIB / 2)
        assert info["header"]["max_bytes"] <= mb * MIB / 4
        assert (info["header"]["max_bytes"] == 16 * MIB) == (mb == 1000)
        assert ("own memory is limited" in " ".join(info["notes"])) == (mb != 1000)
        assert info["events"] > 10_000
    finally:
        p.kill()
        fr.wait_for(lambda: not (at / "inner/cgroup.procs").read_text(), "the end")
        (at / "inner").rmdir()


@pytest.fixture
def everybodys(tmp_path):
    """A host whose recorder, targets and directories another user may reach."""
    with tempfile.TemporaryDirectory(prefix="fr-locked-") as d:
        top = pathlib.Path(d)
        top.chmod(0o755)
        for f in (fr.LIB, fr.TARGETS / "locks_itself"):
            shutil.copy(f, top)
        h = fr.Host(tmp_path, LD_PRELOAD=str(top / fr.LIB.name), FR_DIR="")
        yield h, str(top / "locks_itself")
        h.stop()


def locked(host, argv, **how):
    return host.run(*argv, **how).truth("results")


@pytest.mark.parametrize("events", ["", "full"])
def test_all_memory_is_locked(everybodys, root, events):
    """By root all of the host's, and not ours many times over; by others within their limit."""
    host, program = everybodys
    settings = {"FR_EVENTS": events} if events else {}
    bare, said = locked(host, [program], recorded=False), locked(host, [program], **settings)
    assert bare["results"] == said["results"] == [0, 0] and not bare["maps_failed"]
    assert said["unlocked"] == bare["unlocked"] == 0 and not said["maps_failed"]
    assert said["locked"] < bare["locked"] + 3 * OWN
    for limit, end in ((8 * MIB, [0, 0]), (MIB, [-12, 0])):
        argv = ["prlimit", f"--memlock={limit}", "setpriv", "--reuid=65534", "--regid=65534",
                "--clear-groups", program]
        assert locked(host, argv, recorded=False)["results"] == end
        said = locked(host, argv, **settings)
        assert said["results"] == end and said["unlocked"] == said["lost"] == 0, said
