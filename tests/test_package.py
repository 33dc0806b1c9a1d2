# SPDX-License-Identifier: MIT
"""What scripts/package builds, installed and used as its users would: the Debian package, the archive
and its static fr, completion, manual pages, the systemd drop-in, two users, a small container."""

import os
import pathlib
import pty
import re
import select
import shutil
import signal
import subprocess
import tempfile
import time

import pytest

import fr
from conftest import needs

OTHER, ANOTHER = 12345, 12346  # users that own nothing here


def sh(script, *args, ok=(0,), **how):
    """Output of a bash script, which must end with one of OK."""
    r = subprocess.run(["bash", "-euc", script, "bash", *map(str, args)], capture_output=True,
                       text=True, timeout=120, check=False, **how)
    assert r.returncode in ok, f"exit {r.returncode}\n{r.stdout[-3000:]}\n{r.stderr[-3000:]}"
    return r.stdout + (r.stderr if ok != (0,) else "")


@pytest.fixture(scope="module")
def packages():
    """(package, archive)"""
    needs("dpkg-shlibdeps")
    r = subprocess.run([fr.TOP / "scripts/package"], capture_output=True, text=True, check=False,
                       timeout=600, env={**os.environ, "O": str(fr.O)})
    assert r.returncode == 0, r.stdout + r.stderr
    deb, archive = r.stdout.split()
    return pathlib.Path(deb), pathlib.Path(archive)


@pytest.fixture(scope="module")
def unpacked(packages):
    """The archive where every user can reach it, under another name than it was packed with."""
    top = pathlib.Path(tempfile.mkdtemp(prefix="fr-package-"))
    sh("tar -C $1 -xzf $2 && mv $1/fr-* $1/moved && chmod 755 $1", top, packages[1])
    yield top / "moved"
    shutil.rmtree(top)


@pytest.fixture
def open_dir():
    """A directory for everybody, as /tmp is."""
    path = pathlib.Path(tempfile.mkdtemp(prefix="fr-open-", dir="/dev/shm"))
    path.chmod(0o1777)
    yield path
    shutil.rmtree(path)


# ---- the package ---------------------------------------------------------------------------------

def test_lintian_has_nothing_to_say(packages):
    out = subprocess.run([needs("lintian"), "--allow-root", packages[0]], capture_output=True,
                         text=True, check=False).stdout
    assert out == ""


def test_the_same_tree_gives_the_same_bytes(packages):
    before = [p.read_bytes() for p in packages]
    sh("rm $1 $2; O=$3 $4/scripts/package", *packages, fr.O, fr.TOP)
    assert [p.read_bytes() for p in packages] == before


INSTALLED = r"""
work=$1 deb=$2 top=$3
mount --make-rprivate /
mount -t tmpfs tmpfs "$work"
mkdir "$work/up" "$work/work" "$work/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$work/up,workdir=$work/work" "$work/root"
for d in proc dev sys; do mount --rbind /$d "$work/root/$d"; done
cp "$deb" "$work/root/fr.deb"
cat >"$work/root/inside" <<'END'
set -eu
dpkg -i /fr.deb >/dev/null 2>&1
cd /tmp
echo "which $(command -v fr)"
fr run --trigger exit -o /tmp/rec -- /bin/ls / >/dev/null
fr info /tmp/rec/fr-ls-*.frd | sed -n 's/^process /process/p'
fr doctor | sed -n 's/ ok   libfr.so/lib/p'
echo "man $(man -w fr) $(man -w 7 libfr)"
echo "cflags $(pkg-config --cflags fr) $(pkg-config --modversion fr) $(pkg-config --variable=libdir fr)"
echo '#include <fr.h>' | gcc -x c $(pkg-config --cflags fr) -fsyntax-only - && echo compiles
bash -c 'for f in /usr/share/bash-completion/completions/fr; do . $f; complete -p fr; done'
systemd-analyze --version >/dev/null 2>&1 && cat /usr/share/fr/fr.conf | grep -o 'LD_PRELOAD=.*'
dpkg -L fr | while read f; do [ ! -f "$f" ] || echo "$f"; done >/files
dpkg -r fr >/dev/null 2>&1
while read f; do [ ! -e "$f" ] || echo "left: $f"; done </files
END
chroot "$work/root" /bin/bash /inside
"""


def test_installed_and_removed(packages, tmp_path, mounts):
    out = sh("exec unshare -m bash -euc \"$1\" bash \"${@:2}\"", INSTALLED, tmp_path, packages[0],
             fr.TOP)
    said = out.splitlines()
    assert "which /usr/bin/fr" in said
    assert any(s.split()[0] == "process" and "/ls" in s for s in said), out
    assert any(s.split() == ["lib", "/usr/lib/fr/libfr.so"] for s in said), out
    assert "man /usr/share/man/man1/fr.1.gz /usr/share/man/man7/libfr.7.gz" in said
    assert "compiles" in said and "complete -F _fr fr" in said
    assert any(s.startswith("cflags ") and s.endswith("0.1.0 /usr/lib/fr") for s in said), out
    assert "LD_PRELOAD=/usr/lib/fr/libfr.so" in said
    assert "left" not in out


def test_a_libdir_far_away(tmp_path):
    """fr knows where make install has put the library, wherever that is."""
    out, dest = tmp_path / "build", tmp_path / "prefix"
    out.mkdir()
    sh("cp -a $1/decoder $1/preload $1/fr $1/libfr.so $1/libdir $2", fr.O, out)
    sh("make -s -C $1 O=$2 PREFIX=$3 LIBDIR=$4/odd install", fr.TOP, out, dest, tmp_path)
    text = sh("$1/bin/fr doctor", dest)
    assert f"{tmp_path}/odd/libfr.so" in text and not (dest / "lib/fr").exists()
    sh("make -s -C $1 O=$2 PREFIX=$3 install", fr.TOP, out, dest)
    assert f"{dest}/lib/fr/libfr.so" in sh("$1/bin/fr doctor", dest)
    sh("make -s -C $1 O=$2 PREFIX=$3 uninstall", fr.TOP, out, dest)
    assert [f for f in dest.rglob("*") if f.is_file()] == []


# ---- the archive ---------------------------------------------------------------------------------

def test_used_from_anywhere(unpacked, tmp_path):
    """From another directory, by a link, as another user: the library is the one beside it."""
    link = tmp_path / "fr"
    link.symlink_to(unpacked / "fr")
    for command in (unpacked / "fr", link):
        sh("cd / && $1 run --trigger exit -o $2 -- ls / >/dev/null && $1 report $2/*.frd && rm $2/*",
           command, tmp_path / "rec")
        assert f"{unpacked}/libfr.so" in sh("$1 doctor", command)
    assert sh("PKG_CONFIG_PATH=$1/pkgconfig pkg-config --cflags fr", unpacked).strip().endswith(
        "moved/pkgconfig/../include")


def test_static_needs_nothing(unpacked):
    headers = sh("readelf -lW $1", unpacked / "fr")
    assert "INTERP" not in headers and "NEEDED" not in sh("readelf -dW $1", unpacked / "fr")
    assert "(NEEDED)" in sh("readelf -dW $1", fr.FR), "the other one does"


def test_static_in_an_empty_root(unpacked, host, mounts):
    """Of all the world it has /proc and the recording, as on any system."""
    host.run("/bin/ls", "/", FR_TRIGGER="exit")
    root = host.path / "empty"
    (root / "proc").mkdir(parents=True)
    sh("cp $1/fr $2 $3", unpacked, host.snapshots()[0], root)
    out = sh("exec unshare -m bash -euc 'mount -t proc proc $1/proc; cd $1; r=(*.frd); "
             "chroot $1 /fr report $r; chroot $1 /fr decode $r' bash $1", root)
    assert "ls (pid" in out and "process.exit" in out or "thread.start" in out


def test_static_says_the_same(unpacked, full):
    """On recordings of every format, and one of today with symbols."""
    full.run(fr.TARGETS / "truth")
    recordings = full.snapshots()
    for packed in sorted((fr.TOP / "tests/golden").glob("*.xz")):
        recordings.append(full.path / packed.stem)
        sh("xz -dc $1 >$2", packed, recordings[-1])
    assert len(recordings) > 4
    for recording in recordings:
        for command in ("report", "events"):
            args = [command, "--json", recording]
            ours = subprocess.run([fr.FR, *args], capture_output=True, check=False,
                                  env={**os.environ, "FR_CACHE": "0"})
            its = subprocess.run([unpacked / "fr", *args], capture_output=True, check=False,
                                 env={**os.environ, "FR_CACHE": "0"})
            assert len(ours.stdout) > 300
            assert (its.returncode, its.stdout) == (ours.returncode, ours.stdout), recording


# ---- completion ----------------------------------------------------------------------------------

COMPLETE = """
source "$1"; shift
compopt() { :; }
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
_fr
printf '%s\\n' "${COMPREPLY[@]}"
"""


def tables():
    """{command: its long options}, as fr help says."""
    commands = re.findall(r"^  (\w+) ", sh("$1 help", fr.FR), re.M)
    return {c: set(re.findall(r"^  (?:-.,|   ) --([\w-]+)", sh("$1 help $2", fr.FR, c), re.M))
            for c in commands}


def test_bash_completes():
    def ask(*words):
        path = f"{fr.FR.parent}:{os.environ['PATH']}"
        return sh(COMPLETE, fr.O / "completion.bash", "fr", *words,
                  env={**os.environ, "PATH": path}).split()
    known = tables()
    assert len(known) >= 13 and "dir" in known["run"] and "json" in known["doctor"]
    assert set(known) <= set(ask(""))
    for command, options in known.items():
        assert set(ask(command, "--")) == {f"--{o}" for o in options} | {"--help"}, command
    assert ask("report", "--color", "a") == ask("report", "--color", "=", "a") == ["auto", "always"]
    assert ask("help", "doc") == ["doctor"]
    assert "slow=" in ask("ctl", "1", "sl")
    assert "/usr" in ask("run", "--output", "/us")
    assert "bash" in ask("run", "-m", "4M", "--", "bas") and "bash" in ask("run", "bas")
    assert "bash" in ask("doctor", "bas") and str(os.getpid()) in ask("doctor", str(os.getpid()))


def test_bash_completes_recordings(host):
    p = host.target("hang", "healthy")
    host.region(p)
    (host.cwd / "fr-x-1-1.frd").touch()
    (host.cwd / "other.txt").touch()
    env = {**host.env(recorded=False), "FR_DIR": str(host.dir),
           "PATH": f"{fr.FR.parent}:{os.environ['PATH']}"}
    out = sh(COMPLETE, fr.O / "completion.bash", "fr", "report", "", env=env, cwd=host.cwd).split()
    assert sorted(out) == sorted(["fr-x-1-1.frd", str(p.pid)])
    out = sh(COMPLETE, fr.O / "completion.bash", "fr", "snapshot", "", env=env, cwd=host.cwd).split()
    assert out == [str(p.pid)]


class Terminal:
    """An interactive shell at a terminal of its own."""

    def __init__(self, *shell, **env):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execvpe(shell[0], shell, {**os.environ, "TERM": "dumb", **env})
        self.seen = ""

    def says(self, text):
        """Waits until TEXT stands on the terminal; False when it does not in time."""
        end = time.monotonic() + fr.PATIENCE
        while text not in self.seen and time.monotonic() < end:
            if select.select([self.fd], [], [], 0.2)[0]:
                self.seen += os.read(self.fd, 65536).decode(errors="replace")
        return text in self.seen

    def type(self, keys):
        self.seen = ""
        os.write(self.fd, keys.encode())

    def close(self):
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.fd)


def test_zsh_completes(tmp_path):
    shutil.copy(fr.O / "completion.zsh", tmp_path / "_fr")
    t = Terminal(needs("zsh"), "-f", "-i", PATH=f"{fr.FR.parent}:{os.environ['PATH']}")
    try:
        t.type(f"fpath=({tmp_path} $fpath); autoload -U compinit; compinit -u -D; "
               "print READ''Y\n")
        assert t.says("READY"), t.seen
        for line, rest in (("fr snaps", "hot"), ("fr doctor --js", "on"), ("fr run --max-b", "ytes="),
                           ("fr ctl 1 trigger_m", "ax="), ("fr help doc", "tor"),
                           ("fr report --color=al", "ways")):
            t.type(f"{line}\t")
            assert t.says(line + rest), (line, t.seen)
            t.type("\x15")
    finally:
        t.close()


def test_bash_completes_at_a_terminal():
    """As it is loaded and used, with bash's own reading of the line."""
    t = Terminal("bash", "--norc", "-i", PATH=f"{fr.FR.parent}:{os.environ['PATH']}")
    try:
        t.type(f". {fr.O}/completion.bash; echo READ''Y\n")
        assert t.says("READY"), t.seen
        for line, rest in (("fr snaps", "hot "), ("fr doctor --js", "on "), ("fr ctl 1 trigger_m", "ax="),
                           ("fr report --color=al", "ways ")):
            t.type(f"{line}\t")
            assert t.says(line + rest), (line, t.seen)
            t.type("\x15")
    finally:
        t.close()


def test_fish_completes(tmp_path):
    def ask(line):
        out = sh("exec fish -N -c \"source $1; complete -C '$2'\"", fr.O / "completion.fish", line,
                 env={**os.environ, "HOME": str(tmp_path)})
        return {s.split("\t")[0] for s in out.splitlines()}
    needs("fish")
    known = tables()
    assert set(known) <= ask("fr ")
    for command in ("run", "events", "doctor"):
        assert {f"--{o}" for o in known[command]} <= ask(f"fr {command} --"), command
    assert ask("fr report --color ") == {"auto", "always", "never"}
    assert "slow=" in ask("fr ctl 1 sl") and "doctor" in ask("fr help do")


# ---- manual pages --------------------------------------------------------------------------------

@pytest.mark.parametrize("page", ["fr.1", "libfr.7"])
def test_manual_pages_are_well_formed(page):
    path = fr.O / page
    if shutil.which("mandoc"):
        assert sh("mandoc -T lint -W warning $1 2>&1", path) == ""
    if shutil.which("man"):
        assert sh("man --warnings -E UTF-8 -l -Tutf8 -Z $1 2>&1 >/dev/null", path) == ""
    text = path.read_text()
    assert not [s for s in text.splitlines() if s.startswith(("'", ". "))]


def test_libfr_7_has_what_the_tables_have():
    page = re.sub(r"\\f[BRI]", "", (fr.O / "libfr.7").read_text().replace("\\-", "-"))
    for table, row in (("config", r'^SETTING\(\w+, +"(FR_\w+)"'), ("hooks", r"^HOOK\(\d+, *(\w+), (?!RECORDER)"),
                       ("drops", r'^DROP\(\d+, *\w+, "(\w+)"'), ("triggers", r"^TRIGGER\(\d+, *(\w+)"),
                       ("places", r'^PLACE\(\d+, \w+, +"(\w+)"')):
        names = re.findall(row, (fr.TOP / f"preload/wire/{table}.def").read_text(), re.M)
        assert len(names) >= 5
        for name in names:
            assert re.search(rf"\b{name}\b", page), (table, name)


# ---- users, containers, systemd ------------------------------------------------------------------

def as_user(uid, *command):
    return ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", *map(str, command)]


def test_two_users(unpacked, open_dir, root):
    """Who made a recording reads it, and root; nobody else does, live, left or saved."""
    frx, out = unpacked / "fr", open_dir / "out"
    out.mkdir()
    os.chown(out, OTHER, OTHER)
    env = {k: v for k, v in os.environ.items() if not k.startswith("FR_")}
    p = subprocess.Popen(as_user(OTHER, frx, "run", "-q", "-o", out, "--", "sleep", "100"), env=env)
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
os.execve("/app/program", ["program", "healthy"], {"LD_PRELOAD": "/fr/libfr.so"})
"""

CONTAINER = r"""
root=$1 package=$2 program=$3 uid=$4
mount --make-rprivate /
mkdir -p "$root/proc" "$root/dev" "$root/app" "$root/fr" "$root/tmp"
cp "$program" "$root/app/program"
ldd "$program" | grep -o '/[^ ]*' | xargs -I{} cp --parents -L {} "$root"
mount --bind "$root" "$root"
mount -t tmpfs tmpfs "$root/fr"
cp "$package"/fr "$package"/libfr.so "$root/fr"    # what the init container does
mount -o remount,bind,ro "$root"
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
touch "$root/dev/null"
mount --bind /dev/null "$root/dev/null"
mkdir "$root/dev/shm"
mount -t tmpfs -o size=64m,mode=1777 tmpfs "$root/dev/shm"
exec unshare -p --fork /usr/bin/python3 -c "$ENTER" "$root" "$uid"
"""


def test_a_container_without_a_shell(unpacked, host, mounts):
    """libc and the program; read-only, /dev/shm of 64 MB, no name for the user: as distroless."""
    root = host.path / "root"
    root.mkdir()
    p = host.start("unshare", "-m", "bash", "-euc", CONTAINER, "bash", root, unpacked,
                   fr.TARGETS / "hang", OTHER, recorded=False, ENTER=ENTER)

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
        look_into(pid)
    finally:
        os.kill(pid, signal.SIGKILL)  # its parent's death would not


def look_into(pid):
    """From outside by PID, inside by its user, with what the init container copied."""
    info = fr.wait_for(lambda: subprocess.run([fr.FR, "info", "--json", str(pid)],
                                              capture_output=True, check=False).stdout, "its region")
    assert b'"region": "file"' in info
    regions = list(pathlib.Path(f"/proc/{pid}/root/dev/shm/fr-{OTHER}").glob("program-*.frr"))
    assert len(regions) == 1
    inside = ["nsenter", "-t", str(pid), "-m", "-p", "-r", f"-S{OTHER}", f"-G{OTHER}", "/fr/fr"]
    said = subprocess.run([*inside, "list"], capture_output=True, text=True, check=True).stdout
    assert "live" in said and f"/dev/shm/fr-{OTHER}/program-" in said
    said = sh("$1 doctor $2", fr.FR, pid)
    assert "its own root or mounts" in said and "glibc" in said


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
	fr report /run/fr-$name/*.frr 2>/dev/null | head -n 1
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
    r = subprocess.run([fr.TOP / "tests/boot", "bash", "-eu", "/boot-test/files/script"], timeout=90,
                       capture_output=True, text=True, check=False, cwd="/",
                       env={**os.environ, "UNITS": str(units), "FILES": str(files)})
    if r.returncode == 75:
        pytest.skip(r.stderr.strip())
    assert r.returncode == 0, r.stdout + r.stderr
    said = r.stdout
    for name in ("plain", "hard"):
        assert f"{name} active yes" in said
    assert said.count("stacks by libunwind, region in a file") == 2, said
    assert re.search(r"^recording +/run/fr-plain/.*\(live\)", said, re.M), said
    assert re.search(r"^recording +/run/private/fr-hard/.*\(live\)", said, re.M), said
    assert said.count("left 1\n") == 2 and said.count("left by a process that was killed") == 2, said
    assert "SIGUSR1 into /var/lib/fr-hard" in said
