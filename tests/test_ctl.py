# SPDX-License-Identifier: MIT
"""fr ctl PID: settings of a live process changed through its region; what may not be changed."""

import os
import pathlib
import random
import shutil
import struct
import subprocess

import pytest

import conftest
import fr

CONTROL = 15


def ctl(p, *args, ok=(0,)):
    return fr.fr("ctl", p.pid, *args, ok=ok)


def levels(p):
    return fr.read("ctl", p.pid)["levels"]


def busy(host, **settings):
    """A process that makes small calls until it is killed."""
    p = host.target("triggers", "calls:100000", **settings)
    p.line("begin")
    fr.wait_for(lambda: len(fr.read("events", p.pid, ok=(0, 3))) > 0, "its first events")
    return p


def kinds(p, after=0):
    return [e["event"] for e in fr.read("events", p.pid, ok=(0, 3)) if e["t_ns"] > after]


def test_shows_what_is_in_force(host):
    p = busy(host, FR_SLOW="250us", FR_EVENTS="lock=full,mem=off", FR_TRIGGER="recv>3s,rss>2G")
    c = fr.read("ctl", p.pid)
    assert c["levels"] == {"thread": "full", "lock": "full", "net": "full", "mem": "off",
                           "io": "slow", "user": "full"}
    assert c["slow_ns"] == 250000 and c["rules"]["recv"]["limit"] == 3 * 10**9
    assert c["rules"]["rss"] == {"unit": "bytes", "limit": 2 << 30, "fired": 0}
    text = ctl(p).out
    assert "recv > 3 s" in text.replace("3.00", "3") and "lock=full" in text


def test_changes_levels(host):
    p = busy(host, FR_EVENTS="net=slow,lock=full", FR_SLOW="10s")
    assert "net.send" not in kinds(p)
    ctl(p, "events=net=full")
    assert levels(p)["net"] == "full"
    assert fr.read("info", p.pid)["header"]["levels"]["net"] == "full"
    fr.wait_for(lambda: kinds(p).count("net.send") > 10, "recorded sends")
    assert any(e["event"] == "level" and e["level"] == 4 for e in fr.read("events", p.pid))
    assert p.alive()


def test_off_and_on(host):
    """Off records nothing more; on wakes it up again."""
    p = busy(host)
    ctl(p, "off")
    assert set(levels(p).values()) == {"off"}
    count = lambda: len(fr.read("events", p.pid))
    before = fr.wait_for(lambda: (n := count()) == count() and n, "silence")
    calm = [count() for _ in range(20)]
    assert calm == [before] * 20
    ctl(p, "on")
    assert levels(p)["net"] == "full" and levels(p)["lock"] == "slow"
    fr.wait_for(lambda: count() > before + 10, "events again")
    assert p.alive()


def test_changed_trigger_fires(host):
    p = host.target("triggers", "calls:2000", "lock:150", "lock:150", "stay")
    p.line("begin")
    ctl(p, "trigger=lock_wait>60ms", "cooldown=90s")
    assert fr.read("ctl", p.pid)["cooldown_ns"] == 90 * 10**9
    t = fr.read("report", host.snapshot(p))["trigger"]
    assert t["reason"].startswith("lock_wait ") and "> 60 ms" in t["reason"]


def test_trigger_is_taken_back(host):
    p = host.target("triggers", "calls:2000", "lock:150", "calls:100",
                    FR_TRIGGER="lock_wait>60ms,exit")
    p.line("begin")
    ctl(p, "trigger=exit")
    assert p.code() == 0
    assert [fr.read("report", f)["trigger"]["kind"] for f in host.snapshots(p.pid)] == ["exit"]


def test_hold_raises_lock(host):
    p = busy(host)
    ctl(p, "trigger=hold>50ms")
    assert levels(p)["lock"] == "full"


@pytest.mark.parametrize("bad", ["events=", "events=lock", "events=lock=much", "events=moon=full",
                                 "events=recorder=off", "slow=", "slow=quick", "trigger=moon>3s",
                                 "trigger=recv", "trigger=exit>3s", "trigger_max=-1", "cooldown=1",
                                 "budget=", "budget=101", "budget=5%%", "budget=much",
                                 "slow=8761h", "trigger_max=1000001", "keep=2", "stack_depth=9",
                                 "off=1", "nothing=3", "on="])
def test_refused_before_it_is_written(host, bad):
    p = busy(host)
    before = fr.read("ctl", p.pid)
    r = ctl(p, "events=lock=full", bad, ok=(1,))
    assert bad in r.err
    assert fr.read("ctl", p.pid) == before


def test_idle_process_applies_later(host):
    """One that sleeps is told when it next records something; fr ctl says so."""
    p = host.target("triggers", "poll:6000", "lock:10", "stay")
    fr.wait_for(lambda: fr.task_syscall(p.pid, p.pid) in (fr.SYS_POLL, 271), "the poll")
    r = ctl(p, "events=lock=full")
    assert "will see the new settings" in r.err
    ctl(p, "slow=3ms")  # on top of the one that waits
    p.line("stay")
    c = fr.read("ctl", p.pid)
    assert c["levels"]["lock"] == "full" and c["slow_ns"] == 3000000


def test_children_inherit_the_change(host):
    script = ("import os, time, socket\n"
              "a, b = socket.socketpair()\n"
              "end = time.time() + 2.5\n"
              "print('begin', flush=True)\n"
              "while time.time() < end:\n    a.send(b'x'); b.recv(1); time.sleep(.01)\n"
              "pid = os.fork()\n"
              "while True:\n    a.send(b'x'); b.recv(1); time.sleep(.01)\n")
    p = host.start("/usr/bin/python3", "-c", script)
    p.line("begin")
    ctl(p, "events=lock=full", "slow=7ms")
    child = fr.wait_for(lambda: pathlib.Path(f"/proc/{p.pid}/task/{p.pid}/children").read_text(),
                        "the child").split()[0]
    try:
        fr.wait_for(lambda: fr.fr("ctl", child, ok=(0, 1)).returncode == 0, "the child's region")
        # a region that is being born has no levels yet
        c = fr.wait_for(lambda: (c := fr.read("ctl", child))["levels"]["lock"] != "unset" and c,
                        "the child's levels")
        assert c["levels"]["lock"] == "full" and c["slow_ns"] == 7000000
    finally:
        os.kill(int(child), 9)


def test_a_process_started_with_all_off_does_not_listen(host):
    p = host.target("triggers", "stay", FR_EVENTS="off")
    p.line("stay")
    assert "does not listen" in ctl(p, "on", ok=(1,)).err
    assert set(levels(p).values()) == {"off"}


def test_gone_process(host):
    p = busy(host)
    p.kill()
    region, = host.regions()
    assert "is gone" in fr.fr("ctl", region, "off", ok=(1,)).err
    assert fr.read("ctl", region)["levels"]["net"] == "full", "what was in force can still be read"


def test_a_dead_namesake(host):
    """A region that was left by an earlier process of the same number, where fr looks first."""
    dead, p = busy(host), busy(host)
    dead.kill()
    place = host.path / "elsewhere"
    place.mkdir(mode=0o700)
    left, = [f for f in host.regions() if f"-{dead.pid}-" in f.name]
    copy = bytearray(left.read_bytes())
    assert struct.unpack_from("<I", copy, 32)[0] == dead.pid
    struct.pack_into("<I", copy, 32, p.pid)
    (place / left.name.replace(str(dead.pid), str(p.pid))).write_bytes(copy)
    env = {**os.environ, "FR_DIR": str(place)}
    fr.fr("ctl", p.pid, "slow=9ms", env=env)
    assert fr.read("ctl", p.pid)["slow_ns"] == 9000000
    p.kill()
    assert "is gone" in fr.fr("ctl", p.pid, "slow=9ms", env=env, ok=(1,)).err


def readable_by_all(path):
    """The way to PATH, so that what refuses is not the directory of pytest."""
    for d in [path, *path.parents]:
        if d != pathlib.Path("/") and d.stat().st_mode & 0o055 != 0o055:
            d.chmod(d.stat().st_mode | 0o055)


def as_user(uid, *argv):
    return ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", *map(str, argv)]


OWNER, OTHER = 65533, 65534


@pytest.mark.parametrize("memfd", [False, True], ids=["file", "memfd"])
def test_only_the_same_user_and_root(host, root, memfd):
    """By PID and by the region's name: its owner may, root may, nobody else."""
    conftest.needs("setpriv")
    readable_by_all(host.path)
    # copies: who builds in a directory of root's can run this too
    program, tool, lib = (shutil.copy(f, host.path) for f in (fr.TARGETS / "triggers", fr.FR,
                                                              fr.LIB))
    for d in (host.dir, host.out, host.cwd):
        os.chown(d, OWNER, OWNER)
    settings = {"FR_DIR": "/proc/nowhere"} if memfd else {}
    p = host.start(*as_user(OWNER, program, "calls:100000"), LD_PRELOAD=lib, **settings)
    p.line("begin")
    fr.wait_for(lambda: len(fr.read("events", p.pid, ok=(0, 3))) > 0, "its first events")
    ways = [p.pid, *([] if memfd else host.regions())]
    for way in ways:
        r = subprocess.run(as_user(OTHER, tool, "ctl", way, "events=net=slow"),
                           capture_output=True, text=True, check=False)
        assert r.returncode == 1 and r.stderr, r
        assert levels(p)["net"] == "full"
        for level, who in (("slow", OWNER), ("full", 0)):
            subprocess.run(as_user(who, tool, "ctl", way, f"events=net={level}"), check=True,
                           capture_output=True)
            assert levels(p)["net"] == level, who
    assert p.alive()


def control_place(region):
    """Offset and size of the control section."""
    head = region.read_bytes()[:4096]
    count = struct.unpack_from("<I", head, 20)[0]
    for i in range(count):
        sid, rec, off = struct.unpack_from("<IIQ", head, section_table(head) + 32 * i)
        if sid == CONTROL:
            return off, rec
    raise AssertionError("no control section")


def section_table(head):
    """Where the section table begins: the first entry is that of the drops."""
    for at in range(64, 4096 - 32, 8):
        sid, rec, off = struct.unpack_from("<IIQ", head, at)
        if (sid, rec, off) == (6, 8, 4096):
            return at
    raise AssertionError("no section table")


def test_nonsense_does_no_harm(host):
    """Random bytes in the control section: refused, counted as such, and the host runs on."""
    p = busy(host)
    region, = host.regions()
    at, size = control_place(region)
    rng = random.Random(7)
    before = levels(p)
    for i in range(40):
        with open(region, "r+b") as f:
            f.seek(at + 56)
            f.write(rng.randbytes(size - 56))
            f.seek(at)
            f.write(struct.pack("<Q", rng.randrange(1, 1 << 63)))
    fr.wait_for(lambda: struct.unpack_from("<I", region.read_bytes(), at + 16)[0] == 1, "refusal")
    header = fr.read("info", p.pid, ok=(0, 3))["header"]["levels"]
    assert {k: header[k] for k in before} == before
    assert p.alive()
    fr.fr("ctl", p.pid, ok=(0, 1))
    fr.fr("report", p.pid, ok=(0, 3))


@pytest.mark.parametrize("field", [(0, bytes([9] * 6)), (8, struct.pack("<I", 101)),
                                   (12, struct.pack("<I", 64))], ids=["levels", "budget", "named"])
def test_settings_with_a_good_hash_are_checked_too(host, field):
    """A hash is no proof of sense: what cannot be is refused by the recorder."""
    p = busy(host)
    region, = host.regions()
    at, _ = control_place(region)
    wanted = bytearray(region.read_bytes()[at + 288:at + 288 + 232])
    assert wanted[:6] == bytes([4, 2, 4, 3, 2, 4]), "what is in force: the defaults"
    wanted[field[0]:field[0] + len(field[1])] = field[1]
    h = 0xcbf29ce484222325
    for b in wanted:
        h = ((h ^ b) * 0x100000001b3) % (1 << 64)
    with open(region, "r+b") as f:
        f.seek(at + 48)
        f.write(struct.pack("<Q", h) + bytes(wanted))
        f.seek(at)
        f.write(struct.pack("<Q", 1))
    fr.wait_for(lambda: struct.unpack_from("<QQI", region.read_bytes(), at)[1:] == (1, 1),
                "refusal")
    assert levels(p)["net"] == "full" and p.alive()


def test_a_setting_that_has_its_own_record(host):
    """keep=1 has no field in the control section: it is asked for in the section of settings."""
    p = busy(host)
    assert fr.read("ctl", p.pid)["settings"]["keep"]["value"] == 0
    assert ctl(p, "keep=1", "slow=3ms").out.split("keep")[1].split()[0] == "yes"
    assert fr.read("info", p.pid)["settings"]["keep"]["value"] == 1
    ctl(p, "slow=4ms")
    c = fr.read("ctl", p.pid)
    assert c["settings"]["keep"]["value"] == 1 and c["settings"]["slow"]["value"] == 4000000


@pytest.mark.parametrize("value,env,left", [("1", "0", 1), ("0", "1", 0)])
def test_keep_is_obeyed_at_the_end(host, value, env, left):
    p = host.target("triggers", "calls:2000", FR_KEEP=env)
    p.line("begin")
    ctl(p, f"keep={value}")
    assert p.code() == 0 and len(host.regions()) == left


SETTINGS, RECORD_SIZE, WANTED_AT = 16, 192, 56


def record_of(region, name):
    """Where the record of a setting begins."""
    content = region.read_bytes()
    at = section_table(content)
    for i in range(struct.unpack_from("<I", content, 20)[0]):
        sid, size, off, _, used = struct.unpack_from("<IIQQQ", content, at + 32 * i)
        if sid == SETTINGS:
            assert size == RECORD_SIZE
            return next(o for o in range(off, off + used, size)
                        if content[o:o + 24].rstrip(b"\0") == name.encode())
    raise AssertionError("no settings")


def seal(wanted):
    return (wanted ^ 0xcbf29ce484222325) * 0x9e3779b97f4a7c15 % (1 << 64)


@pytest.mark.parametrize("wanted,sealed", [(1, False), (2, True)], ids=["half", "range"])
def test_a_record_is_checked_too(host, wanted, sealed):
    """A number that was not written whole, or is out of its range: refused, once."""
    p = busy(host)
    region, = host.regions()
    at, _ = control_place(region)
    with open(region, "r+b") as f:
        content = region.read_bytes()
        f.seek(at + 48)  # what is in force, and its hash
        force = content[at + 288:at + 288 + 232]
        h = 0xcbf29ce484222325
        for b in force:
            h = ((h ^ b) * 0x100000001b3) % (1 << 64)
        f.write(struct.pack("<Q", h) + force)
        f.seek(record_of(region, "keep") + WANTED_AT)
        f.write(struct.pack("<QQ", wanted, seal(wanted if sealed else 7)))
        f.flush()
        f.seek(at)
        f.write(struct.pack("<Q", 1))
    fr.wait_for(lambda: struct.unpack_from("<QQI", region.read_bytes(), at)[1:] == (1, 1),
                "refusal")
    assert fr.read("ctl", p.pid)["settings"]["keep"]["value"] == 0
    ctl(p, "slow=4ms")
    settings = fr.read("ctl", p.pid)["settings"]
    assert (settings["keep"]["value"], settings["slow"]["value"]) == (0, 4000000)
