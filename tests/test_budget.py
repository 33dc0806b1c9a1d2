# SPDX-License-Identifier: MIT
"""FR_BUDGET: a class that costs too much is lowered, which is recorded and said; tried again."""

import os
import re
import struct
import subprocess

import pytest

import fr

LOWER = {"mem": "sampled", "lock": "slow", "net": "slow"}
CLASSES = ("thread", "lock", "net", "mem", "io", "user")
LEVELS = {"slow": 2, "sampled": 3, "full": 4}
ASKED, BUDGET, AGAIN = 0, 1, 2


@pytest.fixture
def host(tmp_path):
    h = fr.Host(tmp_path, FR_EVENTS="full", FR_MAX_BYTES="2M")
    h.pipes = []
    yield h
    h.stop()
    for f in h.pipes:
        f.close()


def storm(host, kind, threads=1, **settings):
    """A storm of calls of one class; tell(p, letter) commands it."""
    r, w = os.pipe()
    p = host.target("budget", kind, threads, stdin=r, **settings)
    os.close(r)
    p.stdin = os.fdopen(w, "wb", buffering=0)
    host.pipes.append(p.stdin)
    p.line("begin")
    return p


def tell(p, letter, having=""):
    p.stdin.write(letter.encode())
    return p.truth(having) if having else None


def truth(p):
    return tell(p, "t", "calls")


def ctl(p, *settings):
    if settings:
        fr.fr("ctl", p.pid, *settings)
    return fr.read("ctl", p.pid)


def lowered(p, kind):
    return fr.wait_for(lambda: (c := ctl(p))["levels"][kind] == LOWER[kind] and c, "less of it")


def steps(recording):
    """What the recording says of changed levels: (class, from, to, why)."""
    names = {v: k for k, v in LEVELS.items()}
    return [(CLASSES[e["class"]], names[e["before"]], names[e["level"]], e["why"])
            for e in fr.read("events", recording, "-e", "level", ok=(0, 3))]


def recorded(p):
    """Events of the process so far, those that were overwritten too."""
    info = fr.read("info", p.pid, ok=(0, 3))
    return sum(th["events"] + th["overwritten"] for th in info["threads"])


def notes(recording):
    found, = fr.findings(fr.read("report", recording, ok=(0, 3)), "recorder")
    return found


@pytest.mark.parametrize("kind", LOWER)
def test_lowers_what_costs_too_much(host, kind):
    p = storm(host, kind, FR_BUDGET="3%")
    c = lowered(p, kind)
    assert c["asked"] == c["configured"] == dict.fromkeys(CLASSES, "full")
    assert c["levels"] == {**c["asked"], kind: LOWER[kind]} and c["budget"] == 3
    assert f"lowered now: {kind} from full to {LOWER[kind]}" in fr.fr("ctl", p.pid).out
    before, seen = truth(p), recorded(p)
    after = fr.wait_for(lambda: (t := truth(p))["calls"] > before["calls"] + 200000 and t, "calls")
    assert recorded(p) - seen < (after["calls"] - before["calls"]) / 20, "hardly any is recorded"
    recording = host.ask(p)
    assert steps(recording) == [(kind, "full", LOWER[kind], BUDGET)]
    text = fr.fr("events", "-e", "level", recording).out
    assert f"class={kind} level={LOWER[kind]} before=full why=budget" in text
    header = fr.read("info", recording)["header"]
    assert header["levels"][kind] == LOWER[kind] and header["asked"][kind] == "full"
    assert re.search(rf"^budget +3 % .*{kind} from full to {LOWER[kind]}$",
                     fr.fr("info", recording).out, re.M)
    note = notes(recording)
    text = " ".join(line["text"] for line in note["lines"])
    assert f"{kind} was lowered from full to {LOWER[kind]}" in text and note["events"]
    assert f"FR_BUDGET, 3 % of the CPU time: raise it, or choose yourself: " \
           f"FR_EVENTS={kind}={LOWER[kind]}" in text
    assert p.alive() and not p.stderr()


def test_many_threads_decide_once(host):
    p = storm(host, "mem", 4, FR_BUDGET="3%")
    lowered(p, "mem")
    truth(p)
    assert steps(host.ask(p)) == [("mem", "full", "sampled", BUDGET)]


@pytest.mark.parametrize("kind, settings", [
    ("net", {"FR_BUDGET": "95%"}), ("mem", {"FR_BUDGET": "none"}), ("mem", {"FR_BUDGET": "0"}),
    ("mem", {}), ("mem", {"FR_BUDGET": "half"}), ("mem", {"FR_BUDGET": "101"}),
    ("lock", {"FR_BUDGET": "3", "FR_TRIGGER": "hold>1000s"})],
    ids=["kept", "none", "zero", "unset", "bad", "too much", "a trigger needs it"])
def test_stays_as_it_is(host, kind, settings):
    """Two seconds of CPU time are several looks."""
    p = storm(host, kind, **settings)
    fr.wait_for(lambda: truth(p)["cpu_ns"] > 2e9, "two seconds of calls")
    c = ctl(p)
    assert c["levels"] == c["asked"] == dict.fromkeys(CLASSES, "full")
    recording = host.ask(p)
    assert not steps(recording)
    refused = settings.get("FR_BUDGET") in ("half", "101")
    assert ("refused: FR_BUDGET=" in fr.fr("info", recording).out) == refused
    assert p.alive()


def pause(p, kind, until=None):
    """A pause in the recorder's own memory: (end, length), 0 if there is none. Sets its end."""
    names = subprocess.run(["nm", "-S", fr.LIB], capture_output=True, text=True, check=True).stdout
    state = re.search(r"^(\w+) (\w+) [bB] fr_budget_state$", names, re.M)
    at, size = (int(v, 16) for v in state.groups())
    maps = open(f"/proc/{p.pid}/maps", encoding="utf-8").read()
    base = min(int(line.split("-")[0], 16) for line in maps.splitlines() if "libfr.so" in line)
    pauses, one = 7, 24     # struct fr_budget_state ends with them
    with open(f"/proc/{p.pid}/mem", "r+b", buffering=0) as memory:
        memory.seek(base + at + size - pauses * one + CLASSES.index(kind) * one)
        found = struct.unpack("<QQ", memory.read(16))
        if until:
            memory.seek(-16, os.SEEK_CUR)
            memory.write(struct.pack("<Q", until))
    return found


def end_pause(p, kind):
    """As if the minutes were over: the pause has ended long ago."""
    until, length = pause(p, kind, 1)
    assert until and length // 10**9 in (60, 120), (until, length)


@pytest.mark.parametrize("kind", LOWER)
def test_is_tried_again(host, kind):
    """The storm over: at full from then on. The storm going on: lowered again."""
    p = storm(host, kind, FR_BUDGET="3%")
    lowered(p, kind)
    end_pause(p, kind)
    down, up = (kind, "full", LOWER[kind], BUDGET), (kind, LOWER[kind], "full", AGAIN)
    fr.wait_for(lambda: steps(p.pid) == [down, up, down], "the second time")
    tell(p, "c")
    end_pause(p, kind)
    fr.wait_for(lambda: ctl(p)["levels"][kind] == "full", "the level that was asked for")
    recording = host.ask(p)
    assert steps(recording) == [down, up, down, up]
    text = " ".join(line["text"] for line in notes(recording)["lines"])
    assert "until E" in text and "the last of 2 times" in text
    settled = [e["settled_ns"] > 0 for e in fr.read("events", recording, "-e", "level")]
    assert settled == [False, True, False, True], "raised: told how long that took"
    assert "lowered" not in fr.fr("ctl", p.pid).out


def test_is_tried_again_after_a_minute(host, long):
    if not long:
        pytest.skip("takes a minute: --long")
    p = storm(host, "mem", FR_BUDGET="3%")
    lowered(p, "mem")
    assert steps(p.pid) == [("mem", "full", "sampled", BUDGET)]
    tell(p, "c")
    fr.wait_for(lambda: ctl(p)["levels"]["mem"] == "full", "a minute", 70)
    assert steps(host.ask(p))[-1:] == [("mem", "sampled", "full", AGAIN)], "naps hid the first"


def test_changed_from_outside(host):
    """A budget is set and taken back; what else fr ctl changes leaves the lowered class alone."""
    p = storm(host, "mem")
    assert ctl(p)["budget"] == 0
    assert ctl(p, "budget=3%")["budget"] == 3
    lowered(p, "mem")
    c = ctl(p, "slow=7ms", "events=lock=slow")
    assert c["levels"]["mem"] == "sampled" and c["asked"]["mem"] == "full"
    assert c["levels"]["lock"] == c["asked"]["lock"] == "slow" and c["slow_ns"] == 7000000
    c = ctl(p, "budget=none")
    assert c["levels"]["mem"] == "full" and c["budget"] == 0
    down, up = ("mem", "full", "sampled", BUDGET), ("mem", "sampled", "full", ASKED)
    assert steps(p.pid) == [down, ("lock", "full", "slow", ASKED), up]


def test_asked_for_while_lowered(host):
    """A level that somebody names ends the pause: full is tried at once, sampled stays."""
    p = storm(host, "mem", FR_BUDGET="3")
    lowered(p, "mem")
    ctl(p, "events=mem=full")
    down, up = ("mem", "full", "sampled", BUDGET), ("mem", "sampled", "full", ASKED)
    fr.wait_for(lambda: steps(p.pid) == [down, up, down], "full, and lowered again")
    assert all(pause(p, "mem"))
    c = ctl(p, "events=mem=sampled")
    assert pause(p, "mem") == (0, 0)
    assert c["levels"]["mem"] == c["asked"]["mem"] == "sampled"
    assert "lowered" not in fr.fr("ctl", p.pid).out


def test_a_trigger_needs_the_class(host):
    """`hold` needs every lock: it is raised again, and stays."""
    p = storm(host, "lock", FR_BUDGET="3")
    lowered(p, "lock")
    assert ctl(p, "trigger=hold>1000s")["levels"]["lock"] == "full"
    start = truth(p)["cpu_ns"]
    fr.wait_for(lambda: truth(p)["cpu_ns"] > start + 2e9, "two seconds of calls")
    assert ctl(p)["levels"]["lock"] == "full"


def test_a_child_begins_with_what_was_asked_for(host):
    p = storm(host, "mem", FR_BUDGET="3")
    lowered(p, "mem")
    child = tell(p, "f", "child")["child"]
    try:
        fr.wait_for(lambda: fr.fr("ctl", child, ok=(0, 1)).returncode == 0, "its region")
        c = fr.wait_for(lambda: (c := fr.read("ctl", child))["levels"]["mem"] != "unset" and c,
                        "its levels")
        assert c["levels"] == c["asked"] == dict.fromkeys(CLASSES, "full") and c["budget"] == 3
        assert ctl(p)["levels"]["mem"] == "sampled", "its parent's are its own"
    finally:
        os.kill(child, 9)


def test_no_sample_outlives_its_block(host):
    """Sampled, then freed at level full: what is freed there later is another block."""
    p = storm(host, "calm", FR_EVENTS="mem=sampled,lock=slow",
              MALLOC_MMAP_THRESHOLD_="100000000", MALLOC_TRIM_THRESHOLD_="100000000")
    at = tell(p, "b", "done")["at"]
    for level, letter, having in (("full", "x", "done"), ("sampled", "y", "found")):
        ctl(p, f"events=mem={level}")
        said = tell(p, letter, having)
        assert said["at"] == at
    assert said["found"], "a small block lies where the large one was"
    events = [e for e in fr.read("events", host.ask(p), "-e", "mem.alloc,mem.free")
              if e["ptr"] == at]
    assert [(e["event"], e["weight"]) for e in events] == [("mem.alloc", 600 << 10),
                                                           ("mem.free", 0)], events


def test_fr_run_has_it(host):
    r = subprocess.run([fr.FR, "run", "-q", "-d", host.dir, "--budget", "7%", "--", "sh", "-c",
                        f"{fr.FR} ctl --json $$"], env=host.env(recorded=False),
                       capture_output=True, text=True, check=True)
    assert '"budget": 7' in r.stdout.replace('":7', '": 7'), r.stdout
