# SPDX-License-Identifier: MIT
"""snapshot.py - what a snapshot does to the threads that go on, and what a crash dump takes.

8 threads at full speed at level full. held: time in the signalled thread from raise() to its
return; held_cpu: what of that it ran, the rest is other threads' turns. longest stop: of any
thread, between two iterations (gap) and on its own CPU clock (cpu); `quiet` are the windows
between, where only the scheduler stops anybody: 8 threads share the CPUs. took: from the trigger
to the complete file. crash: from just before the fault until the parent knows, less the same
without the recorder.
"""

import json
import subprocess
import time

from kit import MODES, median

FULL, BARE = MODES["full"], MODES["bare"]


def stop(kit, mib, threads):
    """Snapshots of a region that is full, FR_MIN_AGE being longer than the run."""
    place = kit.place()
    rounds, fill, window = kit.pick((15, 1500 if mib < 32 else 4000, 400), (2, 200, 150))
    text = kit.text([kit.program("stall"), "gaps", threads, fill, rounds, window], FULL, place,
                    FR_MAX_BYTES=f"{mib}M", FR_MIN_AGE="1h")
    got = [json.loads(line) for line in text.splitlines()]
    files = sorted(place["out"].glob("*.frd"), key=lambda f: f.stat().st_mtime_ns)
    # ctime: when it got its name; the kernel stamps files by its tick, so this is right to 4 ms
    took = [f.stat().st_ctime_ns - kit.json("info", f)["trigger"]["real_ns"] for f in files]
    held = sorted(r["held_ns"] for r in got)
    held_cpu = sorted(r["held_cpu_ns"] for r in got)
    row = {"snapshot_mib": median([f.stat().st_size for f in files]) / 2**20, "threads": threads,
           "files": len(files), "took_ms": median(took) / 1e6, "held_ms": median(held) / 1e6,
           "held_max_ms": held[-1] / 1e6, "held_cpu_max_ms": held_cpu[-1] / 1e6}
    for key in ("quiet", "snapshot", "quiet_cpu", "snapshot_cpu"):
        row[f"{key}_ms"] = median([max(r[f"{key}_ns"]) for r in got]) / 1e6
    for f in files:
        f.unlink()
    return row


def crash_ms(kit, mode, mib, fill):
    place = kit.place()
    argv = [kit.program("stall"), "crash", "4", str(fill)]
    env = kit.env(mode, place, FR_MAX_BYTES=f"{mib}M", FR_MIN_AGE="1h")
    with subprocess.Popen(["prlimit", "--core=0", *argv], env=env, cwd=place["cwd"], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as p:
        begun = int(p.stdout.readline())
        p.wait()
        ended = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
    sizes = [f.stat().st_size for f in place["out"].glob("*.frd")]
    for f in place["out"].glob("*.frd"):
        f.unlink()
    return (ended - begun) / 1e6, max(sizes, default=0) / 2**20


def crash(kit, mib):
    fill = kit.pick(1500, 200)
    got = kit.alternate([BARE, FULL], kit.pick(9, 1), lambda m: crash_ms(kit, m, mib, fill))
    ms = {m: [v[0] for v in got[m]] for m in got}
    return {"crash_dump_mib": median([v[1] for v in got["full"]]), "bare_ms": median(ms["bare"]),
            "full_ms": median(ms["full"]),
            "added_ms": median([f - b for f, b in zip(ms["full"], ms["bare"])])}


def run(kit):
    return [stop(kit, mib, threads) for mib in kit.pick((16, 64), (4,))
            for threads in kit.pick((1, 8), (2,))] + [crash(kit, kit.pick(16, 4))]
