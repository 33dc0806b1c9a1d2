# SPDX-License-Identifier: MIT
"""oracle.py - laws that the events of any recording obey, after Go's trace validator."""

TAKES = {"mutex.lock", "rwlock.rdlock", "rwlock.wrlock"}
# A processor may read its counter that much before the instructions in front of it have ended.
EARLY_NS = 100


def check(events):
    order(events)
    locks(events)


def order(events):
    """Ids are places in the stream; time does not run backwards, for nobody."""
    last = 0
    for place, e in enumerate(events, 1):
        assert e["id"] == f"E{place}", e
        assert e["t_ns"] >= last, e
        assert e.get("dur_ns", 0) >= 0, e
        last = e["t_ns"]
        for frame in e.get("stack") or []:
            assert frame.get("mod") or frame.get("fn") or frame.get("off") is not None, e


def locks(events):
    """
    Nobody releases a mutex that another thread holds, nor takes one that is held. Holds as far as
    each of a lock's acquisitions was recorded (level full); a lock whose first event is its
    release was taken before the window. A taking whose stamp is early may stand before the whole
    hold that it came after, where that is as short.
    """
    holder, taken_at, before = {}, {}, set()

    def around(e):
        """What to read when this fails: the lock's events before and after, in ns from this one."""
        mine = [x for x in events if x.get("lock") == e["lock"]]
        at = mine.index(e)
        return [(x["id"], x["t_ns"] - e["t_ns"], x["tid"], x["event"], x.get("dur_ns"))
                for x in mine[max(0, at - 6):at + 6]]

    for e in events:
        if e["event"] == "mutex.lock" and not e.get("err"):
            lock = e["lock"]
            owner, depth = holder.get(lock, (None, 0))
            if owner not in (None, e["tid"]) and e["t_ns"] - taken_at[lock] <= EARLY_NS:
                before.add((lock, e["tid"]))
                continue
            # stamped after the call: the releaser's event, stamped before its call, came first
            assert owner in (None, e["tid"]), f"held by {owner}: {around(e)} {e}"
            holder[lock] = (e["tid"], depth + 1)
            taken_at[lock] = e["t_ns"]
        elif e["event"] == "mutex.unlock" and (e["lock"], e["tid"]) in before:
            before.discard((e["lock"], e["tid"]))
            assert e["t_ns"] - taken_at[e["lock"]] <= EARLY_NS, f"{around(e)} {e}"
        elif e["event"] == "mutex.unlock" and e["lock"] in holder:
            owner, depth = holder[e["lock"]]
            assert owner in (None, e["tid"]), f"held by {owner}: {around(e)} {e}"
            holder[e["lock"]] = (owner, depth - 1) if depth > 1 else (None, 0)
        elif e["event"] == "cond.wait":
            # released and taken again inside: the holder before and after is the waiter
            owner, _ = holder.get(e["lock"], (None, 0))
            holder[e["lock"]] = (e["tid"], 1)
            taken_at[e["lock"]] = e["t_ns"]
