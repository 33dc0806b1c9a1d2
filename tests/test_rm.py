# SPDX-License-Identifier: MIT
"""fr rm and fr list --older: what dead processes have left, and nothing else."""

import json
import os
import signal
import struct
import subprocess
import time

import pytest

import fr


def left(host):
    p = host.start("/bin/sleep", 1000)
    region = host.region(p)
    p.kill()
    return p.pid, region


def rm(host, *args, ok=(0,)):
    return fr.fr("rm", *args, ok=ok, env={**os.environ, "FR_DIR": str(host.dir)})


def make_old(region, seconds):
    """As if it had died so long ago: its pairs of clocks and when it was begun."""
    data = bytearray(region.read_bytes())
    n, = struct.unpack_from("<I", data, 20)
    table = next(i for i in range(200, 4096, 8) if is_table(data, i, n))
    for i in range(n):
        kind, size, at, room, used = struct.unpack_from("<IIQQQ", data, table + 32 * i)
        if kind != 7:
            continue
        for pair in range(at, at + used, size):
            real, = struct.unpack_from("<Q", data, pair + 16)
            if real:
                struct.pack_into("<Q", data, pair + 16, real - seconds * 10**9)
    region.write_bytes(data)


def is_table(data, at, n):
    """The sections lie one after the other, from the end of the header on."""
    want = 4096
    for i in range(n):
        _, _, offset, size, _ = struct.unpack_from("<IIQQQ", data, at + 32 * i)
        if offset != want:
            return False
        want += size
    return True


def test_by_name_and_by_pid(host):
    pid, a = left(host)
    _, b = left(host)
    r = rm(host, b)
    assert r.out == f"{b}\n" and "1 removed" in r.err and not b.exists() and a.exists()
    assert rm(host, pid).out == f"{a}\n" and not a.exists()
    assert "no region" in rm(host, pid, ok=(1,)).err


def test_all_but_what_lives(host):
    alive = host.target("load")
    alive.line("ready")
    snapshot = host.dir / "fr-load-1-1.frd"
    fr.fr("snapshot", "-o", snapshot, alive.pid)
    its, = host.dir.glob("*.frr")
    dead = {left(host)[1] for _ in range(3)}
    assert set(rm(host, "--all").out.split()) == {str(f) for f in dead}
    assert set(host.dir.iterdir()) == {its, snapshot} and alive.alive()
    assert "nothing to remove" in rm(host, "--all").err
    for what in (its, alive.pid):
        assert f"process {alive.pid} lives" in rm(host, what, ok=(1,)).err
    assert "is a snapshot" in rm(host, snapshot, ok=(1,)).err
    assert fr.read("report", alive.pid)["process"]["pid"] == alive.pid


def test_what_somebody_has_mapped(host):
    """Its process is gone, or of another namespace; a child has the memory still."""
    script = ("import os, signal, sys\n"
              "if os.fork() == 0:\n"
              "    print(os.getpid(), flush=True)\n"
              "    signal.pause()\n"
              "sys.stdin.readline()\n")
    p = host.start("/usr/bin/python3", "-c", script, stdin=subprocess.PIPE, FR_FOLLOW=0)
    child = int(p.line())
    region, = host.dir.glob("*.frr")
    p.kill()
    assert "a process has it mapped" in rm(host, region, ok=(1,)).err
    assert region.exists() and rm(host, "--all", ok=(1,))
    os.kill(child, signal.SIGKILL)
    fr.wait_for(lambda: not os.path.exists(f"/proc/{child}/maps"), "the child's end")
    fr.wait_for(lambda: rm(host, region, ok=(0, 1)).returncode == 0, "nobody to have it")


def test_nothing_foreign(host):
    _, region = left(host)
    body = region.read_bytes()[:8192]
    notes = host.dir / "notes.frr"
    notes.write_text("my own")
    link = host.dir / "link.frr"
    link.symlink_to(region)
    fifo = host.dir / "fifo.frr"
    os.mkfifo(fifo)
    short = host.dir / "short.frr"
    short.write_bytes(body[:100])
    for what, words in ((notes, "too short"), (link, "not a regular file"), (short, "too short"),
                        (fifo, "not a regular file"), (host.dir, "a directory"),
                        (host.dir / "none.frr", "No such file"), ("nosuch", "no PID")):
        assert words in rm(host, what, ok=(1,)).err, what
    assert rm(host, "--all").out == f"{region}\n"
    assert set(host.dir.iterdir()) == {notes, link, fifo, short}


def test_which(host):
    assert "fr rm: which?" in rm(host, ok=(2,)).err
    assert "soon is not understood" in rm(host, "--older", "soon", ok=(2,)).err


def test_older(host):
    _, young = left(host)
    _, old = left(host)
    make_old(old, 7200)
    alive = host.start("/bin/sleep", 1000)
    host.region(alive)

    def listed(*args):
        return {e["path"] for e in json.loads(fr.fr("list", "--json", *args, host.dir).out)}

    assert len(listed()) == 3
    assert listed("--older", "1h") == {str(old)}
    assert listed("--older", "1d") == set()
    assert rm(host, "--older", "3h").out == "" and rm(host, "--older", "3h", old).out == ""
    assert rm(host, "--older", "1h", host.dir).out == f"{old}\n"
    assert young.exists()


def test_the_time_of_a_left_one_is_that_of_its_death(host):
    """Files in memory keep no time of what is written to a mapping; the recording does."""
    p = host.target("load")
    p.line("ready")
    born = time.time()
    fr.wait_for(lambda: time.time() > born + 2.5, "it to record for a while")
    died = time.time()
    p.kill()
    row, = json.loads(fr.fr("list", "--json", host.dir).out)
    assert row["kind"] == "left" and abs(row["end_real_ns"] / 1e9 - died) < 1.5


def test_another_users(host, root):
    """Root may remove it by name; that user's directory as a whole only where it is named."""
    _, region = left(host)
    os.chown(host.dir, 12345, 12345)
    os.chown(region, 12345, 12345)
    r = rm(host, "--all")
    assert r.out == f"{region}\n" and "belongs to uid 12345" in r.err


@pytest.mark.parametrize("mode,owner,words", [(0o777, 0, "everybody may write to it"),
                                              (0o777, 12345, "everybody may write to it")])
def test_not_where_everybody_writes(host, root, mode, owner, words):
    _, region = left(host)
    os.chown(host.dir, owner, owner)
    host.dir.chmod(mode)
    for args in (("--all",), (region,), (host.dir, "--all")):
        assert words in rm(host, *args, ok=(1,)).err
    assert region.exists()
