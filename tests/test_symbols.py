# SPDX-License-Identifier: MIT
"""Symbols: against llvm-symbolizer on many shapes of debug information; wrong and damaged files."""

import lzma
import os
import pathlib
import random
import re
import shutil
import subprocess

import pytest

import symtool
from conftest import needs

SAMPLES = pathlib.Path(__file__).parent / "symbols"
DWARF, SYMTAB, DEBUGDATA, DYNSYM = 1, 2, 3, 4


@pytest.fixture(scope="module", autouse=True)
def built():
    symtool.build()


def run(*command, **kw):
    return subprocess.run(command, check=True, capture_output=True, text=True, **kw).stdout


def build(tmp_path, compiler, *flags, source="sample.c", name="sample"):
    needs(compiler)
    out = tmp_path / name
    extra = ["-pthread"] if not source.endswith(".rs") else ["--edition", "2021"]
    run(compiler, *flags, *extra, SAMPLES / source, "-o", out, cwd=tmp_path)
    return out


def symbols(path, *names):
    """Addresses of symbols by name."""
    table = {}
    for line in run("nm", path).splitlines():
        parts = line.split()
        if len(parts) == 3:
            table[parts[2]] = int(parts[0], 16)
    return [table[n] for n in names]


def build_id(path):
    return re.search(r"Build ID: (\w+)", run("readelf", "-n", path))[1]


# ---- the oracle ---------------------------------------------------------------------------------

C_SHAPES = [
    "gcc -O0 -g", "gcc -O2 -g", "gcc -O3 -gdwarf-4", "gcc -O2 -gdwarf-3", "gcc -O2 -g -gz",
    "gcc -O2 -g -gz=zlib-gnu", "gcc -O2 -g -gdwarf64", "gcc -O2 -g -flto", "gcc -O2 -g -no-pie",
    "gcc -O2 -g -ffunction-sections -Wl,--gc-sections", "gcc -O2 -g -gsplit-dwarf",
    "gcc -O2 -gdwarf-4 -gsplit-dwarf", "clang -O2 -gdwarf-5", "clang -O2 -gdwarf-4",
    "clang -O2 -gline-tables-only", "clang -O2 -gdwarf-5 -gsplit-dwarf",
    "clang -O2 -gdwarf-4 -gsplit-dwarf",
]
CXX_SHAPES = [
    "g++ -O0 -g", "g++ -O2 -g", "g++ -O3 -gdwarf-4", "g++ -O2 -g -gsplit-dwarf",
    "clang++ -O2 -gdwarf-5", "clang++ -O2 -gdwarf-4", "clang++ -O2 -gdwarf-5 -gsplit-dwarf",
]
RUST_SHAPES = [
    "rustc -g -O -Clink-arg=-Wl,--build-id",
    "rustc -g -Clink-arg=-Wl,--build-id -Csymbol-mangling-version=v0",
]


def agrees(path, n, at_least=0.99):
    if not symtool.ORACLE:
        pytest.skip("needs llvm-symbolizer")
    found, share = symtool.compare(path, symtool.somewhere(path, n))
    shown = "\n".join(f"{kind}: {cases[0]}" for kind, cases in found.items())
    assert share >= at_least, f"{share:.2%} agree\n{shown}"


@pytest.mark.parametrize("shape", C_SHAPES)
def test_oracle_c(tmp_path, shape):
    agrees(build(tmp_path, *shape.split()), 2000)


@pytest.mark.parametrize("shape", CXX_SHAPES)
def test_oracle_cxx(tmp_path, shape):
    agrees(build(tmp_path, *shape.split(), source="sample.cc"), 2000)


# Rust merges equal functions more than others: then either name is right.
@pytest.mark.parametrize("shape", RUST_SHAPES)
def test_oracle_rust(tmp_path, shape):
    agrees(build(tmp_path, *shape.split(), source="sample.rs"), 2000, 0.97)


def test_oracle_libc():
    """The separate debug file of libc, compressed, found by build-id. Aliases share addresses."""
    libc = next(p for p in map(pathlib.Path, ["/lib/x86_64-linux-gnu/libc.so.6",
                                              "/usr/lib/libc.so.6"]) if p.exists())
    if symtool.ask(libc, [0]).best != DWARF:
        pytest.skip("needs libc6-dbg")
    found, _ = symtool.compare(libc.resolve(), symtool.somewhere(libc, 2000))
    assert not found.get("depth"), found["depth"][0]
    assert not found.get("place"), found["place"][0]
    assert len(found.get("name", [])) < 200
    lock = [int(line.split()[1], 16) for line in run("readelf", "-sW", libc).splitlines()
            if " pthread_mutex_lock@@" in line]
    assert symtool.ask(libc, [lock[0] + 1]).names() == ["pthread_mutex_lock"]


def test_dwz(tmp_path):
    """Names in a file shared by several: llvm-symbolizer-14 does not read it, we do."""
    needs("dwz")
    plain = build(tmp_path, "g++", "-O2", "-g", source="sample.cc", name="plain")
    one, two = tmp_path / "one", tmp_path / "two"
    shutil.copy(plain, one)
    build(tmp_path, "g++", "-O2", "-g", "-DTWO", source="sample.cc", name="two")
    run("dwz", "-m", tmp_path / "shared", one, two)
    addresses = symtool.somewhere(plain, 500)
    before, after = symtool.ask(plain, addresses), symtool.ask(one, addresses)
    assert "gnu_debugaltlink" in run("readelf", "-SW", one)
    assert after.frames == before.frames
    os.rename(tmp_path / "shared", tmp_path / "elsewhere")
    lost = symtool.ask(one, addresses)
    assert "dwz" in lost.problem
    assert [len(b) for b in lost.frames] == [len(b) for b in before.frames]


def test_zstd(tmp_path):
    plain = build(tmp_path, "gcc", "-O2", "-g")
    packed = tmp_path / "packed"
    done = subprocess.run(["objcopy", "--compress-debug-sections=zstd", plain, packed],
                          capture_output=True, check=False)
    if done.returncode != 0:
        pytest.skip("this objcopy has no zstd")
    addresses = symtool.somewhere(plain, 100)
    answer = symtool.ask(packed, addresses)
    if answer.best == DWARF:
        assert answer.frames == symtool.ask(plain, addresses).frames
    else:
        assert answer.best == SYMTAB and "zstd" in answer.problem


# ---- where the debug file is --------------------------------------------------------------------

@pytest.fixture
def split(tmp_path):
    """A stripped program and its debug file: (program, debug file, what the whole one said)."""
    whole = build(tmp_path, "gcc", "-O2", "-g", name="whole")
    addresses = symtool.somewhere(whole, 200)
    wanted = symtool.ask(whole, addresses).frames
    run("objcopy", "--only-keep-debug", whole, tmp_path / "prog.debug")
    run("strip", "-o", tmp_path / "prog", whole)
    whole.unlink()
    return tmp_path / "prog", tmp_path / "prog.debug", addresses, wanted


@pytest.mark.parametrize("where", [".", ".debug", "root"])
def test_debuglink(split, tmp_path, where):
    prog, debug, addresses, wanted = split
    run("objcopy", f"--add-gnu-debuglink={debug}", prog)
    root = tmp_path / "root"
    target = root / str(tmp_path)[1:] if where == "root" else tmp_path / where
    target.mkdir(parents=True, exist_ok=True)
    os.rename(debug, target / "prog.debug")
    answer = symtool.ask(prog, addresses, FR_DEBUG_PATH=str(root))
    assert answer.best == DWARF and answer.frames == wanted


def test_build_id_directory(split, tmp_path):
    prog, debug, addresses, wanted = split
    ident = build_id(prog)
    target = tmp_path / "a:b" / ".build-id" / ident[:2]
    target = tmp_path / "root" / ".build-id" / ident[:2]
    target.mkdir(parents=True)
    os.rename(debug, target / f"{ident[2:]}.debug")
    roots = f"/nowhere:{tmp_path / 'root'}"
    assert symtool.ask(prog, addresses, FR_DEBUG_PATH=roots).frames == wanted
    # The program itself may be gone: the debug file has the build-id too.
    prog.unlink()
    answer = symtool.ask(prog, addresses, "-b", ident, FR_DEBUG_PATH=roots)
    assert answer.frames == wanted


def test_debug_file_of_another_build(split):
    """Same name, other build-id: not a single name may come from it."""
    prog, debug, addresses, _ = split
    run("objcopy", f"--add-gnu-debuglink={debug}", prog)
    other = build(debug.parent, "gcc", "-O1", "-g", "-DOTHER", name="other")
    assert build_id(other) != build_id(prog)
    run("objcopy", "--only-keep-debug", other, debug)
    answer = symtool.ask(prog, addresses)
    assert answer.best == DYNSYM
    assert all(f["file"] == "??" and f["line"] == 0 for block in answer.frames for f in block)


def test_replaced_program(tmp_path):
    prog = build(tmp_path, "gcc", "-O2", "-g")
    wrong = "00" + build_id(prog)[2:]
    answer = symtool.ask(prog, symtool.somewhere(prog, 50), "-b", wrong)
    assert answer.best == 0 and "build-id differs" in answer.problem
    assert set(answer.names()) == {"??"}


def test_deleted_program(tmp_path):
    prog = build(tmp_path, "gcc", "-O2", "-g")
    ident, addresses = build_id(prog), symtool.somewhere(prog, 5)
    prog.unlink()
    answer = symtool.ask(prog, addresses, "-b", ident)
    assert answer.best == 0 and "no such file" in answer.problem


def test_symtab_only(tmp_path):
    prog = build(tmp_path, "gcc", "-O2")
    take, = symbols(prog, "take")
    frame, = symtool.ask(prog, [take + 5]).frames[0]
    assert (frame["fn"], frame["origin"], frame["off"]) == ("take", SYMTAB, 5)


def test_gnu_debugdata(tmp_path):
    """As Fedora does it: the symbol table, packed with xz, in a section of the stripped file."""
    prog = build(tmp_path, "gcc", "-O2")
    take, main = symbols(prog, "take", "main")
    small = tmp_path / "small"
    run("objcopy", "--only-keep-debug", prog, small)
    (tmp_path / "packed").write_bytes(lzma.compress(small.read_bytes()))
    run("strip", prog)
    assert symtool.ask(prog, [take + 1]).names() == ["??"]
    run("objcopy", f"--add-section=.gnu_debugdata={tmp_path / 'packed'}", prog)
    answer = symtool.ask(prog, [take + 1, main])
    assert answer.names() == ["take", "main"] and answer.best == DEBUGDATA
    assert answer.frames[0][0]["origin"] == DEBUGDATA


def test_assembly_without_sizes(tmp_path):
    """Symbols of size 0 reach to the next symbol, not beyond their section."""
    source = tmp_path / "asm.s"
    source.write_text(".globl _start\n.text\n_start: nop\nnop\nsecond: nop\nnop\n"
                      ".section .other,\"ax\"\n.skip 16\n.section .note.GNU-stack\n")
    prog = tmp_path / "asm"
    run("gcc", "-nostdlib", "-static", "-Wl,--build-id", source, "-o", prog)
    start, second = symbols(prog, "_start", "second")
    answer = symtool.ask(prog, [start, start + 1, second, second + 1, second + 8])
    assert answer.names() == ["_start", "_start", "second", "second", "??"]


def both(path, addresses):
    """What both readers of DWARF say, which must be the same."""
    own = symtool.ask(path, addresses)
    assert symtool.ask(path, addresses, FR_SYMBOLS="libdwarf").frames == own.frames
    return own


def test_dropped_function(tmp_path):
    """Its line program starts at 0 and would claim what really lies there."""
    flags = "-O0 -g -ffunction-sections -Wl,--gc-sections -Wl,--build-id".split()
    prog = build(tmp_path, "gcc", *flags, source="dropped.c")
    assert "unused" not in run("nm", prog)
    start, used, main = symbols(prog, "_start", "used", "main")
    # nothing has lines for _start, and nothing may lend it any
    assert both(prog, [start + 2]).frames == [[{"fn": "_start", "file": "??", "line": 0,
                                                "origin": SYMTAB, "inl": False, "off": 2}]]
    frames = [f[-1] for f in both(prog, [used, used + 4, main, main + 4]).frames]
    assert [f["fn"] for f in frames] == ["used", "used", "main", "main"]
    text = (SAMPLES / "dropped.c").read_text().splitlines()
    at = {name: 1 + next(i for i, line in enumerate(text) if f"int {name}(" in line)
          for name in ("used", "main")}
    assert all(at[f["fn"]] <= f["line"] <= at[f["fn"]] + 4 for f in frames), (at, frames)


def test_overlapping_functions(tmp_path):
    """The smaller one has the address, wherever it is written."""
    prog = tmp_path / "overlap"
    run("gcc", "-nostdlib", "-static", "-Wl,--build-id", SAMPLES / "overlap.s", "-o", prog)
    start, = symbols(prog, "_start")
    answer = both(prog, [start + i for i in (0, 15, 16, 31, 32, 47, 48, 63)])
    assert answer.names() == [name for name in ("whole", "second", "last_half", "fourth")
                              for _ in range(2)]


# ---- data ---------------------------------------------------------------------------------------

@pytest.mark.parametrize("shape", ["gcc -O0 -g", "gcc -O2 -gdwarf-4", "clang -O1 -gdwarf-5",
                                   "gcc -g -gsplit-dwarf", "gcc -O2 -g -gz"])
def test_variables(tmp_path, shape):
    prog = build(tmp_path, *shape.split())
    buckets, grid = symbols(prog, "buckets", "grid")
    inner = next(int(line.split()[0], 16) for line in run("nm", prog).splitlines()
                 if re.search(r" inner(\.\d+)?$| take\.inner$", line))
    # struct bucket: 8 + 40 (pthread_mutex_t) + 3 * 16 bytes; pthread_rwlock_t: 56
    answer = symtool.ask(prog, [buckets + 42 * 96 + 8, buckets + 99 * 96 + 48 + 2 * 16 + 8,
                                grid + (2 * 5 + 3) * 56, grid + 3 * 56 + 4, inner], "-d")
    assert answer.names() == ["buckets[42].mu", "buckets[99].in[2].count", "grid[2][3]",
                              "grid[0][3]+0x4", "inner"]


def test_variables_cxx(tmp_path):
    prog = build(tmp_path, "g++", "-O1", "-g", source="sample.cc")
    lock, sessions = symbols(prog, "_ZN5store8big_lockE", "_ZN5store8sessionsE")
    # struct session: two mutexes of the base class, an int, a mutex: 128 bytes
    answer = symtool.ask(prog, [lock, sessions + 2 * 128 + 40, sessions + 128 + 88], "-d")
    assert answer.names() == ["store::big_lock", "store::sessions[2].second",
                              "store::sessions[1].third"]


def test_variables_without_dwarf(tmp_path):
    prog = build(tmp_path, "gcc", "-O2")
    buckets, = symbols(prog, "buckets")
    assert symtool.ask(prog, [buckets, buckets + 24], "-d").names() == ["buckets", "buckets+0x18"]


# ---- hostile files ------------------------------------------------------------------------------

def test_not_elf(tmp_path):
    for name, content in [("empty", b""), ("text", b"#!/bin/sh\n"), ("noise", os.urandom(100000)),
                          ("head", b"\x7fELF\x02\x01\x01" + bytes(57))]:
        path = tmp_path / name
        path.write_bytes(content)
        answer = symtool.ask(path, [0x1000, 0x2000], "-b", "00" * 20)
        assert answer.best == 0 and answer.names() == ["??", "??"]


def test_fifo(tmp_path):
    """Opening it for reading would wait for a writer that never comes."""
    path = tmp_path / "fifo"
    os.mkfifo(path)
    assert symtool.ask(path, [0x1000], "-b", "00" * 20).best == 0


def damaged(content, rng, ranges):
    out = bytearray(content)
    if rng.random() < 0.1:
        return out[:rng.randrange(len(out))]
    for _ in range(rng.choice([1, 5, 20, 100])):
        offset, size = rng.choice(ranges)
        out[offset + rng.randrange(size)] = rng.choice([0, 255, 127, 128, rng.randrange(256)])
    return out


@pytest.mark.parametrize("shape, source", [("g++ -O2 -g", "sample.cc"),
                                           ("clang -O2 -gdwarf-4", "sample.c"),
                                           ("gcc -O2 -g -gz", "sample.c")])
def test_damaged_debug_information(tmp_path, long, shape, source):
    """Never more than worse answers: symtool -w ends well whatever its worker does."""
    prog = build(tmp_path, *shape.split(), source=source)
    sections = re.findall(r" (\.debug_\w+|\.symtab|\.strtab)\s+\w+\s+\w+\s+(\w+)\s+(\w+)",
                          run("readelf", "-SW", prog))
    ranges = [(int(o, 16), int(s, 16)) for _, o, s in sections if int(s, 16)]
    ranges.append((prog.stat().st_size - 2048, 2048))
    content, ident, addresses = prog.read_bytes(), build_id(prog), symtool.somewhere(prog, 100)
    bad = tmp_path / "bad"
    for seed in range(2000 if long else 40):
        bad.write_bytes(damaged(content, random.Random(seed), ranges))
        assert len(symtool.ask(bad, addresses, "-w", "-b", ident).frames) == len(addresses)


# ---- the cache ----------------------------------------------------------------------------------

def test_cache(tmp_path):
    prog = build(tmp_path, "g++", "-O2", "-g", source="sample.cc")
    cache = {"FR_CACHE": "1", "XDG_CACHE_HOME": str(tmp_path / "cache")}
    ident, addresses = build_id(prog), symtool.somewhere(prog, 300)
    first = symtool.ask(prog, addresses, "-w", **cache)
    files = list((tmp_path / "cache/fr").iterdir())
    assert [f.name for f in files] == [f"{ident}.sym"]
    assert files[0].stat().st_mode & 0o777 == 0o600
    second = symtool.ask(prog, addresses, "-w", **cache)
    assert second.frames == first.frames
    # Damaged: ignored and written anew.
    files[0].write_bytes(files[0].read_bytes()[:-100])
    assert symtool.ask(prog, addresses, "-w", **cache).frames == first.frames
    # The program is gone, what is known of it stays true.
    prog.unlink()
    gone = symtool.ask(prog, addresses, "-w", "-b", ident, **cache)
    assert gone.frames == first.frames


def test_cache_gives_way_to_better(split, tmp_path):
    """Names from a symbol table are not kept once a debug package has been installed."""
    prog, debug, addresses, wanted = split
    cache = {"FR_CACHE": "1", "XDG_CACHE_HOME": str(tmp_path / "cache"),
             "FR_DEBUG_PATH": str(tmp_path / "root")}
    assert symtool.ask(prog, addresses, "-w", **cache).best == DYNSYM
    ident = build_id(prog)
    target = tmp_path / "root/.build-id" / ident[:2]
    target.mkdir(parents=True)
    os.rename(debug, target / f"{ident[2:]}.debug")
    answer = symtool.ask(prog, addresses, "-w", **cache)
    assert answer.best == DWARF and answer.frames == wanted
