# SPDX-License-Identifier: MIT
"""Threads in no hooked call: what the kernel says of them, in snapshots, crashes, from outside."""

import os
import pathlib
import signal

import pytest

import fr


def counters(pid, tid):
    """What /proc says now, in the names of the recording."""
    task = pathlib.Path(f"/proc/{pid}/task/{tid}")
    cpu, queued, _ = map(int, (task / "schedstat").read_text().split())
    status = dict(line.split(":\t", 1) for line in (task / "status").read_text().splitlines())
    stat = (task / "stat").read_text().rpartition(")")[2].split()
    return {"cpu_ns": cpu, "queued_ns": queued, "minor_faults": int(stat[7]),
            "major_faults": int(stat[9]), "voluntary": int(status["voluntary_ctxt_switches"]),
            "involuntary": int(status["nonvoluntary_ctxt_switches"])}


def taken(host, p, how):
    if how == "live":
        return p.pid
    if how == "signal":
        return host.ask(p)
    fr.fr("snapshot", "-o", host.out / "outside.frd", p.pid)
    return host.out / "outside.frd"


@pytest.mark.parametrize("how", ["signal", "live", "outside"])
def test_what_the_kernel_knows(host, how):
    p = host.target("asleep")
    said = p.truth("sleeper")
    fr.wait_for(lambda: fr.task_syscall(p.pid, p.pid) in (fr.SYS_POLL, 73, 271), "the poll")
    before = {t: counters(p.pid, said[t]) for t in ("sleeper", "reader", "busy", "main")}
    recording = taken(host, p, how)
    text = fr.fr("threads", recording).out
    threads = {t["tid"]: t for t in fr.read("threads", recording)}
    for who, values in before.items():
        kernel = threads[said[who]]["kernel"]
        after = counters(p.pid, said[who])
        for name, value in values.items():
            assert value <= kernel[name] <= after[name], (who, name, value, kernel, after)
    sleeper, reader, busy = (threads[said[t]] for t in ("sleeper", "reader", "busy"))
    assert sleeper["state"] == "asleep" and sleeper["kernel"]["state"] == "S"
    assert sleeper["kernel"]["syscall"]["name"] == "futex"
    assert fr.number(sleeper["kernel"]["syscall"]["args"][0]) == said["futex"]
    assert reader["kernel"]["syscall"]["name"] == "read"
    assert fr.number(reader["kernel"]["syscall"]["args"][0]) == said["fd"]
    assert busy["state"] == "running" and busy["kernel"]["state"] == "R"
    assert busy["kernel"]["syscall"] is None
    assert threads[said["main"]]["state"] == "blocked"
    assert f"asleep in futex(2) on {said['futex']:#x}, not by a hooked call" in text, text
    assert "asleep in read(2), not by a hooked call" in text, text
    assert text.count("running or runnable") == 1, text


def test_stopped(host):
    p = host.target("asleep")
    said = p.truth("sleeper")
    p.signal(signal.SIGSTOP)
    fr.wait_for(lambda: f"({'asleep'}) T" in
                pathlib.Path(f"/proc/{p.pid}/task/{said['busy']}/stat").read_text(), "the stop")
    for how in ("outside", "live"):
        recording = taken(host, p, how)
        threads = {t["tid"]: t for t in fr.read("threads", recording)}
        assert threads[said["busy"]]["state"] == "stopped"
        text = fr.fr("threads", recording).out
        assert "stopped by a signal" in text and "running or runnable" not in text, text
    p.signal(signal.SIGCONT)


def test_crash(host):
    p = host.target("asleep", "crash")
    said = p.truth("sleeper")
    assert os.WTERMSIG(p.wait()) == signal.SIGSEGV
    recording = host.snapshots(p.pid)[0]
    threads = {t["tid"]: t for t in fr.read("threads", recording)}
    assert threads[said["sleeper"]]["state"] == "asleep"
    assert threads[said["busy"]]["state"] == "running"
    assert threads[said["main"]]["state"] == "crashed"


def test_unknown_is_said(host):
    """What a killed process leaves has no word of the kernel's: then neither has fr."""
    p = host.target("asleep", FR_KEEP=1)
    said = p.truth("sleeper")
    region = host.region(p)
    p.kill()
    threads = {t["tid"]: t for t in fr.read("threads", region)}
    assert threads[said["sleeper"]]["kernel"] is None
    text = fr.fr("threads", region).out
    assert "in calls that are not recorded" in text, text
    assert "running or runnable" not in text, text
