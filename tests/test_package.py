# SPDX-License-Identifier: MIT
"""What scripts/package builds, installed and used: the Debian package, the archive, static fr."""

import os
import subprocess

import fr
from conftest import needs


# ---- the package ---------------------------------------------------------------------------------

def test_lintian_has_nothing_to_say(packages):
    out = subprocess.run([needs("lintian"), "--allow-root", packages[0]], capture_output=True,
                         text=True, check=False).stdout
    assert out == ""


def test_the_same_tree_gives_the_same_bytes(packages):
    before = [p.read_bytes() for p in packages]
    fr.sh("rm $1 $2; O=$3 $4/scripts/package", *packages, fr.O, fr.TOP)
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
dpkg --no-triggers -i /fr.deb >/dev/null 2>&1
cd /tmp
echo "which $(command -v fr)"
fr run --trigger exit -o /tmp/rec -- /bin/ls / >/dev/null
fr info /tmp/rec/fr-ls-*.frd | sed -n 's/^process /process/p'
fr doctor | sed -n 's/ ok   libfr.so/lib/p'
echo "man $(man -w fr) $(man -w 7 libfr)"
echo "pc $(pkg-config --modversion fr) $(pkg-config --variable=libdir fr)"
echo '#include <fr.h>' | gcc -x c $(pkg-config --cflags fr) -fsyntax-only - && echo compiles
bash -c 'for f in /usr/share/bash-completion/completions/fr; do . $f; complete -p fr; done'
systemd-analyze --version >/dev/null 2>&1 && cat /usr/share/fr/fr.conf | grep -o 'LD_PRELOAD=.*'
dpkg -L fr | while read f; do [ ! -f "$f" ] || echo "$f"; done >/files
dpkg --no-triggers -r fr >/dev/null 2>&1
while read f; do [ ! -e "$f" ] || echo "left: $f"; done </files
END
chroot "$work/root" /bin/bash /inside
"""


def test_installed_and_removed(packages, tmp_path, mounts):
    out = fr.sh("exec unshare -m bash -euc \"$1\" bash \"${@:2}\"", INSTALLED, tmp_path,
                packages[0], fr.TOP)
    said = out.splitlines()
    assert "which /usr/bin/fr" in said
    assert any(s.split()[0] == "process" and "/ls" in s for s in said), out
    assert any(s.split() == ["lib", "/usr/lib/fr/libfr.so"] for s in said), out
    assert "man /usr/share/man/man1/fr.1.gz /usr/share/man/man7/libfr.7.gz" in said
    assert "compiles" in said and "complete -F _fr fr" in said
    assert "pc 0.1.0 /usr/lib/fr" in said
    assert "LD_PRELOAD=/usr/lib/fr/libfr.so" in said
    assert "left" not in out


def test_a_libdir_far_away(tmp_path):
    """fr knows where make install has put the library, wherever that is."""
    out, dest = tmp_path / "build", tmp_path / "prefix"
    out.mkdir()
    fr.sh("cp -a $1/decoder $1/preload $1/fr $1/libfr.so $1/libdir $2", fr.O, out)
    fr.sh("make -s -C $1 O=$2 PREFIX=$3 LIBDIR=$4/odd install", fr.TOP, out, dest, tmp_path)
    text = fr.sh("$1/bin/fr doctor", dest)
    assert f"{tmp_path}/odd/libfr.so" in text and not (dest / "lib/fr").exists()
    fr.sh("make -s -C $1 O=$2 PREFIX=$3 install", fr.TOP, out, dest)
    assert f"{dest}/lib/fr/libfr.so" in fr.sh("$1/bin/fr doctor", dest)
    fr.sh("make -s -C $1 O=$2 PREFIX=$3 uninstall", fr.TOP, out, dest)
    assert [f for f in dest.rglob("*") if f.is_file()] == []


# ---- the archive ---------------------------------------------------------------------------------

def test_used_from_anywhere(unpacked, tmp_path):
    """From another directory, by a link, as another user: the library is the one beside it."""
    link = tmp_path / "fr"
    link.symlink_to(unpacked / "fr")
    for command in (unpacked / "fr", link):
        fr.sh("cd / && $1 run --trigger exit -o $2 -- ls / >/dev/null && "
              "$1 report $2/*.frd && rm $2/*",
           command, tmp_path / "rec")
        assert f"{unpacked}/libfr.so" in fr.sh("$1 doctor", command)
    assert fr.sh("PKG_CONFIG_PATH=$1/pkgconfig pkg-config --cflags fr", unpacked).strip().endswith(
        "moved/pkgconfig/../include")


def test_static_needs_nothing(unpacked):
    headers = fr.sh("readelf -lW $1", unpacked / "fr")
    assert "INTERP" not in headers and "NEEDED" not in fr.sh("readelf -dW $1", unpacked / "fr")
    assert "(NEEDED)" in fr.sh("readelf -dW $1", fr.FR), "the other one does"


def test_static_in_an_empty_root(unpacked, host, mounts):
    """Of all the world it has /proc and the recording, as on any system."""
    host.run("/bin/ls", "/", FR_TRIGGER="exit")
    root = host.path / "empty"
    (root / "proc").mkdir(parents=True)
    fr.sh("cp $1/fr $2 $3", unpacked, host.snapshots()[0], root)
    out = fr.sh("exec unshare -m bash -euc 'mount -t proc proc $1/proc; cd $1; r=(*.frd); "
             "chroot $1 /fr report $r; chroot $1 /fr decode $r' bash $1", root)
    assert "ls (pid" in out and "process.exit" in out or "thread.start" in out


def test_static_says_the_same(unpacked, full):
    """On recordings of every format, and one of today with symbols."""
    full.run(fr.TARGETS / "truth")
    recordings = full.snapshots()
    for packed in sorted((fr.TOP / "tests/golden").glob("*.xz")):
        recordings.append(full.path / packed.stem)
        fr.sh("xz -dc $1 >$2", packed, recordings[-1])
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
