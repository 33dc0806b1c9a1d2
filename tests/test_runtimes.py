# SPDX-License-Identifier: MIT
"""Runtimes with threads, signals and code of their own making: node and Java, at level full."""

import os
import resource
import signal
import subprocess
import threading
import urllib.request

import pytest

import fr
from conftest import needs


@pytest.fixture
def busy(tmp_path):
    h = fr.Host(tmp_path, FR_EVENTS="full", FR_MAX_BYTES="8M")
    yield h
    h.stop()


def same_as_bare(host, *command, timeout=120, **settings):
    """Runs it without and with us: same status and output, nothing on stderr; the recorded one."""
    bare = host.run(*command, recorded=False, code=None, timeout=timeout)
    p = host.run(*command, code=None, timeout=timeout, **settings)
    assert (p.code(), p.lines, p.stderr()) == (bare.code(), bare.lines, bare.stderr())
    return p


def report_of(recording, p):
    report = fr.read("report", recording, ok=(0, 3))
    assert report["process"]["pid"] == p.pid
    assert not fr.findings(report, "crash") and not fr.findings(report, "deadlock")
    return report


# ---- node ---------------------------------------------------------------------------------------

WORKERS = """
const { Worker, isMainThread, parentPort } = require('worker_threads')
const fs = require('fs')
if (isMainThread) {
  let sum = 0, left = 4
  for (let i = 0; i < 4; i++) {
    const worker = new Worker(__filename)
    worker.on('message', (n) => { sum += n; worker.postMessage('more') })
    worker.on('exit', () => { if (--left === 0) console.log('read ' + sum) })
  }
} else {
  let n = 0
  const next = () => fs.readFile(__filename, (e, text) => {
    if (e) throw e
    parentPort.postMessage(text.length)
  })
  parentPort.on('message', () => { if (++n < 100) next(); else parentPort.close() })
  next()
}
"""

SERVER = """
const http = require('http')
let n = 0
const server = http.createServer((request, response) => {
  let body = ''
  request.on('data', (part) => { body += part })
  request.on('end', () => response.end(`${++n} ${body.length} ` + 'x'.repeat(5000)))
})
server.listen(0, '127.0.0.1', () => console.log('port ' + server.address().port))
process.on('SIGTERM', () => server.close(() => console.log('served ' + n)))
"""


@pytest.fixture
def node():
    return needs("node")


def script(host, name, text):
    path = host.cwd / name
    path.write_text(text)
    return path


def test_node_hello(busy, node):
    p = same_as_bare(busy, node, "-e", "console.log('hello')", FR_TRIGGER="exit")
    assert p.lines == ["hello"] and p.code() == 0
    report_of(busy.snapshot(p), p)


@pytest.mark.parametrize("events", ["full", "lock=full"])
def test_node_workers(busy, node, events, long):
    """Threads that run compiled JavaScript, which no unwind table covers, take locks and memory."""
    path = script(busy, "workers.js", WORKERS)
    for _ in range(20 if long else 3):
        p = same_as_bare(busy, node, path, FR_EVENTS=events)
        assert p.lines == [f"read {4 * 100 * len(WORKERS)}"] and p.code() == 0


def test_node_stacks_are_what_unwinding_says(busy, node):
    p = busy.run(node, script(busy, "workers.js", WORKERS), FR_TRIGGER="exit", FR_VERIFY_STACKS=1,
                 timeout=120)
    header = fr.read("info", busy.snapshot(p), ok=(0, 3))["header"]
    assert header["stack_tests"] > 1000 and header["stack_differ"] == 0


def test_node_serves_and_its_sigusr1_starts_the_inspector(busy, node):
    # V8 itself takes memory from more stacks than the depot of so small a region has room for
    p = busy.start(node, "--inspect-port=0", script(busy, "server.js", SERVER),
                   FR_EVENTS="net=full,lock=full")
    port = int(p.line("port").split()[1])
    url, errors = f"http://127.0.0.1:{port}/", []

    def get(n):
        for size in range(n):
            with urllib.request.urlopen(url, b"b" * size, timeout=20) as r:
                if r.read().split()[1:] != [b"%d" % size, b"x" * 5000]:
                    errors.append(size)

    threads = [threading.Thread(target=get, args=(60,)) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not errors
    p.signal(signal.SIGUSR1)
    fr.wait_for(lambda: "Debugger listening on" in p.stderr(), "the inspector")
    assert not busy.snapshots()
    signo = fr.signal_of(p.pid)
    assert signo not in (0, signal.SIGUSR1)
    recording = busy.ask(p, signo)
    get(5)
    report_of(recording, p)
    events = fr.read("events", recording, "-e", "net.*", "-n", 2000)
    assert any(e["event"] == "net.accept" for e in events)
    assert any("node::Start" in fr.names(e.get("stack")) for e in events)
    p.signal(signal.SIGTERM)
    p.line("served 245")
    assert p.code() == 0


# ---- Java ---------------------------------------------------------------------------------------

JAVA = """
import java.net.*;
import java.util.concurrent.*;
import java.util.concurrent.atomic.*;

public class Busy {
    static int[] none;
    static int dig(int n) { return dig(n + 1) + 1; }
    static void echo(ServerSocket server) {
        try (Socket s = server.accept()) {
            s.getInputStream().transferTo(s.getOutputStream());
        } catch (java.io.IOException e) {
            throw new RuntimeException(e);
        }
    }
    public static void main(String[] args) throws Exception {
        int caught = 0;
        for (int i = 0; i < 100000; i++) {
            try { none[i] = 1; } catch (NullPointerException e) { caught++; }
        }
        AtomicLong sum = new AtomicLong();
        ExecutorService pool = Executors.newFixedThreadPool(4);
        for (int k = 0; k < 64; k++) {
            final int size = 1000 + k;
            pool.submit(() -> {
                for (int i = 0; i < 2000; i++) sum.addAndGet(new byte[size].length);
            });
        }
        pool.shutdown();
        pool.awaitTermination(1, TimeUnit.MINUTES);
        System.gc();
        ServerSocket server = new ServerSocket(0, 5, InetAddress.getLoopbackAddress());
        Thread t = new Thread(() -> echo(server));
        t.start();
        try (Socket s = new Socket(server.getInetAddress(), server.getLocalPort())) {
            s.getOutputStream().write("echo".getBytes());
            s.shutdownOutput();
            String echoed = new String(s.getInputStream().readAllBytes());
            System.out.println(echoed + " " + caught + " " + sum);
        }
        t.join();
        try { dig(0); } catch (StackOverflowError e) { System.out.println("overflow"); }
        if (args.length > 0) {
            System.out.println("ready");
            System.in.read();
        }
    }
}
"""

TRUTH = ["echo 100000 132032000", "overflow"]


@pytest.fixture
def java():
    return needs("java")


@pytest.mark.parametrize("events", ["full", "lock=full", ""])
def test_java_catches_its_own_faults(busy, java, events):
    """Null pointers, deep recursion and safepoints are SIGSEGV, every time: none is a crash."""
    path = script(busy, "Busy.java", JAVA)
    level = {"FR_EVENTS": events} if events else {}
    p = same_as_bare(busy, java, path, FR_TRIGGER="exit", **level)
    assert p.lines == TRUTH and p.code() == 0
    assert len(busy.snapshots()) == 1
    report_of(busy.snapshot(p), p)


def no_core():
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def waiting(host, java, *flags, **how):
    p = fr.Process([java, *flags, script(host, "Busy.java", JAVA), "wait"], host.env(**how),
                   host.cwd, no_core, stdin=subprocess.PIPE)
    host.started.append(p)
    p.line("ready", timeout=120)
    return p


def test_java_goes_on_after_a_snapshot(busy, java):
    p = waiting(busy, java)
    p.signal(signal.SIGQUIT)
    p.line("Full thread dump")
    recording = busy.ask(p, fr.signal_of(p.pid))
    report_of(recording, p)
    threads = fr.read("threads", recording, ok=(0, 3))
    assert any(t["name"].startswith("GC Thread") for t in threads)
    p.popen.stdin.close()
    assert p.code() == 0 and p.lines[:2] == TRUTH and p.stderr() == ""


def test_java_reports_a_real_crash_itself(busy, java):
    """
    What HotSpot does not expect ends in its own report and SIGABRT; that is our crash too. Sent to
    the main thread: its report waits for ever when the fault hits a compiler thread in its arenas.
    """
    ends = []
    for recorded in (False, True):
        p = waiting(busy, java, "-XX:ErrorFile=/dev/null", recorded=recorded)
        fr.tgkill(p.pid, p.pid, signal.SIGSEGV)
        assert os.WTERMSIG(p.wait()) == signal.SIGABRT
        ends.append((p.status, "SIGSEGV (0xb)" in "".join(p.lines)))
    assert ends[0] == ends[1] and ends[0][1]
    report = fr.read("report", busy.snapshot(p), ok=(0, 3))
    assert "SIGABRT" in fr.findings(report, "crash")[0]["title"]
