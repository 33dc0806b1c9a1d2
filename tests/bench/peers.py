# SPDX-License-Identifier: MIT
"""peers.py - the same work under other tracers, in turn with the bare program and with us.

What each of them records: LTTng-UST libc and pthread wrappers: malloc family and mutexes, without
stacks, in a snapshot session as a flight recorder. heaptrack: the malloc family with stacks.
uftrace: library calls of the program itself (it needs no rebuilding for those), no libraries'.
perf trace and strace: system calls only, so the micro loops give them nothing to see.
"""

import contextlib
import glob
import os
import shutil
import signal
import subprocess
import time

import decoder
import micro
import servers
from kit import MODES, Mode, Skipped, median

WRAPPERS = ("liblttng-ust-libc-wrapper.so.1", "liblttng-ust-pthread-wrapper.so.1")


def lttng(*argv):
    done = subprocess.run(["lttng", *map(str, argv)], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Skipped(f"lttng {argv[0]}: {(done.stderr + done.stdout).strip()[-200:]}")


@contextlib.contextmanager
def lttng_session(kit):
    """A session daemon of our own and a snapshot session with 16 MiB of buffers a CPU."""
    if not shutil.which("lttng") or not glob.glob(f"/usr/lib/*/{WRAPPERS[0]}"):
        raise Skipped("lttng-tools or liblttng-ust1 is not installed")
    name = f"fr-bench-{os.getpid()}"
    daemon = subprocess.Popen(["lttng-sessiond", "--no-kernel"], stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL, process_group=0)
    try:
        for _ in range(100):
            if subprocess.run(["lttng", "list"], capture_output=True, check=False).returncode == 0:
                break
            time.sleep(0.05)
        lttng("create", name, "--snapshot", f"--output={kit.dir}/lttng")
        lttng("enable-channel", "-u", "ch", "--subbuf-size=1M", "--num-subbuf=16", "--overwrite")
        lttng("enable-event", "-u", "-c", "ch", "lttng_ust_libc:*,lttng_ust_pthread:*")
        lttng("start")
        yield
    finally:
        subprocess.run(["lttng", "destroy", name], capture_output=True, check=False)
        daemon.send_signal(signal.SIGTERM)
        try:
            daemon.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(daemon.pid, signal.SIGKILL)
            daemon.wait()


@contextlib.contextmanager
def nothing(kit):
    yield


def with_program(name, prefix, **env):
    def mode(kit):
        if not shutil.which(prefix[0]):
            raise Skipped(f"{prefix[0]} is not installed")
        filled = [a.replace("OUT", f"{kit.dir}/{name}") for a in prefix]
        return Mode(name, None, env, tuple(filled), ours=False)
    return mode


# name: (mode, what has to run beside it)
PEERS = {
    "lttng": (lambda kit: Mode("lttng", None, {"LD_PRELOAD": ":".join(WRAPPERS)}, ours=False),
              lttng_session),
    "heaptrack": (with_program("heaptrack", ["heaptrack", "-o", "OUT"]), nothing),
    "uftrace": (with_program("uftrace", ["uftrace", "record", "--force", "-d", "OUT"]), nothing),
    "perf": (with_program("perf", ["perf", "trace", "-s", "-o", "OUT"]), nothing),
    "strace": (with_program("strace", ["strace", "-f", "-q", "-o", "/dev/null"]), nothing),
}
MICRO = ("lock_unlock", "malloc_free")
LOADS = ("redis -P16", "memcached")
OURS = ("bare", "default", "full")


def number(text):
    """The work program's line: uftrace and heaptrack talk on the same stream."""
    for line in text.splitlines():
        try:
            return float(line)
        except ValueError:
            pass
    raise Skipped(f"no number in {text[-200:]!r}")


def micro_rows(kit, peer, mode):
    rows, modes = [], [*(MODES[m] for m in OURS), mode]
    n = kit.pick(20000, 500)
    for op in MICRO:
        got = kit.alternate(modes, kit.pick(5, 1), lambda m: number(kit.text(
            [kit.program("work"), op, 12, 1, n], m)))
        row = {"micro": op, "peer": peer, "bare_ns": median(got["bare"])}
        for name, key in (("default", "our_default"), ("full", "our_full"), (peer, "peer_adds")):
            row[key] = median([v - b for v, b in zip(got[name], got["bare"])])
        rows.append(row)
    return rows


def server_rows(kit, peer, mode):
    rows = []
    for load in kit.loads or LOADS:
        modes = [*(MODES[m] for m in OURS), mode]
        # half the requests: some peers are many times slower
        got = servers.compare(kit, load, modes, kit.pick(2, 1), kit.pick(3, 1), divide=2)
        rows += [{"load": r["load"], "with": peer, "mode": r["mode"], "per_s": r["per_s"],
                  "ratio": r["ratio"], "cpu_us": r["cpu_us"], "p99_us": r["p99_us"]}
                 for r in got]
    return rows


def read_back(kit):
    """babeltrace2 on the trace that LTTng's buffers hold, beside fr decode on ours."""
    lttng("snapshot", "record")
    trace = f"{kit.dir}/lttng"
    counted = subprocess.run(["babeltrace2", trace, "--component=sink.utils.counter"],
                             capture_output=True, text=True, check=False).stdout
    # it counts aloud as it goes: the last word is the sum
    n = max((int(line.split()[0].replace(",", "")) for line in counted.splitlines()
             if "event messages" in line.lower()), default=0)
    if not n:
        raise Skipped("babeltrace2 counts no events")
    wall, _, peak = decoder.spent(["babeltrace2", trace])
    return [{"decode": "babeltrace2", "m_events": n / 1e6, "wall_s": wall,
             "m_per_s": n / wall / 1e6, "peak_mib": peak}]


def run(kit):
    rows = []
    for name, (make_mode, beside) in PEERS.items():
        for one in (micro_rows, server_rows):
            try:
                mode = make_mode(kit)
                with beside(kit):
                    rows += one(kit, name, mode)
                    if name == "lttng" and one is micro_rows:
                        rows += read_back(kit)
            except (Skipped, RuntimeError, subprocess.TimeoutExpired) as e:
                rows.append({"peer": name, "skipped": str(e)[:300]})
    return rows
