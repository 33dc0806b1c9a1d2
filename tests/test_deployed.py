# SPDX-License-Identifier: MIT
"""As README.md says: by two users, in a container, as a service of systemd."""

import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile

import pytest

import fr

OTHER, ANOTHER = 12345, 12346  # users that own nothing here


@pytest.fixture
def open_dir():
    """A directory for everybody, as /tmp is."""
    path = pathlib.Path(tempfile.mkdtemp(prefix="fr-open-", dir="/dev/shm"))
    path.chmod(0o1777)
    yield path
    shutil.rmtree(path)


# ---- users, containers, systemd ------------------------------------------------------------------

def as_user(uid, *command):
    return ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", *map(str, command)]


def test_two_users(unpacked, open_dir, root):
    """Who made a recording reads it, and root; nobody else does, live, left or saved."""
    frx, out = unpacked / "fr", open_dir / "out"
    out.mkdir()
    os.chown(out, OTHER, OTHER)
    env = {k: v for k, v in os.environ.items() if not k.startswith("FR_")}
    p = subprocess.Popen(as_user(OTHER, frx, "run", "-o", out, "--", "sleep", "100"), env=env)
    regions = pathlib.Path(f"/dev/shm/fr-{OTHER}")
    try:
        region = fr.wait_for(lambda: list(regions.glob(f"sleep-{p.pid}-*.frr")), "a region")[0]
        assert (region.stat().st_mode & 0o777, region.stat().st_uid) == (0o600, OTHER)
        assert (regions.stat().st_mode & 0o777, regions.stat().st_uid) == (0o700, OTHER)

        def may(uid, *args):
            r = subprocess.run(as_user(uid, frx, *args), capture_output=True, text=True, env=env,
                               cwd=open_dir, check=False)
            return r.returncode == 0
        for uid, allowed in ((OTHER, True), (0, True), (ANOTHER, False)):
            assert may(uid, "info", p.pid) == allowed, uid
            assert may(uid, "info", region) == allowed, uid
        assert may(OTHER, "snapshot", p.pid, "-o", out / "x.frd")
        p.kill()
        p.wait()
        for uid, allowed in ((OTHER, True), (0, True), (ANOTHER, False)):
            assert may(uid, "report", region) == allowed, uid
            assert may(uid, "report", out / "x.frd") == allowed, uid
    finally:
        p.kill()
        p.wait()
        shutil.rmtree(regions, ignore_errors=True)


# Becomes the program in its root, of which nothing outside is left.
ENTER = """
import ctypes, os, sys
libc, uid = ctypes.CDLL(None), int(sys.argv[2])
os.chdir(sys.argv[1])
assert libc.mount(b"proc", b"proc", b"proc", 0, 0) == 0
assert libc.pivot_root(b".", b".") == 0 and libc.umount2(b".", 2) == 0
os.setgroups([])
os.setresgid(uid, uid, uid)
os.setresuid(uid, uid, uid)
os.execve("/app/program", ["program", "healthy"],
          {"LD_PRELOAD": "/fr/libfr.so", "FR_DIR": sys.argv[3]})
"""

CONTAINER = r"""
root=$1 package=$2 program=$3 uid=$4 dir=$5
mount --make-rprivate /
mkdir -p "$root/proc" "$root/dev" "$root/app" "$root/fr" "$root/rec"
cp "$program" "$root/app/program"
ldd "$program" | grep -o '/[^ ]*' | xargs -I{} cp --parents -L {} "$root"
mount --bind "$root" "$root"
mount -t tmpfs tmpfs "$root/fr"
cp "$package"/fr "$package"/libfr.so "$root/fr"    # what the init container does
mount -t tmpfs -o mode=777 tmpfs "$root/rec"          # a volume
mkdir -m 1777 "$root/rec/fr"
mount -o remount,bind,ro "$root"
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
touch "$root/dev/null"
mount --bind /dev/null "$root/dev/null"
mkdir "$root/dev/shm"
mount -t tmpfs -o size=64m,mode=1777 tmpfs "$root/dev/shm"
exec unshare -p --fork /usr/bin/python3 -c "$ENTER" "$root" "$uid" "$dir"
"""


@pytest.mark.parametrize("given,taken", [
    ("", f"/dev/shm/fr-{OTHER}"), ("/rec", f"/dev/shm/fr-{OTHER}"), ("/rec/fr", "/rec/fr")])
def test_a_container_without_a_shell(unpacked, host, mounts, given, taken):
    """libc and the program; read-only, /dev/shm of 64 MB, no name for the user: as distroless.
    A volume is everybody's, so a directory in it is used."""
    root = host.path / "root"
    root.mkdir()
    p = host.start("unshare", "-m", "bash", "-euc", CONTAINER, "bash", root, unpacked,
                   fr.TARGETS / "hang", OTHER, given, recorded=False, ENTER=ENTER)

    def inside():
        for entry in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                if (entry / "cmdline").read_bytes() == b"program\0healthy\0":
                    return int(entry.name)
            except OSError:
                continue
        return None

    pid = fr.wait_for(inside, f"the program in the container: {p.stderr()}")
    try:
        look_into(pid, taken)
    finally:
        os.kill(pid, signal.SIGKILL)  # its parent's death would not


def look_into(pid, taken):
    """From outside by PID, inside by its user, with what the init container copied."""
    def info():
        return subprocess.run([fr.FR, "info", "--json", str(pid)], capture_output=True,
                              check=False).stdout
    info = fr.wait_for(info, "its region")
    assert b'"region": "file"' in info
    assert len(list(pathlib.Path(f"/proc/{pid}/root{taken}").glob("program-*.frr"))) == 1
    inside = ["nsenter", "-t", str(pid), "-m", "-p", "-r", f"-S{OTHER}", f"-G{OTHER}", "/fr/fr"]
    said = subprocess.run([*inside, "list", taken], capture_output=True, text=True,
                          check=True).stdout
    assert "live" in said and f"{taken}/program-" in said
    said = fr.sh("$1 doctor $2", fr.FR, pid)
    assert "its own root or mounts" in said and f"recorded now, in {taken}" in said


SERVICE = """
PATH=/boot-test/files/fr:$PATH
for name in plain hard; do
	systemctl start $name
	pid=$(systemctl show -p MainPID --value $name)
	until fr info $pid >/dev/null 2>&1; do systemctl -q is-active $name; done
	echo "$name active $(grep -c . /proc/$pid/maps >/dev/null && echo yes)"
	fr info $pid | grep -E '^(recording|recorder|snapshots)'
	systemctl kill -s USR1 $name
	until ls /var/lib/fr-$name/*.frd 2>/dev/null; do :; done
	systemctl kill -s KILL $name
	while systemctl -q is-active $name; do :; done
	echo "left $(fr list /run/fr-$name/ 2>/dev/null | grep -c left)"
	fr report /run/fr-$name/*.frr 2>&1 | grep -m 1 "(pid"
done
"""

HARD = """DynamicUser=yes
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
PrivateDevices=yes
NoNewPrivileges=yes
ProtectProc=invisible
ProtectKernelTunables=yes
ProtectControlGroups=yes
MemoryDenyWriteExecute=yes
RestrictAddressFamilies=AF_UNIX AF_INET
RestrictNamespaces=yes
SystemCallFilter=@system-service
SystemCallErrorNumber=EPERM
SystemCallArchitectures=native
LimitFSIZE=1M
UMask=0077
RemoveIPC=yes
"""


def test_systemd_services(unpacked, tmp_path, mounts):
    """The drop-in as it is shipped, on a service without and with all the hardening it names."""
    files, units = tmp_path / "files", tmp_path / "units"
    shutil.copytree(unpacked, files / "fr")
    shutil.copy(fr.TARGETS / "hang", files / "program")
    (files / "script").write_text(SERVICE)
    for name, more in (("plain", ""), ("hard", HARD)):
        (units / f"{name}.service.d").mkdir(parents=True)
        (units / f"{name}.service").write_text(
            "[Unit]\nDefaultDependencies=no\n[Service]\n"
            f"ExecStart=/boot-test/files/program healthy\n{more}")
        text = (unpacked / "fr.conf").read_text()
        assert "/opt/fr/libfr.so" in text
        (units / f"{name}.service.d/fr.conf").write_text(
            text.replace("/opt/fr/", "/boot-test/files/fr/"))
    r = subprocess.run([fr.TOP / "tests/boot", "bash", "-eu", "/boot-test/files/script"],
                       timeout=90, capture_output=True, text=True, check=False, cwd="/",
                       env={**os.environ, "UNITS": str(units), "FILES": str(files)})
    if r.returncode == 75:
        pytest.skip(r.stderr.strip())
    assert r.returncode == 0, r.stdout + r.stderr
    said = r.stdout
    for name in ("plain", "hard"):
        assert f"{name} active yes" in said
    assert said.count(", region in a file") == 2, said
    assert re.search(r"^recording +/run/fr-plain/.*\(live\)", said, re.M), said
    assert re.search(r"^recording +/run/private/fr-hard/.*\(live\)", said, re.M), said
    assert said.count("left 1\n") == 2, said
    assert said.count("left by a process that ended without a word") == 2, said
    assert "SIGUSR1 into /var/lib/fr-hard" in said
