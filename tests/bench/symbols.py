#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""
symbols.py FILE... - time for 1 000 addresses of each file: symtool cold, from its cache, and
llvm-symbolizer, taken in turn; medians of seven rounds and the ratio. Page cache warm.

Needs symtool: make -f Makefile -f tests/symbols/symbols.mk symtool
"""

import os
import pathlib
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))

import symtool  # noqa: E402  (found through the path above)

ROUNDS = 7


def addresses(path, n=1000):
    out = subprocess.run(["readelf", "-SW", path], stdout=subprocess.PIPE, text=True, check=True)
    m = re.search(r"\.text\s+(?:PROGBITS|NOBITS)\s+(\w+)\s+\w+\s+(\w+)", out.stdout)
    rng = random.Random(1)
    return [int(m[1], 16) + rng.randrange(int(m[2], 16)) for _ in range(n)]


def seconds(function, *args, **kw):
    start = time.monotonic()
    function(*args, **kw)
    return time.monotonic() - start


def main():
    for path in sys.argv[1:]:
        asked, taken = addresses(path), {"cold": [], "worker": [], "cached": [], "llvm": []}
        with tempfile.TemporaryDirectory() as cache:
            kept = {"FR_CACHE": "1", "XDG_CACHE_HOME": cache}
            symtool.ask(path, asked, "-w", **kept)
            for _ in range(ROUNDS):
                taken["cold"].append(seconds(symtool.ask, path, asked))
                taken["worker"].append(seconds(symtool.ask, path, asked, "-w"))
                taken["cached"].append(seconds(symtool.ask, path, asked, "-w", **kept))
                taken["llvm"].append(seconds(symtool.oracle, path, asked))
        mid = {k: statistics.median(v) for k, v in taken.items()}
        print(f"{os.path.basename(path)} ({os.path.getsize(path) / 1e6:.0f} MB): "
              + ", ".join(f"{k} {v * 1000:.0f} ms" for k, v in mid.items())
              + f"; llvm / cold = {mid['llvm'] / mid['cold']:.1f}")


if __name__ == "__main__":
    main()
