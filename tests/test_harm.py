# SPDX-License-Identifier: MIT
"""The host's behaviour with and without the recorder is the same."""

import json
import pathlib
import signal
import subprocess
import time

import pytest

import fr

LEVELS = ["", "slow", "full", "off"]


def lines(host, name, *args, recorded=True, **settings):
    p = host.target(name, *args, recorded=recorded, **settings)
    assert p.code(timeout=60) == 0, (p.lines[-3:], p.stderr())
    assert p.stderr() == ""
    return p.lines


@pytest.mark.parametrize("events", LEVELS)
@pytest.mark.parametrize("name", ["small", "onstack"])
def test_same_output(host, name, events):
    """16 KiB stacks; handlers and their stacks. For errno and cancellation: test_laws_calls.py."""
    bare = lines(host, name, recorded=False)
    assert lines(host, name, **({"FR_EVENTS": events} if events else {})) == bare


@pytest.mark.parametrize("where", ["thread", "fork", "other"])
@pytest.mark.parametrize("events", LEVELS)
def test_handlers_elsewhere(host, events, where):
    """The same on a thread and in a child, which have an alternate stack of ours from the start."""
    bare = lines(host, "onstack", where, recorded=False)
    assert lines(host, "onstack", where, **({"FR_EVENTS": events} if events else {})) == bare


@pytest.mark.parametrize("events", LEVELS)
@pytest.mark.parametrize("how", [[], ["onstack"]])
def test_stack_that_a_handlers_return_sets(host, how, events):
    bare = lines(host, "uc_stacks", *how, recorded=False)
    assert lines(host, "uc_stacks", *how, **({"FR_EVENTS": events} if events else {})) == bare


def test_handlers_of_a_host_like_go(host):
    """It takes the alternate stack it finds by system calls of its own; its handlers run there."""
    bare = lines(host, "likego", recorded=False)
    assert len(bare) == 2 and lines(host, "likego", FR_EVENTS="full") == bare


@pytest.mark.parametrize("unwind", ["fp", "caller"])
def test_small_stacks_without_libunwind(host, unwind):
    assert lines(host, "small", FR_EVENTS="full", FR_UNWIND=unwind) == ["ready", "done"]


def test_small_stacks_verified(host):
    """Unwinding for real, each time, on 16 KiB stacks."""
    assert lines(host, "small", FR_EVENTS="full", FR_VERIFY_STACKS=1) == ["ready", "done"]


@pytest.mark.parametrize("name", ["dl cxx", "dl origin", "dl deep", "dl storm"])
@pytest.mark.parametrize("events", ["", "full"])
def test_plugins(host, name, events):
    """C++ unwinding in plugins of a C host, $ORIGIN, RTLD_DEEPBIND, loading under load."""
    bare = lines(host, *name.split(), recorded=False)
    assert lines(host, *name.split(), **({"FR_EVENTS": events} if events else {})) == bare


@pytest.mark.parametrize("unwind", ["auto", "fp"])
def test_arguments_and_environment(host, unwind):
    """main, constructors and plugins get what they would get; exec and getenv work."""
    bare = lines(host, "args", "a", "last", recorded=False, MARK="mine")
    assert bare[1].startswith("main: argc 3, last last") and "MARK mine" in bare[1]
    assert lines(host, "args", "a", "last", MARK="mine", FR_UNWIND=unwind) == bare


@pytest.mark.parametrize("call,low,high", [
    ("poll", 0, 0), ("ppoll", 0, 0), ("epoll_wait", 0, 0), ("epoll_pwait", 0, 0),
    ("recv", -1, 11), ("send", -1, 11)])
def test_our_signal_never_ends_a_wait(host, call, low, high):
    """SIGUSR1 during a wait: a snapshot is made, the wait lasts as long as it should."""
    p = host.target("eintr", call, 8)
    tid = p.truth("tid")["tid"]
    for n in range(1, 4):
        fr.wait_for(lambda: (fr.task_syscall(p.pid, tid) or -1) not in (-1, 1), "the wait")
        fr.tgkill(p.pid, tid, 10)
        host.snapshot(p, n)
    end = p.truth("result")
    assert p.code() == 0
    assert end["result"] == low and end["errno"] == high, end
    assert end["took_ms"] >= 795, end
    if low == 0:
        assert end["took_ms"] < 1300, end


@pytest.mark.parametrize("call", ["poll", "epoll_wait", "ppoll"])
def test_both_signals_at_once(host, call):
    """Ours and the host's own arrive together: the wait ends, as it does by the host's alone."""
    p = host.target("eintr", call, 200, "usr2")
    tid = p.truth("tid")["tid"]
    fr.wait_for(lambda: (fr.task_syscall(p.pid, tid) or -1) not in (-1, 1), "the wait")
    p.signal(signal.SIGSTOP)
    fr.wait_for(lambda: open(f"/proc/{p.pid}/stat", encoding="ascii").read().split()[2] == "T",
                "the stop")
    fr.tgkill(p.pid, tid, signal.SIGUSR1)
    fr.tgkill(p.pid, tid, signal.SIGUSR2)
    p.signal(signal.SIGCONT)
    end = p.truth("result")
    assert (end["result"], end["errno"]) == (-1, 4), end
    host.snapshot(p, 1)


def test_host_signal_still_ends_a_wait(host):
    """A handler of the host's own interrupts poll as it always did."""
    script = ("import signal, select, os\n"
              "signal.signal(signal.SIGALRM, lambda *a: (_ for _ in ()).throw(KeyError('mine')))\n"
              "signal.setitimer(signal.ITIMER_REAL, 0.05)\n"
              "try:\n"
              "    select.poll().poll(20000)\n"
              "except KeyError as e:\n"
              "    print('interrupted', e)\n")
    assert host.run("/usr/bin/python3", "-c", script).lines == ["interrupted 'mine'"]


@pytest.mark.parametrize("kind", ["open", "few"])
def test_no_descriptor_is_held(host, kind):
    """At main the same descriptors are open as without us, 3 is free."""
    bare = lines(host, "fds", kind, recorded=False)
    assert lines(host, "fds", kind) == bare
    assert lines(host, "fds", kind, FR_EVENTS="full", FR_VERIFY_STACKS=1) == bare


def test_closefrom_and_reused_numbers(host):
    """Snapshots after all descriptors were closed and reused write to nobody's file or socket."""
    file = host.path / "mine"
    p = fr.Process([fr.TARGETS / "fds", "close", file], host.env(FR_EVENTS="full"), host.cwd,
                   stdin=subprocess.PIPE)
    host.started.append(p)
    p.line("ready")
    host.ask(p)
    host.ask(p)
    p.popen.stdin.write(b"\n")
    p.popen.stdin.flush()
    assert p.code() == 0
    assert p.lines[1:] == ["file size: 4", "sockets: -1 -1", "still open: 1 1 1"]
    assert file.read_text() == "mine"


def test_no_descriptor_stays_after_a_snapshot(host):
    p = host.target("load")
    p.line("ready")
    fds = lambda: sorted(f.name for f in pathlib.Path(f"/proc/{p.pid}/fd").iterdir())
    before = fds()
    for _ in range(3):
        host.ask(p)
    fr.wait_for(lambda: fds() == before, "the same descriptors as before")
    tasks = lambda: len(list(pathlib.Path(f"/proc/{p.pid}/task").iterdir()))
    fr.wait_for(lambda: tasks() == 6, "the same number of threads as before")


def test_snapshot_storm(host, long):
    """Signals in a burst: one snapshot and a count, or several; never a broken one."""
    p = host.target("load", FR_EVENTS="full")
    p.line("ready")
    for _ in range(500 if long else 60):
        p.signal(10)
    fr.wait_for(lambda: host.snapshots(p.pid), "a snapshot")
    host.ask(p)
    assert p.alive()
    merged = 0
    for f in host.snapshots(p.pid):
        assert fr.read("report", f)["trigger"]["kind"] == "signal"
        header = fr.read("info", f)
        merged = max(merged, header.get("header", header).get("triggers_merged", 0))
    assert len(host.snapshots(p.pid)) + merged >= 2


def test_each_request_is_a_snapshot_or_counted_in_one(host):
    """What falls into a snapshot that is being written is told by that one, or by the next."""
    p = host.target("asks")
    p.line("ready")
    merged = lambda: fr.read("info", p.pid)["header"]["triggers_merged"]
    fr.wait_for(lambda: len(host.snapshots(p.pid)) + merged() == 200, "all that were asked for")
    host.ask(p)
    told = [fr.read("info", f)["trigger"]["merged"] for f in host.snapshots(p.pid)]
    assert sum(told) + len(told) == 201, told
    assert sum(told) == merged() > 0


def test_recorder_needs_libc_only():
    out = subprocess.run(["readelf", "-dW", fr.LIB], capture_output=True, text=True, check=True)
    lines_needed = [line for line in out.stdout.splitlines() if "NEEDED" in line]
    needed = [line.split("[")[1].rstrip("]") for line in lines_needed]
    # the loader is part of libc: it provides _dl_find_object
    assert set(needed) - {"ld-linux-x86-64.so.2"} == {"libc.so.6"}, needed


def test_loaded_twice(host):
    """LD_PRELOAD that names the recorder twice, or by two paths."""
    copy = host.path / "copy.so"
    copy.write_bytes(fr.LIB.read_bytes())
    for preload in (f"{fr.LIB} {fr.LIB}", f"{fr.LIB}:{copy}"):
        env = host.env()
        env["LD_PRELOAD"] = preload
        p = fr.Process([fr.TARGETS / "law_calls", "cases"], env, host.cwd)
        host.started.append(p)
        assert p.code() == 0
        assert p.lines == lines(host, "law_calls", "cases", recorded=False)


def test_crash_with_two_recorders(host):
    """Each stands before the other's handlers: none of their making may stay."""
    copy = host.path / "copy.so"
    copy.write_bytes(fr.LIB.read_bytes())
    env = {**host.env(), "LD_PRELOAD": f"{fr.LIB}:{copy}"}
    p = fr.Process([fr.TARGETS / "crash", "segv", "main", "none"], env, host.cwd)
    host.started.append(p)
    assert p.code(timeout=20) == -signal.SIGSEGV


def test_start_is_quick(host):
    """Not a benchmark (that is make bench): a start must not take a visible time."""
    start = time.monotonic()
    for _ in range(20):
        subprocess.run(["/bin/true"], env=host.env(), check=True)
    assert time.monotonic() - start < 5


def test_seccomp_strict_filter(host):
    """A process that later forbids itself most calls lives on; a snapshot is then not required."""
    script = pathlib.Path(host.path / "filter.py")
    script.write_text(
        "import ctypes, struct, os, sys\n"
        "libc = ctypes.CDLL(None)\n"
        "allow = [0, 1, 3, 9, 10, 11, 12, 13, 14, 15, 24, 28, 35, 39, 60, 72, 96, 186, 202, 228,\n"
        "         231, 257, 262, 5, 8, 16, 20, 19, 230, 318]\n"
        "code = [(0x20, 0, 0, 0)]\n"
        "for i, nr in enumerate(allow):\n"
        "    code.append((0x15, len(allow) - i, 0, nr))\n"
        "code += [(6, 0, 0, 0x00050000 | 1), (6, 0, 0, 0x7fff0000)]\n"
        "raw = b''.join(struct.pack('HBBI', *c) for c in code)\n"
        "buf = ctypes.create_string_buffer(raw)\n"
        "prog = struct.pack('HxxxxxxP', len(code), ctypes.addressof(buf))\n"
        "assert libc.prctl(38, 1, 0, 0, 0) == 0\n"
        "assert libc.prctl(22, 2, prog, 0, 0) == 0\n"
        "x = [bytearray(i) for i in range(20000)]\n"
        "print('alive', len(x), flush=True)\n")
    bare = host.run("/usr/bin/python3", script, recorded=False)
    p = host.run("/usr/bin/python3", script, FR_EVENTS="full")
    assert p.lines == bare.lines == ["alive 20000"]


def test_json_of_every_command_is_json(host):
    p = host.target("load")
    p.line("ready")
    recording = host.ask(p)
    for command in ("report", "threads", "locks", "info"):
        json.loads(fr.fr(command, "--json", recording).out)
    for line in fr.fr("events", "--json", recording).out.splitlines():
        json.loads(line)
