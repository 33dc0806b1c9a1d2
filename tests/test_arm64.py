# SPDX-License-Identifier: MIT
"""aarch64, cross-compiled and run by qemu-user (scripts/arm64): the same assertions as here.

Compilers, qemu and libraries are unpacked once (half a minute, 200 MB over the network) and kept in
FR_ROOTS. Then the short form takes three to four minutes on two cores.
"""

import json
import os
import re
import subprocess

import pytest

import fr

CANNOT = 75  # of scripts/arm64: no network, an old kernel
BTI_C, PACIASP, PACIBSP = "d503245f", "d503233f", "d503237f"
BIG = ("--protect", "--page", "65536")


def arm64(*args, command=None, env=None):
    """scripts/arm64 with ARGS; COMMAND is for bash. Skips where there can be no such run."""
    if fr.QEMU:
        pytest.skip("this is such a run")
    argv = [fr.TOP / "scripts/arm64", *args, *(["bash", "-ec", command] if command else [])]
    clean = {k: v for k, v in os.environ.items() if k not in ("O", "DEBUG")}
    r = subprocess.run(argv, capture_output=True, text=True, timeout=1200, check=False,
                       env={**clean, "CI": "1", **(env or {})})
    if r.returncode == CANNOT:
        pytest.skip(" / ".join(r.stderr.strip().splitlines()[-4:]))
    assert r.returncode == 0, r.stdout[-6000:] + r.stderr[-3000:]
    return r.stdout


@pytest.mark.parametrize("how", [(), BIG], ids=["plain", "protected-64k"])
def test_named_set(how):
    """Scenes 1 to 4, every call and its stack. Few are left out: what qemu-user cannot do."""
    out = arm64(*how)
    passed = int(re.search(r"(\d+) passed", out)[1])
    skipped = int((re.search(r"(\d+) skipped", out) or [0, 0])[1])
    assert passed >= 70 and skipped <= (9 if how else 3), out[-2000:]


@pytest.mark.parametrize("how", [("--page", "16384"), ("--protect", "--suite", "trixie")],
                         ids=["16k", "libunwind-1.8"])
def test_named_set_elsewhere(long, how):
    if not long:
        pytest.skip("long form only")
    test_named_set(how)


BUILD = "make -s -j2 CI=1 all targets examples >&2\n"
RECORD = BUILD + """
export FR_DIR=$OUT/regions FR_OUT=$OUT
mkdir -m 700 $FR_DIR
FR_EVENTS=full FR_TRIGGER=exit FR_VERIFY_STACKS=1 LD_PRELOAD=$O/libfr.so $O/tests/targets/truth
"""


def test_read_here(tmp_path):
    """A recording of another processor, with other pages, by fr of this one: the same calls."""
    said = [json.loads(line) for line in
            arm64(*BIG, command=RECORD, env={"OUT": str(tmp_path)}).splitlines()]
    recording, = tmp_path.glob("*.frd")
    header = fr.read("info", recording)["header"]
    assert (header["arch"], header["page_size"]) == ("aarch64", 65536)
    assert header["unwind"] == "call frame information"
    assert header["stack_tests"] >= 20 and header["stack_differ"] == 0, header
    events = fr.read("events", recording)
    calls = [s for s in said if s.get("fn")]
    assert len(calls) > 100
    places = {(e["event"], e["stack"][0]["fn"], e["stack"][0]["line"])
              for e in events if e.get("stack")}
    for call in calls:
        assert (call["event"], call["fn"], call["line"]) in places, call
    for event in events:
        for frame in event.get("stack") or []:
            assert frame["mod"], event  # a signed address lies in no module


def test_what_is_mapped_begins_with_a_page(tmp_path):
    """What the kernel wants to begin with a page does, where pages are big."""
    record = RECORD.replace("LD_PRELOAD", "QEMU_STRACE=1 LD_PRELOAD") + "true"
    out = arm64(*BIG, command=record.replace("truth\n", "truth >$OUT/said 2>$OUT/trace\n"),
                env={"OUT": str(tmp_path)})
    trace = (tmp_path / "trace").read_text(errors="replace")
    asked = re.findall(r"(madvise|munmap|mprotect|mremap)\((0x[0-9a-f]+)", trace)
    assert len(asked) >= 20 and any(a[0] == "madvise" for a in asked), out
    wrong = [a for a in asked if int(a[1], 16) % 65536]
    assert not wrong, wrong[:5]


def test_entries_begin_with_bti():
    """Who jumps to an exported function by its address, or to an entry for a signal, arrives."""
    out = arm64(command=BUILD + """
        tool=${CC%%-gcc*}
        $tool-objdump -d $O/libfr.so | awk '/^[0-9a-f]+ <.*>:$/ {
            place = $1; getline; print "first", place, $2}'
        $tool-nm -D --defined-only $O/libfr.so | awk '$2 ~ /[TWi]/ {print "entry", $1, $3}'
        $tool-nm $O/libfr.so |
            awk '$3 ~ /^fr_(sigentry_code|onstack_call)$/ {print "entry", $1, $3}'
        for o in $O/preload/*/*.o; do
            $tool-readelf -n $o | grep -q 'BTI' || echo "no note $o"
        done""")
    lines = [line.split() for line in out.splitlines()]
    first = {w[1]: w[2] for w in lines if w[0] == "first" and len(w) == 3}
    entries = {w[2]: w[1] for w in lines if w[0] == "entry"}
    assert len(entries) > 200 and {"vfork", "clone", "syscall", "fr_sigentry_code"} <= set(entries)
    for name, place in entries.items():
        assert first.get(place) in (BTI_C, PACIASP, PACIBSP), (name, first.get(place))
    assert not [w for w in lines if w[0] == "no"], out[-500:]
