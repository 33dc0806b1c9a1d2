# SPDX-License-Identifier: MIT
"""kit.py - what all parts of the benchmark share: modes, alternating rounds, ratios, tables.

A mode is a way to start a program: bare, or recorded at a level, or under another tracer. The
modes of one measurement take turns, round by round, so that a noisy neighbour hits all of them;
what is told are medians of the rounds, and the median of each round's ratio to bare.
"""

import contextlib
import dataclasses
import itertools
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import tempfile

TOP = pathlib.Path(__file__).resolve().parents[2]


@dataclasses.dataclass(frozen=True)
class Mode:
    name: str
    settings: dict = None       # FR_ settings; None: without the recorder
    env: dict = dataclasses.field(default_factory=dict)
    prefix: tuple = ()          # before the command
    ours: bool = True


MODES = {m.name: m for m in (
    Mode("bare"),
    Mode("off", {"FR_EVENTS": "off"}),
    Mode("slow", {"FR_EVENTS": "slow"}),
    Mode("default", {}),
    Mode("full", {"FR_EVENTS": "full"}),
)}


class Skipped(Exception):
    """A part or a row that cannot run here, and why."""


def need(program):
    path = os.environ["PATH"] + ":/usr/sbin:/sbin"
    found = shutil.which(program, path=path)
    if not found:
        raise Skipped(f"{program} is not installed")
    return found


class Kit:
    """One run of the benchmark: where things are, and how much of it is wanted."""

    def __init__(self, build, quick, loads=None):
        self.loads = loads      # names of servers.LOADS; None: all of a part's
        self.o = pathlib.Path(build).resolve()
        self.quick = quick
        self.lib = self.o / "libfr.so"
        self.fr = self.o / "fr"
        self.dir = None
        self.serial = 0

    @contextlib.contextmanager
    def room(self):
        """Directories of this run: scratch on disk, and one in /dev/shm for regions."""
        with tempfile.TemporaryDirectory(prefix="fr-bench-") as scratch, \
                tempfile.TemporaryDirectory(prefix="fr-bench-", dir="/dev/shm") as shm:
            self.dir, self.shm = pathlib.Path(scratch), pathlib.Path(shm)
            self.dir.chmod(0o755)
            self.shm.chmod(0o755)
            yield self

    def pick(self, whole, quick):
        return quick if self.quick else whole

    def program(self, name):
        return str(self.o / "tests/bench" / name)

    def place(self, user=None):
        """New directories for one program: to work in, for regions, for snapshots."""
        self.serial += 1
        made = {"cwd": self.dir / f"{self.serial}", "regions": self.shm / f"{self.serial}",
                "out": self.dir / f"{self.serial}-out"}
        for d in made.values():
            d.mkdir(mode=0o700)
            if user:
                shutil.chown(d, user, user)
        return made

    def env(self, mode, place, **more):
        env = {k: v for k, v in os.environ.items()
               if not k.startswith("FR_") and k != "LD_PRELOAD"}
        env.update(mode.env)
        if mode.settings is not None:
            env.update(LD_PRELOAD=str(self.lib), FR_DIR=str(place["regions"]),
                       FR_OUT=str(place["out"]), **mode.settings)
            env.update({k: str(v) for k, v in more.items()})
        return env

    def text(self, argv, mode=MODES["bare"], place=None, timeout=300, **more):
        """The output of a program that runs to its end in a mode."""
        place = place or self.place()
        done = subprocess.run([*mode.prefix, *map(str, argv)], env=self.env(mode, place, **more),
                              cwd=place["cwd"], capture_output=True, text=True, timeout=timeout,
                              stdin=subprocess.DEVNULL, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"{argv} in mode {mode.name}: exit {done.returncode}\n{done.stderr}")
        return done.stdout

    def json(self, command, recording, *args):
        done = subprocess.run([self.fr, command, "--json", str(recording), *args], check=False,
                              capture_output=True, text=True, timeout=300)
        if done.returncode not in (0, 3):
            raise RuntimeError(f"fr {command} {recording}: {done.stderr}")
        return json.loads(done.stdout)

    def regions(self, place):
        """fr info of each region in a place, those with most events first."""
        found = [self.json("info", f) for f in sorted(place["regions"].glob("**/*.frr"))]
        return sorted(found, key=lambda i: -i["events"])

    def alternate(self, modes, rounds, measure):
        """{mode name: [measure(mode) of each round]}; the first mode of a round changes."""
        got = {m.name: [] for m in modes}
        for r in range(rounds):
            turn = r % len(modes)
            for mode in [*modes[turn:], *modes[:turn]]:
                got[mode.name].append(measure(mode))
        return got


def median(values):
    values = [v for v in values if v is not None]
    return statistics.median(values) if values else None


def ratio(values, base):
    """Median of the rounds' own ratios: a slow minute counts on both sides."""
    return median([v / b for v, b in zip(values, base) if v is not None and b])


def cell(value):
    if value is None:
        return "-"
    if isinstance(value, bool) or not isinstance(value, float):
        return str(value)
    if value == 0 or abs(value) >= 1000:
        return f"{value:.0f}"
    return f"{value:.3g}" if abs(value) < 100 else f"{value:.1f}"


def table(title, rows, out):
    """Rows of one part as text; rows with other columns begin a new table."""
    print(f"\n{title}", file=out)
    for keys, same in itertools.groupby(rows, key=tuple):
        same = list(same)
        lines = [keys, *[[cell(r[k]) for k in keys] for r in same]]
        wide = [max(len(line[i]) for line in lines) for i in range(len(keys))]
        text = [isinstance(same[0][k], str) for k in keys]
        for line in lines:
            print("  " + "  ".join(c.ljust(w) if t else c.rjust(w)
                                   for c, w, t in zip(line, wide, text)).rstrip(), file=out)
    out.flush()
