# SPDX-License-Identifier: MIT
"""Where regions and snapshots go when a directory cannot take them, and that it is said."""

import os
import pathlib
import shutil
import subprocess

import pytest

import fr

NOBODY = 65534


def in_mounts(host, script, **settings):
    """A shell script in a mount namespace of its own; the program records, the shell does not."""
    env = " ".join(f"{k}={v}" for k, v in {"LD_PRELOAD": fr.LIB, **host.settings,
                                          **settings}.items())
    return host.start("unshare", "-m", "bash", "-c", script.replace("RECORDED", f"env {env}"),
                      recorded=False)


def failure_of(recording):
    return fr.read("info", recording, ok=(0, 3))["header"]["snapshot_failure"]


def left(path):
    return [f for f in pathlib.Path(path).iterdir() if f.name.endswith(".part")]


# What is done to the directory of snapshots, and what errno it has at the time of writing.
BROKEN = {
    "full": ("mount -t tmpfs -o size=16k none {out}", 28),
    "full-later": ("mount -t tmpfs -o size=300k none {out}", 28),
    "read-only": ("mount -t tmpfs none {out} && mount -o remount,ro {out}", 30),
    "gone": ("rmdir {out}", 2),
    "a-file": ("rmdir {out} && touch {out}", 20),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_snapshot_goes_elsewhere(host, mounts, kind):
    """To the next directory, whole; the reason is in it, in the region, and on stderr."""
    prepare, errno = BROKEN[kind]
    p = in_mounts(host, f"{prepare.format(out=host.out)}; RECORDED {fr.TARGETS}/healthy 100",
                  FR_TRIGGER="exit", FR_KEEP=1, FR_VERBOSE=1, FR_EVENTS="full")
    assert p.code() == 0
    snapshot, = host.dir.glob("*.frd")
    region, = host.dir.glob("*.frr")
    assert fr.read("report", snapshot)["events"] > 100
    for recording in (snapshot, region):
        got = failure_of(recording)
        assert (got["dir"], got["why"], got["errno"], got["times"]) == (
            str(host.out), "system", errno, 1)
        assert f"not into {host.out}: {os.strerror(errno)}" in fr.fr("info", recording,
                                                                     ok=(0, 3)).out
    assert fr.read("info", region, ok=(0, 3))["drops"]["snapshot_failed"] == 0
    row, = [r for r in fr.read("list", host.dir) if r["path"] == str(region)]
    assert row["snapshot_failure"]["errno"] == errno
    assert f"no snapshot in {str(host.out)[:60]}" in fr.fr("list", host.dir).out
    assert f"fr: no snapshot in {host.out}" in p.stderr()
    assert not left(host.dir)


def test_nothing_is_left_of_a_half_one(host, mounts):
    """A disk that is full in the middle: the part that was written goes, for others to use."""
    p = in_mounts(host, f"mount -t tmpfs -o size=300k none {host.out}; "
                  f"RECORDED {fr.TARGETS}/healthy 100; LD_PRELOAD= ls -A {host.out}; echo end",
                  FR_TRIGGER="exit", FR_EVENTS="full")
    assert p.code() == 0
    assert p.lines[-1] == "end" and "done" in p.lines[-2], p.lines


def test_every_directory_is_full(host, mounts):
    """None will do: counted, and the first one is named."""
    p = in_mounts(host, f"mount -t tmpfs -o size=16k none {host.out}; "
                  f"mount -t tmpfs -o size=900k,mode=700 none {host.dir}; "
                  f"RECORDED {fr.TARGETS}/healthy 100; cp {host.dir}/*.frr {host.cwd}; "
                  f"ls -A {host.out}",
                  FR_TRIGGER="exit", FR_KEEP=1, FR_EVENTS="full", FR_MAX_BYTES="64M")
    assert p.code() == 0, p.stderr()
    region, = host.cwd.glob("*.frr")
    assert fr.read("info", region, ok=(0, 3))["drops"]["snapshot_failed"] == 1
    assert failure_of(region)["dir"] == str(host.out)
    assert "done" in p.lines[-1], p.lines


def test_failure_is_forgotten_when_all_is_well(host):
    """FR_OUT is made later: the next snapshot goes there, and nothing is held against it."""
    out = host.path / "later"
    p = host.target("load", FR_OUT=out)
    p.line("ready")
    p.signal(10)
    fr.wait_for(lambda: list(host.dir.glob("*.frd")), "a snapshot in FR_DIR")
    assert failure_of(p.pid)["errno"] == 2
    out.mkdir()
    p.signal(10)
    snapshot, = fr.wait_for(lambda: list(out.glob("*.frd")), "a snapshot in FR_OUT")
    assert failure_of(snapshot) is None or fr.read("report", snapshot)["events"] > 0
    fr.wait_for(lambda: failure_of(p.pid) is None, "the region to know")
    assert not p.stderr()


def test_file_size_limit(host):
    """ulimit -f: nothing can be written anywhere; the limit is named."""
    p = host.start("sh", "-c", f"ulimit -f 20000; exec {fr.TARGETS}/load", FR_MAX_BYTES="1M")
    p.line("ready")
    limit = os.stat(host.regions()[0]).st_size  # under it a region has its place
    q = host.start("bash", "-c", f"ulimit -f {limit // 1024 + 64}; exec {fr.TARGETS}/load",
                   FR_MAX_BYTES="1M", FR_VERBOSE=1)
    q.line("ready")
    os.system(f"prlimit --pid {q.pid} --fsize=4096")
    q.signal(10)
    got = fr.wait_for(lambda: failure_of(q.pid), "the failure")
    assert (got["why"], got["errno"]) == ("limit", 27)
    assert "ulimit -f" in q.stderr()
    assert q.alive()


# Owner (0 = root), mode, user who records -> where the snapshot goes, and why not to FR_OUT.
OWNERS = [
    (0, 0o1777, 0, None), (0, 0o755, 0, None), (0, 0o777, 0, "open"),
    (12345, 0o755, 0, "owner"), (12345, 0o1777, 0, "owner"), (12345, 0o777, 0, "owner"),
    (0, 0o1777, NOBODY, None), (NOBODY, 0o755, NOBODY, None), (NOBODY, 0o777, NOBODY, "open"),
    (12345, 0o1777, NOBODY, "owner"), (12345, 0o777, NOBODY, "owner"),
    (0, 0o777, NOBODY, "open"), (0, 0o755, NOBODY, "system"),
]


@pytest.fixture
def open_host(tmp_path):
    """A Host whose parents anybody may pass."""
    h = fr.Host(tmp_path)
    for d in (tmp_path, *tmp_path.parents):
        if d.stat().st_uid == os.getuid() and str(d).startswith("/tmp/pytest"):
            d.chmod(0o755)
    yield h
    h.stop()


def as_user(uid):
    return lambda: (os.setgroups([]), os.setresgid(uid, uid, uid), os.setresuid(uid, uid, uid))


@pytest.mark.parametrize("owner,mode,user,why", OWNERS)
@pytest.mark.parametrize("default", [False, True], ids=["FR_OUT", "start"])
def test_owner_of_the_snapshots(open_host, root, owner, mode, user, why, default):
    """FR_OUT, or the start directory where it is not set."""
    host = open_host
    os.chown(host.dir, user, user)
    where = host.cwd if default else host.out
    os.chown(where, owner, owner)
    where.chmod(mode)
    settings = {"FR_OUT": ""} if default else {}
    env = host.env(FR_TRIGGER="exit", FR_KEEP=1, **settings)
    log = open(host.path / "log", "wb")
    done = subprocess.run([fr.TARGETS / "healthy", "30"], env=env, cwd=where, stdout=log,
                          stderr=subprocess.PIPE, preexec_fn=as_user(user), check=False)
    assert done.returncode == 0 and done.stderr == b""
    region, = host.dir.glob("*.frr")
    snapshot, = list(where.glob("*.frd")) + list(host.dir.glob("*.frd"))
    assert snapshot.parent == (host.dir if why else where)
    assert snapshot.stat().st_uid == user
    got = failure_of(region)
    assert (got and got["why"]) == why
    assert fr.read("report", snapshot)["events"] > 0


@pytest.mark.parametrize("owner,mode,user,why", OWNERS)
def test_owner_of_the_regions(open_host, root, owner, mode, user, why):
    """FR_DIR: another one is used, and a note says why."""
    host = open_host
    os.chown(host.dir, owner, owner)
    host.dir.chmod(mode)
    os.chown(host.out, user, user)
    env = host.env(FR_TRIGGER="exit")
    done = subprocess.run([fr.TARGETS / "healthy", "30"], env=env, cwd="/", capture_output=True,
                          preexec_fn=as_user(user), check=False)
    assert done.returncode == 0 and done.stderr == b""
    snapshot, = host.out.glob("*.frd")
    notes = " ".join(fr.read("info", snapshot)["notes"])
    assert (f"no region in {host.dir}" in notes) == bool(why), notes
    if why == "owner":
        assert "belongs to another user" in notes
    assert not list(host.dir.iterdir())


def test_a_place_that_is_not_used_is_not_read(open_host, root):
    """Not even listed, for what earlier recorders left there."""
    host = open_host
    host.dir.chmod(0o777)
    trace = host.path / "trace"
    if not shutil.which("strace"):
        pytest.skip("needs strace")
    env = host.env()
    subprocess.run(["strace", "-o", trace, "-e", "trace=openat,getdents64,unlinkat",
                    f"--env=LD_PRELOAD={fr.LIB}", f"--env=FR_DIR={host.dir}",
                    "--env=FR_KEEP=1", "/bin/true"],
                   env={k: v for k, v in env.items() if k != "LD_PRELOAD"}, check=True)
    text = trace.read_text()
    assert f'"{host.dir}"' in text and "getdents64" not in text.split(f'"{host.dir}"')[1].split(
        "/dev/shm")[0]


def test_umask_of_all(open_host, root, mounts):
    """umask 0777: our files and directories are ours to read all the same."""
    host = open_host
    host.out.chmod(0o1777)
    host.cwd.chmod(0o1777)
    script = (f"mount -t tmpfs -o mode=1777 none /dev/shm; umask 0777; cd {host.cwd}; "
              f"LD_PRELOAD={fr.LIB} FR_OUT={host.out} FR_TRIGGER=exit FR_KEEP=1 exec setpriv "
              f"--reuid={NOBODY} --regid={NOBODY} --clear-groups bash -c '{fr.TARGETS}/healthy 50;"
              f"umask 022; LD_PRELOAD= ls -ln /dev/shm /dev/shm/fr-{NOBODY}'")
    p = host.start("unshare", "-m", "bash", "-c", script, recorded=False)
    assert p.code() == 0, p.stderr()
    regions = [line for line in p.lines if line.endswith(".frr")]
    assert regions and all(line.startswith("-rw------- 1 65534") for line in regions), p.lines
    assert any(line.startswith("drwx------") and line.endswith("fr-65534") for line in p.lines)
    snapshots = list(host.out.glob("fr-healthy-*.frd"))
    assert snapshots and all(s.stat().st_mode & 0o777 == 0o600 for s in snapshots)
    assert "no region" not in fr.fr("info", snapshots[0]).out


def test_umask_and_exec_that_fails(host):
    """The region gets a new file then: as private as the first, and no more."""
    program = host.path / "program"
    program.write_bytes(b"\x7fELF is not enough")
    program.chmod(0o755)
    script = ("import os, sys\nos.umask(0o777)\n"
              f"before = os.listdir('{host.dir}')\n"
              f"try:\n    os.execv('{program}', ['x'])\nexcept OSError as e:\n    print(e.errno)\n"
              f"now = os.listdir('{host.dir}')\n"
              f"print(now == before, oct(os.stat('{host.dir}/' + now[0]).st_mode & 0o777))\n")
    assert host.run("/usr/bin/python3", "-c", script).lines == ["8", "True 0o600"]


def test_a_directory_that_an_umask_closed(open_host, root, mounts):
    """One that an earlier recorder made so is opened up again."""
    host = open_host
    host.out.chmod(0o1777)
    script = (f"mount -t tmpfs -o mode=1777 none /dev/shm; mkdir -m 0 /dev/shm/fr-{NOBODY}; "
              f"chown {NOBODY} /dev/shm/fr-{NOBODY}; "
              f"LD_PRELOAD={fr.LIB} FR_OUT={host.out} FR_TRIGGER=exit FR_KEEP=1 setpriv "
              f"--reuid={NOBODY} --regid={NOBODY} --clear-groups {fr.TARGETS}/healthy 50;"
              "ls -ln /dev/shm")
    p = host.start("unshare", "-m", "bash", "-c", script, recorded=False)
    assert p.code() == 0, p.stderr()
    assert any(line.startswith("drwx------") and line.endswith("fr-65534") for line in p.lines)


def disk(host, mkfs):
    """Shell commands that mount a small file system of that kind at host.path/disk."""
    program = shutil.which(f"mkfs.{mkfs}", path=os.environ["PATH"] + ":/usr/sbin:/sbin")
    if not program or mkfs not in pathlib.Path("/proc/filesystems").read_text():
        pytest.skip(f"no {mkfs} here")
    image, at = host.path / "image", host.path / "disk"
    at.mkdir()
    quiet = "-q" if mkfs != "f2fs" else ""
    return (f"truncate -s 400M {image} && {program} {quiet} {image} >/dev/null && "
            f"mount -o loop {image} {at} && mkdir -m 700 {at}/d"), at


def can_loop(host):
    image = host.path / "try"
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", f"truncate -s 16M {image} && mkfs.ext4 -q {image} && "
         f"mount -o loop {image} {host.cwd}"], capture_output=True, check=False)
    if done.returncode != 0:
        pytest.skip("needs loop devices")


def test_copy_on_write_is_refused(host, mounts):
    """FR_DIR on btrfs: the region is elsewhere, and it is said why."""
    can_loop(host)
    prepare, at = disk(host, "btrfs")
    p = in_mounts(host, f"{prepare}; RECORDED {fr.TARGETS}/healthy 50; LD_PRELOAD= ls -A {at}/d",
                  FR_DIR=f"{at}/d", FR_TRIGGER="exit", FR_VERBOSE=1)
    assert p.code() == 0 and "done" in p.lines[-1], p.stderr()
    snapshot, = host.out.glob("*.frd")
    info = fr.read("info", snapshot)
    assert f"no region in {at}/d: a file system on which a mapping can run out of space" in \
        " ".join(info["notes"])
    assert "recording into /dev/shm/" in p.stderr() and f"no region in {at}/d" in p.stderr()


def test_overlay_is_refused(host, mounts):
    """Nobody knows what lies under it."""
    p = in_mounts(host, f"cd {host.cwd} && mount -t tmpfs none . && cd {host.cwd} && "
                  "mkdir up low work at && mount -t overlay -o lowerdir=low,upperdir=up,"
                  "workdir=work none at && mkdir -m 700 at/d; RECORDED FR_DIR=$PWD/at/d "
                  f"{fr.TARGETS}/healthy 50", FR_TRIGGER="exit")
    assert p.code() == 0 and "done" in p.lines[-1], p.stderr()
    snapshot, = host.out.glob("*.frd")
    assert "/at/d: a file system on which" in " ".join(fr.read("info", snapshot)["notes"])


@pytest.mark.parametrize("kind", ["ext4", "xfs"])
def test_disk_gets_full_under_the_region(host, mounts, kind):
    """A region that lies on a disk: what it has it keeps; the host lives and is recorded."""
    can_loop(host)
    prepare, at = disk(host, kind)
    script = (f"{prepare}; (RECORDED {fr.TARGETS}/load; echo status $?) & "
              f"until pid=$(pgrep -P $! load) && ls {at}/d/*.frr; do sleep .01; done >/dev/null; "
              f"for i in 1 2 3 4; do dd if=/dev/urandom of={at}/fill$i bs=1M; "
              f"dd if=/dev/urandom of={at}/small$i bs=4k; sync -f {at}/d; sync {at}/d/*; "
              f"kill -0 $pid || exit 3; done; df --output=avail {at} | tail -1; "
              f"cp {at}/d/*.frr {host.cwd}/; kill -TERM $pid; wait")
    p = in_mounts(host, script, FR_DIR=f"{at}/d", FR_EVENTS="full", FR_MAX_BYTES="8M")
    assert p.code() == 0, (p.lines, p.stderr())
    assert "status 143" in p.lines, p.lines
    region, = host.cwd.glob("*.frr")
    assert fr.read("report", region, ok=(0, 3))["events"] > 1000
