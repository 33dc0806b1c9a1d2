# SPDX-License-Identifier: MIT
"""Windows: how much history is kept, for each tier, and that fr info says so of each thread."""

import json
import resource
import socket

import pytest

import fr

DENSE = "mem=full,thread=full,net=full,io=off,lock=off"
SECOND = 1000000000
SLACK = 1000000  # of an event's time against the target's own clock


@pytest.fixture
def port():
    with socket.create_server(("127.0.0.1", 0)) as s:
        yield s.getsockname()[1]


def target(host, *args, timeout=None, **settings):
    """Runs windows.c until it is done; what it said, and itself, still alive."""
    p = host.target("windows", *args, **{"FR_EVENTS": DENSE, **settings})
    end = json.loads(p.line("done", timeout))
    said = [json.loads(line) for line in p.lines]
    return p, end, [s for s in said if "done" not in s]


def thread_of(info, tid):
    t, = [t for t in info["threads"] if t["tid"] == tid]
    return t


def on_disk(host):
    region, = host.regions()
    return region.stat().st_blocks * 512


def is_at(mark, event):
    return mark["from_ns"] - SLACK <= event["t_ns"] <= mark["to_ns"] + SLACK


def read(recording):
    """Info, and the events that say something: not the storm."""
    told = fr.fr("events", "--json", "-e", "mem.realloc,thread.*,net.*", recording).out
    return fr.read("info", recording), [json.loads(line) for line in told.splitlines()]


def dense(events):
    return {e["size"]: e for e in events if e["event"] == "mem.realloc"}


def rare(events):
    return {e["name"]: e for e in events if e["event"] == "thread.name"}


def check_marks(marks, events, info, tid):
    """What the info says is there is there, at its time. Returns the marks kept of each tier."""
    tiers = thread_of(info, tid)["tiers"]
    kept = {}
    for tier, key, found in (("dense", "size", dense(events)), ("rare", "name", rare(events))):
        since = tiers[tier]["since_ns"] or 0
        kept[tier] = [m for m in marks if m[key] in found]
        assert all(is_at(m, found[m[key]]) for m in kept[tier])
        missing = [m for m in marks if m[key] not in found]
        late = [m for m in missing if m["from_ns"] > since]
        assert not late, (tier, since, late)
        assert len(missing) <= tiers[tier]["overwritten"], tiers
    return kept


# ---- minimum age and maximum bytes ---------------------------------------------------------------

def test_minimum_age(host, port):
    """A storm keeps a second, as asked for, and takes no more memory than that needs."""
    p, end, said = target(host, "storm", port, 4000, FR_MIN_AGE="1s", FR_MAX_BYTES="256M")
    marks = [s for s in said if "mark" in s]
    recording = host.ask(p)
    info, events = read(recording)
    kept = check_marks(marks, events, info, p.pid)
    tier = thread_of(info, p.pid)["tiers"]["dense"]
    assert tier["window_ns"] >= SECOND, tier
    assert len(marks) > 50 and kept["dense"][0]["to_ns"] < marks[-1]["from_ns"] - 0.95 * SECOND
    assert tier["events"] + tier["overwritten"] >= end["calls"]
    assert tier["events"] < 0.5 * end["calls"], "four seconds were kept where one was asked for"
    assert kept["rare"] == marks and thread_of(info, p.pid)["tiers"]["rare"]["since_ns"] is None


@pytest.mark.parametrize("most", [1 << 20, 3 << 20, 16 << 20])
def test_maximum_bytes(host, port, most, long):
    """
    The file never takes more than FR_MAX_BYTES. What does not fit for FR_MIN_AGE is told; and the
    connect from before the storm is still there.
    """
    ms = 65000 if long else 2000
    p, end, said = target(host, "storm", port, ms, timeout=100, FR_MIN_AGE="10m",
                          FR_MAX_BYTES=most)
    assert on_disk(host) <= most
    dialled, *marks = said
    recording = host.ask(p)
    assert on_disk(host) <= most
    info, events = read(recording)
    assert info["header"]["max_bytes"] == most
    kept = check_marks(marks, events, info, p.pid)
    tier = thread_of(info, p.pid)["tiers"]["dense"]
    if most == 1 << 20 and resource.getrlimit(resource.RLIMIT_NOFILE)[1] > 19000:
        assert info["drops"]["fd_range"] > 0, "the table of descriptors grew past the limit"
    if most < 16 << 20:
        assert tier["overwritten"] > 0 and tier["since_ns"] > marks[0]["to_ns"]
        assert kept["dense"] and kept["dense"] != marks
        text = json.dumps(fr.findings(fr.read("report", recording), "recorder"))
        assert "window of locks, memory and transfers" in text and "FR_MIN_AGE" in text, text
    assert tier["events"] + tier["overwritten"] >= end["calls"]
    connect, = [e for e in events if e["event"] == "net.connect"]
    assert (connect["fd"], connect["peer"]) == (dialled["connect"], dialled["peer"])
    assert is_at(dialled, connect)
    assert info["tiers"]["rare"]["since_ns"] is None or long


def test_text_says_the_same(host, port):
    p, _, _ = target(host, "storm", port, 1500, FR_MIN_AGE="10m", FR_MAX_BYTES="1M")
    recording = host.ask(p)
    tiers = thread_of(fr.read("info", recording), p.pid)["tiers"]
    row, = [line for line in fr.fr("info", recording).out.splitlines()
            if line.startswith("T1 ") and str(p.pid) in line]
    rare_since, dense_since = row.split()[-2:]
    assert rare_since == "all" and tiers["rare"]["since_ns"] is None
    ms = {"ms": 1, "s": 1000}[dense_since.lstrip("-0123456789.")]
    told = float(dense_since.strip("-mus")) * ms
    assert told == pytest.approx(tiers["dense"]["window_ns"] / 1e6, abs=2), row


# ---- threads -------------------------------------------------------------------------------------

def test_a_thousand_threads(host):
    """Each of them is there with its events in both tiers, its name, and a window of its own."""
    p, _, said = target(host, "threads", 1000)
    threads = [s for s in said if "thread" in s]
    assert len(threads) == 1000 and on_disk(host) <= 16 << 20
    recording = host.ask(p)
    info, events = read(recording)
    assert not [k for k, v in info["drops"].items() if v and k not in ("early", "nested")], info
    by_size, by_name = dense(events), rare(events)
    table = {t["tid"]: t for t in info["threads"]}
    for t in threads:
        assert by_size[t["size"]]["tid"] == by_name[t["name"]]["tid"] == t["tid"]
        row = table[t["tid"]]
        assert row["alive"] and row["name"] == t["name"] and row["overwritten"] == 0
        assert all(tier["since_ns"] is None for tier in row["tiers"].values()), row


def test_more_threads_than_memory(host):
    """Who got no chunk is counted, and the report says so; who has one keeps it."""
    p, _, said = target(host, "threads", 600, FR_MAX_BYTES="1M")
    assert on_disk(host) <= 1 << 20
    recording = host.ask(p)
    info = fr.read("info", recording)
    assert info["drops"]["no_chunk"] + info["drops"]["no_thread"] >= 100, info["drops"]
    finding, = fr.findings(fr.read("report", recording), "recorder")
    assert "FR_MAX_BYTES" in json.dumps(finding)
    found = dense(read(recording)[1])
    assert len([s for s in said if s.get("size") in found]) > 10
    assert p.alive()


def test_threads_come_and_go(host):
    """Ten thousand, one after the other: the last ones are there; nothing piles up in the host."""
    p, _, said = target(host, "churn", 10000, timeout=60)
    last = [s for s in said if "churned" in s]
    marks = [s for s in said if "mark" in s]
    assert len(last) == 20 and len(marks) == 21
    maps = open(f"/proc/{p.pid}/maps", encoding="utf-8").read().count("\n")
    assert maps < 300 and on_disk(host) <= 16 << 20
    recording = host.ask(p)
    info, events = read(recording)
    assert not info["drops"].get("no_thread") and not info["drops"].get("no_chunk"), info["drops"]
    check_marks(marks, events, info, p.pid)
    by_size = dense(events)
    table = {t["tid"]: t for t in fr.read("threads", recording)}
    for s in last:
        assert table[s["tid"]]["created_by"], "its record was not used again before older ones"
        assert by_size[s["size"]]["tid"] == s["tid"]
        mine = [e["event"] for e in events if e["tid"] == s["tid"]]
        assert mine[0] == "thread.start" and mine[-1] == "thread.exit", mine


# ---- nothing happens for long --------------------------------------------------------------------

@pytest.mark.parametrize("age", ["1s", "2h"])
def test_idle_then_busy(host, long, age):
    """
    Times are right on both sides of a gap. What was before it stays where it is young or there is
    room; else its memory is used again. The policy over an hour is shown by tests/unit/test_ring.c,
    whose clock can be turned; with --long an hour passes here.
    """
    ms = 3600 * 1000 if long else 2500
    p, _, marks = target(host, "idle", ms, timeout=ms / 1000 + 30, FR_MIN_AGE=age)
    gap, after = max((b["from_ns"] - a["to_ns"], b["mark"]) for a, b in zip(marks, marks[1:]))
    assert gap >= ms * 1000000
    recording = host.ask(p)
    info, events = read(recording)
    kept = check_marks(marks, events, info, p.pid)
    assert kept["rare"] == marks and set(m["mark"] for m in kept["dense"]) >= set(
        m["mark"] for m in marks[after:])
    assert info["window"]["duration_ns"] >= gap
    assert [e["t_ns"] for e in events] == sorted(e["t_ns"] for e in events)
    if age == "2h":
        assert kept["dense"] == marks
    else:
        assert thread_of(info, p.pid)["tiers"]["dense"]["overwritten"] > 0
