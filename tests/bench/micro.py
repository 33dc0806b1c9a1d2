#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""micro.py - ns and bytes per event of hooked calls, beside the bare call, in one run.

The modes alternate round by round, so that a noisy neighbour hits all of them; medians of the
rounds are shown: ns of the bare call (or pair of calls), and what each level adds to it. "event" is
what level full adds per event; bytes per event are those of the whole recording at level full.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile

MODES = {"bare": None, "off": "off", "slow": "slow", "full": "full"}
OPS = ["lock", "unlock", "malloc", "free", "lock_unlock", "malloc_free", "malloc_mix",
       "calloc_free"]
# Operations that make two recorded calls per iteration, both of them timed.
PAIRS = {"lock_unlock", "malloc_free", "malloc_mix", "calloc_free"}


def run_once(args, op, depth, threads, level, extra=None):
    """One run of the work program: ns per pair, and bytes per event if the region was kept."""
    env = dict(os.environ)
    n = args.iterations
    with tempfile.TemporaryDirectory(prefix="fr-bench-") as tmp:
        if level:
            env.update(LD_PRELOAD=os.path.abspath(f"{args.o}/libfr.so"), FR_EVENTS=level,
                       FR_DIR=tmp, FR_OUT=tmp, FR_KEEP="1")
            env.update(extra or {})
        out = subprocess.run([f"{args.o}/tests/bench/work", op, str(depth), str(threads), str(n)],
                             env=env, check=True, capture_output=True, text=True)
        size = None
        if level == "full":
            left = [f for f in os.listdir(tmp) if f.endswith(".frr")]
            info = subprocess.run([f"{args.o}/fr", "info", "--json", f"{tmp}/{left[0]}"],
                                  capture_output=True, text=True)
            size = json.loads(info.stdout).get("bytes_per_event")
        return float(out.stdout), size


def measure(args, op, depth, threads):
    ns = {m: [] for m in MODES}
    size = None
    for _ in range(args.rounds):
        for mode, level in MODES.items():
            t, b = run_once(args, op, depth, threads, level)
            ns[mode].append(t)
            size = b or size
    row = {m: statistics.median(v) for m, v in ns.items()}
    return {"op": op, "depth": depth, "threads": threads, "bare_ns": row["bare"],
            "added_ns": {m: row[m] - row["bare"] for m in MODES if m != "bare"},
            "full_ns_per_event": (row["full"] - row["bare"]) / (2 if op in PAIRS else 1),
            "bytes_per_event": size}


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--o", default=os.environ.get("O", "build"), help="build directory")
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--iterations", type=int, default=200000)
    p.add_argument("--ops", default=",".join(OPS))
    p.add_argument("--depths", default="4,12,30")
    p.add_argument("--threads", default="1")
    p.add_argument("--json", help="write the results here as well")
    args = p.parse_args()
    rows = []
    print(f"{'ns':14}{'depth':>6}{'thr':>5}{'bare':>8}{'off':>8}{'slow':>8}{'full':>8}"
          f"{'event':>8}{'bytes':>8}")
    for threads in map(int, args.threads.split(",")):
        for op in args.ops.split(","):
            for depth in map(int, args.depths.split(",")):
                r = measure(args, op, depth, threads)
                rows.append(r)
                a = r["added_ns"]
                print(f"{op:14}{depth:6}{threads:5}{r['bare_ns']:8.1f}{a['off']:+8.1f}"
                      f"{a['slow']:+8.1f}{a['full']:+8.1f}{r['full_ns_per_event']:+8.1f}"
                      f"{r['bytes_per_event'] or 0:8.2f}", flush=True)
    if args.json:
        with open(args.json, "w", encoding="utf-8") as f:
            json.dump(rows, f, indent=1)


if __name__ == "__main__":
    sys.exit(main())
