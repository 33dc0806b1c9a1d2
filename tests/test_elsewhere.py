# SPDX-License-Identifier: MIT
"""On another release of Debian: other compiler, libunwind 1.8, another libdwarf. HEAD is tested.

A root is made once (half a minute and 130 MB over the network) and kept in FR_ROOTS; the rest takes
about a minute on two cores.
"""

import json
import subprocess

import pytest

import fr
from test_demo import RECV

NO_ROOT = 75  # of scripts/elsewhere: no network, or no such release in the mirror

# What a run there shows: the demo's report, then a program that takes one stack, by fr info and by
# fr events.
COMMAND = """
export CI=1
scripts/demo
make -s build/tests/targets/unwound >&2
echo == unwound
FR_DIR=/tmp FR_OUT=/tmp FR_TRIGGER=exit FR_EVENTS=full FR_VERIFY_STACKS=1 LD_PRELOAD=$PWD/build/libfr.so \
    build/tests/targets/unwound
echo == status $?
build/fr info --json /tmp/fr-unwound-*.frd | tr '\\n' ' '
echo
build/fr events --json /tmp/fr-unwound-*.frd | grep net.socket
"""


def run(suite, *command):
    r = subprocess.run([fr.TOP / "scripts/elsewhere", suite, *command], capture_output=True,
                       text=True, timeout=900, check=False)
    if r.returncode == NO_ROOT:
        pytest.skip(" / ".join(r.stderr.strip().splitlines()[-4:]))
    assert r.returncode == 0, r.stdout[-3000:] + r.stderr[-3000:]
    return r.stdout


def check(out):
    demo, rest = out.split("== unwound\n")
    first = demo[demo.index(" F1 "):demo.index(" why:")]
    for word in ("reporter held mutex bucket", ".mu", "recv() from 127.0.0.1:", "sendReport",
                 f"server.c:{RECV}"):
        assert word in first, (word, first)
    said, rest = rest.split("== status ")
    assert '{"end":1}' in said
    status, info, *events = rest.splitlines()
    assert status == "0"
    assert json.loads(info)["header"]["unwind"] == "call frame information"
    assert json.loads(info)["header"]["stack_tests"] > 0
    assert json.loads(info)["header"]["stack_differ"] == 0
    assert len(events) == 41
    for e in map(json.loads, events):
        assert fr.names(e["stack"])[:3] in (["inner", "outer", "further"],
                                            ["inner", "outer", "main"]), e["stack"]


def test_trixie(mounts):
    check(run("trixie", "bash", "-c", COMMAND))


@pytest.mark.parametrize("suite", ["bookworm", "sid"])
def test_other_releases(mounts, long, suite):
    if not long:
        pytest.skip("long form only")
    check(run(suite, "bash", "-c", COMMAND))


def test_says_what_it_cannot_do(tmp_path):
    r = subprocess.run([fr.TOP / "scripts/elsewhere", "moon"], capture_output=True, text=True,
                       check=False)
    assert r.returncode == 2 and "say which release" in r.stderr
