# SPDX-License-Identifier: MIT
"""Small mistakes in a copy of the tree turn a test red: see mutants/README.md. Ten of them, or
with --long all."""

import subprocess

import fr


def test_each_is_killed(long):
    run = [fr.TOP / "tests/mutants/run", *([] if long else ["--few", "--no-baseline"])]
    r = subprocess.run(run, capture_output=True, text=True, timeout=3600 if long else 600,
                       check=False)
    assert r.returncode == 0, r.stdout + r.stderr
    assert int(r.stdout.splitlines()[-1].split()[0]) >= (60 if long else 10), r.stdout


def test_each_applies():
    """Each finds its file and its lines, in whatever directory the file lies by now."""
    r = subprocess.run([fr.TOP / "tests/mutants/run", "--check"], capture_output=True, text=True,
                       timeout=60, check=False)
    assert r.returncode == 0, r.stdout + r.stderr
