# SPDX-License-Identifier: MIT
"""Other allocators and other preloads, before us, behind us and linked in; ourselves twice."""

import pathlib
import shutil
import subprocess
import time

import pytest

import fr
import oracle

ALLOCATORS = {"jemalloc": "libjemalloc.so.2", "tcmalloc": "libtcmalloc_minimal.so.4",
              "mimalloc": "libmimalloc.so.2"}
OTHERS = {"eatmydata": "libeatmydata.so", "faketime": "faketime/libfaketimeMT.so.1"}
WORK = 4 * 300  # rounds of all threads of mistakes.c


def library(name):
    found = sorted(pathlib.Path("/usr/lib").glob(f"*/{name}"))
    return found[0] if found else pytest.skip(f"needs {name}")


def recording_of(host, program, *preloads, **settings):
    """The truth it printed is the same; what was recorded of it."""
    preload = ":".join(map(str, preloads))
    bare = host.run(program, recorded=False)
    p = host.run(program, LD_PRELOAD=preload, **settings)
    assert p.lines == bare.lines and p.stderr() == "", p.stderr()
    return host.snapshot(p)


def counts(recording):
    events = fr.read("events", recording, ok=(0, 3))
    oracle.check(events)
    assert any("work" in fr.names(e.get("stack")) for e in events)
    return {name: sum(e["event"] == name for e in events)
            for name in ("mem.alloc", "mem.realloc", "net.send", "net.recv")}


def coverage(recording):
    return fr.fr("info", recording, ok=(0, 3)).out


@pytest.mark.parametrize("name", ALLOCATORS)
@pytest.mark.parametrize("place", ["before", "behind", "linked"])
def test_allocators(full, name, place):
    """In front of us an allocator hides its calls, and the recording says so."""
    other = library(ALLOCATORS[name])
    program = fr.TARGETS / "mistakes"
    preloads = {"before": [other, fr.LIB], "behind": [fr.LIB, other], "linked": [fr.LIB]}[place]
    if place == "linked":
        program = full.cwd / "linked"
        subprocess.run(["gcc", "-g", "-w", "-D_GNU_SOURCE", "-pthread", "-o", program,
                        fr.TOP / "tests/targets/mistakes.c", "-Wl,--no-as-needed", other],
                       check=True)
    recording = recording_of(full, program, *preloads)
    seen = counts(recording)
    assert seen["net.send"] == seen["net.recv"] == WORK
    if place == "before":
        assert seen["mem.alloc"] == seen["mem.realloc"] == 0
        assert "memory is not seen" in coverage(recording)
        assert ALLOCATORS[name] in coverage(recording)
    else:
        assert seen["mem.alloc"] >= WORK and seen["mem.realloc"] == WORK
        assert f"malloc={ALLOCATORS[name]}" in coverage(recording)
        assert "memory is not seen" not in coverage(recording)


@pytest.mark.parametrize("name", OTHERS)
@pytest.mark.parametrize("first", [True, False])
def test_other_preloads(full, name, first):
    other = library(OTHERS[name])
    preloads = [fr.LIB, other] if first else [other, fr.LIB]
    began = time.time()
    recording = recording_of(full, fr.TARGETS / "mistakes", *preloads, FAKETIME="-10d")
    seen = counts(recording)
    info = fr.read("info", recording, ok=(0, 3))
    for real_ns in (info["header"]["start_real_ns"], info["trigger"]["real_ns"]):
        assert began - 1 < real_ns / 1e9 < time.time() + 1, "not the machine's time but the host's"
    assert seen["net.send"] == seen["net.recv"] == WORK
    assert seen["mem.realloc"] >= WORK  # libfaketime has one of its own


def test_listed_twice(full):
    recording = recording_of(full, fr.TARGETS / "mistakes", fr.LIB, fr.LIB)
    assert counts(recording)["net.recv"] == WORK and len(full.snapshots()) == 1


def test_two_copies(full):
    """Two recorders, as after an update that left the old path in a configuration: both work."""
    shutil.copy(fr.LIB, full.cwd / "libfr-old.so")
    recording_of(full, fr.TARGETS / "mistakes", fr.LIB, full.cwd / "libfr-old.so")
    assert len(full.snapshots()) == 2
    for recording in full.snapshots():
        assert fr.read("report", recording, ok=(0, 3))["events"] >= 4 * WORK
