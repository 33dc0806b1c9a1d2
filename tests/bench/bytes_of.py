# SPDX-License-Identifier: MIT
"""bytes_of.py - bytes of an event and how much time a MiB of region holds, on servers under load.

Of the process with most events. window_s is that of the dense tier's load: from the oldest kept
event to the newest; per_mib relates it to the chunks in use.
"""

import servers
from kit import MODES


def one(kit, name, mode):
    infos = servers.observe(kit, name, mode)
    info = infos[0]
    used = sum(s["used"] for s in info["sections"] if s["name"].startswith("chunks")) / 2**20
    depot = sum(s["used"] for s in info["sections"] if s["name"] == "depot")
    window = info["window"]["duration_ns"] / 1e9
    return {"load": name, "mode": mode.name, "events": info["events"],
            "bytes": info["bytes_per_event"], "chunks_mib": used, "window_s": window,
            "s_per_mib": window / used if used else None, "depot_kib": depot / 1024,
            "drops": sum(info["drops"].values())}


def run(kit):
    return servers.each_load(kit, lambda name: [
        one(kit, name, MODES[m]) for m in ("default", "full")])
