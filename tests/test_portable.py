# SPDX-License-Identifier: MIT
"""One libfr.so for every glibc from 2.17 on, whoever builds it, by whatever compiler and flags."""

import functools
import os
import pathlib
import re
import shutil
import subprocess

import pytest

import fr
from test_unwinder import standin

OLDEST = (2, 17)
# What a packager's environment may hold; each of these would undo something if it came last.
HARDENED = {
    "CFLAGS": "-g0 -O0 -fstack-protector-strong -fstack-clash-protection -flto=auto -fexceptions "
              "-ftls-model=global-dynamic -fvisibility=default -fomit-frame-pointer "
              "-Wformat -Werror=format-security",
    "CPPFLAGS": "-D_FORTIFY_SOURCE=2 -D_FILE_OFFSET_BITS=64 -Wdate-time",
    "LDFLAGS": "-Wl,-z,relro -Wl,-z,lazy -Wl,--as-needed -flto=auto",
}


def out(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def required(lib):
    """The versions of glibc that LIB does not load without."""
    return {w for line in out("readelf", "-W", "-V", lib).splitlines() if "Name: GLIBC" in line
            for w in line.split() if w.startswith("GLIBC_")}


def symbols(lib):
    """(name with its version, whether it is defined) of the dynamic table."""
    rows = [line.split() for line in out("readelf", "-W", "--dyn-syms", lib).splitlines()]
    return {(row[7], row[6] != "UND") for row in rows if len(row) >= 8 and row[0][:-1].isdigit()}


def hooks(lib):
    return {name for name, defined in symbols(lib) if defined}


def loads_everywhere(lib):
    versions = required(lib)
    assert versions, "it needs libc: else nothing was read"
    new = {v for v in versions if not re.fullmatch(r"GLIBC_\d+(\.\d+)+", v) or
           tuple(map(int, v[6:].split("."))) > OLDEST}
    assert not new
    needed = set(re.findall(r"NEEDED.*\[(.*)\]", out("readelf", "-d", lib)))
    assert "libc.so.6" in needed
    assert not {n for n in needed if n != "libc.so.6" and not n.startswith("ld-linux")}


def built(directory, *arguments, what="libfr.so", **env):
    """`make` with warnings as errors, in a directory of its own; its libfr.so."""
    done = subprocess.run(["make", "-s", "-j2", "-C", fr.TOP, f"O={directory}", "CI=1", *arguments,
                           directory / what], capture_output=True, text=True, check=False,
                          env={**os.environ, **env})
    assert done.returncode == 0, done.stdout[-500:] + done.stderr[-3000:]
    assert "warning" not in done.stderr, done.stderr[-3000:]
    return directory / "libfr.so"


def test_needs_no_version_newer_than_the_oldest():
    loads_everywhere(fr.LIB)


def test_flags_of_a_packager_undo_nothing(host, tmp_path):
    """dpkg-buildflags and worse: what the recorder must be, it stays."""
    lib = built(tmp_path / "o", **HARDENED)
    assert hooks(lib) == hooks(fr.LIB)
    loads_everywhere(lib)
    table = out("readelf", "-W", "-s", lib)
    assert table.count("__stack_chk_fail") == 0
    assert "__tls_get_addr" not in table and "gcc_personality" not in table
    called = {name.split("@")[0] for name, defined in symbols(lib) if not defined}
    assert not {name for name in called if name.endswith("_chk")}
    flags = out("readelf", "-d", lib)
    assert "INITFIRST" in flags and "NODELETE" in flags and "NOW" in flags
    p = host.run(fr.TARGETS / "weakly", LD_PRELOAD=lib, FR_KEEP=1)
    assert p.lines[-1] == '{"end":1}' and host.regions()


@pytest.mark.parametrize("compiler", ["clang"])
def test_another_compiler(host, tmp_path, compiler):
    """No warning, the same names with the same versions (those of libssl too), and it records."""
    if not shutil.which(compiler):
        pytest.skip(f"no {compiler} here")
    lib = built(tmp_path / "o", f"CC={compiler}", "CFLAGS=-g0 -O0")
    assert hooks(lib) == hooks(fr.LIB)
    assert {"SSL_read@OPENSSL_1_1_0", "SSL_read@OPENSSL_3.0.0"} <= hooks(lib)
    loads_everywhere(lib)
    p = host.run(fr.TARGETS / "weakly", LD_PRELOAD=lib, FR_KEEP=1)
    assert p.lines[-1] == '{"end":1}' and host.regions()


@functools.lru_cache(maxsize=None)
def compilers():
    """gcc-N and clang-N, and the newest of them, as they are installed here."""
    found = sorted(pathlib.Path("/usr/bin").glob("gcc-[0-9]*")) + \
        sorted(pathlib.Path("/usr/bin").glob("clang-[0-9]*"))
    return [p.name for p in found if re.fullmatch(r"(gcc|clang)-\d+", p.name)]


@pytest.mark.parametrize("compiler", compilers())
def test_every_compiler_without_warnings(tmp_path, long, compiler):
    """Recorder and decoder; `scripts/setup compilers` installs all that the release has."""
    if not long:
        pytest.skip("long form only")
    built(tmp_path / "o", f"CC={compiler}", what="fr")
    lib = built(tmp_path / "o", f"CC={compiler}")
    assert hooks(lib) == hooks(fr.LIB)
    loads_everywhere(lib)


def test_what_this_libc_lacks(host):
    """A program that looks before it calls: with us it finds more, and none of that kills it."""
    bare = host.run(fr.TARGETS / "weakly", recorded=False)
    p = host.run(fr.TARGETS / "weakly", FR_EVENTS="full")
    assert p.code() == 0 and p.lines[-1] == '{"end":1}'
    for line in p.lines:
        assert line in bare.lines or line.endswith('"lacking"}') or \
            line in ('{"once":1}', '{"thread":7}', '{"sem":0}'), line


def test_libunwind_beside_libfr(full, tmp_path):
    """Before the system's: a directory holds both, as a package may."""
    lib = tmp_path / "private/libfr.so"
    lib.parent.mkdir()
    shutil.copy(fr.LIB, lib)
    (lib.parent / "libunwind.so.8").symlink_to(
        fr.TARGETS / "plugins/stranger/libunwind.so.8")
    p = full.run(fr.TARGETS / "unwound", LD_PRELOAD=lib, **standin("", "."))
    assert p.lines[-1] == '{"end":1}'
    notes = fr.read("info", full.snapshot(p))["notes"]
    assert [n for n in notes if f"{lib.parent}/libunwind.so.8 calls getppid" in n], notes
