# SPDX-License-Identifier: MIT
"""Scene 2, the hang: the cycle is named with both stacks; nothing healthy is called a deadlock."""

import time

import pytest

import fr

DEADLOCKS = ("deadlock", "self-deadlock")
SECOND = fr.source_line("tests/targets/hang.c", "/* the second lock */")
FIRST = fr.source_line("tests/targets/hang.c", "/* the first lock */")


def hung(host, kind, **settings):
    """A hung program: what it said, and a snapshot of it."""
    p = host.target("hang", kind, **settings)
    said = p.truth("kind")
    said["locks"] = [fr.number(a) for a in said["locks"]]
    said["tids"] = [t for t in said["tids"] if t]
    # A wait is a hang only when it lasts: the rules want it a tenth of a second old.
    blocked = time.monotonic()
    fr.wait_for(lambda: time.monotonic() > blocked + 0.15, "the waits to be old")
    return said, host.ask(p), p


@pytest.mark.parametrize("kind,n", [("cycle", 2), ("ring", 3)])
@pytest.mark.parametrize("events", ["", "full"])
def test_cycle(host, kind, n, events):
    said, recording, _ = hung(host, kind, **({"FR_EVENTS": events} if events else {}))
    report = fr.read("report", recording)
    finding = report["findings"][0]
    assert finding["rule"] == "deadlock", [f["title"] for f in report["findings"]]
    assert finding["severity"] == "crit"
    assert sorted(finding["threads"][:n]) == sorted(said["tids"])  # then main, which joins them
    waiting = [s for s in finding["stacks"] if "take_second" in fr.names(s)]
    assert len(waiting) == n, finding["stacks"]
    for stack in waiting:
        frame = stack[fr.names(stack).index("take_second")]
        assert frame["line"] == SECOND and frame["file"].endswith("hang.c")
    assert len(fr.findings(report, "deadlock")) == 1, "one cycle, one finding"
    text = fr.fr("report", recording).out
    threads = {t["tid"]: t for t in fr.read("threads", recording)}
    for i, tid in enumerate(said["tids"]):
        assert f"{threads[tid]['handle']} hang waits for mutex locks[{(i + 1) % n}]" in text, text
    assert f"take_second hang.c:{SECOND}" in text, text
    if events == "full":  # where each took what the other wants; not recorded at level slow
        assert f"take_first hang.c:{FIRST}" in text, text


def test_cycle_in_threads_and_live(host):
    """The thread table shows who waits for what and who holds it; a live process reads the same."""
    said, recording, p = hung(host, "cycle")
    for source in (recording, p.pid, host.regions()[0]):
        threads = {t["tid"]: t for t in fr.read("threads", source)}
        for i, tid in enumerate(said["tids"]):
            t = threads[tid]
            assert t["alive"]
            assert fr.number(t["on"]["addr"]) == said["locks"][1 - i], t
            assert t["on"]["owner_tid"] == said["tids"][1 - i], t
            assert [fr.number(h["addr"]) for h in t["held"]] == [said["locks"][i]], t
            assert "take_second" in fr.names(t["stack"]), t
            assert fr.names(t["created_by"])[:2] == ["start", "main"], t
        assert fr.read("report", source)["findings"][0]["rule"] == "deadlock"
    assert p.alive()


def test_self_deadlock(host):
    said, recording, _ = hung(host, "self")
    report = fr.read("report", recording)
    finding = report["findings"][0]
    assert finding["rule"] == "self-deadlock", [f["title"] for f in report["findings"]]
    assert finding["threads"][:1] == said["tids"]  # then main, which joins it
    assert any("take_second" in fr.names(s) for s in finding["stacks"])
    assert any("take_first" in fr.names(s) for s in finding["stacks"])


def test_waiting_is_no_deadlock(host):
    """Two threads wait for a lock whose holder reads from a pipe: slow, perhaps; not a cycle."""
    said, recording, _ = hung(host, "wait")
    report = fr.read("report", recording)
    assert not [f for f in report["findings"] if f["rule"] in DEADLOCKS]
    threads = {t["tid"]: t for t in fr.read("threads", recording)}
    for tid in said["tids"][1:]:
        assert fr.number(threads[tid]["on"]["addr"]) == said["locks"][0]
        assert threads[tid]["on"]["owner_tid"] == said["tids"][0]


@pytest.mark.parametrize("events", ["", "full"])
def test_healthy_program_is_not_accused(host, long, events):
    """Snapshots at any time of a busy, healthy program never show a deadlock."""
    p = host.target("healthy", **({"FR_EVENTS": events} if events else {}))
    p.line("ready")
    for _ in range(40 if long else 6):
        report = fr.read("report", host.ask(p))
        assert not [f for f in report["findings"] if f["rule"] in DEADLOCKS], report["findings"]
        assert "deadlock" in report["ok"] and "self-deadlock" in report["ok"]
    assert p.alive()


def test_healthy_live_is_not_accused(host, long):
    """The same, read from the live region while everything changes."""
    p = host.target("healthy", FR_EVENTS="full")
    p.line("ready")
    for _ in range(40 if long else 6):
        report = fr.read("report", p.pid, ok=(0, 3))
        assert not [f for f in report["findings"] if f["rule"] in DEADLOCKS], report["findings"]


@pytest.mark.parametrize("events", ["", "full"])
def test_read_lock_twice_around_a_writer(host, events):
    """A lock that prefers writers: the second read lock waits for the writer, and that for us."""
    p = host.target("nested", "writers", **({"FR_EVENTS": events} if events else {}))
    said = p.truth("reader")
    fr.wait_for(lambda: fr.task_syscall(p.pid, said["reader"]) in (202, 98), "the second read")
    blocked = time.monotonic()
    fr.wait_for(lambda: time.monotonic() > blocked + 0.15, "the waits to be old")
    recording = host.ask(p)
    report = fr.read("report", recording)
    finding = report["findings"][0]
    assert finding["rule"] == "self-deadlock", report["findings"]
    assert finding["threads"][:2] == [said["reader"], said["writer"]]
    functions = [fr.names(s) for s in finding["stacks"]]
    assert any("read_again" in s for s in functions), functions
    assert any("write_once" in s for s in functions), functions
    assert not fr.findings(report, "hot-lock") and not fr.findings(report, "stuck-thread")
    reader = {t["tid"]: t for t in fr.read("threads", recording)}[said["reader"]]
    assert reader["on"]["kind"] == "rdlock", reader
    assert fr.number(reader["on"]["addr"]) == fr.number(said["lock"])


def test_read_lock_twice_where_readers_come_first(host):
    p = host.run(fr.TARGETS / "nested", "readers", FR_TRIGGER="exit", FR_EVENTS="lock=full")
    report = fr.read("report", host.snapshots(p.pid)[0])
    assert not [f for f in report["findings"] if f["rule"] in DEADLOCKS], report["findings"]
