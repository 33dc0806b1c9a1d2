#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""
symbols.py FILE... - time for 1 000 addresses of each file: symtool cold, by libdwarf alone,
from the cache, and llvm-symbolizer, taken in turn; medians of seven rounds. Page cache warm.
Then what each part of the own reader of DWARF gains over libdwarf (partbench.c): best of seven.

Needs both: make -f Makefile -f tests/symbols/symbols.mk symtool partbench
"""

import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))

import symtool  # noqa: E402  (found through the path above)

ROUNDS = 7
PARTBENCH = symtool.SYMTOOL.with_name("partbench")


def seconds(function, *args, **kw):
    start = time.monotonic()
    function(*args, **kw)
    return time.monotonic() - start


def parts(path, n=1000):
    """Yields (part, own ns, libdwarf's ns, of what); empty for a file without DWARF of its own."""
    done = subprocess.run([PARTBENCH, path, str(n)], stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, text=True, check=False)
    for line in done.stdout.splitlines():
        name, own, lib, what = line.split(maxsplit=3)
        yield name, int(own), int(lib), what


def print_parts(path):
    what = None
    for name, own, lib, what in parts(path):
        print(f"    {name:8}{own / 1e6:9.3f} ms, libdwarf {lib / 1e6:9.3f} ms: "
              f"{lib / max(own, 1):5.1f} times")
    if what:
        print(f"    of {what}")


def main():
    for path in sys.argv[1:]:
        asked = symtool.somewhere(path, 1000)
        taken = {"cold": [], "libdwarf": [], "worker": [], "cached": [], "llvm": []}
        with tempfile.TemporaryDirectory() as cache:
            kept = {"FR_CACHE": "1", "XDG_CACHE_HOME": cache}
            symtool.ask(path, asked, "-w", **kept)
            for _ in range(ROUNDS):
                taken["cold"].append(seconds(symtool.ask, path, asked))
                taken["libdwarf"].append(seconds(symtool.ask, path, asked,
                                                 FR_SYMBOLS="libdwarf"))
                taken["worker"].append(seconds(symtool.ask, path, asked, "-w"))
                taken["cached"].append(seconds(symtool.ask, path, asked, "-w", **kept))
                taken["llvm"].append(seconds(symtool.oracle, path, asked))
        mid = {k: statistics.median(v) for k, v in taken.items()}
        print(f"{os.path.basename(path)} ({os.path.getsize(path) / 1e6:.0f} MB): "
              + ", ".join(f"{k} {v * 1000:.0f} ms" for k, v in mid.items())
              + f"; llvm / cold = {mid['llvm'] / mid['cold']:.1f}"
              + f", libdwarf / cold = {mid['libdwarf'] / mid['cold']:.1f}")
        print_parts(path)


if __name__ == "__main__":
    main()
