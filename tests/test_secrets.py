# SPDX-License-Identifier: MIT
"""Passwords, tokens and keys in texts are not stored anywhere; fr scrub removes all texts."""

import re

import fr

ARGS = ["--password", "HUNTER-arg", "--verbose", "PLAIN-arg", "--token=HUNTER-arg2"]


def words(data, word):
    return sorted({m.decode() for m in re.findall(rb"%s-?[a-z0-9]*" % word.encode(), data)})


def start(tmp_path, **settings):
    host = fr.Host(tmp_path, FR_EVENTS="full", **settings)
    p = host.target("secrets", *ARGS)
    p.truth("all")
    return host, p


def test_no_secret_is_stored(tmp_path):
    """In the region of a running program and in snapshots: by their bytes, not by what fr shows."""
    host, p = start(tmp_path, FR_MASK="customer,other")
    try:
        snapshots = [host.snapshot(p), host.region(p)]
        for path in snapshots:
            data = path.read_bytes()
            assert words(data, "HUNTER") == []
            for plain in ("path", "a", "b", "host", "from", "label", "json", "user", "after",
                          "keyboard", "time", "exec", "arg", "un"):
                assert f"PLAIN-{plain}".encode() in data, plain
        assert b"PLAIN-reason" in snapshots[0].read_bytes()
        info = fr.read("info", host.region(p))
        assert info["header"]["masked"] >= 15
        assert info["header"]["cmdline"][1:] == [
            "--password", "*" * 10, "--verbose", "PLAIN-arg", "--token=" + "*" * 11]
    finally:
        host.stop()


def test_what_is_no_name_of_a_secret_stays(tmp_path):
    """Without FR_MASK its word is none."""
    host, p = start(tmp_path)
    try:
        assert words(host.region(p).read_bytes(), "HUNTER") == ["HUNTER-added"]
    finally:
        host.stop()


def test_scrub(tmp_path):
    """A copy without any text of the program, which is read like any other: same events, places."""
    host, p = start(tmp_path)
    try:
        whole = host.snapshot(p)
        p.kill()
        for n, recording in enumerate((whole, host.region(p))):
            scrubbed = tmp_path / f"scrubbed-{n}.frd"
            fr.fr("scrub", recording, "-o", scrubbed)
            data = scrubbed.read_bytes()
            assert words(data, "HUNTER") == [] and words(data, "PLAIN") == []
            before, after = fr.read("events", recording), fr.read("events", scrubbed)
            keys = ("id", "t_ns", "event", "tid", "err", "stack")
            assert [[e.get(k) for k in keys] for e in after] == [
                [e.get(k) for k in keys] for e in before]
            opened = [e["path"] for e in after if e["event"] == "fd.open"]
            assert opened and all(set(path) == {"*"} for path in opened)
            assert fr.read("report", scrubbed)
    finally:
        host.stop()


def test_scrub_refuses_what_it_cannot_read(tmp_path):
    host, p = start(tmp_path)
    try:
        data = bytearray(host.snapshot(p).read_bytes())
        cut = tmp_path / "cut.frd"
        cut.write_bytes(data[:len(data) * 3 // 4])
        out = tmp_path / "out.frd"
        fr.fr("scrub", cut, "-o", out, ok=(1,))
        assert not out.exists()
    finally:
        host.stop()


ABORTS = """
import ctypes, os
text = b"pass" + b"word=HUN" + b"TER-said, PLAIN-said"
ctypes.CDLL(None).__assert_fail(text, b"file", 1, b"function")
"""


def test_the_last_words_of_an_abort_are_texts_too(tmp_path):
    host = fr.Host(tmp_path)
    try:
        p = host.run("python3", "-c", ABORTS, code=-6)
        snapshot, = host.snapshots(p.pid)
        data = snapshot.read_bytes()
        assert words(data, "HUNTER-said") == [] and b"PLAIN-said" in data
        scrubbed = tmp_path / "scrubbed.frd"
        fr.fr("scrub", snapshot, "-o", scrubbed)
        assert words(scrubbed.read_bytes(), "PLAIN-said") == []
    finally:
        host.stop()
