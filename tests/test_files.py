# SPDX-License-Identifier: MIT
"""Files, descriptors, sleeps, maps: what is recorded, and that a number means what it means."""

import json

import pytest

import fr
import test_truth


def said_and_recorded(host, name, *args, **settings):
    p = host.target(name, *args, **settings)
    assert p.code() == 0, (p.lines[-3:], p.stderr())
    return [json.loads(line) for line in p.lines], fr.read("events", host.snapshot(p))


def check_places(pairs, shape):
    for call, event in pairs:
        test_truth.check_place(call, event, shape)


@pytest.mark.parametrize("shape", test_truth.in_shapes("files"))
def test_every_file_call_is_recorded(full, shape):
    """Opens with their modes, transfers, syncs, renames, sleeps: arguments, results, places."""
    said, events = said_and_recorded(full, shape, "truth", full.cwd)
    sleeps = [s for s in said if s["event"] == "io.sleep"]
    others = [s for s in said if s["event"] != "io.sleep"]
    pairs = list(test_truth.match_all(others, events))
    assert len(pairs) == len(others) == 48
    check_places(pairs, shape)
    found = [e for e in events if e["event"] == "io.sleep"]
    assert len(found) == len(sleeps) == 7
    for call, event in zip(sleeps, found):
        assert event["via"] == call["via"] and event.get("err", 0) == call["err"]
        if not call["err"]:
            assert abs(event["asked_ns"] - call["about_ns"]) < 0.1 * call["about_ns"], (call, event)
            assert event["dur_ns"] >= 0.99 * event["asked_ns"], event


def test_large_maps(full):
    said, events = said_and_recorded(full, "files", "maps")
    pairs = list(test_truth.match_all(said, events))
    assert len(pairs) == len(said) == 6
    check_places(pairs, "files")
    assert not [e for e in events if e["event"].startswith("mem.") and e.get("size") == 8192
                and e["event"] in ("mem.map", "mem.unmap")]


def test_level_slow_keeps_the_slow_and_the_failed(tmp_path):
    host = fr.Host(tmp_path, FR_TRIGGER="exit", FR_SLOW="2ms")
    said, events = said_and_recorded(host, "files", "truth", host.cwd)
    io = [e for e in events if e["event"].startswith("io.") or e["event"] == "fd.open"]
    assert io
    for e in io:
        woke = e["event"] == "io.write" and e["kind"] == "pipe"
        assert woke or e.get("err") or e["dur_ns"] >= 2000000, e
    failed = [s for s in said if s.get("err") and s["event"] != "io.sleep"]
    assert len(failed) == 7
    list(test_truth.match_all(failed, events))


def test_level_off_is_off(tmp_path):
    host = fr.Host(tmp_path, FR_TRIGGER="exit", FR_EVENTS="io=off")
    _, events = said_and_recorded(host, "files", "truth", host.cwd)
    assert not [e for e in events if e["event"].startswith(("io.", "fd."))]


@pytest.mark.parametrize("events", ["", "full", "off", "net=off", "io=off"])
def test_same_without(host, events):
    """Results are the target's own checks; what it prints does not depend on us."""
    strip = lambda p: [{k: v for k, v in json.loads(line).items() if k not in
                        ("tid", "ptr", "old")} for line in p.lines]
    settings = {"FR_EVENTS": events} if events else {}
    for name, args in (("files", ["truth", host.cwd]), ("descriptors", []), ("files", ["maps"])):
        bare = host.target(name, *args, recorded=False)
        assert bare.code() == 0, bare.lines[-1]
        p = host.target(name, *args, **settings)
        assert p.code() == 0, p.lines[-1]
        if args[:1] != ["truth"]:
            assert strip(p) == strip(bare)


@pytest.mark.parametrize("shape", test_truth.in_shapes("descriptors"))
def test_descriptors_are_what_they_are(full, shape):
    """dup2, closefrom, close_range, fclose, pclose and SCM_RIGHTS change what a number means."""
    said, events = said_and_recorded(full, shape)
    for s in said:
        s["via"] = s["via"] or ""
    pairs = list(test_truth.match_all(said, events))
    assert len(pairs) == len(said) >= 40
    check_places([(c, e) for c, e in pairs if c["event"] != "fd.received"], shape)


def test_descriptors_at_default_levels(host):
    """The table is as true where nothing but sockets is recorded in full."""
    said, events = said_and_recorded(host, "descriptors", FR_TRIGGER="exit")
    sent = [e["fd"] for e in events if e["event"] == "net.send" and e["via"] == "write"]
    assert sent == [s["fd"] for s in said if s["event"] == "net.send"]


# ---- in the report -------------------------------------------------------------------------------


@pytest.mark.parametrize("call", ["nanosleep", "read"])
def test_lock_held_over_a_sleep_or_a_pipe(host, call):
    p = host.target("files", "hold", host.cwd, call, FR_TRIGGER="exit")
    assert p.code() == 0, p.lines
    finding, *_ = fr.findings(fr.read("report", host.snapshot(p)), "lock-held-across-blocking-call")
    assert f"{call}()" in finding["title"], finding["title"]
    assert "slow_call" in json.dumps(finding["stacks"][0])


def test_blocked_in_read_of_a_pipe_is_no_peer(host):
    """The state of a live thread: a read of a pipe is of a file, with its number."""
    script = "import os; r, w = os.pipe(); print('fd', r, flush=True); os.read(r, 1)"
    p = host.start("/usr/bin/python3", "-c", script)
    fd = int(p.line("fd").split()[1])
    state = lambda: fr.read("threads", p.pid, ok=(0, 3))[0].get("on") or {}
    on = fr.wait_for(lambda: state() if state().get("kind") == "file" else None, "the state")
    assert on["fd"] == fd and on["call"] == "read"


def test_who_wrote_to_the_pipe(tmp_path):
    """At the default level the write that ends a read is there, before it, with its stack."""
    host = fr.Host(tmp_path, FR_TRIGGER="exit")
    said, events = said_and_recorded(host, "files", "wake")
    assert len(said) == 2
    for s, kind in zip(said, ("pipe", "eventfd")):
        wrote = next(e for e in events if e["event"] == "io.write" and e["fd"] == s["to"])
        got = next(e for e in events if e["event"] == "io.read" and e["fd"] == s["from"])
        assert wrote["tid"] == s["writer"] and got["tid"] == s["reader"]
        assert wrote["kind"] == got["kind"] == kind
        began = wrote["t_ns"] - wrote["dur_ns"]
        assert got["t_ns"] - got["dur_ns"] < began <= got["t_ns"]
        assert "wake" in fr.names(wrote["stack"])


@pytest.mark.parametrize("events", ["io=full", "io=slow"])
def test_report_names_the_file(tmp_path, events):
    """By the end of the path it was opened by, also where the opening was not worth an event."""
    host = fr.Host(tmp_path, FR_TRIGGER="exit", FR_SLOW="1us", FR_EVENTS=events)
    path = host.cwd / "a directory with a long name to be cut" / "journal\x1b[31m.log"
    path.parent.mkdir()
    p = host.start("/usr/bin/python3", "-c", f"""
import os
fd = os.open({str(path)!r}, os.O_RDWR | os.O_CREAT)
other = os.dup(fd)
for i in range(200):
    os.write(fd, b'x' * 100000)
    os.fsync(other)
""")
    assert p.code() == 0
    out = fr.fr("report", host.snapshot(p)).out
    assert "\x1b" not in out
    lines = [line for line in out.splitlines() if "journal" in line]
    assert len(lines) == 2 and all(line.startswith("file  ") for line in lines), out
    assert all(f"(...{str(path)[-40:-10]}" in line for line in lines), out


def test_what_was_opened_before_has_its_path(host):
    """By a parent here: the kernel is asked when the number is first seen."""
    named = host.out / "inherited"
    p = host.start("sh", "-c", f"exec python3 -c 'import os; os.write(3, b\"x\")' 3>{named}",
                   FR_EVENTS="full", FR_TRIGGER="exit")
    assert p.code() == 0
    waits = fr.read("report", host.snapshot(p))["waits"]
    assert any("inherited" in w["what"] for w in waits), waits
