# SPDX-License-Identifier: MIT
"""What others do to the region's file is not the host's end."""

import os
import signal
import subprocess

import pytest

import fr

# What is done to the file: its new size as a share of the old, or a function.
DAMAGE = {"emptied": lambda f: os.truncate(f, 0),
          "a byte left": lambda f: os.truncate(f, 1),
          "header left": lambda f: os.truncate(f, 4096),
          "half a page": lambda f: os.truncate(f, f.stat().st_size // 2 // 4096 * 4096 + 2048),
          "written over": lambda f: f.write_bytes(b"not a region\n" * 100)}


class Host:
    """regionhost.c under the recorder, told what to do through its standard input."""

    def __init__(self, host, *args, **settings):
        self.p = host.start(fr.TARGETS / "regionhost", *args, stdin=subprocess.PIPE, **settings)
        self.p.truth("ready")
        self.region, = host.regions()

    def tell(self, byte):
        self.p.popen.stdin.write(byte)
        self.p.popen.stdin.flush()

    def goes_on(self):
        """It does more than it has done, and ends as it should."""
        self.tell(b"a")
        before = self.p.truth("done")["done"]

        def more():
            self.tell(b"a")
            return self.p.truth("done")["done"] > before + 1000
        fr.wait_for(more, "more work")
        self.tell(b"z")
        end = self.p.truth("child")
        assert self.p.code() == 0, self.p.stderr()
        return end


@pytest.mark.parametrize("own", [[], ["own"]], ids=str)
@pytest.mark.parametrize("events", ["", "full"])
@pytest.mark.parametrize("damage", DAMAGE)
def test_file_shortened(host, damage, events, own):
    """The host goes on, recorded no more; a handler of its own gets its own faults only."""
    h = Host(host, 3, *own, FR_VERBOSE=1, FR_KEEP=1, **({"FR_EVENTS": events} if events else {}))
    DAMAGE[damage](h.region)
    end = h.goes_on()
    assert end == {"child": 7, "own_faults": 1 if own else 0}
    if damage != "written over":
        assert "shortened" in h.p.stderr()


@pytest.mark.parametrize("end", ["ends", "is killed"])
@pytest.mark.parametrize("damage", ["emptied", "header left"])
def test_the_file_says_why(host, damage, end):
    """Who reads it finds a region that ends there, and the reason; at once, not at the end."""
    h = Host(host, 3, FR_EVENTS="full", FR_KEEP=1)
    DAMAGE[damage](h.region)
    if end == "ends":
        h.goes_on()
    else:
        h.tell(b"a")
        h.p.truth("done")
        fr.wait_for(lambda: b"was shortened" in h.region.read_bytes(), "the file to say why")
        h.p.kill()
    info = fr.read("info", h.region, ok=(0, 3))
    assert any("was shortened" in n for n in info["notes"]), info["notes"]
    assert info["drops"]["region_lost"] == 1
    text = fr.fr("report", h.region, ok=(0, 3)).out
    assert "shortened" in text, text


def test_file_shortened_while_snapshots_are_written(host, long):
    """By a thread of our own, that reads every page of it."""
    for n in range(200 if long else 10):
        h = Host(host, 2, FR_EVENTS="full", FR_KEEP=0)
        for _ in range(1 + n % 5):
            h.p.signal(signal.SIGUSR1)
        os.truncate(h.region, 0)
        h.p.signal(signal.SIGUSR1)
        assert h.goes_on() == {"child": 7, "own_faults": 0}
        for f in host.regions():
            f.unlink()


def test_file_shortened_before_a_fork(host):
    """A child that is not born yet has its parent's region in reach."""
    h = Host(host, 1, FR_EVENTS="full", FR_TRIGGER="exit")
    os.truncate(h.region, 0)
    assert h.goes_on()["child"] == 7
    pids = {fr.read("info", s, ok=(0, 3))["header"]["pid"] for s in host.snapshots()}
    assert pids - {h.p.pid}, "the child was recorded, in a region of its own"


def test_a_crash_after_that_is_still_a_crash(host):
    h = Host(host, 2, FR_EVENTS="full")
    os.truncate(h.region, 0)
    h.tell(b"a")
    h.p.truth("done")
    h.p.signal(signal.SIGABRT)
    assert os.WTERMSIG(h.p.wait()) == signal.SIGABRT


def test_a_bus_error_sent_from_outside(host):
    """Sent, it is no fault of anybody's memory: it kills, also while snapshots are written."""
    h = Host(host, 2, FR_EVENTS="full")
    for _ in range(20):
        h.p.signal(signal.SIGUSR1)
    h.p.signal(signal.SIGBUS)
    assert os.WTERMSIG(h.p.wait()) == signal.SIGBUS
