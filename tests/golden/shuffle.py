# SPDX-License-Identifier: MIT
"""shuffle.py - makes the recordings whose events have their arguments in another order.

    /usr/bin/python3 tests/golden/shuffle.py [TARGET...]        default: sync truth

In a copy of the tree each row of preload/wire/events.def gets another order: the arguments of the
short form among themselves, the others among themselves, rows of the same types in the same way.
Writers fill them in by name, so the recorder that is built there needs no other change. It
records the targets of this tree's build (make targets) and leaves vN-TARGET-shuffled.frd.xz and
.said here."""

import lzma
import os
import pathlib
import random
import re
import shutil
import subprocess
import sys
import tempfile

GOLDEN = pathlib.Path(__file__).resolve().parent
TOP = GOLDEN.parents[1]
ARG = re.compile(r"ARG\((\w+), (\w+)\)")
SETTINGS = {"FR_EVENTS": "full", "FR_TRIGGER": "exit"}


def other_order(args, seed):
    """No argument stays where it is, if there are two."""
    chance = random.Random(seed)
    order = list(range(len(args)))
    while len(args) > 1 and any(i == k for k, i in enumerate(order)):
        chance.shuffle(order)
    return [args[i] for i in order]


def shuffled(row):
    head = re.match(r"EVENT\((?:[^,]*,){5} *(\d+), ", row)
    if not head:
        return row
    args, short = ARG.findall(row), int(head[1])
    seed = f"{short} {[kind for kind, _ in args]}"
    args = other_order(args[:short], seed) + other_order(args[short:], seed)
    return f"{head[0]}{' '.join(f'ARG({kind}, {name})' for kind, name in args)})\n"


def build(tree):
    shutil.copytree(TOP / "preload", tree / "preload")
    shutil.copytree(TOP / "tests", tree / "tests", ignore=shutil.ignore_patterns("golden"))
    shutil.copy(TOP / "Makefile", tree)
    table = tree / "preload/wire/events.def"
    rows = table.read_text(encoding="utf-8").splitlines(keepends=True)
    table.write_text("".join(map(shuffled, rows)), encoding="utf-8")
    subprocess.run(["make", "-s", "-C", tree, "O=build", "CI=1", "build/libfr.so"], check=True)
    return tree / "build/libfr.so"


def record(libfr, target, work):
    program = TOP / "build/tests/targets" / target
    env = {**os.environ, **SETTINGS, "FR_DIR": str(work), "FR_OUT": str(work),
           "LD_PRELOAD": str(libfr)}
    said = subprocess.run([program], env=env, check=True, stdout=subprocess.PIPE).stdout
    snapshot, = work.glob(f"fr-{target}-*-1.frd")
    version = re.search(r"#define FR_VERSION (\d+)",
                        (TOP / "preload/wire/wire.h").read_text(encoding="utf-8"))[1]
    name = f"v{version}-{target}-shuffled"
    (GOLDEN / f"{name}.said").write_bytes(said)
    (GOLDEN / f"{name}.frd.xz").write_bytes(
        lzma.compress(snapshot.read_bytes(), preset=9 | lzma.PRESET_EXTREME))


def main():
    with tempfile.TemporaryDirectory() as work:
        work = pathlib.Path(work)
        libfr = build(work / "tree")
        for target in sys.argv[1:] or ("sync", "truth"):
            (work / target).mkdir()
            record(libfr, target, work / target)


if __name__ == "__main__":
    main()
