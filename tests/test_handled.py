# SPDX-License-Identifier: MIT
"""Faults that reach the host's own handler: events, and a crash only where they end the process."""

import os
import signal

import pytest

import fr


def both(host, what, **settings):
    """The same end with and without us."""
    bare = host.target("handles", what, recorded=False).wait()
    p = host.target("handles", what, **settings)
    assert p.wait() == bare, (p.status, bare)
    return p, p.truth("tid")


def the_fault(recording, said):
    event, = [e for e in fr.read("events", recording, ok=(0, 3)) if e["event"] == "signal"]
    assert event["tid"] == said["tid"]
    return event


@pytest.mark.parametrize("what", ["_exit", "exit"])
def test_ended_by_its_handler_is_a_crash(host, what):
    p, said = both(host, what)
    assert os.WEXITSTATUS(p.status) == 3
    region, = host.regions()
    report = fr.read("report", region)
    finding = report["findings"][0]
    assert finding["rule"] == "crash" and "SIGSEGV" in finding["title"], finding
    assert said["page"] in finding["title"], finding["title"]
    assert "own handler" in finding["title"] and "exit" in finding["why"], finding
    assert any("faults" in fr.names(s) for s in finding["stacks"]), finding["stacks"]
    event = the_fault(region, said)
    assert event["signo"] == signal.SIGSEGV and event["code"] > 0
    assert fr.number(event["addr"]) == fr.number(said["page"])


@pytest.mark.parametrize("what", ["jumps", "raises"])
def test_what_goes_on_is_no_crash(host, what):
    p, said = both(host, what, FR_KEEP=1)
    assert p.status == 0
    region, = host.regions()
    report = fr.read("report", region)
    assert "crash" in report["ok"], report
    assert the_fault(region, said)


def test_many_that_return_are_limited(host):
    p, _ = both(host, "returns", FR_KEEP=1)
    assert p.status == 0
    region, = host.regions()
    assert "crash" in fr.read("report", region)["ok"]
    n = len([e for e in fr.read("events", region) if e["event"] == "signal"])
    assert 16 <= n < 200, n


def test_a_handler_that_returns_into_abort(host):
    p, _ = both(host, "aborts")
    assert os.WTERMSIG(p.status) == signal.SIGABRT
    region, = host.regions()
    finding = fr.read("report", region)["findings"][0]
    assert finding["rule"] == "crash" and "SIGABRT" in finding["title"], finding
    assert "came back" in finding["why"]
    assert any("gives_up" in fr.names(s) for s in finding["stacks"])


@pytest.mark.parametrize("what", ["crashes", "blocked", "ignored"])
def test_an_end_that_nobody_saw_is_not_judged(host, what):
    p, _ = both(host, what)
    assert os.WTERMSIG(p.status) == signal.SIGSEGV
    region, = host.regions()
    report = fr.read("report", region)
    assert [n for n in report["na"] if n["rule"] == "crash"], report
    assert "crash" not in report["ok"]
    text = fr.fr("report", region).out
    assert "no crash" not in text and "was killed" not in text, text


def test_what_libc_said_is_kept(host):
    p, _ = both(host, "assert")
    report = fr.read("report", host.snapshot(p))
    assert "Assertion `page == NULL' failed" in str(report["findings"][0]["lines"]), report
