# SPDX-License-Identifier: MIT
"""redis-server as Debian ships it, with jemalloc, every event recorded, under redis-benchmark."""

import os
import re
import signal
import socket
import subprocess

import pytest

import fr
import oracle
from conftest import needs

BENCH = ["-q", "-P", "8", "-c", "20", "-r", "1000", "-t", "set,get,lpush,lpop,sadd,hset,mset"]


class Redis:
    def __init__(self, host, **settings):
        self.port = fr.free_port()
        self.p = host.start(needs("redis-server"), "--port", self.port, "--save", "",
                            "--appendonly", "no", "--dir", host.cwd, "--bind", "127.0.0.1",
                            "--io-threads", "2", "--io-threads-do-reads", "yes", **settings)
        self.p.line("Ready to accept connections")

    def cli(self, *args):
        r = subprocess.run(["redis-cli", "-p", str(self.port), *map(str, args)], timeout=60,
                           capture_output=True, text=True, check=True)
        return r.stdout.rstrip("\n")

    def bench(self, n):
        r = subprocess.run(["redis-benchmark", "-p", str(self.port), "-n", str(n), *BENCH],
                           timeout=300, capture_output=True, text=True, check=True)
        rates = re.findall(r"([\d.]+) requests per second", r.stdout)
        assert len(rates) >= 7, r.stdout + r.stderr
        return rates


@pytest.fixture
def redis_host(tmp_path):
    needs("redis-benchmark")
    h = fr.Host(tmp_path, FR_EVENTS="full")
    yield h
    h.stop()


def test_answers_correctly(redis_host, long):
    redis = Redis(redis_host)
    redis.bench(200000 if long else 20000)
    for i in range(100):
        assert redis.cli("set", f"key:{i}", f"value {i} " + "x" * i) == "OK"
    for i in range(100):
        assert redis.cli("get", f"key:{i}") == f"value {i} " + "x" * i
    with socket.create_connection(("127.0.0.1", redis.port)) as s:
        s.sendall(b"".join(b"*2\r\n$4\r\nINCR\r\n$1\r\nn\r\n" for _ in range(5000)))
        got = b""
        while not got.endswith(b":5000\r\n"):
            part = s.recv(65536)
            assert part
            got += part
    assert got == b"".join(b":%d\r\n" % i for i in range(1, 5001))
    assert redis.p.alive()
    redis.p.signal(signal.SIGTERM)
    assert redis.p.code() == 0


def test_stacks_reach_main_with_names(redis_host):
    redis = Redis(redis_host)
    redis.bench(20000)
    recording = redis_host.ask(redis.p)
    redis.bench(5000)
    events = fr.read("events", recording, "-n", 150000)
    assert len(events) > 20000
    oracle.order(events)
    main = [e for e in events if e["tid"] == redis.p.pid and e.get("stack")]
    whole = [e for e in main if "main" in fr.names(e["stack"])]
    assert len(whole) > 0.99 * len(main), (len(whole), len(main))
    everywhere = {mod for e in events for mod in fr.modules(e.get("stack"))}
    assert any(m.startswith("redis-") for m in everywhere), everywhere
    assert any(m.startswith("libc.so") for m in everywhere), everywhere
    frames = [f for e in events for f in e.get("stack") or []]
    for wanted in ("redis-", "libc.so"):
        mine = [f for f in frames if os.path.basename(f.get("mod") or "").startswith(wanted)]
        assert any(f.get("fn") for f in mine), wanted
    info = fr.read("info", recording)
    built = {os.path.basename(m["path"]): m for m in info["modules"]}
    for wanted in ("redis-", "libc.so", "libjemalloc"):
        found = [m for name, m in built.items() if name.startswith(wanted)]
        assert found and all(m.get("build_id") or m.get("build-id") for m in found), wanted


def test_memory_calls_of_jemalloc_are_seen(redis_host):
    """The allocator is libjemalloc: the calls come through our hooks and go to it."""
    redis = Redis(redis_host)
    redis.bench(5000)
    recording = redis_host.ask(redis.p)
    events = fr.read("events", recording, "-e", "mem.alloc", "-n", "50")
    assert events and all(e["event"] == "mem.alloc" for e in events)
    text = fr.fr("info", "-a", recording).out
    assert "libjemalloc" in text


def test_memo_equals_unwinding(redis_host, long):
    """FR_VERIFY_STACKS=1: every stack from the memo is unwound a second time; none differs."""
    redis = Redis(redis_host, FR_VERIFY_STACKS=1)
    redis.bench(20000 if long else 3000)
    recording = redis_host.ask(redis.p)
    header = fr.read("info", recording)
    header = header.get("header", header)
    assert header["stack_tests"] > 10000, header["stack_tests"]
    assert header["stack_differ"] == 0


def test_many_snapshots_under_load(redis_host, long):
    """Snapshots while it works: each is readable, none stops it."""
    redis = Redis(redis_host)
    load = subprocess.Popen(["redis-benchmark", "-p", str(redis.port), "-n", "100000000", "-q",
                             "-P", "16", "-t", "set"], stdout=subprocess.DEVNULL)
    try:
        for _ in range(50 if long else 5):
            recording = redis_host.ask(redis.p)
            report = fr.read("report", recording)
            assert report["trigger"]["kind"] == "signal" and report["events"] > 0
            assert load.poll() is None and redis.cli("ping") == "PONG"
    finally:
        load.kill()
        load.wait()
