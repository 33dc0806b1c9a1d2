# SPDX-License-Identifier: MIT
"""micro.py - ns and bytes per event of hooked calls, beside the bare call, in one run.

added_*: ns that a level adds to the call or pair. per_event: what level full adds per recorded
event. per_s: events a second that one CPU could take at full. depth: frames of the stack.
send_recv_busy reads other memory in between, as a server does: what the caches held is gone.
"""

from kit import MODES, median

# operation: (events per iteration that are timed, iterations of a batch)
OPS = {
    "lock": (1, 20000), "unlock": (1, 20000), "malloc": (1, 20000), "free": (1, 20000),
    "lock_unlock": (2, 20000), "malloc_free": (2, 20000), "malloc_mix": (2, 20000),
    "calloc_free": (2, 20000), "send_recv": (2, 2000), "send_recv_busy": (2, 400),
    "contended": (2, 20000), "ping_pong": (2, 300),
}
ALONE = ["lock", "unlock", "malloc", "free", "lock_unlock", "malloc_free", "malloc_mix",
         "calloc_free"]
DEPTHS = (4, 12, 20, 30)
# (operation, depth, threads)
CASES = ([(op, depth, 1) for op in ALONE for depth in DEPTHS]
         + [(op, 12, 1) for op in ("send_recv", "send_recv_busy")]
         + [(op, 12, n) for op in ("lock_unlock", "malloc_free") for n in (2, 8, 64)]
         + [("contended", 12, 2), ("contended", 12, 8), ("ping_pong", 12, 2)])
QUICK = [("lock_unlock", 4, 1), ("malloc_free", 12, 2), ("ping_pong", 4, 2)]


def ns_of(kit, op, depth, threads, mode, **more):
    n = kit.pick(OPS[op][1], 500) if op in OPS else kit.pick(20000, 500)
    per_thread = n if op == "ping_pong" else max(n // min(threads, 8), 500)
    return float(kit.text([kit.program("work"), op, depth, threads, per_thread], mode, **more))


def size_of(kit, op, depth, threads):
    """Bytes per event of a run at full whose region is kept."""
    place = kit.place()
    ns_of(kit, op, depth, threads, MODES["full"], place=place, FR_KEEP=1)
    return kit.regions(place)[0]["bytes_per_event"]


def case(kit, op, depth, threads):
    modes = list(MODES.values())
    got = kit.alternate(modes, kit.pick(7, 1), lambda m: ns_of(kit, op, depth, threads, m))
    # the difference of each round, then the median: a slow round is slow on both sides
    added = {m: median([v - b for v, b in zip(got[m], got["bare"])]) for m in got}
    events = OPS[op][0]
    return {"op": op, "depth": depth, "threads": threads, "bare_ns": median(got["bare"]),
            **{f"added_{m}": added[m] for m in got if m != "bare"},
            "per_event": added["full"] / events,
            "per_s": events * 1e9 / median(got["full"]),
            "bytes": size_of(kit, op, depth, threads)}


def run(kit):
    return [case(kit, *c) for c in kit.pick(CASES, QUICK)]
