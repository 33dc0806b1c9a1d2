# SPDX-License-Identifier: MIT
"""Recordings that older recorders left are read as they were meant: tests/golden/README.md."""

import json
import lzma
import pathlib
import re
import struct

import pytest

import fr
import oracle
import test_sync
import test_truth as truth

GOLDEN = pathlib.Path(__file__).parent / "golden"
WIRE = (GOLDEN.parents[1] / "preload/wire.h").read_text(encoding="utf-8")
RECORDINGS = sorted(f.name.removesuffix(".frd.xz") for f in GOLDEN.glob("*.frd.xz"))


def version_in(name):
    return int(re.search(rf"#define {name} (\d+)", WIRE)[1])


def test_every_version_has_recordings():
    """Nobody raises the version without leaving something to read."""
    readable = range(version_in("FR_VERSION_OLDEST"), version_in("FR_VERSION") + 1)
    assert {n.split("-")[0] for n in RECORDINGS} == {f"v{v}" for v in readable}


@pytest.mark.parametrize("name", RECORDINGS)
def test_golden_recording(tmp_path, name):
    """Its machine and its programs are gone: arguments, order and the stacks' modules remain."""
    content = lzma.decompress((GOLDEN / f"{name}.frd.xz").read_bytes())
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
    target = name.split("-", 1)[1]
    for call, event in pairs:
        if call.get("fn"):
            assert fr.modules(event["stack"])[0] == target, (call, event)
