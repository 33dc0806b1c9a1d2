# SPDX-License-Identifier: MIT
"""Programs whose loader cannot take libfr.so are started without it, and end as they do bare."""

import os
import shutil
import subprocess

import pytest

import fr

SOURCE = fr.TOP / "tests/targets/says_env.c"
STANDIN = fr.TOP / "tests/targets/standin_loader.c"
OTHER = "/lib/x86_64-linux-gnu/libm.so.6"


def build(path, *command, source=SOURCE):
    """Compiles says_env; a compiler or a library that is missing is a test skipped."""
    if not shutil.which(command[0]):
        pytest.skip(f"no {command[0]} here")
    done = subprocess.run([*command, "-o", path, source], capture_output=True, text=True,
                          check=False)
    if done.returncode != 0:
        pytest.skip(f"{' '.join(map(str, command))}: {done.stderr.splitlines()[-1:]}")
    return path


def standin(path):
    """A program whose PT_INTERP is a loader that nobody knows."""
    return build(path, "gcc", f"-Wl,--dynamic-linker={fr.TARGETS / 'standin_loader'}")


def libc_files():
    out = subprocess.run(["ldd", fr.TARGETS / "says_env"], capture_output=True, text=True,
                         check=True).stdout.split()
    return (next(os.path.realpath(w) for w in out if "/ld-" in w),
            next(os.path.realpath(w) for w in out if "/libc.so.6" in w))


def bundle(directory, old):
    """A program that brings its own glibc: the machine's, or one that lacks a version we need.

    It needs no such version itself: the old one's is standin_loader, which calls no library.
    """
    directory.mkdir()
    loader, libc = libc_files()
    shutil.copy(loader, directory / "ld.so")
    data = bytearray(open(libc, "rb").read())
    if old:  # the version is called otherwise: names, and the hash of the definition
        needed = max((v for v in versions() if v.startswith("GLIBC_2.")),
                     key=lambda v: [int(n) for n in v[6:].split(".")])
        hits = [i for i in range(len(data)) if data.startswith(elf_hash(needed), i)]
        assert hits, needed
        for i in hits:
            data[i:i + 4] = bytes(4)
    (directory / "libc.so.6").write_bytes(data)
    alone = ["-nostdlib", "-fno-stack-protector", "-pie"] if old else []
    return build(directory / "program", "gcc", *alone, "-Wl,-rpath,"
                 f"{directory},--disable-new-dtags,--dynamic-linker={directory / 'ld.so'}",
                 source=STANDIN if old else SOURCE)


def versions():
    out = subprocess.run(["readelf", "-V", fr.LIB], capture_output=True, text=True,
                         check=True).stdout
    return [w for line in out.splitlines() if "Name: GLIBC_" in line for w in line.split()
            if w.startswith("GLIBC_")]


def elf_hash(name):
    h = 0
    for c in name.encode():
        h = (h << 4) + c
        h = (h ^ ((h & 0xF0000000) >> 24)) & 0x0FFFFFFF
    return h.to_bytes(4, "little")


def script(path, interpreter):
    path.write_text(f"#! {interpreter}\n")
    path.chmod(0o755)
    return path


def direct(path):
    """A script that calls musl's loader with a program."""
    musl = build(path.with_suffix(".musl"), "musl-gcc")
    path.write_text(f"#!/bin/sh\nexec /lib/ld-musl-x86_64.so.1 {musl} a\n")
    path.chmod(0o755)
    return path


UNFIT = {
    "musl": lambda p: build(p, "musl-gcc"),
    "musl-script": lambda p: script(p, build(p.with_suffix(".interp"), "musl-gcc")),
    "script-of-script": lambda p: script(p, script(p.with_suffix(".s"), build(
        p.with_suffix(".interp"), "musl-gcc"))),
    "musl-loader": direct,
    "i386": lambda p: build(p, "gcc", "-m32"),
    "standin": standin,
}
FIT = {
    "plain": lambda p: build(p, "gcc"),
    "script": lambda p: script(p, build(p.with_suffix(".interp"), "gcc")),
    "static": lambda p: build(p, "gcc", "-static"),
    "static-pie": lambda p: build(p, "gcc", "-static-pie"),
    "own-loader": lambda p: bundle(p.with_suffix(".d"), old=False),
}


def run(host, program, *args, **env):
    """targets/starts on PROGRAM: bare and recorded; lines and errors."""
    path = f"{program.parent}:/usr/bin:/bin"
    variables = {"PATH": path, **{f"T_{i}": "x" * 30 for i in range(40)}}
    runs = []
    for recorded in (False, True):
        p = host.start(fr.TARGETS / "starts", program, *args, recorded=recorded,
                       **{**variables, **(env if recorded else {})})
        assert p.code() == 0, (p.lines[-3:], p.stderr())
        runs.append(p)
    return runs


@pytest.mark.parametrize("kind", UNFIT)
def test_unfit_programs_run_as_bare(host, kind):
    """Every form of exec and spawn, from every place: the same output, status and errors."""
    program = UNFIT[kind](host.path / "program")
    bare, p = run(host, program)
    assert p.lines[:-1] == bare.lines[:-1]
    assert p.lines[-1] == "environment kept: 1", "the host's own environment is not touched"
    assert len([line for line in p.lines if "preload=(none)" in line]) == 112
    assert p.stderr() == bare.stderr() == ""


@pytest.mark.parametrize("kind", UNFIT)
def test_when_nothing_is_recorded(host, kind):
    """FR_ONLY leaves the host out, FR_EVENTS=off records nothing: the child is safe there too."""
    program = UNFIT[kind](host.path / "program")
    for settings in ({"FR_ONLY": "nobody"}, {"FR_EVENTS": "off"}):
        bare, p = run(host, program, **settings)
        assert p.lines[:-1] == bare.lines[:-1]
        assert p.stderr() == ""


def test_older_glibc(host):
    """A loader with a libc.so.6 beside it that lacks a version we need."""
    program = bundle(host.path / "old", old=True)
    alone = host.start(program, recorded=True)
    assert alone.code() != 7, "with us this libc does not start: else nothing is shown here"
    bare, p = run(host, program)
    assert p.lines[:-1] == bare.lines[:-1]
    assert p.stderr() == bare.stderr() == ""


@pytest.mark.parametrize("kind", FIT)
def test_fit_programs_keep_us(host, kind):
    program = FIT[kind](host.path / "program")
    bare, p = run(host, program)
    assert p.lines[:-1] == [line.replace("preload=(none)", f"preload={fr.LIB}")
                            for line in bare.lines[:-1]]
    assert p.stderr() == bare.stderr() == ""


@pytest.mark.parametrize("preload,left", [
    (f"{OTHER}:{fr.LIB}", OTHER), (f"{fr.LIB} {OTHER}", OTHER), (f"{fr.LIB}::{fr.LIB}", "(none)"),
    (f"{OTHER}:{fr.LIB}:/no/libfr.so:libc.so.6", f"{OTHER}:/no/libfr.so:libc.so.6"),
    (f"{fr.LIB}:{fr.LIB.parent}/../{fr.LIB.parent.name}/libfr.so", "(none)"),
])
def test_other_components_stay(host, preload, left):
    """Only we are cut out, under whatever name; the others keep their order."""
    program = standin(host.path / "program")
    _, p = run(host, program, LD_PRELOAD=preload)
    said = {line for line in p.lines if line.startswith("stand-in")}
    assert said == {f"stand-in preload={left}"}


def test_environment_without_us(host):
    """The host has taken LD_PRELOAD out itself: nothing to do, in any form."""
    program = standin(host.path / "program")
    bare, p = run(host, program, "unset")
    assert p.lines == bare.lines


def test_many_variables(host):
    """An environment that no small stack has room for."""
    program = standin(host.path / "program")
    big = {f"T_BIG{i}": "y" for i in range(3000)}
    bare, p = run(host, program, **big)
    assert [line for line in p.lines[:-2] if line.startswith("stand-in")] == \
        [line for line in bare.lines[:-2] if line.startswith("stand-in")]
    assert "more mappings: 0" in p.lines, "a vfork child leaves nothing in its parent"


def test_it_is_said(host):
    """FR_VERBOSE names the program that nobody records."""
    program = standin(host.path / "program")
    _, p = run(host, program, FR_VERBOSE=1)
    assert f"fr: not recorded, its loader cannot take libfr.so: {program}" in p.stderr()


def test_bad_environment(host):
    """Pointers that lead nowhere: EFAULT, as bare."""
    script_ = ("import ctypes\n"
               "libc = ctypes.CDLL(None, use_errno=True)\n"
               "argv = (ctypes.c_char_p * 2)(b'x', None)\n"
               "bad = (ctypes.c_void_p * 3)(16, 8, None)\n"
               "for env in (8, 1 << 46, ctypes.addressof(bad)):\n"
               "    rc = libc.execve(b'/bin/true', argv, ctypes.c_void_p(env))\n"
               "    print(rc, ctypes.get_errno(), flush=True)\n"
               "print(libc.execve(ctypes.c_void_p(16), argv, None), ctypes.get_errno())\n")
    bare = host.run("/usr/bin/python3", "-c", script_, recorded=False)
    p = host.run("/usr/bin/python3", "-c", script_)
    assert p.lines == bare.lines and len(p.lines) == 4
