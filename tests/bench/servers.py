# SPDX-License-Identifier: MIT
"""servers.py - real servers under load: throughput, latency, CPU and memory beside the bare server.

For each load one server per mode runs at the same time, all on one CPU, the load on another; the
load goes to one after the other, round by round, and the whole is repeated with new processes,
because where a process happens to lie in memory can matter more than a recorder. `ratio` and
`cpu_ratio` (CPU time per request of bare / mode) are medians of the rounds' own ratios.
"""

import csv
import glob
import io
import json
import os
import pathlib
import pwd
import re
import shutil
import signal
import socket
import subprocess
import sys
import time

from kit import MODES, Skipped, median, need, ratio

CPUS = sorted(os.sched_getaffinity(0))
SERVER_CPU, LOAD_CPU = CPUS[0], CPUS[-1]


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def tree(pid):
    """pid and all its descendants."""
    pids = [pid]
    for p in pids:
        for f in glob.glob(f"/proc/{p}/task/*/children"):
            try:
                pids += map(int, pathlib.Path(f).read_text().split())
            except OSError:
                pass
    return pids


def reaped_ns(pid):
    """CPU time of children that ended, such as a PostgreSQL backend; to a clock tick, 10 ms."""
    try:
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return 0
    return (int(fields[13]) + int(fields[14])) * 10**9 // os.sysconf("SC_CLK_TCK")


class Server:
    """One server process in one mode, pinned to the servers' CPU."""

    user = None

    def __init__(self, kit, mode, **more):
        self.kit, self.mode, self.port = kit, mode, free_port()
        self.place = kit.place(self.user)
        self.prepare()
        how = {"user": self.user, "group": self.user, "extra_groups": []} if self.user else {}
        self.log = open(self.place["cwd"] / "log", "wb")
        self.p = subprocess.Popen(
            [*mode.prefix, *map(str, self.argv())], env=kit.env(mode, self.place, **more),
            cwd=self.place["cwd"], stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log,
            process_group=0, preexec_fn=lambda: os.sched_setaffinity(0, {SERVER_CPU}), **how)
        try:
            self.wait_up()
        except Exception:
            self.stop()
            raise

    def prepare(self):
        pass

    def up(self):
        with socket.socket() as s:
            return s.connect_ex(("127.0.0.1", self.port)) == 0

    def wait_up(self):
        end = time.monotonic() + 60
        while not self.up():
            if self.p.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"{self.argv()[0]} in mode {self.mode.name} does not come up: "
                                   + (self.place["cwd"] / "log").read_text(errors="replace"))
            time.sleep(0.02)

    def client(self, *argv, timeout=300):
        done = subprocess.run(["taskset", "-c", str(LOAD_CPU), *map(str, argv)], check=False,
                              capture_output=True, text=True, timeout=timeout,
                              cwd=self.place["cwd"])
        if done.returncode != 0:
            raise RuntimeError(f"{argv}: {done.stdout}{done.stderr}")
        return done.stdout

    def cpu_ns(self):
        total = 0
        for pid in tree(self.p.pid):
            for f in glob.glob(f"/proc/{pid}/task/*/schedstat"):
                try:
                    total += int(pathlib.Path(f).read_text().split()[0])
                except OSError:
                    pass
            total += reaped_ns(pid)
        return total

    def memory_mib(self):
        """PSS of all its processes: what is shared, the region too, counts once."""
        kb = 0
        for pid in tree(self.p.pid):
            try:
                text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
                kb += int(re.search(r"^Pss: +(\d+)", text, re.M)[1])
            except (OSError, TypeError):
                pass
        return kb / 1024

    def stop(self):
        """By its own id and those it forked, all of its own process group."""
        try:
            os.killpg(self.p.pid, signal.SIGTERM)
            self.p.wait(15)
        except (ProcessLookupError, subprocess.TimeoutExpired):
            pass
        try:
            os.killpg(self.p.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.p.wait()
        self.log.close()


class Redis(Server):
    def argv(self):
        return [need("redis-server"), "--port", self.port, "--bind", "127.0.0.1", "--save", "",
                "--appendonly", "no"]

    def bench(self, n, *more):
        out = self.client(need("redis-benchmark"), "-p", self.port, "-n", n, "-r", 100000,
                          "-t", "set", "--csv", *more)
        row = list(csv.DictReader(io.StringIO(out)))[-1]
        return {"per_s": float(row["rps"]), "p50_us": float(row["p50_latency_ms"]) * 1e3,
                "p99_us": float(row["p99_latency_ms"]) * 1e3}

    def pipelined(self, n):
        return self.bench(n, "-P", 16)


class Nginx(Server):
    def prepare(self):
        at = self.place["cwd"]
        at.chmod(0o755)
        (at / "page").write_text("hello " * 200)
        (at / "conf").write_text(f"""
            {"user root;" if os.geteuid() == 0 else ""} daemon off; worker_processes 1;
            pid {at}/pid; error_log {at}/error; events {{ worker_connections 256; }}
            http {{ access_log {at}/access; client_body_temp_path {at}/b; proxy_temp_path {at}/p;
                   fastcgi_temp_path {at}/f; uwsgi_temp_path {at}/u; scgi_temp_path {at}/s;
                   keepalive_requests 1000000;
                   server {{ listen 127.0.0.1:{self.port}; root {at}; }} }}""")

    def argv(self):
        return [need("nginx"), "-c", self.place["cwd"] / "conf"]

    def get(self, n):
        seconds = max(n / 40000, 0.2)
        out = self.client(need("wrk"), "-t1", "-c20", f"-d{max(seconds, 1):.0f}s", "--latency",
                          f"http://127.0.0.1:{self.port}/page")
        us = {"us": 1, "ms": 1e3, "s": 1e6}
        at = {p: float(v) * us[u] for p, v, u in
              re.findall(r"(\d+)% +([\d.]+)(us|ms|s)\b", out)}
        return {"per_s": float(re.search(r"Requests/sec: +([\d.]+)", out)[1]),
                "n": int(re.search(r"(\d+) requests in", out)[1]),
                "p50_us": at["50"], "p99_us": at["99"]}


class Memcached(Server):
    def argv(self):
        user = ["-u", "root"] if os.geteuid() == 0 else []
        return [need("memcached"), *user, "-l", "127.0.0.1", "-p", self.port, "-t", "2"]

    def mixed(self, n):
        got = json.loads(self.client(self.kit.program("cache_load"), self.port, 50, n))
        return {"n": n + 10000, **got}      # with the keys that it sets before


class Postgres(Server):
    user = "postgres" if os.geteuid() == 0 else None
    template = None     # a data directory, filled once

    @classmethod
    def binaries(cls):
        found = sorted(glob.glob("/usr/lib/postgresql/*/bin/initdb"))
        if not found:
            raise Skipped("postgresql is not installed")
        try:
            pwd.getpwnam("postgres")
        except KeyError:
            raise Skipped("there is no user postgres") from None
        need("pgbench")
        return os.path.dirname(found[-1])

    def prepare(self):
        if not Postgres.template or not Postgres.template.exists():
            self.fill()
        subprocess.run(["cp", "-a", Postgres.template, self.place["cwd"] / "data"], check=True)

    def as_user(self, *argv):
        how = {"user": self.user, "group": self.user, "extra_groups": []} if self.user else {}
        subprocess.run(list(map(str, argv)), check=True, capture_output=True, cwd="/", **how)

    def fill(self):
        binaries, data = self.binaries(), self.place["cwd"] / "template"
        self.as_user(f"{binaries}/initdb", "-D", data, "-A", "trust", "-U", "postgres", "-N")
        with open(data / "postgresql.conf", "a", encoding="ascii") as f:
            f.write("fsync = off\nunix_socket_directories = ''\nlisten_addresses = '127.0.0.1'\n"
                    "autovacuum = off\njit = off\n")
        start = ["-D", data, "-w", "-o", f"-p {self.port}", "-l", data / "first-log"]
        self.as_user(f"{binaries}/pg_ctl", "start", *start)
        try:
            self.as_user(need("pgbench"), "-i", "-q", "-h", "127.0.0.1", "-p", self.port, "-U",
                         "postgres", "postgres")
        finally:
            self.as_user(f"{binaries}/pg_ctl", "stop", "-D", data, "-w")
        Postgres.template = data

    def argv(self):
        return [f"{self.binaries()}/postgres", "-D", self.place["cwd"] / "data", "-p", self.port]

    def up(self):
        return subprocess.run(["pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port)],
                              check=False).returncode == 0

    def select(self, n):
        out = self.client(need("pgbench"), "-n", "-S", "-M", "prepared", "-c", 4, "-j", 1,
                          "-t", max(n // 4, 1), "-l", "-h", "127.0.0.1", "-p", self.port,
                          "-U", "postgres", "postgres")
        us = []
        for f in self.place["cwd"].glob("pgbench_log.*"):
            us += [int(line.split()[2]) for line in f.read_text().splitlines()]
            f.unlink()
        us.sort()
        return {"per_s": float(re.search(r"tps = ([\d.]+)", out)[1]), "n": len(us),
                "p50_us": us[len(us) // 2], "p99_us": us[len(us) * 99 // 100]}

    def stop(self):
        self.p.send_signal(signal.SIGINT)   # fast shutdown: SIGTERM waits for clients
        try:
            self.p.wait(15)
        except subprocess.TimeoutExpired:
            pass
        super().stop()


# name: (server, load, requests of a round, of a quick one)
LOADS = {
    "redis": (Redis, Redis.bench, 40000, 2000),
    "redis -P16": (Redis, Redis.pipelined, 300000, 20000),
    "nginx": (Nginx, Nginx.get, 40000, 1000),
    "memcached": (Memcached, Memcached.mixed, 40000, 2000),
    "postgres": (Postgres, Postgres.select, 10000, 200),
}


def measure(server, load, n):
    cpu = server.cpu_ns()
    got = load(server, n)
    got["cpu_us"] = (server.cpu_ns() - cpu) / got.get("n", n) / 1e3
    return got


def block(kit, cls, load, n, modes, rounds):
    """New servers, one a mode; {mode name: [result of each round]}."""
    servers = {}
    try:
        for mode in modes:
            servers[mode.name] = cls(kit, mode)
            if not kit.quick:
                measure(servers[mode.name], load, n // 10)     # warm
        got = kit.alternate(modes, rounds, lambda m: measure(servers[m.name], load, n))
        for name, server in servers.items():
            for r in got[name]:
                r["mib"] = server.memory_mib()
        return got
    finally:
        for server in servers.values():
            server.stop()


def compare(kit, name, modes, blocks, rounds, divide=1):
    """One row a mode for the load of that name."""
    cls, load, n, few = LOADS[name]
    n = max(kit.pick(n, few) // divide, 4)
    got = {m.name: [] for m in modes}
    for b in range(blocks):
        first = b % len(modes)      # who starts first lies best
        turn = [*modes[first:], *modes[:first]]
        for mode, results in block(kit, cls, load, n, turn, rounds).items():
            got[mode] += results
    column = {m: {k: [r[k] for r in rs] for k in rs[0]} for m, rs in got.items()}
    bare = column["bare"]
    return [{"load": name, "mode": m, "per_s": median(c["per_s"]),
             "ratio": ratio(c["per_s"], bare["per_s"]),
             "cpu_us": median(c["cpu_us"]), "cpu_ratio": ratio(bare["cpu_us"], c["cpu_us"]),
             "p50_us": float(median(c["p50_us"])), "p99_us": float(median(c["p99_us"])),
             "mib": median(c["mib"]), "rounds": len(c["per_s"])} for m, c in column.items()]


def each_load(kit, one):
    """Rows of one(name) for every load that can run here."""
    rows = []
    for name in kit.loads or LOADS:
        print(f"  {name} ...", file=sys.stderr)
        try:
            rows += one(name)
        except Skipped as e:
            rows.append({"load": name, "skipped": str(e)})
    return rows


def run(kit):
    modes = [MODES["bare"], MODES["default"], MODES["full"]]
    return each_load(kit, lambda name: compare(kit, name, modes, kit.pick(4, 1), kit.pick(4, 1)))


def observe(kit, name, mode, divide=1, **more):
    """fr info of each process of a server that has had its load; FR_KEEP for those that ended."""
    cls, load, n, few = LOADS[name]
    server = cls(kit, mode, FR_KEEP=1, **more)
    try:
        load(server, max(kit.pick(n, few) // divide, 4))
        return kit.regions(server.place)
    finally:
        server.stop()
        shutil.rmtree(server.place["regions"])
