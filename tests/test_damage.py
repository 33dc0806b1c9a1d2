# SPDX-License-Identifier: MIT
"""Damaged recordings: the decoder says what is wrong, with exit code 1 or 3, and never crashes."""

import random

import pytest

import fr

COMMANDS = ["info", "report", "events", "threads", "locks", "decode"]


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    host = fr.Host(tmp_path_factory.mktemp("good"), FR_EVENTS="full", FR_MAX_BYTES="2M")
    p = host.target("load")
    p.line("ready")
    data = host.ask(p).read_bytes()
    host.stop()
    return data


def survives(path, codes=(0, 1, 3), commands=COMMANDS):
    """Every command ends by itself, with a reason where it refuses."""
    seen = set()
    for command in commands:
        for json_too in ([], ["--json"]):
            r = fr.fr(command, *json_too, path, ok=codes)
            seen.add(r.returncode)
            if r.returncode == 1:
                assert r.err.strip() and path.name in r.err, (command, r.err)
            if r.returncode == 3:
                assert r.err.strip(), command
            assert "\x1b" not in r.out and "\x1b" not in r.err
    return seen


def test_whole_file_is_fine(good, tmp_path):
    f = tmp_path / "good.frd"
    f.write_bytes(good)
    assert survives(f, codes=(0,)) == {0}


@pytest.mark.parametrize("content", ["empty", "zeros", "random", "text", "elf", "magic"])
def test_no_recording_at_all(tmp_path, content):
    f = tmp_path / "bad.frd"
    f.write_bytes({
        "empty": b"", "zeros": bytes(100000), "text": b"#!/bin/sh\necho no\n" * 400,
        "random": random.Random(1).randbytes(100000), "elf": (fr.FR).read_bytes()[:200000],
        "magic": b"FLTREC\r\n" + random.Random(2).randbytes(100000),
    }[content])
    assert survives(f) <= {1, 3}


def test_no_such_thing(tmp_path):
    for spec in (tmp_path / "missing.frd", tmp_path, "/dev/null", "999999999", "0", "-7", ""):
        r = fr.fr("info", spec, ok=(1, 2))
        assert r.err.strip(), spec


def test_truncated_anywhere(good, tmp_path, long):
    rng = random.Random(3)
    f = tmp_path / "cut.frd"
    cuts = {0, 1, 7, 8, 9, 100, 4095, 4096, 4097, len(good) - 1, len(good) // 2}
    cuts |= {rng.randrange(len(good)) for _ in range(1000 if long else 12)}
    for cut in sorted(cuts):
        f.write_bytes(good[:cut])
        codes = survives(f, commands=COMMANDS if cut < 5000 or long else ["report", "events"])
        assert codes <= {1, 3} or cut > 4096, cut
    f.write_bytes(good[:len(good) // 2])
    assert fr.fr("report", f, ok=(1, 3)).err.strip()


def test_changed_bytes(good, tmp_path, long):
    rng = random.Random(4)
    f = tmp_path / "flip.frd"
    for i in range(3000 if long else 60):
        data = bytearray(good)
        area = 4096 if i % 2 else len(data)
        for _ in range(rng.choice([1, 1, 4, 64])):
            data[rng.randrange(area)] = rng.randrange(256)
        f.write_bytes(data)
        survives(f, commands=[rng.choice(COMMANDS)])


def test_names_never_reach_the_terminal_raw(host):
    """A thread and a process named with escape sequences: shown, but harmless."""
    evil = host.cwd / "e\x1b[31mvil\n"
    evil.write_bytes((fr.TARGETS / "healthy").read_bytes())
    evil.chmod(0o755)
    p = host.start(evil, 30, FR_TRIGGER="exit")
    assert p.code() == 0
    recording = fr.wait_for(lambda: list(host.out.iterdir()), "a snapshot")[0]
    for command in COMMANDS + ["list"]:
        spec = recording if command != "list" else host.out
        r = fr.fr(command, spec, ok=(0, 3))
        assert "\x1b" not in r.out + r.err, command
