# SPDX-License-Identifier: MIT
"""Servers nobody here wrote, recorded at level full under load: nginx, memcached, CPython."""

import os
import signal
import socket
import subprocess
import threading
import urllib.request

import pytest

import fr
import oracle
from conftest import needs


@pytest.fixture
def busy(tmp_path):
    h = fr.Host(tmp_path, FR_EVENTS="full", FR_MAX_BYTES="8M")
    yield h
    h.stop()


def in_parallel(work, n=6):
    """Runs work(i) in n threads; the first exception is raised here."""
    errors = []

    def run(i):
        try:
            work(i)
        except Exception as e:  # noqa: BLE001  (handed on below)
            errors.append(e)

    threads = [threading.Thread(target=run, args=(i,)) for i in range(n)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    if errors:
        raise errors[0]


# ---- nginx --------------------------------------------------------------------------------------

class Nginx:
    def __init__(self, host):
        self.port = fr.free_port()
        self.root = host.cwd
        (self.root / "page").write_text("hello " * 2000)
        conf = self.root / "nginx.conf"
        conf.write_text(f"""
            user root; daemon off; worker_processes 2;
            pid {self.root}/pid; error_log {self.root}/error;
            events {{ worker_connections 64; }}
            http {{ access_log {self.root}/access; client_body_temp_path {self.root}/b;
                   proxy_temp_path {self.root}/p; fastcgi_temp_path {self.root}/f;
                   uwsgi_temp_path {self.root}/u; scgi_temp_path {self.root}/s;
                   server {{ listen 127.0.0.1:{self.port}; root {self.root}; }} }}""")
        self.p = host.start(needs("nginx"), "-c", conf)
        fr.wait_for(self.up, "nginx to listen")

    def up(self):
        with socket.socket() as s:
            return s.connect_ex(("127.0.0.1", self.port)) == 0

    def get(self):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/page", timeout=20) as r:
            return r.read()

    def load(self, n=150):
        def work(_):
            for _ in range(n):
                assert self.get() == b"hello " * 2000
        in_parallel(work)

    def workers(self):
        text = open(f"/proc/{self.p.pid}/task/{self.p.pid}/children", encoding="ascii").read()
        return [int(pid) for pid in text.split()]


def test_nginx_serves_and_reopens_its_logs(busy):
    """SIGUSR1 is nginx's own: it reopens its logs on it, recorded or not."""
    nginx = Nginx(busy)
    nginx.load()
    os.rename(nginx.root / "access", nginx.root / "access.old")
    nginx.p.signal(signal.SIGUSR1)
    fr.wait_for((nginx.root / "access").exists, "nginx to reopen its log")
    nginx.load(20)
    assert not busy.snapshots()
    fr.wait_for(lambda: (nginx.root / "access").read_text().count("GET /page") == 120,
                "every request in the new log")
    nginx.p.signal(signal.SIGQUIT)
    assert nginx.p.code() == 0


def test_nginx_worker_gives_a_recording(busy):
    nginx = Nginx(busy)
    nginx.load(50)
    worker = nginx.workers()[0]
    signo = fr.signal_of(worker)
    assert signo not in (0, signal.SIGUSR1), "a real-time signal: SIGUSR1 is taken"
    os.kill(worker, signo)
    recording = fr.wait_for(lambda: busy.snapshots(worker), "the worker's snapshot")[0]
    nginx.load(20)
    report = fr.read("report", recording)
    assert report["process"]["pid"] == worker and report["events"] > 100
    events = fr.read("events", recording)
    oracle.order(events)
    assert any(e["event"] == "net.accept" for e in events)
    assert any("main" in fr.names(e.get("stack")) for e in events)
    nginx.p.signal(signal.SIGQUIT)
    assert nginx.p.code() == 0


# ---- memcached ----------------------------------------------------------------------------------

def test_memcached_under_load(busy):
    port = fr.free_port()
    p = busy.start(needs("memcached"), "-u", "root", "-l", "127.0.0.1", "-p", port, "-t", "4")

    def up():
        with socket.socket() as s:
            return s.connect_ex(("127.0.0.1", port)) == 0

    def work(i):
        with socket.create_connection(("127.0.0.1", port), timeout=20) as s, s.makefile("rwb") as f:
            for n in range(800):
                value = f"{i}:{n}:".encode() * 20
                f.write(b"set k%d 0 0 %d\r\n%s\r\nget k%d\r\n" % (i, len(value), value, i))
                f.flush()
                assert f.readline() == b"STORED\r\n"
                assert f.readline() == b"VALUE k%d 0 %d\r\n" % (i, len(value))
                assert f.readline() == value + b"\r\n" and f.readline() == b"END\r\n"

    fr.wait_for(up, "memcached to listen")
    in_parallel(work)
    recording = busy.ask(p, fr.signal_of(p.pid))
    in_parallel(work, 2)
    events = fr.read("events", recording)
    oracle.check(events)
    assert len({e["tid"] for e in events}) >= 5
    assert any(f.startswith("memcached") for e in events for f in fr.modules(e.get("stack")))
    p.signal(signal.SIGTERM)
    p.wait()


# ---- CPython ------------------------------------------------------------------------------------

PYTHON = """
import signal, socket, sys, threading, queue, subprocess
got = []
signal.signal(signal.SIGUSR1, lambda *a: got.append('mine'))
q, lock, total = queue.Queue(), threading.Lock(), 0
def work():
    global total
    while True:
        n = q.get()
        if n is None:
            return
        a, b = socket.socketpair()
        a.sendall(b'x' * n); part = b.recv(100000); a.close(); b.close()
        with lock:
            total += len(part)
threads = [threading.Thread(target=work, name=f'w{i}') for i in range(8)]
for t in threads: t.start()
for i in range(4000): q.put(i % 1000 + 1)
for t in threads: q.put(None)
for t in threads: t.join()
out = subprocess.run(['/bin/echo', 'child'], capture_output=True, text=True).stdout
signal.raise_signal(signal.SIGUSR1)
try:
    {}['missing']
except KeyError as e:
    print(total, out.strip(), got, e, flush=True)
print('ready', flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("malloc", ["pymalloc", "malloc"])
def test_python_threads(busy, malloc):
    expected = sum(i % 1000 + 1 for i in range(4000))
    p = fr.Process(["/usr/bin/python3", "-c", PYTHON], busy.env(PYTHONMALLOC=malloc), busy.cwd,
                   stdin=subprocess.PIPE)
    busy.started.append(p)
    p.line("ready", timeout=120)
    assert p.lines[0] == f"{expected} child ['mine'] 'missing'"
    recording = busy.ask(p, fr.signal_of(p.pid))
    events = fr.read("events", recording)
    oracle.check(events)
    # python3 is stripped: main has no name, what it calls is exported
    whole = [e for e in events if "Py_BytesMain" in fr.names(e.get("stack"))]
    assert len(whole) > 10
    for e in whole:
        beyond = fr.names(e["stack"]).index("Py_BytesMain") + 1
        assert len(e["stack"]) > beyond or len(e["stack"]) == 64, "FR_STACK_DEPTH"
    p.popen.stdin.close()
    assert p.code() == 0
    assert p.stderr() == ""
