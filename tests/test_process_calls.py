# SPDX-License-Identifier: MIT
"""Forks, execs, spawns and waits: recorded as they were, and nothing left behind."""

import collections
import ctypes
import json
import os
import signal
import subprocess
import tempfile
import time

import pytest

import fr
import test_truth

FORMS = ["execve", "execv", "execvp", "execvpe", "execl", "execlp", "execle", "execveat",
         "fexecve"]


def recorded(host, *args, **settings):
    p = host.target("process_calls", *args, **settings)
    assert p.code() == 0, (p.lines[-3:], p.stderr())
    return p, fr.read("events", host.snapshots(p.pid)[0])


@pytest.mark.parametrize("shape", test_truth.in_shapes("process_calls"))
def test_every_call_is_recorded(full, shape):
    """Pids, states, errors and places of fork, spawn and wait in all their forms."""
    said, events, _ = test_truth.recorded(full, shape)
    pairs = list(test_truth.match_all(said, events))
    assert len(pairs) == len(said) >= 15
    for call, event in pairs:
        test_truth.check_place(call, event, shape)


def test_slow_level_keeps_ends_of_children(tmp_path):
    host = fr.Host(tmp_path, FR_TRIGGER="exit", FR_EVENTS="thread=slow")
    p, events = recorded(host, "truth")
    ended = [e["pid"] for e in events if e["event"] == "process.wait" and e.get("pid", 0) > 0]
    assert len(ended) >= 5


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("events", ["", "full", "off"])
def test_exec_passes_everything_on(host, form, events):
    settings = {"FR_EVENTS": events} if events else {}
    bare = host.target("process_calls", "exec", form, recorded=False)
    with_it = host.target("process_calls", "exec", form, **settings)
    assert bare.code() == with_it.code() == 0
    assert bare.lines == with_it.lines
    assert "argument 2: two words" in bare.lines and bare.lines[-1] == "status 0"
    assert not host.regions()


@pytest.mark.parametrize("events", ["", "full", "off"])
def test_failed_exec_is_the_same(host, events):
    settings = {"FR_EVENTS": events} if events else {}
    garbage = host.path / "garbage"
    bare = host.target("process_calls", "failing", garbage, recorded=False)
    with_it = host.target("process_calls", "failing", garbage, **settings)
    assert bare.code() == with_it.code() == 0
    assert bare.lines[:-1] == with_it.lines[:-1]
    assert not host.regions()


def test_failed_exec_goes_on_recording(full):
    """All of the history is there, from before and after each of the failures."""
    p, events = recorded(full, "failing", full.path / "garbage")
    tried = [e for e in events if e["event"] == "process.exec"]
    failed = [e for e in events if e["event"] == "process.exec_failed"]
    assert [e["via"] for e in tried] == [f for f in FORMS for _ in range(2)]
    assert len(failed) == len(tried)
    assert {e["path"] for e in tried if e["via"] == "execve"} == {
        "/no/such/program", str(full.path / "garbage")}
    assert all(e["err"] in (2, 8, 22) for e in failed)
    locks = [e for e in events if e["event"] == "mutex.lock"]
    assert len(locks) == 2 * len(FORMS)


def test_region_after_a_failed_exec_survives_a_kill(host):
    """The region has its name again: whoever is killed after a failed exec leaves it."""
    garbage = host.path / "garbage"
    garbage.write_bytes(b"\177ELFgarbage")
    garbage.chmod(0o700)
    script = ("import os, threading\n"
              f"try:\n    os.execv({str(garbage)!r}, ['x'])\n"
              "except OSError as e:\n    print('failed', e.errno, flush=True)\n"
              "threading.Thread(target=lambda: os.read(os.pipe()[0], 1)).start()\n"
              "print('sleeping', flush=True)\n"
              "os.read(os.pipe()[0], 1)\n")
    p = host.start("/usr/bin/python3", "-c", script)
    assert p.line("failed") == "failed 8"
    p.line("sleeping")
    fr.wait_for(lambda: len(fr.read("threads", p.pid, ok=(0, 3))) == 2, "the second thread")
    p.kill()
    region, = host.regions()
    report = fr.read("report", region, ok=(0, 3))
    assert report["trigger"]["kind"] == "left"
    events = fr.read("events", region, ok=(0, 3))
    kinds = [e["event"] for e in events]
    assert kinds.index("process.exec_failed") > kinds.index("process.exec")


ATTEMPTS = {"missing": ("execv", "/no/such", 2), "searched": ("execvp", "no-such", 2),
            "forbidden": ("execv", "forbidden", 13), "directory": ("execv", ".", 13),
            "nothing": ("execvp", "", 2)}


@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_exec_that_cannot_succeed_keeps_the_region(host, attempt):
    """Among other threads, wherever userfaultfd may not be used: the very file stays."""
    call, file, err = ATTEMPTS[attempt]
    (host.cwd / "forbidden").write_text("#!/bin/true\n")
    script = ("import ctypes, os, threading\n"
              "threading.Thread(target=lambda: os.read(os.pipe()[0], 1)).start()\n"
              "libc = ctypes.CDLL(None, use_errno=True)\n"
              "argv = (ctypes.c_char_p * 2)(b'x', None)\n"
              "print('ready', flush=True)\n"
              "input()\n"
              f"print('failed', libc.{call}({file!r}.encode(), argv), ctypes.get_errno(),\n"
              "      flush=True)\n"
              "input()\n")
    p = host.start("/usr/bin/python3", "-c", script, stdin=subprocess.PIPE)
    p.line("ready")
    region, = host.regions()
    inode = region.stat().st_ino
    p.popen.stdin.write(b"\n")
    p.popen.stdin.flush()
    assert p.line("failed") == f"failed -1 {err}"
    assert [r.stat().st_ino for r in host.regions()] == [inode]
    p.kill()
    report = fr.read("report", region, ok=(0, 3))
    assert report["trigger"]["kind"] == "left" and report["threads"] == 2


def userfaultfd_allowed():
    fd = ctypes.CDLL(None).syscall(323, os.O_CLOEXEC | 1)
    if fd >= 0:
        os.close(fd)
    return fd >= 0


@pytest.fixture
def shm_host():
    """With its regions where they are by default: on a tmpfs."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as path:
        h = fr.Host(path)
        yield h
        h.stop()


def test_failed_exec_while_others_record(shm_host):
    """Each of their events is there, and the region has its name: fr list, and after kill -9."""
    if not userfaultfd_allowed():
        pytest.skip("needs userfaultfd")
    host = shm_host
    p = host.target("process_calls", "busy", host.path / "garbage", FR_EVENTS="lock=full",
                    FR_MAX_BYTES="128M")
    p.line("waiting")
    region, = host.regions()
    for kind in ("live", "left"):
        found = {e["path"]: e for e in json.loads(fr.fr("list", host.dir, "--json").out)}
        assert found[str(region)]["kind"] == kind and found[str(region)]["pid"] == p.pid
        p.kill()
    info = fr.read("info", region, ok=(0, 3))
    assert info["torn"] == 0 and info["header"]["region"] == "file"
    counts = collections.Counter(e["tid"] for e in fr.read("events", region, ok=(0, 3))
                                 if e["event"] == "mutex.lock")
    said = [json.loads(line) for line in p.lines if line.startswith('{"tid"')]
    assert len(said) == 3 and all(s["locks"] >= 2000 for s in said)
    assert [counts[s["tid"]] for s in said] == [s["locks"] for s in said]


def test_program_that_is_not_recorded_leaves_nothing(host):
    """A child that was recorded becomes a static program: its region goes before."""
    p = host.target("process_calls", "leave", fr.TARGETS / "alone", FR_EVENTS="full")
    assert p.code() == 0
    assert p.lines == ["alone", "status 0"]
    assert not host.regions()


def test_timeout_and_env_leave_nothing(host):
    for argv in (["timeout", "5", fr.TARGETS / "alone"], ["env", "-i", "/bin/true"],
                 ["sh", "-c", f"(: ; exec {fr.TARGETS / 'alone'}); {fr.TARGETS / 'alone'} | cat"]):
        assert host.start(*argv).code() == 0
        assert not host.regions(), argv


def test_keep_keeps(host):
    """With FR_KEEP the user wants the region of a program that has left by exec, too."""
    script = f"import os, threading; os.execv('{fr.TARGETS / 'alone'}', ['alone'])"
    assert host.start("/usr/bin/python3", "-c", script, FR_KEEP=1).code() == 0
    assert len(host.regions()) == 1


def test_daemon(host):
    """The parent of daemon() leaves by an _exit inside libc; the child is recorded by itself."""
    p = host.target("process_calls", "daemon", FR_EVENTS="full", FR_TRIGGER="exit")
    assert p.code() == 0
    line = p.line("daemon")
    child = int(line.split()[1])
    fr.wait_for(lambda: host.snapshots(child), "the child's snapshot")
    fr.wait_for(lambda: not host.regions(), "no region of either")


# ---- vfork ---------------------------------------------------------------------------------------


def function_bytes(name):
    out = subprocess.run(["objdump", "-d", "--no-show-raw-insn", f"--disassemble={name}", fr.LIB],
                         capture_output=True, text=True, check=True).stdout
    return [line.split("\t")[1].strip() for line in out.splitlines()
            if "\t" in line and line.startswith(" ")]


def test_vfork_has_no_frame():
    """Its child returns first: whatever we left on the stack it would have destroyed."""
    code = function_bytes("vfork")
    assert code, "not found"
    assert not [i for i in code if i.startswith("ret")]
    jump = [n for n, i in enumerate(code) if i.startswith("jmp") and "*" in i]
    assert len(jump) == 1 and not [i for i in code[jump[0] + 1:] if not i.startswith("nop")]
    depth = 0
    for i in code[:jump[0]]:
        if i.startswith("sub") and i.endswith("%rsp"):
            depth += int(i.split("$")[1].split(",")[0], 0)
        elif i.startswith("add") and i.endswith("%rsp"):
            depth -= int(i.split("$")[1].split(",")[0], 0)
        assert not i.startswith(("push", "leave"))
    assert depth == 0


def test_vfork_child_leaves_the_parent_alone(full):
    """Its dup2 and close are of its own descriptors: the parent's socket stays a socket."""
    p, events = recorded(full, "vfork")
    said = next(json.loads(line) for line in p.lines if line.startswith("{"))
    assert said["status"] == 0 and "argument 2: from vfork" in p.lines
    mine = [e for e in events if e["tid"] == p.pid]
    ends = [e for e in mine if e["event"] in ("net.close", "fd.close") and
            e["fd"] in (said["socket"], said["other"])]
    assert not ends, "closed by the child only"
    assert [e["fd"] for e in mine if e["event"] == "net.send"] == [said["socket"]]
    assert [e["fd"] for e in mine if e["event"] == "net.recv"] == [said["other"]]
    assert any(e["event"] == "process.exec" for e in mine)


# ---- our own signal ------------------------------------------------------------------------------

NAPS = ["nanosleep", "nanosleep_rem", "nanosleep_same", "absolute", "relative", "usleep", "sleep",
        "waitpid", "read"]


def sleeping(p, tid):
    fr.wait_for(lambda: fr.task_syscall(p.pid, tid) not in (None, -1, 1), "the sleep")


@pytest.mark.parametrize("call", NAPS)
@pytest.mark.parametrize("events", ["", "io=off,thread=off"])
def test_our_signal_never_ends_a_sleep(host, call, events):
    """Three snapshots in a sleep: it lasts as long as it should, and `rem` is not touched."""
    if events and call in ("waitpid", "read"):
        pytest.skip("restarted by the kernel")
    p = host.target("naps", call, 8, **({"FR_EVENTS": events} if events else {}))
    tid = p.truth("tid")["tid"]
    for n in range(1, 4):
        sleeping(p, tid)
        fr.tgkill(p.pid, tid, signal.SIGUSR1)
        host.snapshot(p, n)
    end = p.truth("result")
    assert p.code() == 0
    assert (end["result"], end["errno"]) == (0, 0), end
    assert 795 <= end["took_ms"] < 1500, end
    if call == "nanosleep_same":
        assert (end["left_s"], end["left_ns"]) == (0, 800000000), end
    else:
        assert (end["left_s"], end["left_ns"]) == (77, 77), end


@pytest.mark.parametrize("call", NAPS[:-2])
@pytest.mark.parametrize("ours_first", [False, True])
def test_host_signal_still_ends_a_sleep(host, call, ours_first):
    """A handler of the host's own ends it, and the time left is what is left."""
    p = host.target("naps", call, 30)
    tid = p.truth("tid")["tid"]
    sleeping(p, tid)
    if ours_first:
        fr.tgkill(p.pid, tid, signal.SIGUSR1)
        host.snapshot(p)
        sleeping(p, tid)
        cut = time.monotonic()
        fr.wait_for(lambda: time.monotonic() > cut + 0.6, "a good part of the second piece")
    fr.tgkill(p.pid, tid, signal.SIGUSR2)
    end = p.truth("result")
    assert p.code() == 0
    assert end["took_ms"] < 2500, end
    if call == "sleep":
        assert end["result"] in (1, 2) and end["errno"] == 4, end
    elif call in ("absolute", "relative"):
        assert end["result"] == 4 and end["errno"] == 0, end
    else:
        assert end["result"] == -1 and end["errno"] == 4, end
    if call in ("nanosleep_rem", "nanosleep_same", "relative"):
        left = end["left_s"] * 1000 + end["left_ns"] / 1e6
        assert abs(left - (3000 - end["took_ms"])) < 200, end
