# SPDX-License-Identifier: MIT
"""Labels belong to a thread: they go with it through fork, and end with it."""

import json

import fr


def test_labels_through_fork_and_thread_ends(full):
    p = full.target("labels")
    assert p.code() == 0, p.stderr()
    said = [json.loads(line) for line in p.lines]
    assert len({s["pid"] for s in said}) == 3
    for pid in {s["pid"] for s in said}:
        events = fr.read("events", full.snapshot(type("Child", (), {"pid": pid})))
        seen = [(e["tid"], e.get("labels", {})) for e in events if e["event"] == "net.send"]
        assert seen == [(s["tid"], s["labels"]) for s in said if s["pid"] == pid]
