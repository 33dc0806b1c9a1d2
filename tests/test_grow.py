# SPDX-License-Identifier: MIT
"""One more hook, event, rule, command, setting: a row each and at most a file. See tests/grow."""

import subprocess

import fr


def test_one_more_of_everything():
    r = subprocess.run([fr.TOP / "tests/grow"], capture_output=True, text=True, timeout=600,
                       check=False)
    assert r.returncode == 0, r.stdout + r.stderr
