# SPDX-License-Identifier: MIT
"""The benchmark works: each part runs at tiny sizes and says sane things. Nothing is timed."""

import json
import os
import subprocess
import sys

import pytest

import fr

# part: {column that tells a kind of row from others: columns that must be positive numbers}
PARTS = {
    "micro": {"op": ["bare_ns", "per_s", "bytes"]},
    "stacks": {"stack": [], "verified": ["events", "walked", "verified"]},
    "servers": {"ratio": ["per_s", "ratio", "cpu_us", "p50_us", "p99_us", "mib"]},
    "births": {"what": ["bare_us"], "beyond_kib": ["bare_kib", "region_kib"]},
    "commands": {"load": ["bare_cpu_s", "off_ratio", "default_ratio", "full_ratio"],
                 "program": ["bare_mib", "bare_private_mib", "added_mib"]},
    "switched": {"ratio": ["ratio", "lowest", "highest", "processes"]},
    "snapshot": {"held_ms": ["snapshot_mib", "held_ms", "snapshot_ms", "files"],
                 "crash_dump_mib": ["crash_dump_mib", "full_ms"]},
    "decoder": {"command": ["mib", "m_per_s", "peak_mib"], "by": ["s", "per_s"]},
    "bytes": {"window_s": ["events", "bytes", "chunks_mib", "window_s"]},
}
# What the packages of the tests bring; others may be missing and must say so.
PRESENT = {"redis", "redis -P16", "nginx", "memcached"}


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """One quick run of all parts, by the script's own program."""
    out = tmp_path_factory.mktemp("bench") / "results.json"
    subprocess.run(["make", "-s", "-C", fr.TOP, f"O={fr.O}", "bench-programs"], check=True)
    done = subprocess.run([sys.executable, fr.TOP / "tests/bench/bench.py", "--quick", "--o",
                           fr.O, "--json", out, *PARTS], capture_output=True, text=True,
                          timeout=300, env={**os.environ, "O": str(fr.O)}, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(out.read_text())["parts"]


@pytest.mark.parametrize("part", PARTS)
def test_part_gives_sane_rows(results, part):
    rows = [r for r in results[part]["rows"] if "skipped" not in r]
    assert "skipped" not in results[part] and rows
    for mark, columns in PARTS[part].items():
        of_kind = [r for r in rows if mark in r]
        assert of_kind, mark
        for r in of_kind:
            assert all(r[c] > 0 for c in columns), r
    skipped = {r.get("load") for r in results[part]["rows"] if "skipped" in r}
    assert not skipped & PRESENT, results[part]["rows"]


def test_a_file_comes_after_its_trigger(results):
    """By the stamp of the file, which may lie as much as a tick, 4 ms, before the truth."""
    took = [r["took_ms"] for r in results["snapshot"]["rows"] if "took_ms" in r]
    assert took and all(-4 < t < 10000 for t in took), took


def test_the_memo_is_never_wrong(results):
    """FR_VERIFY_STACKS on every server of the benchmark."""
    for r in results["stacks"]["rows"]:
        assert r.get("different", 0) == 0, r


def test_no_such_part_is_refused():
    done = subprocess.run([sys.executable, fr.TOP / "tests/bench/bench.py", "nonsense"],
                          capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "no such part: nonsense" in done.stderr
