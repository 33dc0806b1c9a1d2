# SPDX-License-Identifier: MIT
"""What dead processes leave in FR_DIR: bounded, the oldest first, crashes last, nothing foreign."""

import os
import shutil
import struct
import subprocess
import time

import pytest

import fr

SLEEP = ("/bin/sleep", 1000)


def started(host, *argv, **settings):
    """A recorded process that waits, and its region."""
    p = host.start(*(argv or SLEEP), **settings)
    return p, host.region(p)


def left(host, **settings):
    """The region of a process that was killed."""
    p, region = started(host, **settings)
    p.kill()
    return region


def make_crashed(region):
    """As it would be had the process died of a fault and found no place for a snapshot."""
    with open(region, "r+b") as f:
        f.seek(fr.REGION_STATE_AT)
        f.write(struct.pack("<I", fr.REGION_CRASHED))
    return region


def next_start(host, **settings):
    """Of a program that has something to record: others make no region, and no order."""
    assert host.start("/bin/sleep", 0, **settings).code() == 0


def kept(host):
    return {f.name for f in host.dir.iterdir() if f.suffix == ".frr"}


def second_passes():
    now = int(time.time())
    fr.wait_for(lambda: int(time.time()) > now, "the next second")


def test_a_number_of_files(host):
    """The oldest go, those of crashes last, one that lives never."""
    alive, its = started(host)
    crash = make_crashed(left(host))
    second_passes()
    regions = []
    for _ in range(4):
        regions.append(left(host))
        second_passes()
    next_start(host, FR_KEEP_MAX="5")
    assert kept(host) == {f.name for f in regions + [crash, its]}, "exactly the bound"
    next_start(host, FR_KEEP_MAX="3")
    assert kept(host) == {f.name for f in regions[2:] + [crash, its]}
    next_start(host, FR_KEEP_MAX="1")
    assert kept(host) == {crash.name, its.name}, "the crash is the last to go"
    next_start(host, FR_KEEP_MAX="0")
    assert kept(host) == {its.name} and alive.alive()
    assert fr.read("report", its)["process"]["pid"] == alive.pid


def test_a_size(host):
    """Of memory, not of the file, which is mostly a hole."""
    regions = []
    for _ in range(3):
        regions.append(left(host))
        second_passes()
    sizes = [f.stat().st_blocks * 512 for f in regions]
    assert all(f.stat().st_size > 10 * size for f, size in zip(regions, sizes))
    next_start(host, FR_KEEP_MAX=f"{sum(sizes) // 1024 + 1}k")
    assert len(kept(host)) == 3
    next_start(host, FR_KEEP_MAX=f"{sum(sizes) // 1024 - 4}k,100")
    assert kept(host) == {f.name for f in regions[1:]}


def test_what_died_together_stays_together(host):
    """Three of one second go or stay as one, also where fewer would have to go."""
    old = [started(host) for _ in range(3)]
    for p, _ in old:
        p.kill()
    assert len({int(f.name.split("-")[-1][:-4], 16) // 10**9 for _, f in old}) == 1 or \
        pytest.skip("the machine is too slow to start three in one second")
    second_passes()
    second_passes()
    new = [left(host) for _ in range(2)]
    next_start(host, FR_KEEP_MAX="4")
    assert kept(host) == {f.name for f in new}, "one too many: the three went"
    assert fr.fr("info", "-a", new[0]).out


def test_a_crash_keeps_what_died_with_it(host):
    for _ in range(20):
        a, plain = started(host)
        b, crash = started(host)
        a.kill()
        b.kill()
        make_crashed(crash)
        if second_of(plain) == second_of(crash):
            break
        plain.unlink()
        crash.unlink()
    second_passes()
    second_passes()
    newer = left(host)
    next_start(host, FR_KEEP_MAX="2")
    assert kept(host) == {plain.name, crash.name}, f"{newer} is no crash"


def second_of(region):
    return int(region.name.split("-")[-1][:-4], 16) // 10**9


def test_one_story_alone_is_cut(host):
    """What died together is more than the bound: the bound holds, and not all is lost."""
    all_of_them = [started(host) for _ in range(6)]
    for p, _ in all_of_them:
        p.kill()
    next_start(host, FR_KEEP_MAX="3")
    assert 1 <= len(kept(host)) <= 3


def test_the_default_holds_in_a_crash_loop(host):
    """
    210 deaths by signal: never more than 200 files and 64 MiB; each start says what went. Who died
    in the same second goes together: here no more than a quarter.
    """
    for i in range(210):
        if i % 50 == 0:
            second_passes()
        host.run("/bin/sh", "-c", "kill -KILL $$", code=-9, FR_KEEP=1)
        sizes = [f.stat().st_blocks * 512 for f in host.dir.glob("*.frr")]
        assert len(sizes) <= 201 and sum(sizes) <= (64 << 20) + (1 << 20)
    p, region = started(host)
    sizes = [f.stat().st_blocks * 512 for f in host.dir.glob("*.frr") if f != region]
    assert 100 < len(sizes) <= 200 and sum(sizes) <= 64 << 20


def test_the_recording_says_what_went(host):
    for _ in range(3):
        left(host)
        second_passes()
    p, region = started(host, FR_KEEP_MAX="1")
    assert "FR_KEEP_MAX: removed 2 regions of dead processes" in fr.fr("info", "-a", region).out


def test_only_what_is_a_region(host):
    """Names alone are not enough, nor is content under another name; links lead nowhere."""
    region = left(host)
    body = region.read_bytes()
    dead = region.name.split("-")[1]
    foreign = {
        f"notes-{dead}-1a2b.frr": b"my own notes",
        f"zeros-{dead}-1a2b.frr": b"\0" * 100 + b"but not all",
        "mine.frr": body[:8192],
        f"copy-{dead}-1a2b.frr.bak": body[:8192],
        f"fr-sleep-{dead}-1.frd": body[:8192],
    }
    for name, data in foreign.items():
        (host.dir / name).write_bytes(data)
        os.utime(host.dir / name, (1, 1))
    elsewhere = host.path / "elsewhere.frr"
    elsewhere.write_bytes(body)
    (host.dir / f"link-{dead}-1a2b.frr").symlink_to(elsewhere)
    (host.dir / f"dir-{dead}-1a2b.frr").mkdir()
    os.mkfifo(host.dir / f"fifo-{dead}-1a2b.frr")
    before = {f.name for f in host.dir.iterdir()}
    next_start(host, FR_KEEP_MAX="0")
    assert {f.name for f in host.dir.iterdir()} == before - {region.name}
    assert elsewhere.read_bytes() == body
    for name, data in foreign.items():
        assert (host.dir / name).read_bytes() == data


def test_half_born_ones_go(host):
    """Killed between making the file and its first page; but not what may be being born."""
    region = left(host)
    dead = region.name.split("-")[1]
    half = host.dir / f"half-{dead}-1a2b.frr"
    empty = host.dir / f"empty-{dead}-1a2b.frr"
    fresh = host.dir / f"fresh-{dead}-1a2b.frr"
    of_one_alive = host.dir / f"alive-{os.getpid()}-1a2b.frr"
    for f in (half, empty, fresh, of_one_alive):
        f.touch()
    with open(half, "wb") as f:
        f.truncate(region.stat().st_size)
    for f in (half, empty, of_one_alive):
        os.utime(f, (1, 1))
    next_start(host)
    assert kept(host) == {region.name, fresh.name, of_one_alive.name}


def test_a_number_that_was_given_again(host):
    """A process lives under the number of a dead one: its region is left all the same."""
    regions = []
    for _ in range(3):
        regions.append(left(host))
        second_passes()
    again = host.dir / f"sleep-{os.getpid()}-{regions[0].name.split('-')[2]}"
    data = bytearray(regions[0].read_bytes())
    data[32:36] = struct.pack("<I", os.getpid())
    regions[0].unlink()
    again.write_bytes(data)
    again.chmod(0o600)
    next_start(host, FR_KEEP_MAX="2")
    assert kept(host) == {f.name for f in regions[1:]}


def test_one_in_use_stays_whatever_its_number(host):
    """It is mapped by somebody: a process of another pid namespace, its number is nobody's."""
    p, region = started(host)
    gone = subprocess.run(["/bin/sh", "-c", "echo $$"], capture_output=True, check=True)
    other = host.dir / region.name.replace(f"-{p.pid}-", f"-{int(gone.stdout)}-")
    region.rename(other)
    next_start(host, FR_KEEP_MAX="0")
    assert kept(host) == {other.name}
    assert fr.read("report", other)["process"]["pid"] == p.pid


@pytest.mark.parametrize("field,goes", [("boot", True), ("host", False)])
def test_of_another_boot_or_host(host, field, goes):
    """After a boot nobody lives; of another machine nothing is known."""
    region = left(host)
    data = bytearray(region.read_bytes())
    at = data.index(os.uname().nodename.encode()) - (40 if field == "boot" else 0)
    data[at:at + 4] = b"zzzz"
    if field == "host":  # and that machine runs another kernel
        data[at - 40:at - 36] = b"zzzz"
    region.write_bytes(data)
    next_start(host, FR_KEEP_MAX="0")
    assert kept(host) == (set() if goes else {region.name})


def test_not_of_another_user(host, root):
    region = left(host)
    os.chown(region, 12345, 12345)
    next_start(host, FR_KEEP_MAX="0")
    assert kept(host) == {region.name}


def test_no_limit_and_nonsense(host):
    regions = {left(host).name for _ in range(3)}
    next_start(host, FR_KEEP_MAX="none")
    assert kept(host) == regions
    for bad in ("lots", "1M,2,3", "64Q", ",", "5," + "0" * 200):
        p, region = started(host, FR_KEEP_MAX=bad)
        assert f"{bad[:40]}" in fr.fr("info", "-a", region).out
        p.kill()
        region.unlink()
        assert kept(host) == regions, bad


def test_workers_that_die_one_after_the_other(host):
    """No program starts there, only children are forked: one of eight tidies."""
    script = ("import os, signal, threading\n"
              "for _ in range(120):\n"
              "    pid = os.fork()\n"
              "    if pid == 0:\n"
              "        threading.Lock()\n"
              "        open('/dev/null').close()\n"
              "        os.kill(os.getpid(), signal.SIGKILL)\n"
              "    os.waitpid(pid, 0)\n"
              "print('done', flush=True)\n"
              "signal.pause()\n")
    p = host.start("/usr/bin/python3", "-c", script, FR_KEEP_MAX="5", FR_EVENTS="full")
    p.line("done")
    assert len(kept(host)) < 70, "the worst luck of one in eight"
    assert p.alive() and host.region(p)


def test_those_being_born_stay(host):
    """Thirty that start at the same time, and each would keep nothing of the dead."""
    all_of_them = [host.start(*SLEEP, FR_KEEP_MAX="0") for _ in range(30)]
    for p in all_of_them:
        assert host.region(p)
    assert len(kept(host)) == 30


def opens(host, tmp_path):
    """How many regions a start opens."""
    log = tmp_path / "strace"
    env = host.env()
    subprocess.run(["strace", "-f", "-e", "trace=openat", "-o", log, "-E",
                    f"LD_PRELOAD={env.pop('LD_PRELOAD')}", "/bin/sleep", "0"], env=env, check=True,
                   cwd=host.cwd)
    return sum(".frr" in line and "O_EXCL" not in line for line in log.read_text().splitlines())


@pytest.mark.skipif(not shutil.which("strace"), reason="needs strace")
def test_each_is_opened_once(host, tmp_path):
    for _ in range(5):
        left(host)
    alive, _ = started(host)
    assert opens(host, tmp_path) <= 1, "the starts before have seen the others"
    assert opens(host, tmp_path) == 0
    assert len(kept(host)) == 6 and alive.alive()
