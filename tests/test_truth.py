# SPDX-License-Identifier: MIT
"""Every call a program makes is in the recording, with its arguments, its result and its stack."""

import json

import pytest

import fr
import oracle

SHAPES = ["truth", "truth-O2", "truth-nopie", "truth-hole", "truth-nofp", "truth-stripped"]
ADDRESSES = {"lock", "cond", "ptr", "old", "handle", "routine"}


def recorded(host, shape, **settings):
    """What the target says it did, and what the recording says."""
    p = host.target(shape, **settings)
    assert p.code() == 0, p.lines[-3:]
    said = [json.loads(line) for line in p.lines]
    return said, fr.read("events", host.snapshot(p)), host.snapshot(p)


def same(name, said, found):
    if name in ADDRESSES:
        return fr.number(found) == fr.number(said)
    if name == "via":
        return not said or found == said
    if name == "peer":
        return found == said
    if name == "contended":
        return bool(found) == bool(said)
    return found == said


def call_matches(said, event):
    """Everything the target said about a call but where it was made."""
    if event["event"] != said["event"] or event["tid"] != said["tid"]:
        return False
    names = set(said) - {"event", "fn", "line", "waited_ms"}
    # A call by its plain name may go without `via`; a zero result may go without `err`.
    return all(same(n, said[n], event.get(n, 0 if n == "err" else said[n] if n == "via" else None))
               for n in names)


def describe(said, events):
    near = [e for e in events if e["event"] == said["event"] and e["tid"] == said["tid"]]
    return "\n".join([f"said:  {said}", *(f"found: { {k: v for k, v in e.items() if k != 'stack'} }"
                                          f" {fr.names(e.get('stack'))[:3]}" for e in near)])


def match_all(said, events):
    """Pairs each said call with an event, in each thread's own order."""
    position = {}
    for call in said:
        tid = call["tid"]
        mine = [e for e in events if e["tid"] == tid]
        # thread.start and thread.exit are said by another thread: any place will do
        start = position.get(tid, 0) if call.get("fn") else 0
        for i in range(start, len(mine)):
            if call_matches(call, mine[i]):
                if call.get("fn"):
                    position[tid] = i + 1
                yield call, mine[i]
                break
        else:
            raise AssertionError("not in the recording:\n" + describe(call, mine))


def check_place(call, event, shape):
    """The event's stack begins where the call was made; of a stripped program the module says."""
    stack = event["stack"]
    assert fr.modules(stack)[0] == shape, (call, stack[:3])
    if shape.endswith("-stripped"):
        return
    # a fortified call is a function of the header, inlined into its caller
    leaf = next(f for f in stack if not f["inl"])
    assert (leaf["fn"], leaf["line"]) == (call["fn"], call["line"]), (call, stack[:3])
    assert leaf["file"].endswith(f"tests/targets/{shape.split('-')[0]}.c")


def in_shapes(target):
    """The target as it is, and in the shapes of tests/targets.mk."""
    return [target, *(f"{target}-{s}" for s in ("O2", "nopie", "fortified", "stripped"))]


@pytest.mark.parametrize("shape", SHAPES)
def test_every_call_is_recorded(full, shape):
    said, events, _ = recorded(full, shape)
    assert len(said) > 100
    pairs = list(match_all(said, events))
    assert len(pairs) == len(said)
    for call, event in pairs:
        stack = event.get("stack") or []
        if not call.get("fn"):
            continue
        assert stack, f"no stack: {call}"
        check_place(call, event, shape)
        if shape != "truth-stripped":
            assert {"main", "cond_waiter", "contender"} & set(fr.names(stack)), stack


@pytest.mark.parametrize("shape", ["truth", "truth-O2", "truth-nofp"])
def test_stacks_as_unwound_each_time(full, shape):
    """What the memo and the rules say is what a walk from the beginning says."""
    p = full.target(shape, FR_VERIFY_STACKS=1)
    assert p.code() == 0, p.lines[-3:]
    header = fr.read("info", full.snapshot(p))["header"]
    assert header["unwind"] == "call frame information", header
    assert header["stack_tests"] >= 12 and header["stack_differ"] == 0, header


@pytest.mark.parametrize("shape", ["truth", "truth-O2"])
def test_waits_have_owner_and_length(full, shape):
    said, events, _ = recorded(full, shape)
    call = next(s for s in said if "waited_ms" in s)
    event = next(e for c, e in match_all(said, events) if c is call)
    assert event["owner"] == call["owner"]
    assert abs(event["dur_ns"] / 1e6 - call["waited_ms"]) < 25
    assert event["dur_ns"] >= 35e6


@pytest.mark.parametrize("shape", SHAPES)
def test_recording_is_consistent(full, shape):
    """The order of events and the life of each lock make sense; reading twice gives the same."""
    _, events, recording = recorded(full, shape)
    oracle.check(events)
    assert events == fr.read("events", recording)


def test_kept_region_shows_the_same(full):
    """A region kept at the exit and the snapshot made at the exit hold the same calls."""
    said, events, _ = recorded(full, "truth", FR_KEEP=1)
    region, = full.regions()
    kept = fr.read("events", region)
    assert len(list(match_all(said, kept))) == len(said)
    own = {"snapshot"}  # the region also saw the snapshot being made
    strip = lambda es: [(e["event"], e["tid"], e["t_ns"]) for e in es if e["event"] not in own]
    assert strip(kept)[:len(strip(events))] == strip(events)


def test_frame_pointers_only(full):
    """Without libunwind the stacks of a program with frame pointers are as good."""
    said, events, recording = recorded(full, "truth", FR_UNWIND="fp")
    for call, event in match_all(said, events):
        if call.get("fn"):
            assert event["stack"][0]["fn"] == call["fn"]
            assert event["stack"][0]["line"] == call["line"]
    assert "frame pointer" in fr.fr("info", recording).out


def test_slow_level_keeps_what_was_slow(tmp_path):
    """The default level records contended, failed and long calls only."""
    host = fr.Host(tmp_path, FR_TRIGGER="exit")
    said, events, _ = recorded(host, "truth")
    locks = [e for e in events if e["event"] == "mutex.lock"]
    assert locks, "the contended lock and the failed ones"
    for e in locks:
        assert e.get("dur_ns", 0) > 0 or e.get("err"), e
    contended = next(s for s in said if "waited_ms" in s)
    assert any(call_matches(contended, e) for e in events), describe(contended, events)
    timeouts = [s for s in said if s["event"] == "mutex.lock" and s["err"] == 110]
    assert len(timeouts) == 2
    for s in timeouts:
        assert any(call_matches(s, e) for e in events), describe(s, events)
