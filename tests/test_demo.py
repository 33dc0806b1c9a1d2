# SPDX-License-Identifier: MIT
"""Scene 1, the slow request: what a user sees who runs the demo, and what the JSON says."""

import os
import re
import signal
import subprocess

import fr

SOURCE = "tests/examples/guess-number/server.c"
RECV = fr.source_line(SOURCE, "/* the answer of the report server */")
WAIT = fr.source_line(SOURCE, "/* handleGuess waits here */")


def played(host, **settings):
    """A recording of the guess-number server, made just after a slow answer."""
    port, report_port = fr.free_port(), fr.free_port()
    server = host.start(fr.EXAMPLES / "guess-number/server", port, report_port, **settings)
    server.line("listening")
    client = host.start(fr.EXAMPLES / "guess-number/client", port, report_port, recorded=False)
    assert client.code(60) == 0, client.lines
    recording = host.ask(server)
    server.signal(signal.SIGTERM)
    assert server.code() == 0
    return recording, report_port, client.lines[-1]


def check_first_finding(recording, report_port):
    report = fr.read("report", recording)
    first = report["findings"][0]
    titles = [f["title"] for f in report["findings"]]
    assert first["rule"] == "lock-held-across-blocking-call", titles
    sentence = f"{first['title']} {first['site']}"
    for word in ("reporter", "recv", f"127.0.0.1:{report_port}", "sendReport", f"server.c:{RECV}"):
        assert word in sentence, (word, sentence)
    threads = {t["tid"]: t for t in fr.read("threads", recording)}
    reporters = [tid for tid, t in threads.items() if t["name"] == "reporter"]
    assert reporters[0] in first["threads"]
    stacks = [s for s in first["stacks"] if "sendReport" in fr.names(s)]
    frame = stacks[0][fr.names(stacks[0]).index("sendReport")]
    assert frame["line"] == RECV and frame["file"].endswith(SOURCE)
    held = re.search(r"(\d+(?:\.\d+)?) ms", first["title"])
    assert held and 100 <= float(held[1]) <= 400, first["title"]
    assert first["impact_ns"] > 100e6, "all waiters together"
    return report, first


def test_first_finding(host):
    recording, report_port, _ = played(host)
    report, first = check_first_finding(recording, report_port)
    assert report["trigger"]["kind"] == "signal"
    workers = [t for t in fr.read("threads", recording) if t["name"].startswith("worker-")]
    assert len(workers) == 16 and len(set(first["threads"]) & {t["tid"] for t in workers}) >= 8
    waits = [e for e in fr.read("events", recording) if e["event"] == "mutex.lock"
             and e["stack"][0]["fn"] == "handleGuess" and e["dur_ns"] > 50e6]
    assert len(waits) >= 8
    reporter = next(t["tid"] for t in fr.read("threads", recording) if t["name"] == "reporter")
    for e in waits:
        assert e["owner"] == reporter and e["stack"][0]["line"] == WAIT
    locks = fr.read("locks", recording)
    assert locks[0]["max_wait_ns"] > 50e6
    assert locks[0]["name"] and "buckets" in locks[0]["name"]
    assert locks[0]["holders"][0]["tid"] == reporter


def test_everything_recorded(host):
    recording, report_port, _ = played(host, FR_EVENTS="full")
    check_first_finding(recording, report_port)


def test_demo_script(tmp_path):
    """scripts/demo from another directory: the report, the files, nothing left running."""
    r = subprocess.run([fr.TOP / "scripts/demo"], cwd=tmp_path, capture_output=True, text=True,
                       timeout=300, check=False, env={**os.environ, "O": str(fr.O)})
    assert r.returncode == 0, r.stdout + r.stderr
    assert "reporter" in r.stdout and "sendReport" in r.stdout and "127.0.0.1:" in r.stdout
    assert f"server.c:{RECV}" in r.stdout
    recording = re.search(r"The recording: +(\S+\.frd)", r.stdout)[1]
    assert os.path.exists(recording)
    pid = int(re.search(r"fr snapshot (\d+)", r.stdout)[1])
    assert not os.path.exists(f"/proc/{pid}")
    assert fr.read("report", recording)["findings"][0]["rule"] == "lock-held-across-blocking-call"
