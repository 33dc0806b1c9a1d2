# SPDX-License-Identifier: MIT
"""The law of every call: result, errno and cancellation are what they are without the recorder.

The rows stand in targets/law_quick.def and targets/law_blocking.def; a hook without one is red.
Further cases of a hook, each way in which it fails by itself, stand in targets/law_cases.def.
"""

import re

import pytest

import fr

LEVELS = ["", "full", "off"]
SHAPES = [("law_calls", None), ("law_calls-cxx", None), ("law_calls", "law_calls.so"),
          ("law_calls", "law_calls-cxx.so"), ("law_calls-cxx", "law_calls-cxx.so")]

NO_RETURN = {
    "_exit": "ends the process: test_process.py", "_Exit": "the same",
    "__libc_start_main": "called once, by the program's start",
}
# A pending cancellation ends them, but nothing here can make them wait for ever.
CANNOT_BLOCK = {
    **dict.fromkeys(["close", "fsync", "fdatasync", "msync", "sync_file_range", "fallocate",
                     "fallocate64", "posix_fallocate", "posix_fallocate64", "pread", "pread64",
                     "pwrite", "pwrite64", "preadv", "preadv64", "pwritev", "pwritev64",
                     "__close", "__pread64", "__pwrite64", "__pread_chk",
                     "__pread64_chk"],
                    "the kernel waits for a device only, uninterruptibly"),
    **dict.fromkeys(["freopen", "freopen64", "fclose", "closedir"], "as open and close do"),
    "getaddrinfo": "would need a name server that does not answer",
}


def hooks():
    return re.findall(r"^HOOK\(\d+, *(\w+),", (fr.TOP / "preload/wire/hooks.def").read_text(), re.M)


def rows(name):
    text = (fr.TOP / "tests/targets" / name).read_text()
    return re.findall(r"^CALL\((\w+),", text, re.M)


def cases():
    return re.findall(r"^CASE\((\w+), *(\w+),", "".join(
        (fr.TOP / "tests/targets" / name).read_text()
        for name in ("law_cases.def", "law_blocking.def")), re.M)


def said(host, shape, kind, **how):
    program, plugin = shape
    args = [fr.TARGETS / "plugins" / plugin] if plugin else []
    p = host.target(program, kind, *args, **how)
    assert p.code(timeout=60) == 0, (p.lines[-3:], p.stderr())
    assert p.stderr() == ""
    return p, p.lines


BARE = {}


def bare_lines(host, shape, kind):
    """Without the recorder: the truth, asked for once."""
    if (shape, kind) not in BARE:
        BARE[shape, kind] = said(host, shape, kind, recorded=False)[1]
    return BARE[shape, kind]


def test_every_hook_has_a_row():
    missing = set(hooks()) - set(rows("law_quick.def")) - set(NO_RETURN)
    assert not missing, f"add rows to tests/targets/law_quick.def: {sorted(missing)}"


def test_every_row_is_a_hook():
    assert set(rows("law_quick.def")) | set(rows("law_blocking.def")) <= set(hooks())
    assert {hook for hook, _ in cases()} <= set(hooks()) and len(cases()) > 200


def test_every_cancellation_point_is_cancelled_while_it_waits(host):
    """Which hooks these are is asked of libc: a pending cancellation ended them."""
    lines = bare_lines(host, SHAPES[0], "pending")
    points = {line.split(":")[0] for line in lines if ": cancelled" in line}
    assert len(points) > 50
    assert points - set(rows("law_blocking.def")) - set(CANNOT_BLOCK) == set()


@pytest.mark.parametrize("events", LEVELS)
@pytest.mark.parametrize("shape", SHAPES, ids=lambda s: "+".join(map(str, filter(None, s))))
@pytest.mark.parametrize("kind", ["errno", "cases", "pending", "blocked"])
def test_same(host, kind, shape, events):
    bare = bare_lines(host, shape, kind)
    _, lines = said(host, shape, kind, **({"FR_EVENTS": events} if events else {}))
    assert lines == bare and len(lines) > 60


@pytest.mark.parametrize("unwind", ["fp", "caller"])
@pytest.mark.parametrize("kind", ["errno", "cases", "pending", "blocked"])
def test_same_without_libunwind(host, kind, unwind):
    bare = bare_lines(host, SHAPES[0], kind)
    assert said(host, SHAPES[0], kind, FR_EVENTS="full", FR_UNWIND=unwind)[1] == bare


def test_same_while_verifying(host):
    """Each stack is unwound again, also of threads that are cancelled."""
    how = {"FR_EVENTS": "full", "FR_VERIFY_STACKS": 1}
    bare = bare_lines(host, SHAPES[0], "blocked")
    assert said(host, SHAPES[0], "blocked", **how)[1] == bare


def test_cancelled_calls_are_recorded(full):
    """Each wait that was cancelled is an event, with the call it was in."""
    p, lines = said(full, SHAPES[0], "blocked")
    ends = [e for e in fr.read("events", full.snapshot(p)) if e["event"] == "thread.cancelled"]
    asked = [line.split(":")[0].split("/")[0] for line in lines if ": cancelled" in line]
    inner = lambda call: call.endswith("_once") or call.startswith("SSL_")
    assert [e["via"] for e in ends] == ["read" if inner(call) else call for call in asked]
