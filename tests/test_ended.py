# SPDX-License-Identifier: MIT
"""Ends by a signal that is no crash: alike with and without us, and told as what they are."""

import os
import resource
import signal
import subprocess

import pytest

import fr

TOLD = ["SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT"]
OTHER = ["SIGUSR2", "SIGPIPE", "SIGALRM", "SIGXCPU", "SIGXFSZ", "SIGVTALRM", "SIGPROF", "SIGPOLL"]
WAYS = {"pipe": ("SIGPIPE", "writes_to_nobody", "other end is closed"),
        "alarm": ("SIGALRM", "waits_for_an_alarm", "timer"),
        "cpu": ("SIGXCPU", "burns", "CPU time"),
        "size": ("SIGXFSZ", "fills_a_file", "limit of its size")}


def no_core():
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def left(host):
    region, = host.regions()
    assert not host.snapshots(), "its region says it all"
    return region


@pytest.mark.parametrize("name", TOLD + OTHER)
def test_sent_from_outside(host, name):
    """By whom, and as what; never as killed without a reason."""
    signo = signal.Signals[name]
    p = host.target("ended", int(signo), preexec=no_core)
    said = p.truth("ready")
    fr.wait_for(lambda: fr.task_syscall(p.pid, p.pid) == fr.SYS_RECVFROM, "the wait")
    p.signal(signo)
    assert p.wait() == signo, "the status is the signal and nothing else"
    region = left(host)
    report = fr.read("report", region)
    rule = "ended-by-signal" if name in TOLD else "crash"
    finding, = [f for f in report["findings"] if f["rule"] in ("crash", "ended-by-signal")]
    assert finding["rule"] == rule, finding
    assert f"{name}" in finding["title"] and f"sent by process {os.getpid()} (uid {os.getuid()})" \
        in finding["title"], finding["title"]
    assert ("crash" in report["ok"]) == (name in TOLD)
    thread, = fr.read("threads", region)
    assert thread["tid"] == said["ready"]
    if name in TOLD:
        assert thread["on"]["call"] == "recv", thread
    text = fr.fr("report", region).out
    assert "killed" not in text, text


@pytest.mark.parametrize("way", WAYS)
def test_by_what_it_did(host, way):
    name, fn, words = WAYS[way]
    bare = host.target("ended", way, recorded=False, preexec=no_core).wait()
    p = host.target("ended", way, preexec=no_core)
    assert p.wait() == bare == signal.Signals[name], (p.status, bare)
    finding = fr.read("report", left(host), ok=(0, 3))["findings"][0]
    assert finding["rule"] == "crash"
    assert name in finding["title"] and words in finding["title"], finding["title"]
    assert any(fn in fr.names(s) for s in finding["stacks"]), finding["stacks"]


def test_raised_by_itself(host):
    p = host.target("ended", "raise")
    assert p.wait() == signal.SIGTERM
    finding = fr.read("report", left(host))["findings"][0]
    assert "sent by the process itself, with raise()" in finding["title"]


def test_a_child_that_did_nothing_else(host):
    """It gets no region of its own for that, and its parent's says nothing of it."""
    p = host.target("ended", "child", FR_KEEP=1)
    assert p.wait() == 0
    assert p.truth("child")["status"] == signal.SIGTERM
    report = fr.read("report", left(host))
    assert not [f for f in report["findings"] if f["rule"] in ("crash", "ended-by-signal")]


def test_dispositions_are_the_default(host):
    """For who asks, and for what is executed."""
    p = host.target("ended", "asks")
    assert p.wait() == 0
    assert [line for line in p.lines] == ['{"not_default":[],"mask_of_term":0}'] * 2


def test_at_any_moment(host, long):
    """A signal that comes in the recorder's own work ends it just the same."""
    for _ in range(200 if long else 15):
        p = host.target("ended", "storm", FR_EVENTS="full")
        p.line("ready")
        p.signal(signal.SIGTERM)
        assert p.wait() == signal.SIGTERM
        region = left(host)
        report = fr.read("report", region, ok=(0, 3))
        assert fr.findings(report, "ended-by-signal")
        region.unlink()


def test_first_process_of_a_container(host, root):
    """The kernel spares it from signals without a handler: so it must stay without."""
    p = host.start("unshare", "-p", "-f", "--kill-child", fr.TARGETS / "ended", 15)
    said = p.truth("ready")
    assert said["ready"] == 1
    inner = int(subprocess.run(["pgrep", "-P", str(p.pid)], capture_output=True, text=True,
                               check=True).stdout)
    os.kill(inner, signal.SIGTERM)
    os.kill(inner, signal.SIGHUP)
    fr.wait_for(lambda: fr.task_syscall(inner, inner) == fr.SYS_RECVFROM, "it sleeps on")
    caught = [line for line in open(f"/proc/{inner}/status", encoding="ascii")
              if line.startswith("SigCgt")]
    assert not int(caught[0].split()[1], 16) >> (signal.SIGTERM - 1) & 1
    os.kill(inner, signal.SIGKILL)
    p.wait()
