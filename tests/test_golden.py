# SPDX-License-Identifier: MIT
"""Recordings that older recorders left are read as they were meant: tests/golden/README.md."""

import json
import lzma
import os
import pathlib
import re
import struct

import pytest

import fr
import oracle
import test_sync
import test_truth as truth

GOLDEN = pathlib.Path(__file__).parent / "golden"
WIRE = (GOLDEN.parents[1] / "preload/wire/wire.h").read_text(encoding="utf-8")
RECORDINGS = sorted(f.name.removesuffix(".frd.xz") for f in GOLDEN.glob("*.frd.xz"))
SHUFFLED = [n for n in RECORDINGS if n.endswith("-shuffled")]
COMMANDS = ("locks", "threads", "report")
SECTIONS_AT, SECTION = 2376, struct.Struct("<IIQQQ")
SEC_MODULES, BUILD_ID_AT, PATH_AT = 2, 40, 96


def version_in(name):
    return int(re.search(rf"#define {name} (\d+)", WIRE)[1])


def test_every_version_has_recordings():
    """Nobody raises the version without leaving something to read."""
    readable = range(version_in("FR_VERSION_OLDEST"), version_in("FR_VERSION") + 1)
    assert {n.split("-")[0] for n in RECORDINGS} == {f"v{v}" for v in readable}


def content_of(name):
    return lzma.decompress((GOLDEN / f"{name}.frd.xz").read_bytes())


def of_no_machine(content):
    """The same recording of modules that no machine has: what is read does not depend on ours."""
    content = bytearray(content)
    count, = struct.unpack_from("<I", content, 20)
    sections = [SECTION.unpack_from(content, SECTIONS_AT + i * SECTION.size) for i in range(count)]
    _, size, offset, _, used = next(s for s in sections if s[0] == SEC_MODULES)
    for at in range(offset, offset + used, size):
        content[at + BUILD_ID_AT:at + BUILD_ID_AT + 4] = bytes(4)
        path = bytes(content[at + PATH_AT:at + size]).split(b"\0")[0]
        gone = b"/gone/" + path.rsplit(b"/", 1)[-1]
        content[at + PATH_AT:at + size] = gone.ljust(size - PATH_AT, b"\0")
    return bytes(content)


@pytest.mark.parametrize("name", RECORDINGS)
def test_golden_model(tmp_path, monkeypatch, name):
    """What fr makes of the events: the same bytes in, the same bytes out. tests/golden/README.md"""
    monkeypatch.chdir(tmp_path)
    pathlib.Path("golden.frd").write_bytes(of_no_machine(content_of(name)))
    text = "".join(f"{c}\n{fr.fr(c, '--json', 'golden.frd', ok=(0, 3, 10)).out}" for c in COMMANDS)
    expected = GOLDEN / f"{name}.model"
    if os.environ.get("FR_GOLDEN") == "write":
        expected.write_text(text, encoding="utf-8")
    assert text.splitlines() == expected.read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize("name", RECORDINGS)
def test_golden_recording(tmp_path, name):
    """Its machine and its programs are gone: arguments, order and the stacks' modules remain."""
    content = content_of(name)
    version, = struct.unpack_from("<I", content, 8)
    assert name.startswith(f"v{version}-")
    recording = tmp_path / "golden.frd"
    recording.write_bytes(content)
    lines = (GOLDEN / f"{name}.said").read_text(encoding="utf-8").splitlines()
    said = [test_sync.object_of(json.loads(line)) for line in lines]
    events = fr.read("events", recording)
    oracle.check(events)
    pairs = list(truth.match_all(said, events))
    assert len(pairs) == len(said) >= 15
    target = name.split("-")[1]
    for call, event in pairs:
        if call.get("fn"):
            assert fr.modules(event["stack"])[0] == target, (call, event)


def shape_of(recording):
    """What two runs of one program share, and a reader of the wrong arguments does not see."""
    report = fr.read("report", recording, ok=(0, 3, 10))
    long = {}
    for wait in report["waits"]:
        long[wait["kind"]] = long.get(wait["kind"], 0) + wait["total_ns"]
    return {
        "events": sorted({(e["event"], *e) for e in fr.read("events", recording)}),
        "locks": [(k["kind"], k["waits"], k["holds"], k["owner_tid"], k["lifetime"]["waits"],
                   len(k["holders"]), len(k["waiters"])) for k in fr.read("locks", recording)],
        "threads": [(t["handle"], t["name"], t["state"], t["on"], t["held"])
                    for t in fr.read("threads", recording)],
        "findings": [(f["rule"], len(f["threads"])) for f in report["findings"]
                     if f["rule"] != "recorder"],
        "waits": {kind: pytest.approx(ns, rel=0.4) for kind, ns in long.items() if ns > 20e6},
    }


@pytest.mark.parametrize("name", [n for n in SHUFFLED if "-sync-" in n])
def test_any_order_of_arguments(tmp_path, name):
    """A recorder whose events.def has other orders: every command says what it says of ours."""
    shapes = []
    for which in (name, name.removesuffix("-shuffled")):
        recording = tmp_path / f"{which}.frd"
        recording.write_bytes(of_no_machine(content_of(which)))
        shapes.append(shape_of(recording))
    assert shapes[0] == shapes[1]
    assert {"once", "spin", "barrier", "filelock", "sem"} <= set(shapes[0]["waits"])


def test_the_order_is_another():
    """The shuffled recordings are: no argument of mutex.lock but the first stands where ours is."""
    assert SHUFFLED
    for name in SHUFFLED:
        rows = [content_of(n) for n in (name, name.removesuffix("-shuffled"))]
        at = [content.index(b"mutex.lock\0") + 24 for content in rows]
        ours, theirs = (list(content[i + 1:i + 5]) for content, i in zip(rows, at))
        assert sorted(ours) == sorted(theirs)
        assert all(a != b for a, b in zip(ours, theirs)), (ours, theirs)
