# SPDX-License-Identifier: MIT
"""Locks that are not pthread's, by name: who waits in them is told so, who holds them where it
follows, and where it does not nothing is called healthy."""

import shutil
import subprocess
import time

import pytest

import fr

SOURCES = fr.TOP / "tests/targets/primitives"
CXX = ["g++", "-g", "-O1", "-std=c++20", "-fPIC", "-pthread"]
# How each is built, and the package that its flags are those of.
LIBRARIES = {
    "rust.rs": (["rustc", "-g", "-O"], None), "cxx20.cc": (CXX, None),
    "glib.cc": (CXX, "glib-2.0"), "qt.cc": (CXX, "Qt5Core"),
    "absl.cc": (CXX, "absl_synchronization"),
}
LOCKS = {"Rust std::sync::Mutex", "Rust std::sync::RwLock", "Rust std::sync::Once", "QMutex",
         "GLib GMutex", "GLib bit lock", "absl::Mutex", "lock upon std::atomic::wait",
         "initialization of a static variable (C++)"}
# Who has waited for one of these and not given it back has it.
EXCLUSIVE = ["rust.rs", "glib.cc", "qt.cc"]


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    out = tmp_path_factory.mktemp("primitives")

    def build(source):
        command, package = LIBRARIES[source]
        program = out / source.partition(".")[0]
        if not shutil.which(command[0]):
            pytest.skip(f"no {command[0]}")
        flags = ""
        if package:
            r = subprocess.run(["pkg-config", "--cflags", "--libs", package], check=False,
                               capture_output=True, text=True)
            if r.returncode:
                pytest.skip(f"no {package}")
            flags = r.stdout
        if not program.exists():
            subprocess.run([*command, "-o", program, SOURCES / source, *flags.split()], check=True)
        return program

    return build


def hung(host, built, source, how, n):
    """The program with N threads that have said where they wait, once all of them do."""
    p = host.start(built(source), how)
    said = {}
    while len(said) < n:
        line = p.truth("primitive")
        said[line["tid"]] = line["primitive"]
    for tid in said:
        fr.wait_for(lambda t=tid: fr.task_syscall(p.pid, t) in (202, 98), f"the wait of {tid}")
    blocked = time.monotonic()
    fr.wait_for(lambda: time.monotonic() > blocked + 1.1, "the waits to be a second old")
    return p, said


@pytest.mark.parametrize("source,n", [("rust.rs", 6), ("cxx20.cc", 6), ("glib.cc", 3),
                                      ("qt.cc", 2), ("absl.cc", 5)])
def test_each_by_name(host, built, source, n):
    p, said = hung(host, built, source, "zoo", n)
    recording = host.ask(p)
    threads = {t["tid"]: t for t in fr.read("threads", recording)}
    for tid, primitive in said.items():
        on = threads[tid]["on"]
        assert on and on["primitive"] == primitive, (primitive, threads[tid])
        assert on["kind"] == ("lock" if primitive in LOCKS else "futex"), on
    report = fr.read("report", recording)
    stuck = {t for f in fr.findings(report, "stuck-thread") for t in f["threads"]}
    assert stuck == {t for t, primitive in said.items() if primitive in LOCKS}, report
    assert {r["rule"] for r in report["na"]} >= {"deadlock", "self-deadlock"}, report["na"]
    assert not fr.findings(report, "deadlock") and not fr.findings(report, "self-deadlock")
    text = fr.fr("threads", recording).out
    assert "its holder is not known" in text and "running or runnable" not in text, text


@pytest.mark.parametrize("source", EXCLUSIVE)
def test_deadlock_of_those_that_waited(host, built, source):
    p, said = hung(host, built, source, "waited", 2)
    report = fr.read("report", host.ask(p))
    f = report["findings"][0]
    assert f["rule"] == "deadlock" and sorted(f["threads"][:2]) == sorted(said), report["findings"]
    assert len([s for s in f["stacks"] if "take_second" in names(s)]) == 2, f["stacks"]
    assert len([s for s in f["stacks"] if names(s)[0] == "take_first" or
                "take_first" in names(s) and "take_second" not in names(s)]) == 2, f["stacks"]


@pytest.mark.parametrize("source", LIBRARIES)
def test_deadlock_of_locks_that_were_free(host, built, source):
    """Who has them nobody wrote down: both threads hang, and that is said, but no cycle."""
    p, said = hung(host, built, source, "fresh", 2)
    report = fr.read("report", host.ask(p))
    assert not fr.findings(report, "deadlock"), report["findings"]
    assert "deadlock" in {r["rule"] for r in report["na"]}, report
    stuck = fr.findings(report, "stuck-thread")
    assert sorted(t for f in stuck for t in f["threads"]) == sorted(said), report["findings"]
    assert report["findings"][0]["rule"] == "stuck-thread", report["findings"]
    for primitive in said.values():
        assert all(primitive in f["title"] for f in stuck), stuck


@pytest.mark.parametrize("source", EXCLUSIVE)
def test_the_same_lock_again(host, built, source):
    p, said = hung(host, built, source, "again", 1)
    report = fr.read("report", host.ask(p))
    f = report["findings"][0]
    assert f["rule"] == "self-deadlock" and f["threads"][:1] == list(said), report["findings"]


@pytest.mark.parametrize("source", EXCLUSIVE)
def test_held_over_a_sleep(host, built, source):
    p = host.run(built(source), "hot", FR_TRIGGER="exit")
    report = fr.read("report", host.snapshots(p.pid)[0])
    f = report["findings"][0]
    assert f["rule"] == "lock-held-across-blocking-call", report["findings"]
    assert any("hold_long" in names(s) for s in f["stacks"]), f["stacks"]
    waits = [w for w in report["waits"] if w["kind"] == "lock"]
    assert waits and sum(w["total_ns"] for w in waits) > 1e8, report["waits"]
    assert not fr.findings(report, "deadlock") + fr.findings(report, "stuck-thread")


def names(stack):
    return [n.rpartition("::")[2] for n in map(str, fr.names(stack))]
