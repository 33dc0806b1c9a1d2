# SPDX-License-Identifier: MIT
"""The list of locks that a thread holds: in the order of taking, complete or said to be not."""

import pytest

import fr

LISTED = 14  # FR_HELD_MAX


def blocked(host, *args, **settings):
    """What the target said, and what its thread's row says of it once it waits."""
    p = host.target("held", *args, **settings)
    said = p.truth("held")
    fr.wait_for(lambda: fr.task_syscall(p.pid, said["tid"]) == 0, "the read")
    row, = [t for t in fr.read("threads", host.ask(p)) if t["tid"] == said["tid"]]
    return [fr.number(a) for a in said["held"]], row


@pytest.mark.parametrize("events", ["", "full"])
def test_given_back_out_of_order(host, events):
    held, row = blocked(host, "order", **({"FR_EVENTS": events} if events else {}))
    assert [fr.number(h["addr"]) for h in row["held"]] == held and len(held) == 2
    assert row["held_total"] == 2


def test_held_since_it_was_seen(host):
    """Taken when nothing was recorded of it: from the wait on its age has a lower bound."""
    _, row = blocked(host, "order")
    for h in row["held"]:
        assert h["at_least"] and h["since_ns"] and h["since_ns"] <= row["since_ns"], h


@pytest.mark.parametrize("n", [12, 20, 40])
def test_more_than_are_listed(host, n):
    """Those beyond the list are counted; what is given back of them is taken off."""
    held, row = blocked(host, "many", n)
    assert row["held_total"] == len(held) == n - n // 2
    listed = [fr.number(h["addr"]) for h in row["held"]]
    assert listed == [a for a in held if a in listed]
    assert len(listed) == len(held) if n <= LISTED else row["held_total"] >= len(listed)
