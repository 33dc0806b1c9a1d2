# SPDX-License-Identifier: MIT
"""What may be said: a recording that is cut is not judged, nobody is called killed without proof,
and each kind of fault is told beside its healthy twin (tests/targets/verdicts.c)."""

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
    """Gone, same boot, no crash record: killed. Of another boot, or a copy: nobody knows."""
    p = host.target("hang", "wait")
    p.line("kind")
    copy = pathlib.Path(host.path / "copy.frr")
    copy.write_bytes(host.region(p).read_bytes())
    assert "was killed" not in fr.fr("report", copy, ok=(0, 3)).out, "the process lives"
    p.signal(signal.SIGKILL)
    p.wait()
    region, = host.regions()
    text = fr.fr("report", region, ok=(0, 3)).out
    assert "left by a process that was killed at" in text, text
    assert "crash" in not_judged(fr.read("report", region, ok=(0, 3)))
    boot = pathlib.Path("/proc/sys/kernel/random/boot_id").read_bytes().strip()
    content = region.read_bytes()
    assert content.count(boot) == 1
    copy.write_bytes(content.replace(boot, boot[::-1]))
    text = fr.fr("report", copy, ok=(0, 3)).out
    assert "ended without a word: killed, or died in a way that is not seen" in text, text
