# SPDX-License-Identifier: MIT
"""decoder.py - from events to the report: events a second, peak memory; symbols a second.

The recordings are synthetic (a busy server at level full, 16 threads); `cpu_m_per_s` is events
by CPU time of the decoder's process, `wall_s` what its user waits. Symbols: 1 000 random
addresses of a file, in turn with llvm-symbolizer and addr2line; page cache warm. FR_BENCH_DEBUG
names one more file, best one of some 30 MB.
"""

import glob
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

from kit import TOP, Skipped, median, need

sys.path.insert(0, str(TOP / "tests/lib"))


def spent(argv, **env):
    """(wall s, CPU s, peak MiB) of a program; its output goes nowhere."""
    begun = time.monotonic()
    p = subprocess.Popen([str(a) for a in argv], stdout=subprocess.DEVNULL,
                         stderr=subprocess.DEVNULL, env={**os.environ, **env})
    _, status, used = os.wait4(p.pid, 0)
    p.returncode = os.waitstatus_to_exitcode(status)
    if p.returncode not in (0, 3):
        raise RuntimeError(f"{argv}: exit {p.returncode}")
    return time.monotonic() - begun, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def events(kit, millions, command):
    """One command on a recording of so many million events."""
    path = kit.dir / f"synthetic-{millions}.frd"
    if not path.exists():
        subprocess.run([kit.program("bench_report"), str(millions), "16", str(path), "0"],
                       check=True)
    runs = [spent([kit.fr, command, path]) for _ in range(kit.pick(5, 1))]
    wall, cpu, peak = (median([r[i] for r in runs]) for i in range(3))
    return {"command": f"fr {command}", "m_events": float(millions),
            "mib": path.stat().st_size / 2**20, "wall_s": wall, "cpu_s": cpu,
            "m_per_s": millions / wall, "cpu_m_per_s": millions / cpu, "peak_mib": peak}


def debug_files(kit):
    """Files with debug information: fr, libc's (libc6-dbg), and one that the caller names."""
    libc = max(glob.glob("/usr/lib/debug/.build-id/*/*.debug"), key=os.path.getsize, default=None)
    named = os.environ.get("FR_BENCH_DEBUG")
    found = [pathlib.Path(f) for f in (kit.fr, libc, named) if f]
    return found[:1] if kit.quick else found


def seconds(function, *args, **kw):
    begun = time.monotonic()
    function(*args, **kw)
    return time.monotonic() - begun


def symbols(kit, path):
    import symtool
    symtool.SYMTOOL = kit.o / "tests/symbols/symtool"
    subprocess.run(["make", "-s", "-C", TOP, f"O={kit.o}", "-f", "Makefile", "-f",
                    "tests/symbols/symbols.mk", "symtool"], check=True)
    symtool.ORACLE = need("llvm-symbolizer")
    addr2line = need("addr2line")
    asked = symtool.somewhere(str(path), kit.pick(1000, 50))
    text = "".join(f"{a:x}\n" for a in asked)

    def by_addr2line():
        subprocess.run([addr2line, "-f", "-i", "-e", path], input=text, text=True, check=True,
                       capture_output=True)
    taken = {k: [] for k in ("cold", "cached", "llvm-symbolizer", "addr2line")}
    with tempfile.TemporaryDirectory() as cache:
        kept = {"FR_CACHE": "1", "XDG_CACHE_HOME": cache}
        symtool.ask(str(path), asked, "-w", **kept)
        for _ in range(kit.pick(7, 1)):
            taken["cold"].append(seconds(symtool.ask, str(path), asked, "-w"))
            taken["cached"].append(seconds(symtool.ask, str(path), asked, "-w", **kept))
            taken["llvm-symbolizer"].append(seconds(symtool.oracle, str(path), asked))
            taken["addr2line"].append(seconds(by_addr2line))
    cold = statistics.median(taken["cold"])
    return [{"symbols_of": path.name, "mb": path.stat().st_size / 1e6, "by": k,
             "s": statistics.median(v), "per_s": len(asked) / statistics.median(v),
             "times_cold": statistics.median(v) / cold} for k, v in taken.items()]


def run(kit):
    rows = []
    for millions in kit.pick((1, 10, 50), (0.02,)):
        rows.append(events(kit, millions, "report"))
    for command in ("events", "decode"):
        rows.append(events(kit, kit.pick(1, 0.02), command))
    try:
        for path in debug_files(kit):
            rows += symbols(kit, path)
    except Skipped as e:
        rows.append({"symbols_of": "-", "skipped": str(e)})
    return rows
