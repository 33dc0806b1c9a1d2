#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""bench.py - runs parts of the benchmark: scripts/bench [--quick] [PART...]

Prints tables and writes one JSON file: {"fr":1, "machine":{...}, "parts":{name:{"rows":[...]}}}.
A part or row that cannot run here says why instead ("skipped"). Without names: all but peers.
"""

import argparse
import json
import os
import pathlib
import platform
import subprocess
import sys
import time
import traceback

import births
import bytes_of
import commands
import decoder
import kit
import micro
import peers
import servers
import snapshot
import stacks
import switched

# name: (function, what it measures)
PARTS = {
    "micro": (micro.run, "ns of hooked calls: bare, and added at each level"),
    "stacks": (stacks.run, "ns of a stack known and new, beside unw_backtrace; hits on servers"),
    "servers": (servers.run, "servers under load: throughput, latency, memory, beside bare"),
    "switched": (switched.run, "one server process, its levels switched: CPU per packet off / on"),
    "births": (births.run, "start-up, threads, forks; memory of a thread"),
    "commands": (commands.run, "many short programs: work per CPU second beside bare; what they map"),
    "snapshot": (snapshot.run, "snapshots of a full region: time, who is held up; crash dumps"),
    "decoder": (decoder.run, "events to the report; symbols; beside other tools"),
    "bytes": (bytes_of.run, "bytes of an event and length of the window on servers"),
    "peers": (peers.run, "the same work under other tracers"),
}


def machine():
    model = next((line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo", encoding="utf-8")
                  if line.startswith("model name")), platform.processor())
    git = subprocess.run(["git", "-C", kit.TOP, "describe", "--always", "--dirty"], check=False,
                         capture_output=True, text=True)
    return {"cpu": model, "cores": os.cpu_count(), "kernel": platform.release(),
            "load": os.getloadavg()[0], "commit": git.stdout.strip(),
            "date": time.strftime("%Y-%m-%dT%H:%M:%S%z")}


def run_part(name, k, results, path):
    run, what = PARTS[name]
    begun = time.monotonic()
    try:
        part = {"rows": run(k)}
    except kit.Skipped as e:
        part = {"rows": [], "skipped": str(e)}
    except Exception as e:  # noqa: BLE001  (the other parts are worth having)
        traceback.print_exc()
        part = {"rows": [], "failed": repr(e)}
    part["seconds"] = round(time.monotonic() - begun, 1)
    results["parts"][name] = part
    path.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    kit.table(f"{name}: {what}  ({part['seconds']} s)", part["rows"], sys.stdout)
    for bad in ("skipped", "failed"):
        if bad in part:
            print(f"  {bad}: {part[bad]}")
    return "failed" not in part


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    p.add_argument("--quick", action="store_true", help="tiny sizes: does each part work?")
    p.add_argument("--o", default=os.environ.get("O", "build"), help="build directory")
    p.add_argument("--json", help="the file to write (default: in tests/bench/results)")
    p.add_argument("--loads", help="only these, by comma: " + ", ".join(servers.LOADS))
    args = p.parse_args()
    loads = args.loads.split(",") if args.loads else None
    for given, known, what in ((args.parts, PARTS, "part"), (loads or [], servers.LOADS, "load")):
        unknown = sorted(set(given) - set(known))
        if unknown:
            p.error(f"no such {what}: {', '.join(unknown)}; there are {', '.join(known)}")
    kept = pathlib.Path(__file__).parent / "results"
    kept.mkdir(exist_ok=True)
    path = pathlib.Path(args.json or kept / time.strftime("%Y%m%d-%H%M%S.json"))
    results = {"fr": 1, "quick": args.quick, "machine": machine(), "parts": {}}
    m = results["machine"]
    print(f"{m['cpu']}, {m['cores']} cores, Linux {m['kernel']}, load {m['load']:.2f}, "
          f"commit {m['commit']}")
    with kit.Kit(args.o, args.quick, loads).room() as k:
        worked = [run_part(name, k, results, path)
                  for name in args.parts or [n for n in PARTS if n != "peers"]]
    print(f"\nkept in {path}")
    return 0 if all(worked) else 1


if __name__ == "__main__":
    sys.exit(main())
