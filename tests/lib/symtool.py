# SPDX-License-Identifier: MIT
"""
symtool.py - addresses through decoder/symbols, by either of its readers of DWARF, and through
llvm-symbolizer, made comparable.
"""

import os
import random
import re
import shutil
import subprocess

import fr

SYMTOOL = fr.O / "tests/symbols/symtool"
ORACLE = shutil.which("llvm-symbolizer-14") or shutil.which("llvm-symbolizer")
UNKNOWN = ("??", "??", 0)
# What gcc appends to the copies it makes of a function; debug information names the function.
COPIES = re.compile(r"( \[clone [^]]*\])+$|\.(cold|part|isra|constprop|lto_priv)(\.\d+)*.*$")


def build():
    make = ["make", "-s", "-C", fr.TOP, f"O={fr.O}", "-f", "Makefile"]
    subprocess.run([*make, "-f", "tests/symbols/symbols.mk", "symtool"], check=True)


def somewhere(path, n, seed=1):
    """N addresses of the code, the same ones each time."""
    out = subprocess.run(["readelf", "-SW", path], check=True, capture_output=True, text=True)
    m = re.search(r"\.text\s+(?:PROGBITS|NOBITS)\s+(\w+)\s+\w+\s+(\w+)", out.stdout)
    start, size = int(m[1], 16), int(m[2], 16)
    rng = random.Random(seed)
    return [start + rng.randrange(size) for _ in range(n)]


class Answer:
    """Frames of each address, innermost first: (function, file, line); and what they came from."""

    def __init__(self, text, n):
        blocks = text.split("\n\n")
        self.frames = [[self.frame(line) for line in b.strip("\n").split("\n")] for b in blocks[:n]]
        state = re.match(r"# best (\d), from (.*), problem: (.*)", blocks[n].strip("\n"))
        self.best, self.source, self.problem = int(state[1]), state[2], state[3]

    @staticmethod
    def frame(line):
        fn, place, origin, inlined, offset = line.split("\t")
        path, number = place.rsplit(":", 1)
        return {"fn": fn, "file": path, "line": int(number), "origin": int(origin),
                "inl": inlined == "1", "off": int(offset)}

    def names(self):
        return [block[0]["fn"] for block in self.frames]


def ask(path, addresses, *flags, **env):
    """Runs symtool. FR_CACHE=0 unless env says otherwise."""
    text = "".join(f"{a:x}\n" for a in addresses)
    done = subprocess.run([SYMTOOL, *flags, path], input=text, text=True, capture_output=True,
                          check=False, timeout=120, env={**os.environ, "FR_CACHE": "0", **env})
    assert done.returncode == 0, (done.returncode, done.stderr[-2000:])
    return Answer(done.stdout, len(addresses))


def oracle(path, addresses):
    """[(mangled name, file, line), ...] of each address by llvm-symbolizer."""
    text = "".join(f"0x{a:x}\n" for a in addresses)
    out = subprocess.run([ORACLE, "--no-demangle", "--inlines", f"--obj={path}"], input=text,
                         text=True, capture_output=True, check=True).stdout
    answers = []
    for block in out.split("\n\n")[:len(addresses)]:
        lines = block.strip("\n").split("\n")
        places = [line.rsplit(":", 2)[:2] for line in lines[1::2]]
        answers.append([(fn, p, int(n)) for fn, (p, n) in zip(lines[::2], places)])
    return answers


def demangle(names):
    """By c++filt: symtool's own spelling would prove nothing."""
    text = "\n".join(names) + "\n"
    out = subprocess.run(["c++filt", "-p"], input=text, text=True, capture_output=True,
                         check=True).stdout.split("\n")
    return dict(zip(names, out))


def place(path):
    """One spelling of a path. llvm doubles a relative compilation directory."""
    parts = os.path.normpath(path).split("/") if path not in ("??", "") else ["??"]
    return "/".join(parts[1:] if len(parts) > 2 and parts[0] == parts[1] else parts)


def simple(fn):
    """A name without versions, copies, template arguments and parameters: those vary by printer."""
    fn = COPIES.sub("", fn.split("@")[0])
    fn = re.sub(r"operator(\(\)|<=>|<<=?|>>=?|<=?|>=?|->\*?)", "operator", fn)
    fn = re.sub(r"\{lambda\(.*?\)#(\d+)\}", r"{lambda#\1}", fn)
    while re.search(r"<[^<>]*>|\([^()]*\)", fn):
        fn = re.sub(r"\s*<[^<>]*>|\([^()]*\)( const)?", "", fn)
    return fn.split("::")[-1].lstrip("_").removeprefix("GI_")


def difference(ours, theirs, spelled):
    """None, or the first thing that differs: depth, place or name."""
    mine = [(f["fn"], place(f["file"]), f["line"]) for f in ours]
    # A bare file name without a line is from a symbol of type FILE, not from where the code is.
    want = [(spelled[fn], "??" if n == 0 and "/" not in p else place(p), n) for fn, p, n in theirs]
    if len(mine) != len(want):
        return "depth"
    if [m[1:] for m in mine] != [w[1:] for w in want]:
        return "place"
    if [simple(m[0]) for m in mine] != [simple(w[0]) for w in want]:
        return "name"
    return None


def compare(path, addresses):
    """{difference: [(address, ours, theirs), ...]} and the share that agrees."""
    ours, theirs = ask(path, addresses), oracle(path, addresses)
    spelled = demangle(sorted({fn for block in theirs for fn, _, _ in block}))
    found = {}
    for address, mine, want in zip(addresses, ours.frames, theirs):
        kind = difference(mine, want, spelled)
        if kind:
            found.setdefault(kind, []).append((hex(address), mine, want))
    return found, 1 - sum(map(len, found.values())) / len(addresses)


# ---- one reader of DWARF against the other ------------------------------------------------------

def spelled_alike(frames):
    return [{**f, "file": place(f["file"])} for f in frames]


def joined_twice(own, lib, _):
    """libdwarf joins a compilation directory that is relative to itself: ./nptl/./nptl/x.c."""
    return spelled_alike(own) == spelled_alike(lib)


def default_file(own, lib, third):
    """
    In DWARF 5 the file of a row is 1 until the program says otherwise; libdwarf 20210528 takes 0.
    Only the place of the instruction itself can be meant, and llvm-symbolizer must say ours.
    """
    own, lib = spelled_alike(own), spelled_alike(lib)
    alike = [{**own[0], "file": lib[0]["file"]}, *own[1:]]
    return alike == lib and place(third[0][1]) == own[0]["file"]


RULES = [joined_twice, default_file]


def compare_readers(path, addresses):
    """{rule: [(address, own, libdwarf's), ...]} of what differs; "unexplained" if no rule does."""
    own, lib = ask(path, addresses), ask(path, addresses, FR_SYMBOLS="libdwarf")
    assert (own.best, own.source, own.problem) == (lib.best, lib.source, lib.problem)
    differ = [(a, o, b) for a, o, b in zip(addresses, own.frames, lib.frames) if o != b]
    thirds = oracle(path, [a for a, _, _ in differ]) if differ and ORACLE else []
    found = {}
    for i, (address, mine, theirs) in enumerate(differ):
        third = thirds[i] if thirds else [(None, mine[0]["file"], 0)]
        rule = next((r.__name__ for r in RULES
                     if len(mine) == len(theirs) and r(mine, theirs, third)), "unexplained")
        found.setdefault(rule, []).append((hex(address), mine, theirs))
    return found
