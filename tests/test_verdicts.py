# SPDX-License-Identifier: MIT
"""What may be said: a recording that is cut is not judged, nobody is called killed without proof,
and each kind of fault is told beside its healthy twin (tests/targets/verdicts.c)."""

import json
import os
import pathlib
import re
import signal

import pytest

import fr

RULES = {"deadlock", "self-deadlock", "lock-held-across-blocking-call", "hot-lock", "stuck-thread"}


def not_judged(report):
    return {row["rule"]: row["why"] for row in report["na"]}


def test_cut_recording_is_not_judged(host):
    """Wherever a snapshot was cut, it is neither fine nor of a process that was killed."""
    p = host.target("hang", "cycle")
    p.line("kind")
    content = host.ask(p).read_bytes()
    cut = pathlib.Path(host.path / "cut.frd")
    read = 0
    for share in (0.05, 0.3, 0.6, 0.9):
        cut.write_bytes(content[:int(len(content) * share)])
        r = fr.fr("report", "--json", cut, ok=(1, 3))
        if r.returncode == 1:
            continue
        read += 1
        report = fr.read("report", cut, ok=(3,))
        assert not RULES & set(report["ok"]), report["ok"]
        assert "crash" not in report["ok"]
        assert all("damaged or cut" in not_judged(report)[rule] for rule in RULES), report["na"]
        assert not RULES & {f["rule"] for f in report["findings"]}
        text = fr.fr("report", cut, ok=(3,)).out
        assert "killed" not in text and "left by" not in text, text
    assert read >= 2


def test_killed_needs_proof(host):
    """Gone without a record of its end: killed, or by a fault of a blocked signal."""
    p = host.target("hang", "wait")
    p.line("kind")
    copy = pathlib.Path(host.path / "copy.frr")
    copy.write_bytes(host.region(p).read_bytes())
    assert "was killed" not in fr.fr("report", copy, ok=(0, 3)).out, "the process lives"
    p.signal(signal.SIGKILL)
    p.wait()
    region, = host.regions()
    text = fr.fr("report", region, ok=(0, 3)).out
    assert "ended without a word: killed, or died in a way that is not seen" in text, text
    assert "crash" in not_judged(fr.read("report", region, ok=(0, 3)))
    boot = pathlib.Path("/proc/sys/kernel/random/boot_id").read_bytes().strip()
    content = region.read_bytes()
    assert content.count(boot) == 1
    copy.write_bytes(content.replace(boot, boot[::-1]))
    text = fr.fr("report", copy, ok=(0, 3)).out
    assert "ended without a word: killed, or died in a way that is not seen" in text, text


LASTS = "200ms"  # from here on a wait is stuck; the default of seconds would only take longer


def faults(report):
    return [f for f in report["findings"] if f["severity"] in ("crit", "warn")
            and f["rule"] != "recorder"]


def started(host, kind):
    p = host.target("verdicts", kind, FR_TRIGGER=f"stuck>{LASTS}", FR_TRIGGER_MAX=1)
    return p, p.truth("kind")


def frames(finding):
    return {name for stack in finding["stacks"] for name in fr.names(stack)}


# The fault: its rule, what its title says, functions on its stacks.
FAULTS = {
    "answer": ("stuck-thread", "in recv\\(\\) from 0.0.0.0", {"next_message"}),
    "keeper": ("lock-held-across-blocking-call", "mutex first .* nanosleep", {"lead"}),
    "starve": ("writer-starvation", "rwlock table, while [234] readers", {"update", "look_up"}),
    "joincycle": ("deadlock", "wait for each other and will never go on", {"joins",
                                                                         "needs_first"}),
    "forklock": ("stuck-thread", "waitpid\\(\\) for child [0-9]+, which hangs",
                 {"wait_for_child", "log_line"}),
    "filter": ("stuck-thread", "waitpid\\(\\) for child [0-9]+, which hangs",
               {"wait_for_child", "fill_pipe"}),
    "condcycle": ("deadlock", "probable deadlock", {"is_woken", "needs_first"}),
}
HEALTHY = ["doorbell", "news", "leader", "turns", "joined", "condwait", "stay", "forkfree", "reads"]


@pytest.mark.parametrize("kind", FAULTS)
def test_fault_is_told_first_and_once(host, kind):
    rule, title, functions = FAULTS[kind]
    p, _ = started(host, kind)

    def told():
        found = faults(fr.read("report", p.pid, ok=(0, 3)))
        return found if found and re.search(title, found[0]["title"]) else None

    found = fr.wait_for(told, f"{rule} of {kind}")
    assert found[0]["rule"] == rule
    assert functions <= frames(found[0]), found[0]["stacks"]
    assert len(found) == 1, [f["title"] for f in found]


@pytest.mark.parametrize("kind", HEALTHY)
def test_healthy_twin_is_not_accused(host, kind):
    """Long after its waits have become old: nothing. List, threads and report agree."""
    p, said = started(host, kind)
    for pid in filter(None, (p.pid, said["child"])):
        if pid == said["child"]:
            fr.wait_for(lambda: host.complete(said["child"]), "child's region")

        def idle(pid=pid):
            report = fr.read("report", pid, ok=(0, 3))
            assert not faults(report), [f["title"] for f in faults(report)]
            return report["window"]["duration_ns"] > 1.6e9

        fr.wait_for(idle, "waits that are old")
        assert not any(t["stuck"] for t in fr.read("threads", pid, ok=(0, 3)))
        row, = [r for r in fr.read("list", host.dir, ok=(0, 3)) if r["pid"] == pid]
        assert row["stuck"]["threads"] == 0, row


def test_lock_held_at_the_fork(host):
    """The child hangs in a lock that a thread of its parent had: its owner is nobody here."""
    p, said = started(host, "forklock")

    def told():
        if not host.complete(said["child"]):
            return None
        return faults(fr.read("report", said["child"], ok=(0, 3)))

    found = fr.wait_for(told, "fork-lock")
    assert [f["rule"] for f in found] == ["fork-lock"], [f["title"] for f in found]
    assert "mutex first, which was taken before the fork" in found[0]["title"]
    assert "log_line" in frames(found[0])
    text = fr.fr("threads", said["child"]).out
    assert re.search(r"held by tid \d+, no thread of this process: taken before the fork", text)
    assert p.alive()


def test_a_signal_is_told_as_sent(host):
    """SIGABRT by somebody else is no abort() of the program's own."""
    p, _ = started(host, "stay")
    p.signal(signal.SIGABRT)
    p.wait()
    finding = faults(fr.read("report", host.snapshot(p)))[0]
    sender = f"process {os.getpid()} (uid {os.getuid()})"
    assert finding["title"].endswith(f"died of SIGABRT sent by {sender}")


def test_broken_pipe_is_no_proof_of_a_kill(host):
    """SIGPIPE is told as what it is, and never as a kill without a crash."""
    p, _ = started(host, "pipe")
    assert p.code() == -signal.SIGPIPE
    region, = host.regions()
    text = fr.fr("report", region, ok=(0, 3)).out
    assert "died of SIGPIPE: it wrote to a socket or pipe" in text, text
    assert "no crash" not in text, text


DEATHS = {  # what the title says, and the function that it happened in
    "assert": ("an assertion failed", "die"),
    "abort": ("abort() was called", "die"),
    "overrun": ("a buffer on the stack was overrun", "die"),
    "fortify": ("a copy was larger than its buffer", "die"),
    "twice": ("it freed a block twice", "give_back"),
    "invalid": ("the heap is damaged", "give_back"),
    "virtual": ("a pure virtual function was called", "call_virtual"),
    "again": ("which its own handler raised again", "parse_field"),
    "inside": ("which its own handler raised again", "parse_field"),
}


@pytest.mark.parametrize("kind", DEATHS)
def test_death_is_told_by_its_kind(host, kind):
    """By the functions on the stack; the place is the program's own, not libc's or ours."""
    text, function = DEATHS[kind]
    p = host.target("deaths", kind, FR_EVENTS="mem=full")
    assert p.code() < 0
    finding = faults(fr.read("report", host.snapshot(p)))[0]
    assert finding["rule"] == "crash"
    assert text in finding["title"], finding["title"]
    assert finding["site"].startswith(f"{function} deaths.c:"), finding["site"]
    labels = finding["stack_labels"]
    assert ("the block was freed here first" in labels) == (kind == "twice"), labels
    assert ("innocent" in finding["why"]) == (kind == "invalid"), finding["why"]
    if kind == "inside":
        assert "<signal handler called>" in frames(finding), finding["stacks"]


def test_report_by_name(host):
    """A name that is no file is a process's: the one that lives, or all are told."""
    env = {**os.environ, "FR_DIR": str(host.dir)}
    p, _ = started(host, "stay")
    assert f"verdicts (pid {p.pid}) live" in fr.fr("report", "verdicts", env=env).out
    q, _ = started(host, "stay")
    err = fr.fr("report", "verdicts", env=env, ok=(1,)).err
    assert "2 processes are called verdicts" in err and str(p.pid) in err and str(q.pid) in err
    for each in (p, q):
        each.signal(signal.SIGKILL)
        each.wait()
    assert "left by a process" in fr.fr("report", "verdicts", env=env, ok=(0, 3)).out
    assert "nobody" in fr.fr("report", "nobody", env=env, ok=(1,)).err


def test_json_cannot_steer_a_terminal(host):
    """Names of threads come from the recording: no control, C1 or bidi character is passed raw."""
    p, _ = started(host, "stay")
    name = "a\u202eb\u0085\x7f\x1b"
    recording = host.ask(p)
    content = recording.read_bytes()
    recording.write_bytes(content.replace(b"verdicts\0\0\0\0\0\0\0\0",
                                          name.encode().ljust(16, b"\0")))
    out = fr.fr("threads", "--json", recording, ok=(0, 3)).stdout
    assert not re.search(rb"[\x00-\x09\x0b-\x1f\x7f]|\xc2[\x80-\x9f]|\xe2\x80\xae", out)
    assert name in [t["name"] for t in json.loads(out)]
