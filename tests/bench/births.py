# SPDX-License-Identifier: MIT
"""births.py - start-up of /bin/true, pthread_create and join, fork and wait; memory of a thread.

beyond_kib: private memory that a thread adds beyond what it has bare; region_kib: its part of the
region (record, state and the chunks it holds open).
"""

from kit import MODES, median

MODE_NAMES = ("bare", "off", "default", "full")


def born(kit, what, n, *more):
    modes = [MODES[m] for m in MODE_NAMES]

    def once(mode):
        place = kit.place()
        if what != "spawn":
            return float(kit.text([kit.program("births"), what, n], mode, place)) / 1e3
        # the parent stays bare: it is the child whose start is measured
        child = [f"{k}={v}" for k, v in kit.env(mode, place).items()
                 if k.startswith("FR_") or k == "LD_PRELOAD"]
        return float(kit.text([kit.program("births"), what, n, *more, *child], place=place)) / 1e3

    got = kit.alternate(modes, kit.pick(9, 1), once)
    added = {m: median([v - b for v, b in zip(got[m], got["bare"])]) for m in got}
    return {"what": what, "bare_us": median(got["bare"]),
            **{f"added_{m}_us": added[m] for m in got if m != "bare"}}


def memory(kit, threads):
    def sums(n, mode):
        return [int(v) for v in kit.text([kit.program("births"), "hold", n], mode,
                                         FR_MAX_BYTES="64M").split()]

    def per_thread(mode):
        few, many = sums(1, mode), sums(threads, mode)
        return [(m - f) / (threads - 1) for f, m in zip(few, many)]
    bare = per_thread(MODES["bare"])
    rows = []
    for m in ("default", "full"):
        own, shared = per_thread(MODES[m])
        rows.append({"mode": m, "threads": threads, "bare_kib": bare[0],
                     "beyond_kib": own - bare[0], "region_kib": shared - bare[1]})
    return rows


def run(kit):
    n = kit.pick(300, 10)
    return ([born(kit, "spawn", n, "/bin/true"), born(kit, "thread", 10 * n), born(kit, "fork", n)]
            + memory(kit, kit.pick(1000, 50)))
