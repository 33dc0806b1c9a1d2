# SPDX-License-Identifier: MIT
"""Every hook of hooks.def is called by a target that says what it did, and is recorded so.

What is missing here says why, and where it is shown instead. Old names of libc among them.
"""

import json
import re

import pytest

import fr
import test_truth

test_truth.ADDRESSES |= {"sem", "barrier", "once", "object"}

# Targets that say each of their calls; DIR: they need a directory to write to.
DIR = object()
PROGRAMS = [("truth",), ("truth-nofp",), ("sync",), ("c11",), ("threads",), ("net_calls",),
            ("net_calls-fortified",), ("files", "truth", DIR), ("files-fortified", "truth", DIR),
            ("files", "maps"), ("descriptors",), ("process_calls",), ("old_names", DIR),
            ("old_names-O2", DIR)]

ENDS = "ends the process: test_process.py"
EXEC = "becomes another program: test_process_calls.py, test_failed_exec_goes_on_recording"
TLS = "arguments and results: test_net_calls.py (curl, s_server, Python) and test_openssl.py"
VIEW = "no event; what the host sees of its signals: test_signal_calls.py"
RESUMED = "no event; only resumed after our signal: test_resumed.py"
ELSEWHERE = {
    "_exit": ENDS, "_Exit": ENDS, "__libc_start_main": "called before there is a recording",
    "daemon": "no event; test_process_calls.py", "dlclose": "no event; test_symbols.py, test_laws",
    "dlopen": "no event; test_coverage.py, test_harm.py (dl)",
    "__vfork": "the same function as vfork, as in libc: old_names.c says vfork",
    "__clone": "the same function as clone, as in libc: process_calls.c says clone",
    **dict.fromkeys(["unshare", "setns"], "no event; test_laws_writer.py"),
    "mlockall": "no event; test_limits.py",
    "sigaltstack": VIEW, "syscall": "test_futex.py, test_sandboxed.py",
    **dict.fromkeys(["sigaction", "__sigaction", "signal", "__sysv_signal", "sysv_signal",
                     "bsd_signal", "ssignal", "sigset", "sigignore", "siginterrupt"], VIEW),
    **dict.fromkeys(["pause", "sigsuspend", "__sigsuspend", "sigtimedwait", "sigwaitinfo",
                     "sigwait", "signalfd", "semop",
                     "semtimedop", "msgrcv", "msgsnd"], RESUMED),
    **dict.fromkeys(["execve", "execv", "execvp", "execvpe", "execl", "execlp", "execle",
                     "fexecve", "execveat"], EXEC),
    **dict.fromkeys(["SSL_connect", "SSL_accept", "SSL_do_handshake", "SSL_read", "SSL_write",
                     "SSL_read_ex", "SSL_write_ex"], TLS),
}


def said_by(p):
    """What a target said, in the names and units of the recording."""
    for line in p.lines:
        call = json.loads(line)
        if call["event"] == "thread.cancelled" and call["via"] == "poll":
            call["object"] = -1 & (1 << 64) - 1
        call.pop("about_ns", None)  # test_files.py compares it, with a tolerance
        call["via"] = call["via"] or ""
        yield call


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    """(event, hook, `via` of the recording) of each call that was said and found."""
    found = set()
    for name, *args in PROGRAMS:
        host = fr.Host(tmp_path_factory.mktemp(name), FR_EVENTS="full", FR_TRIGGER="exit")
        p = host.run(fr.TARGETS / name, *(host.cwd if a is DIR else a for a in args))
        events = fr.read("events", host.snapshots(p.pid)[0])
        found |= {(c["event"], c["via"], e.get("via", ""))
                  for c, e in test_truth.match_all(list(said_by(p)), events)}
    return found


def hooks():
    rows = (fr.TOP / "preload/wire/hooks.def").read_text()
    return set(re.findall(r"^HOOK\(\d+, *(\w+),", rows, re.M))


def test_every_hook_is_shown(shown):
    called = {hook for _, hook, _ in shown}
    assert hooks() - called - set(ELSEWHERE) == set()
    assert set(ELSEWHERE) <= hooks() - called, "shown after all"


def test_every_hook_has_a_number_of_its_own():
    numbers = re.findall(r"^HOOK\((\d+),", (fr.TOP / "preload/wire/hooks.def").read_text(), re.M)
    assert len(set(numbers)) == len(numbers) > 250


def test_events_say_which_function_it_was(shown):
    """Only one function of each event, its plain one, goes without a name."""
    plain = {}
    for event, hook, via in shown:
        if not via and hook:
            plain.setdefault(event, set()).add(hook)
    assert {event: names for event, names in plain.items() if len(names) > 1} == {}


# ---- C++ -----------------------------------------------------------------------------------------


def plain(fn):
    """A function's name without namespaces and parameters."""
    return re.sub(r"\(anonymous namespace\)::", "", fn).split("(")[0].split("::")[-1]


def test_cxx_program(full):
    """Calls from destructors while an exception unwinds, from streams, and by operator new."""
    p = full.run(fr.TARGETS / "calls_cxx", full.cwd)
    said = [json.loads(line) for line in p.lines]
    calls = [s for s in said if "event" in s]
    events = fr.read("events", full.snapshots(p.pid)[0])
    pairs = list(test_truth.match_all(calls, events))
    assert len(pairs) == len(calls) >= 10
    for call, event in pairs:
        leaf = next(f for f in event["stack"] if not f["inl"])
        assert (plain(leaf["fn"]), leaf["line"]) == (call["fn"], call["line"]), (call, leaf)
        assert "main" in fr.names(event["stack"])
    vector, = [s for s in said if "vector" in s]
    made = [e for e in events if e["event"] == "mem.alloc" and e["size"] == vector["size"]
            and fr.number(e["ptr"]) == fr.number(vector["vector"])]
    assert len(made) == 1
    assert any(plain(n) == "objects" for n in fr.names(made[0]["stack"])), made
    written = [e for e in events if e["event"] == "io.write" and e["kind"] == "file"
               and any(plain(n) == "streams" for n in fr.names(e["stack"]))]
    assert sum(e["result"] for e in written) == 100000
    assert "libstdc++" in fr.modules(written[0]["stack"])[0]
