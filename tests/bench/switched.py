# SPDX-License-Identifier: MIT
"""switched.py - what the levels cost a server, in one process: they are switched while it works.

Two processes of the same server differ by some percent without any recorder, by where they happen
to lie in memory; one process compared with itself does not. Every 150 ms the gate (gate.h) of each
process is written through /proc/PID/mem, everything off or the mode's levels again, and the CPU
time of the server is divided by the packets on the loopback device: requests cannot be counted on
the way. `ratio` is the median of cost off / cost on over neighbouring phases. What it leaves out is
the price of passing through a hook that is off: some ns a call, see micro.
"""

import contextlib
import os
import pathlib
import re
import subprocess
import threading
import time

from kit import MODES, Skipped, median
import servers

PHASE = 0.15
OFF, LOCK, IO = 1, 1, 4     # enum fr_level, enum fr_class (wire.h): the classes that are switched


def gate_offset(lib):
    names = subprocess.run(["nm", lib], capture_output=True, text=True, check=False).stdout
    found = re.search(r"^([0-9a-f]+) . fr_gate$", names, re.M)
    if not found:
        raise Skipped(f"no symbol fr_gate in {lib}")
    return int(found[1], 16)


class Gate:
    """The levels of one process, as it was born with them."""

    def __init__(self, pid, base, offset):
        self.memory = os.open(f"/proc/{pid}/mem", os.O_RDWR)
        self.at = base + offset + LOCK
        self.born = os.pread(self.memory, IO - LOCK + 1, self.at)

    def switch(self, on):
        if all(self.born):
            with contextlib.suppress(OSError):      # it has ended
                os.pwrite(self.memory, self.born if on else bytes([OFF] * len(self.born)), self.at)

    def close(self):
        os.close(self.memory)


def gates(server, lib, offset):
    found = []
    for pid in servers.tree(server.p.pid):
        with contextlib.suppress(OSError):
            for line in pathlib.Path(f"/proc/{pid}/maps").read_text().splitlines():
                if line.endswith(str(lib)):
                    found.append(Gate(pid, int(line.split("-")[0], 16), offset))
                    break
    return found


def packets():
    text = pathlib.Path("/proc/net/dev").read_text()
    return int(re.search(r"^ *lo:(?: +\d+){1} +(\d+)", text, re.M)[1])


def cost(server, all_gates, on):
    """CPU ns a packet over one phase, or None if the load paused."""
    for g in all_gates:
        g.switch(on)
    time.sleep(PHASE / 15)
    sent, cpu = packets(), server.cpu_ns()
    time.sleep(PHASE)
    sent, cpu = packets() - sent, server.cpu_ns() - cpu
    return cpu / sent if sent > 100 and cpu > 0 else None


def keep_busy(server, load, n, stop):
    while not stop.is_set():
        try:
            load(server, n)
        except (RuntimeError, IndexError, KeyError, TypeError):
            return      # the server was stopped under it


def block(kit, cls, load, n, mode, pairs):
    """Ratios off / on of one process."""
    server, stop, ratios = cls(kit, mode), threading.Event(), []
    busy = threading.Thread(target=keep_busy, args=(server, load, n, stop))
    busy.start()
    try:
        time.sleep(1)
        found = gates(server, kit.lib, gate_offset(kit.lib))
        for i in range(pairs):
            turn = (False, True) if i % 2 else (True, False)
            got = {on: cost(server, found, on) for on in turn}
            if got[False] and got[True]:
                ratios.append(got[False] / got[True])
        for g in found:
            g.close()
    finally:
        stop.set()
        server.stop()
        busy.join()
    return ratios


def compare(kit, name, mode):
    cls, load, n, few = servers.LOADS[name]
    pairs = kit.pick(50, 3)
    n = kit.pick(int(n * (pairs * 2.4 * PHASE + 3)), few * 10)
    got = [median(block(kit, cls, load, n, mode, pairs)) for _ in range(kit.pick(5, 1))]
    got = [g for g in got if g]
    return {"load": name, "mode": mode.name, "ratio": median(got), "lowest": min(got, default=None),
            "highest": max(got, default=None), "processes": len(got)}


def run(kit):
    rows = []
    for mode in kit.pick((MODES["default"], MODES["full"]), (MODES["default"],)):
        rows += servers.each_load(kit, lambda name, m=mode: [compare(kit, name, m)])
    return rows
