# SPDX-License-Identifier: MIT
"""What fr opens: regular files and nothing else, its own cache only, no directory of others."""

import json
import os
import re
import shutil
import socket
import subprocess
import tempfile

import pytest

import fr

NEEDS_STRACE = pytest.mark.skipif(not shutil.which("strace"), reason="needs strace")
A, B = 12345, 12346  # two users, by number


@pytest.fixture
def short():
    """A directory with a short name: what replaces a path in a recording must not be longer."""
    d = tempfile.mkdtemp(prefix="o", dir="/tmp")
    yield d
    shutil.rmtree(d)


@pytest.fixture
def recording(host):
    p = host.target("load")
    p.line("ready")
    return host.ask(p)


def named(recording, path):
    """The recording, with PATH in the place of its program's."""
    old = str(fr.TARGETS / "load").encode()
    new = path.encode()
    assert len(new) <= len(old)
    data = recording.read_bytes()
    assert old in data
    out = recording.with_name("named.frd")
    out.write_bytes(data.replace(old, new.ljust(len(old), b"\0")))
    return out


def opened(tmp_path, *args, env=None):
    """Every path that fr and its children open to read, not only to look at."""
    log = tmp_path / "strace"
    r = subprocess.run(["strace", "-f", "-o", log, "-e", "trace=open,openat,openat2", fr.FR,
                        *map(str, args)], capture_output=True, text=True, timeout=60, check=False,
                       env={**os.environ, "FR_CACHE": "0", **(env or {})})
    lines = [s for s in log.read_text().splitlines() if "O_PATH" not in s]
    return r, [m[1] for m in (re.search(r'"([^"]*)"', s) for s in lines) if m]


def make(kind, short):
    path = f"{short}/x"
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "socket":
        socket.socket(socket.AF_UNIX).bind(path)
    elif kind == "directory":
        os.mkdir(path)
    elif kind == "link to a fifo":
        os.mkfifo(f"{short}/y")
        os.symlink(f"{short}/y", path)
    else:
        path = kind
    return path


KINDS = ["fifo", "socket", "directory", "link to a fifo", "/dev/zero", "/dev/tty", "/proc/kmsg"]


@NEEDS_STRACE
@pytest.mark.parametrize("kind", KINDS)
def test_a_recording_names_what_is_no_file(recording, short, tmp_path, kind):
    path = make(kind, short)
    r, paths = opened(tmp_path, "report", named(recording, path))
    assert r.returncode in (0, 3), r.stderr
    assert "live" in r.stdout or "SIGUSR1" in r.stdout
    assert not [p for p in paths if p in (path, f"{short}/y")]


@NEEDS_STRACE
@pytest.mark.parametrize("kind", KINDS)
def test_the_user_names_what_is_no_file(short, tmp_path, kind):
    path = make(kind, short)
    r, paths = opened(tmp_path, "report", path)
    assert r.returncode == 1 and "not a regular file" in r.stderr and path not in paths


@NEEDS_STRACE
def test_a_directory_holds_what_is_no_file(host, recording, tmp_path):
    fifo = host.dir / "a-1-1.frr"
    os.mkfifo(fifo)
    (host.dir / "b-1-1.frd").symlink_to("/dev/zero")
    r, paths = opened(tmp_path, "list", host.dir)
    assert r.returncode == 0 and not [p for p in paths if "-1-1." in p or p == "/dev/zero"]


def test_a_script_whose_interpreter_is_a_fifo(short):
    os.mkfifo(f"{short}/sh")
    script = f"{short}/script"
    with open(script, "w", encoding="ascii") as f:
        f.write(f"#!{short}/sh\n")
    os.chmod(script, 0o755)
    r = fr.fr("run", "--", script, ok=(1,))
    assert "not a regular file" in r.err


@NEEDS_STRACE
def test_debug_files_that_are_none(recording, short, tmp_path):
    """Where the debug file of each module would be stands a FIFO."""
    for m in fr.read("info", recording, ok=(0, 3))["modules"]:
        build_id = m.get("build_id")
        if build_id:
            os.makedirs(f"{short}/.build-id/{build_id[:2]}", exist_ok=True)
            os.mkfifo(f"{short}/.build-id/{build_id[:2]}/{build_id[2:]}.debug")
    r, paths = opened(tmp_path, "report", named(recording, "/nonexistent"),
                      env={"FR_DEBUG_PATH": short})
    assert r.returncode in (0, 3) and not [p for p in paths if p.endswith(".debug")]
    assert os.listdir(f"{short}/.build-id")


# ---- the cache -----------------------------------------------------------------------------------


def report(recording, cache, **how):
    return subprocess.run([fr.FR, "report", recording], capture_output=True, text=True, check=False,
                          env={**os.environ, "XDG_CACHE_HOME": str(cache)}, **how)


def test_the_cache_trims_its_own_files_only(recording, tmp_path):
    cache = tmp_path / "cache/fr"
    cache.mkdir(parents=True)
    foreign = [cache / n for n in ("corpus.txt", "deadbeef.sym", "cafe" * 5 + ".sym.bak",
                                   "0123456789abcdef0123456789abcdef01234567.sym")]
    for f in foreign:  # the last has a name of ours: not its content
        with open(f, "wb") as out:
            out.truncate(150 << 20)
        os.utime(f, (10**9, 10**9))
    ours = cache / ("ab" * 20 + ".sym")
    with open(ours, "wb") as out:
        out.write(b"FRSYMIMG")
        out.truncate(150 << 20)
    os.utime(ours, (10**9 + 1, 10**9 + 1))
    assert report(recording, tmp_path / "cache").returncode == 0
    assert all(f.exists() for f in foreign) and not ours.exists()
    assert [f for f in cache.glob("*.sym") if f not in foreign], "and new ones were written"


@pytest.mark.parametrize("mode,words", [(0o777, "may be written to by others"),
                                        (0o775, "may be written to by others")])
def test_a_cache_that_others_can_write_to(recording, tmp_path, mode, words):
    cache = tmp_path / "cache/fr"
    cache.mkdir(parents=True)
    cache.chmod(mode)
    r = report(recording, tmp_path / "cache")
    assert r.returncode == 0 and not list(cache.iterdir())
    assert [words in line for line in r.stderr.splitlines()] == [True]


@pytest.mark.parametrize("which", ["the directory", "what it would be made in"])
def test_the_cache_of_another_user(root, recording, tmp_path, which):
    home = tmp_path / "home"
    home.mkdir()
    os.chown(home, B, B)
    if which == "the directory":
        (home / "fr").mkdir(mode=0o700)
        os.chown(home / "fr", B, B)
    r = report(recording, home)
    assert r.returncode == 0 and not list(home.rglob("*.sym"))
    assert (home / "fr").exists() == (which == "the directory")
    assert [("belongs to another user" in line) for line in r.stderr.splitlines()] == [True]


# ---- whose directory -----------------------------------------------------------------------------


def as_user(uid, *args, **env):
    """fr run by a user without rights."""
    return subprocess.run(["setpriv", "--reuid", str(uid), "--regid", str(uid), "--clear-groups",
                           *map(str, args)], capture_output=True, text=True, check=False,
                          timeout=60, env={"PATH": os.environ["PATH"], **env})


@pytest.fixture
def open_host(host, root):
    """A host whose directories every user may enter, and an fr that everybody may run."""
    for d in [host.path, *host.path.parents]:
        if str(d).startswith("/tmp/") and d.stat().st_mode & 0o055 != 0o055:
            d.chmod(d.stat().st_mode | 0o055)
    shutil.copy(fr.FR, host.path / "fr")
    shutil.copy(fr.LIB, host.path / "libfr.so")
    host.fr = host.path / "fr"
    return host


def planted(host, owner, mode, name="planted"):
    """A directory with a region of a dead process in it."""
    p = host.start("/bin/sleep", 1000)
    region = host.region(p)
    p.kill()
    d = host.path / name
    d.mkdir()
    there = d / region.name
    region.rename(there)
    there.chmod(0o644)
    os.chown(there, owner, owner)
    os.chown(d, owner, owner)
    d.chmod(mode)
    return d, there, p.pid


@pytest.mark.parametrize("mode,words", [(0o755, f"it belongs to uid {B}, not to you"),
                                        (0o777, "everybody may write to it")])
def test_a_directory_of_another(open_host, mode, words):
    d, region, pid = planted(open_host, B, mode)
    before = region.read_bytes()
    for args in (("list",), ("report", pid), ("snapshot", pid), ("rm", "--all"), ("rm", region)):
        r = as_user(A, open_host.fr, *args, FR_DIR=str(d))
        assert r.returncode == 1 and words in r.stderr and r.stdout == "", (args, r.stderr)
    r = as_user(A, open_host.fr, "list", d)
    assert r.returncode == 1 and words in r.stderr and r.stdout == ""
    assert list(d.iterdir()) == [region] and region.read_bytes() == before


def test_root_sees_all_and_is_told(open_host):
    d, region, _ = planted(open_host, B, 0o755)
    r = fr.fr("list", d)
    assert region.name in r.out and f"belongs to uid {B}" in r.err
    own, region, _ = planted(open_host, B, 0o700, f"fr-{B}")
    r = fr.fr("list", own)
    assert region.name in r.out and "belongs" not in r.err
    own.chmod(0o777)
    assert "everybody may write" in fr.fr("list", own, ok=(1,)).err


def test_where_all_have_files(open_host):
    """As /tmp: what others have there is not shown."""
    d, theirs, _ = planted(open_host, B, 0o1777)
    os.chown(d, 0, 0)
    mine = d / "mine-1-1.frr"
    mine.write_bytes(theirs.read_bytes())
    os.chown(mine, A, A)
    r = as_user(A, open_host.fr, "list", "--json", d)
    assert r.returncode == 0 and [e["path"] for e in json.loads(r.stdout)] == [str(mine)]


def test_a_planted_link_to_a_directory(open_host):
    d, _, _ = planted(open_host, A, 0o700)
    link = open_host.path / "link"
    link.symlink_to(d)
    os.chown(link, B, B, follow_symlinks=False)
    r = as_user(A, open_host.fr, "list", FR_DIR=str(link))
    assert r.returncode == 1 and "symbolic link" in r.stderr


def test_a_live_process_is_found_all_the_same(open_host):
    """The directory is not to be trusted; what the process itself has mapped is."""
    d, _, _ = planted(open_host, B, 0o777)
    os.chown(open_host.dir, A, A)
    p = open_host.start("setpriv", f"--reuid={A}", f"--regid={A}", "--clear-groups", "env",
                        f"LD_PRELOAD={open_host.path}/libfr.so", f"FR_DIR={open_host.dir}",
                        "sleep", "1000", recorded=False)
    open_host.region(p)
    r = as_user(A, open_host.fr, "report", p.pid, FR_DIR=str(d), FR_CACHE="0")
    assert r.returncode in (0, 3) and f"pid {p.pid}" in r.stdout, r.stderr
    assert "everybody may write to it" in r.stderr


# ---- what is written -----------------------------------------------------------------------------


def test_root_in_a_directory_with_traps(open_host, recording):
    """Links and a FIFO where the output goes: none is followed, none is waited for."""
    d = open_host.path / "wd"
    d.mkdir()
    victim = open_host.path / "victim"
    victim.write_text("victim\n")
    p = open_host.start("/bin/sleep", 1000)
    open_host.region(p)
    for name in (f"fr-sleep-{p.pid}-1.frd", f"fr-sleep-{p.pid}-1.frd.part", "rep.txt"):
        (d / name).symlink_to(victim)
        os.chown(d / name, B, B, follow_symlinks=False)
    os.mkfifo(d / "fifo")
    for f in (d, d / "fifo"):
        os.chown(f, B, B)

    def here(*args):
        return subprocess.run([fr.FR, *map(str, args)], cwd=d, capture_output=True, text=True,
                              timeout=60, check=False, env={**os.environ,
                                                            "FR_DIR": str(open_host.dir)})

    r = here("snapshot", p.pid)
    assert r.returncode == 0 and r.stdout.strip() == f"fr-sleep-{p.pid}-2.frd", r.stderr
    r = here("report", "-o", "rep.txt", recording)
    assert r.returncode == 0 and "window" in (d / "rep.txt").read_text()
    assert not (d / "rep.txt").is_symlink() and (d / "rep.txt").stat().st_uid == 0
    r = here("report", "-o", "fifo", recording)
    assert r.returncode == 1 and "another user" in r.stderr
    assert victim.read_text() == "victim\n"


def test_what_was_there_stays_until_it_is_whole(recording, tmp_path):
    out = tmp_path / "r.txt"
    out.write_text("old")
    out.chmod(0o640)
    fr.fr("report", "-o", out, tmp_path / "none.frd", ok=(1,))
    assert out.read_text() == "old"
    fr.fr("report", "-o", out, recording, ok=(0, 3))
    assert "window" in out.read_text() and out.stat().st_mode & 0o777 == 0o640
    r = subprocess.run(["sh", "-c", f"ulimit -f 0; exec {fr.FR} report -o {out} {recording}"],
                       capture_output=True, text=True, check=False,
                       env={**os.environ, "FR_CACHE": "0"})
    assert r.returncode == 1 and "ulimit -f" in r.stderr, r
    assert "window" in out.read_text() and not list(tmp_path.glob("*.part"))


def test_outputs_that_are_no_files(recording, tmp_path):
    for path in ("/dev/null", "/dev/stdout", "/dev/fd/1"):
        r = fr.fr("report", "-o", path, recording, ok=(0, 3))
        assert ("window" in r.out) == (path != "/dev/null")
    assert "No space" in fr.fr("report", "-o", "/dev/full", recording, ok=(1,)).err
    log = tmp_path / "log"
    log.write_text("before\n")
    subprocess.run(["sh", "-c", f"{fr.FR} report -o /dev/stdout {recording} >> {log}"], check=True)
    assert log.read_text().startswith("before\n") and "window" in log.read_text()
    mode = os.stat("/dev/null").st_mode
    fr.fr("snapshot", "-o", "/dev/null", os.getpid(), ok=(1,))
    assert os.stat("/dev/null").st_mode == mode


# ---- the limit on the size of files --------------------------------------------------------------


def test_a_snapshot_beyond_the_limit(host):
    p = host.target("load")
    p.line("ready")
    r = subprocess.run(["sh", "-c", f"ulimit -f 4; exec {fr.FR} snapshot {p.pid}"], cwd=host.cwd,
                       capture_output=True, text=True, check=False,
                       env={**os.environ, "FR_DIR": str(host.dir)})
    assert r.returncode == 1 and "ulimit -f" in r.stderr and not list(host.cwd.glob("*.frd*"))


def test_a_process_without_a_region(host):
    """Why there is none: the limit it was started with, or that it is not to be recorded."""
    p = host.start("sh", "-c", "ulimit -f 100; exec sleep 1000")
    fr.wait_for(lambda: open(f"/proc/{p.pid}/comm", encoding="ascii").read() == "sleep\n", "exec")
    r = fr.wait_for(lambda: (lambda r: r if "ulimit" in r.err else None)(
        fr.fr("report", p.pid, ok=(1,))), "the reason")
    assert "Max file size" in r.err and "100 KiB" in r.err or "50" in r.err, r.err
    q = host.start("sleep", 1000, FR_ONLY="nobody")
    fr.wait_for(lambda: "libfr.so" in open(f"/proc/{q.pid}/maps", encoding="utf-8").read(), "it")
    assert "FR_VERBOSE" in fr.fr("snapshot", q.pid, ok=(1,)).err
    assert "no recording" in fr.fr("report", os.getpid(), ok=(1,)).err
