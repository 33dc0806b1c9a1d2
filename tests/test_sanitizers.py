# SPDX-License-Identifier: MIT
"""Hosts built with a sanitizer, and hosts under valgrind: they say what they say without us."""

import re
import shutil
import subprocess

import pytest

import fr
import oracle
from conftest import needs

# compiler, flags, is it recorded: not where the sanitizer would take our races for the host's
BUILDS = {
    "asan": ("gcc", "-fsanitize=address", True),
    "asan-static": ("gcc", "-fsanitize=address -static-libasan", False),
    "asan-clang": ("clang", "-fsanitize=address", True),
    "lsan": ("gcc", "-fsanitize=leak", False),
    "ubsan": ("gcc", "-fsanitize=undefined", True),
    "tsan": ("gcc", "-fsanitize=thread", False),
    "tsan-static": ("gcc", "-fsanitize=thread -static-libtsan", False),
    "tsan-clang": ("clang", "-fsanitize=thread", False),
    "msan-clang": ("clang", "-fsanitize=memory", False),
}
MISTAKES = ["none", "freed", "leak", "race", "null"]
SOURCE = "tests/targets/mistakes.c"


def build(name, path):
    compiler, flags, _ = BUILDS[name]
    if not shutil.which(compiler):
        pytest.skip(f"needs {compiler}")
    r = subprocess.run([compiler, "-g", "-w", "-D_GNU_SOURCE", "-pthread", *flags.split(), "-o",
                        path / name, fr.TOP / SOURCE], capture_output=True, text=True, check=False)
    if r.returncode != 0 and "cannot find" in r.stderr:
        pytest.skip(f"needs the runtime of {compiler} {flags}")
    assert r.returncode == 0, r.stderr
    return path / name


def verdict(p):
    """How it ended, what it printed, and which mistakes were reported where."""
    mistakes = re.findall(r"^SUMMARY: (.*)$", p.stderr(), re.M)
    return p.code(), p.lines, set(mistakes), "libfr.so" in p.stderr()


@pytest.mark.parametrize("name", BUILDS)
def test_reports_what_it_reports_without_us(full, name):
    program = build(name, full.cwd)
    recorded = BUILDS[name][2]
    for mistake in MISTAKES:
        bare = full.start(program, mistake, recorded=False)
        bare.wait()
        p = full.start(program, mistake)
        p.wait()
        assert verdict(p) == verdict(bare), f"{mistake}: {bare.stderr()}\n---\n{p.stderr()}"
        if p.code() == 0 and mistake == "none":
            assert p.stderr() == bare.stderr() == ""
            assert len(full.snapshots(p.pid)) == recorded
    if "asan" in name:
        assert "heap-use-after-free" in full.run(program, "freed", code=1).stderr()
    if "tsan" in name:
        assert "data race" in full.run(program, "race", code=66).stderr()


def test_what_a_recording_of_an_asan_host_says(full):
    program = build("asan", full.cwd)
    recording = full.snapshot(full.run(program))
    events = fr.read("events", recording)
    oracle.check(events)
    assert sum(e["event"] == "net.recv" for e in events) == 4 * 300
    assert {e["event"] for e in events if e["event"].startswith("mem.")} <= {"mem.map", "mem.unmap"}
    assert any("work" in fr.names(e.get("stack")) for e in events)
    assert "neither memory nor crashes are recorded" in fr.fr("info", recording).out


def test_why_a_tsan_host_is_not_recorded(full):
    p = full.run(build("tsan", full.cwd), FR_VERBOSE=1)
    assert p.stderr() == "fr: a sanitizer watches this program: not recording\n"
    assert not full.snapshots() and not full.regions()


@pytest.mark.parametrize("tool,mistake", [
    ("memcheck", "none"), ("memcheck", "freed"), ("memcheck", "leak"),
    ("helgrind", "none"), ("helgrind", "race"), ("drd", "race")])
def test_valgrind(full, tool, mistake):
    """valgrind itself is static: it is its guest that we are preloaded into."""
    recorded = tool == "memcheck"  # the others would take our races for the guest's
    command = [needs("valgrind"), "-q", f"--tool={tool}", "--error-exitcode=9",
               *(["--leak-check=full"] if tool == "memcheck" else []),
               fr.TARGETS / "mistakes", mistake]
    said = []
    for how in (False, True):
        p = full.start(*command, recorded=how)
        p.wait(timeout=120)
        errors = re.findall(r"mistakes\.c:\d+", p.stderr())
        said.append((p.code(), p.lines, errors, "libfr.so" in p.stderr()))
    assert said[0] == said[1], p.stderr()
    assert len(full.snapshots()) == recorded
    if recorded:
        recording = full.snapshots()[0]
        assert fr.read("report", recording)["process"]["pid"] == p.pid
        oracle.check(fr.read("events", recording))
