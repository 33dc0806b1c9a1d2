# SPDX-License-Identifier: MIT
"""Calls that fail: who closed the number before, what repeats is counted, storms empty nothing."""

import errno
import json
import signal

import fr
from test_kill import left_region

CLOSED = fr.source_line("tests/targets/fails.c", "if (close(fd) != 0)")
AGAIN = fr.source_line("tests/targets/fails.c", "int rc = close(fd), err = errno;")
WROTE = fr.source_line("tests/targets/fails.c", "long rc = write(fd")


def did(p, what):
    return [s for s in map(json.loads, p.lines) if s["did"] == what]


def recorded(host, what):
    p = host.target("fails", what)
    assert p.code() == 0, (p.lines[-3:], p.stderr())
    snapshot = host.snapshot(p)
    return p, snapshot, fr.read("events", snapshot)


def of(events, name, err):
    return [e for e in events if e["event"] == name and e.get("err") == err]


def sum_of(events, name, err):
    """Failures that are told, one by one and counted."""
    counted = [e["count"] for e in events if e["event"] == "repeated" and e["what"] == name]
    return len(of(events, name, err)) + sum(counted)




def test_who_closed_it(tmp_path):
    """At any level, with both stacks: of close, fclose and write; nothing of what is in order."""
    host = fr.Host(tmp_path, FR_TRIGGER="exit")
    p, snapshot, events = recorded(host, "closes")
    closer, second, wrote = did(p, "close")[0], did(p, "second")[0], did(p, "write")[0]
    bad = of(events, "fd.bad", errno.EBADF)
    assert [e["via"] for e in bad] == ["close", "write", "close", "fclose"]
    for e, line in ((bad[0], AGAIN), (bad[1], WROTE)):
        assert e["fd"] == closer["fd"] and e["closer"] == closer["tid"]
        assert e["tid"] == second["tid"]
        assert e["stack"][0]["line"] == line and e["ago_ns"] > 0
        assert e["closed_by"][0]["fn"] == "first_close" and e["closed_by"][0]["line"] == CLOSED
    assert wrote["tid"] == bad[1]["tid"]
    assert bad[2]["fd"] == -1 and not bad[2]["closer"] and not bad[2]["closed_by"]
    assert bad[3]["closer"] == bad[3]["tid"] and bad[3]["closed_by"][0]["fn"] == "closes"
    report = fr.read("report", snapshot)
    found = fr.findings(report, "double-close")
    assert [f["title"].split(",")[0].split(":")[0] for f in found] == [
        f"T1 fails closed fd {closer['fd']}", f"T1 fails closed fd {bad[3]['fd']} twice"]
    assert [s[0]["fn"] for s in found[0]["stacks"]] == ["second_close", "first_close"]
    used, = fr.findings(report, "use-after-close")
    assert "write()" in used["title"] and "T2 fails" in used["title"]


def test_a_sweep_is_no_double_close(tmp_path):
    host = fr.Host(tmp_path, FR_TRIGGER="exit")
    _, snapshot, events = recorded(host, "sweep")
    assert len(of(events, "fd.bad", errno.EBADF)) >= 8
    assert not fr.findings(fr.read("report", snapshot), "double-close")


def test_off_is_off(tmp_path):
    host = fr.Host(tmp_path, FR_TRIGGER="exit", FR_EVENTS="io=off,net=off")
    _, _, events = recorded(host, "closes")
    assert not [e for e in events if e["event"].startswith("fd.")]


def test_a_storm_is_counted_to_the_last(tmp_path):
    """A million times EMFILE: the rare tier keeps what was before; the sum is exact."""
    host = fr.Host(tmp_path, FR_TRIGGER="exit")
    p, snapshot, events = recorded(host, "storm")
    said, = did(p, "accept")
    assert said["failed"] == 1000000
    assert sum_of(events, "net.accept", errno.EMFILE) == said["failed"]
    assert len(of(events, "net.accept", errno.EMFILE)) < 2000
    assert [e for e in events if e["event"] == "net.listen"]
    counts = [e for e in events if e["event"] == "repeated"]
    assert all(e["stack"][0]["fn"] == "accepts" and e["object"] > 0 for e in counts)
    assert all(e["span_ns"] <= 150000000 for e in counts)
    found, = fr.findings(fr.read("report", snapshot), "errors")
    assert "accept() failed with EMFILE" in found["title"], found["title"]


def test_different_failures_are_not_one(tmp_path):
    host = fr.Host(tmp_path, FR_TRIGGER="exit")
    _, _, events = recorded(host, "repeats")
    opens = of(events, "fd.open", errno.ENOTDIR)
    for path in ("/dev/null", "/dev/zero"):
        assert len([e for e in opens if e["path"] == path]) >= 8
    assert len([e for e in opens if e["path"] == "/dev/full"]) == 1
    assert sum_of(events, "fd.open", errno.ENOTDIR) == 2001


def test_killed_in_a_storm(host):
    """At most the last count is lost: what was 300 ms old is there."""
    p = host.target("fails", "killed")
    said = p.truth("accept")
    p.line("kill")
    p.signal(signal.SIGKILL)
    p.wait()
    events = fr.read("events", left_region(host, p))
    assert sum_of(events, "net.accept", errno.EMFILE) >= said["failed"]
