# SPDX-License-Identifier: MIT
"""stacks.py - what a call stack costs, and how often a memo knows it.

hit: level full with stacks less level full with the caller's address only (FR_UNWIND=caller),
per event, beside unw_backtrace and glibc's backtrace at the same depth. miss: random paths through
4096 stacks at one stack pointer less one path, per event; 17 frames, 13 of which vary. Then, on
servers at level full: events (one stack each), stacks that were walked, and differences from
unwinding again (FR_VERIFY_STACKS).
"""

import micro
import servers
from kit import MODES, Mode, median

DEPTHS = (4, 12, 20, 30)
CALLER = Mode("caller", {"FR_EVENTS": "full", "FR_UNWIND": "caller"})
FULL, BARE = MODES["full"], MODES["bare"]


def hit(kit, depth):
    got = kit.alternate([FULL, CALLER], kit.pick(7, 1),
                        lambda m: micro.ns_of(kit, "lock_unlock", depth, 1, m))
    less = [(f - c) / 2 for f, c in zip(got["full"], got["caller"])]
    return {"stack": "memo hit", "depth": depth, "ns": median(less)}


def miss(kit):
    def both(mode):
        new, known = (micro.ns_of(kit, op, 0, 1, mode) for op in ("path_new", "path_known"))
        return new - known
    got = kit.alternate([FULL, BARE], kit.pick(7, 1), both)
    more = [(f - b) / 2 for f, b in zip(got["full"], got["bare"])]
    return {"stack": "memo miss", "depth": 17, "ns": median(more)}


def others(kit, depth):
    return [{"stack": op, "depth": depth, "ns": median(
        [micro.ns_of(kit, op, depth, 1, BARE) for _ in range(kit.pick(5, 1))])}
            for op in ("unw_backtrace", "backtrace")]


def known(kit, name):
    """Hit rate on a server, and with the check on, how many of the memo's answers were wrong."""
    infos = servers.observe(kit, name, FULL)
    threads = [t for i in infos for t in i["threads"]]
    events = sum(t["events"] + t["overwritten"] for t in threads)
    walked = sum(t["stack_walks"] for t in threads)
    checked = servers.observe(kit, name, FULL, divide=20, FR_VERIFY_STACKS=1)
    return [{"load": name, "events": events, "walked": walked,
             "missed_percent": 100 * walked / max(events, 1),
             "verified": sum(i["header"]["stack_tests"] for i in checked),
             "different": sum(i["header"]["stack_differ"] for i in checked)}]


def run(kit):
    rows = [hit(kit, d) for d in kit.pick(DEPTHS, DEPTHS[:1])] + [miss(kit)]
    for d in kit.pick(DEPTHS, DEPTHS[:1]):
        rows += others(kit, d)
    return rows + servers.each_load(kit, lambda name: known(kit, name))
