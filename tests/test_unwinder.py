# SPDX-License-Identifier: MIT
"""libunwind as it may become: what is not known of it costs stacks, never the host.

It is loaded where it is asked for: by FR_UNWIND, or for FR_VERIFY_STACKS."""

import ctypes.util
import signal
import subprocess

import pytest

import fr

PLUGINS = fr.TARGETS / "plugins"
CHAIN = ["inner", "outer"]


def system_library():
    """The path of the libunwind that is installed."""
    name = ctypes.util.find_library("unwind") or pytest.skip("needs libunwind")
    listing = subprocess.run(["/sbin/ldconfig", "-p"], capture_output=True, text=True, check=True)
    return next(line.split(" => ")[1] for line in listing.stdout.splitlines()
                if line.split()[:1] == [name])


def standin(habit, where="standin"):
    """Settings under which the recorder finds a library with this habit."""
    return {"FR_UNWIND": "libunwind", "LD_LIBRARY_PATH": PLUGINS / where, "STANDIN": habit, "STANDIN_REAL": system_library()}


def truth(p):
    return [line for line in p.lines if "status" not in line]


def lived(full, habit, *args, where="standin", **how):
    """What fr info says of a host that lived and said the same as without the recorder."""
    bare = full.run(fr.TARGETS / "unwound", *args, recorded=False)
    p = full.run(fr.TARGETS / "unwound", *args, **standin(habit, where), **how)
    assert truth(p) == truth(bare)
    assert truth(p)[-1] == '{"end":1}'
    recording = full.snapshot(p)
    sockets = [e for e in fr.read("events", recording) if e["event"] == "net.socket"]
    assert len(sockets) == 41
    for e in sockets:
        assert fr.names(e["stack"])[:2] == CHAIN, (habit, e)
    return fr.read("info", recording), p


def said(info, *words):
    """The only note of the recorder that has all the words."""
    notes = [n for n in info["notes"] if all(w in n for w in words)]
    assert len(notes) == 1, (words, info["notes"])
    return notes[0]


def test_one_that_behaves(full):
    info, _ = lived(full, "")
    assert info["header"]["unwind"] == "libunwind"
    assert not [n for n in info["notes"] if "libunwind.so" in n]


@pytest.mark.parametrize("habit, why", [
    ("syscall", "a system call that is not known"), ("crash", "SIGSEGV"), ("illegal", "SIGILL"),
    ("abort", "abort()"), ("wrong", "wrong frames"), ("endless", "it asks without end")])
def test_failed_on_trial(full, habit, why):
    info, p = lived(full, habit)
    assert info["header"]["unwind"] == "frame pointers"
    said(info, "standin/libunwind.so.8", "failed on trial", why, "frame pointers")
    assert not p.stderr()
    if habit == "syscall":
        said(info, "asked for system call 9999", "refused")


def test_files_are_refused_and_that_is_no_fault(full):
    """It asks for a file: there are none, which it is used to."""
    assert lived(full, "file")[0]["header"]["unwind"] == "libunwind"


@pytest.mark.parametrize("where, what", [
    ("lacks", "lacks _UL"), ("stranger", "calls getppid, which is not known")])
def test_never_called(full, where, what):
    info, _ = lived(full, "", where=where)
    assert info["header"]["unwind"] == "frame pointers"
    said(info, f"{where}/libunwind.so.8", what, "frame pointers")


@pytest.mark.parametrize("habit, why", [("crash", "SIGSEGV"), ("illegal", "SIGILL"),
                                        ("abort", "abort()"), ("endless", "without end")])
@pytest.mark.parametrize("host", ["plain", "own", "busy"])
def test_fails_later(full, habit, why, host):
    """In a host without a handler, with one that must not see this, and with faults of its own."""
    info, _ = lived(full, f"later-{habit}", host)
    assert info["header"]["unwind"] == "frame pointers"
    said(info, "standin/libunwind.so.8", "failed later", why, "frame pointers")


def test_asks_later(full):
    """Refused, counted, said; the answers are still right, so it stays."""
    info, _ = lived(full, "later-syscall")
    assert info["header"]["unwind"] == "libunwind"
    assert info["drops"]["unwind_refused"] >= 1
    said(info, "asked for system call 9999", "refused")


@pytest.mark.parametrize("habit", ["crash", "slow", "abort"])
@pytest.mark.parametrize("host", ["own", "busy"])
def test_host_has_a_handler(full, habit, host):
    """A handler from a constructor, and a thread that faults during the trial: both undisturbed."""
    info, _ = lived(full, habit, host)
    assert info["header"]["unwind"] == "frame pointers"


def block_faults():
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGSEGV, signal.SIGABRT})


@pytest.mark.parametrize("preexec", [None, block_faults])
def test_nothing_stays_of_the_trial(full, preexec):
    """Masks and dispositions are those of a run without any trial."""
    def status(**settings):
        p = full.run(fr.TARGETS / "unwound", preexec=preexec, **settings)
        return [line for line in p.lines if "status" in line]
    without = status(FR_UNWIND="fp")
    assert len(without) == 5
    assert status(**standin("crash")) == without
    assert status() == status(FR_UNWIND="libunwind") == without


@pytest.mark.parametrize("program, caller", [
    ("unwinds", "main"), ("unwinds_late", "unwinder_run")])
def test_host_that_unwinds_itself(full, program, caller):
    """It has libunwind for its own, or a plugin brings it later: that one works as ever."""
    args = (PLUGINS / "unwinder.so",)
    bare = full.run(fr.TARGETS / program, *args, recorded=False)
    p = full.run(fr.TARGETS / program, *args, FR_UNWIND="libunwind")
    assert p.lines == bare.lines
    assert sum('"frame":1,"fn":"calls"' in line for line in bare.lines) == 6
    recording = full.snapshot(p)
    assert fr.read("info", recording)["header"]["unwind"] == "libunwind"
    sockets = [e for e in fr.read("events", recording)
               if e["event"] == "net.socket" and e["domain"] == 1]
    assert len(sockets) == 6
    for e in sockets:
        assert fr.names(e["stack"])[:2] == ["calls", caller]


@pytest.mark.parametrize("program, copied", [("unwinds", True), ("unwound", False)])
def test_library_of_the_host_is_copied(full, program, copied):
    """The copy is loaded from a memfd; where the host has none, there is nothing to copy."""
    p = full.run(fr.TARGETS / program, PLUGINS / "unwinder.so", LD_DEBUG="files",
                 FR_UNWIND="libunwind")
    assert ("calling init: /proc/self/fd/" in p.stderr()) == copied
    assert "libunwind.so.8" in p.stderr()


def test_rules_go_with_their_module(full):
    """A plugin stands where another stood: the frame that the first had there is not believed."""
    p = full.run(fr.TARGETS / "dl", "instead")
    if len(set(p.lines)) != 1:
        pytest.skip(f"they stood at different places: {p.lines}")
    sent = [e for e in fr.read("events", full.snapshot(p)) if e["event"] == "net.send"]
    assert [fr.names(e["stack"])[:3] for e in sent] == 4 * [["frame_send", "instead", "main"]]


@pytest.mark.parametrize("settings, loaded", [
    ({}, False), ({"FR_UNWIND": "libunwind"}, True), ({"FR_VERIFY_STACKS": 1}, True)])
def test_loaded_only_when_asked_for(full, settings, loaded):
    """Stacks are whole without it; who verifies has both."""
    p = full.run(fr.TARGETS / "unwound", LD_DEBUG="files", **settings)
    assert ("libunwind.so.8" in p.stderr()) == loaded
    recording = full.snapshot(p)
    header = fr.read("info", recording)["header"]
    assert header["unwind"] == ("libunwind" if "FR_UNWIND" in settings else "call frame information")
    assert (header["stack_tests"] > 0) == ("FR_VERIFY_STACKS" in settings)
    assert header["stack_differ"] == 0
    sockets = [e for e in fr.read("events", recording) if e["event"] == "net.socket"]
    assert [fr.names(e["stack"])[:2] for e in sockets] == 41 * [CHAIN]
