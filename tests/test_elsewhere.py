# SPDX-License-Identifier: MIT
"""On another release of Debian, in a fresh root: other compiler, libc, libunwind, libdwarf. HEAD is
tested.

FR_TEST_ELSEWHERE says which ("trixie"); the long form takes all that a mirror has but
sid. A root is made once (a minute and 200 MB over the network) and kept in FR_ROOTS; the rest takes
some minutes on two cores. Where no root can be made, for want of a network, the test is skipped.
"""

import json
import os
import subprocess

import pytest

import fr
from test_demo import RECV

NO_ROOT = 75  # of scripts/elsewhere: no network, or no such release in the mirror
ASKED = os.environ.pop("FR_TEST_ELSEWHERE", "").split()

# The part of the tests that runs there, in each form.
SHORT = "tests/test_portable.py tests/test_hang.py tests/test_crash.py tests/test_kill.py"
LONG = "tests/test_truth.py tests/test_sync.py tests/test_unwinder.py tests/test_symbols.py"
# libstdc++ before 11 hangs there by itself: std::call_once, when an exception leaves its function
HANGS_BARE = {"bullseye": "not stdsync and not cxx_names"}

# What a run there shows: the demo's report; then a program that takes one stack, by fr info and by
# fr events, recorded by the libfr.so built there and by the one built here; then the tests.
COMMAND = """
export CI=1 FR_TEST_PARTIAL=1
scripts/demo
make -s -k -j2 all targets >/tmp/make.log 2>&1 || tail -n 5 /tmp/make.log >&2
for lib in $PWD/build/libfr.so /srv/libfr.so; do
    mkdir -p /tmp/one
    echo == unwound
    FR_DIR=/tmp/one FR_OUT=/tmp/one FR_TRIGGER=exit FR_EVENTS=full \\
        FR_VERIFY_STACKS=1 LD_PRELOAD=$lib \
        build/tests/targets/unwound
    echo == status $?
    build/fr info --json /tmp/one/fr-unwound-*.frd | tr '\\n' ' '
    echo
    build/fr events --json /tmp/one/fr-unwound-*.frd | grep net.socket
    rm -r /tmp/one
    LD_PRELOAD=$lib build/tests/targets/weakly | tail -n 1 | grep -q end || echo == weakly
    LD_PRELOAD=$lib /bin/true || echo == true
done
echo == tests
/usr/bin/python3 -m pytest -q --tb=short -p no:cacheprovider -k "$1" $2
echo == status $?
"""


def run(suite, *command):
    r = subprocess.run([fr.TOP / "scripts/elsewhere", suite, *command], capture_output=True,
                       text=True, timeout=2400, check=False)
    if r.returncode == NO_ROOT:
        pytest.skip(" / ".join(r.stderr.strip().splitlines()[-4:]))
    assert r.returncode == 0, r.stdout[-3000:] + r.stderr[-3000:]
    return r.stdout


def check_demo(report):
    first = report[report.index(" F1 "):report.index(" why:")]
    for word in ("reporter held mutex bucket", ".mu", "recv() from 127.0.0.1:", "sendReport",
                 f"server.c:{RECV}"):
        assert word in first, (word, first)


def check_unwound(part):
    said, rest = part.split("== status ")
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


def check(out):
    before, tests = out.split("== tests\n")
    demo, *unwound = before.split("== unwound\n")
    check_demo(demo)
    assert len(unwound) == 2, "by the libfr.so of there and that of here"
    for part in unwound:
        check_unwound(part)
    assert tests.endswith("== status 0\n"), tests[-4000:]


@pytest.mark.parametrize("suite", ["trixie", "bookworm", "bullseye", "sid"])
def test_fresh_system(mounts, long, suite):
    """Set up, built, shown and tested; and the libfr.so of this machine records there."""
    if suite not in ASKED and not (long and suite != "sid"):
        pytest.skip(f"not asked for: --long or FR_TEST_ELSEWHERE={suite}")
    tests = f"{SHORT} {LONG}" if long else SHORT
    check(run(suite, "bash", "-c", COMMAND, "there", HANGS_BARE.get(suite, ""), tests))


def test_says_what_it_cannot_do(tmp_path):
    r = subprocess.run([fr.TOP / "scripts/elsewhere", "moon"], capture_output=True, text=True,
                       check=False)
    assert r.returncode == 2 and "say which release" in r.stderr


def test_package_that_a_release_lacks(tmp_path):
    """Named and left out; nothing is installed in its place, and the set-up does not fail."""
    script = (fr.TOP / "scripts/setup").read_text()
    changed = script.replace("elsewhere_packages=(mmdebstrap git",
                             "elsewhere_packages=(fr-no-such-package git")
    assert changed != script
    path = tmp_path / "setup"
    path.write_text(changed.replace("\tapt update ||", "\ttrue apt update ||"))
    r = subprocess.run(["bash", path, "elsewhere"], capture_output=True, text=True, check=False)
    assert r.returncode == 0, r.stderr
    assert "this release has no fr-no-such-package" in r.stderr
