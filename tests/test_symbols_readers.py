# SPDX-License-Identifier: MIT
"""Symbols: the own reader of DWARF against libdwarf alone, frame by frame and bit by bit."""

import pathlib
import subprocess

import pytest

import fr
import symtool
from conftest import needs

SAMPLES = pathlib.Path(__file__).parent / "symbols"
LONG, SHORT = 10000, 300

# Programs of some hundred lines for the short form: many shapes of debug information.
SMALL = [
    "gcc -O0 -g", "gcc -O3 -gdwarf-4", "gcc -O2 -gdwarf-3", "gcc -O2 -g -gz",
    "gcc -O2 -g -gdwarf64", "gcc -O2 -g -flto", "gcc -O2 -g -no-pie",
    "gcc -O2 -g -ffunction-sections -Wl,--gc-sections", "clang -O2 -gdwarf-5",
    "clang -O2 -gdwarf-4", "clang -O2 -gline-tables-only",
    "clang -O2 -gdwarf-4 -ffunction-sections -fdebug-ranges-base-address",
    "clang -O2 -gdwarf-5 -ffunction-sections",
]
SMALL_CXX = ["g++ -O0 -g", "g++ -O2 -gdwarf-5", "g++ -O2 -gdwarf-4", "clang++ -O2 -gdwarf-5",
             "clang++ -O1 -gdwarf-4"]
RUST = ["rustc -g -O", "rustc -g -Csymbol-mangling-version=v0", "rustc -g -O -Cdwarf-version=5"]
# Libraries of thousands of lines for the long one.
LARGE = ["gcc -O2 -gdwarf-5", "gcc -O3 -gdwarf-4", "clang -O2 -gdwarf-5", "clang -O2 -gdwarf-4"]
LARGE_CXX = ["g++ -O2 -gdwarf-5", "g++ -O2 -gdwarf-4", "clang++ -O2 -gdwarf-5",
             "clang++ -O2 -gdwarf-4"]


@pytest.fixture(scope="module", autouse=True)
def built():
    symtool.build()


def build(tmp_path, shape, *arguments):
    compiler, *flags = shape.split()
    needs(compiler)
    out = tmp_path / "built"
    subprocess.run([compiler, *flags, *arguments, "-o", out], check=True, capture_output=True,
                   cwd=fr.TOP)
    return out


def same(path, n):
    """Both say the same of N places, or a rule of symtool.RULES says why not."""
    found = symtool.compare_readers(path, symtool.somewhere(path, n))
    unexplained = found.pop("unexplained", [])
    assert not unexplained, (len(unexplained), unexplained[0])
    print(f"{path}: {n} addresses, differences with a reason:",
          {rule: len(cases) for rule, cases in found.items()} or "none")


@pytest.mark.parametrize("shape", SMALL)
def test_c(tmp_path, long, shape):
    same(build(tmp_path, shape, SAMPLES / "sample.c", "-pthread"), LONG if long else SHORT)


@pytest.mark.parametrize("shape", SMALL_CXX)
def test_cxx(tmp_path, long, shape):
    same(build(tmp_path, shape, SAMPLES / "sample.cc", "-pthread"), LONG if long else SHORT)


@pytest.mark.parametrize("shape", RUST)
def test_rust(tmp_path, long, shape):
    """With it comes the standard library."""
    same(build(tmp_path, shape, SAMPLES / "sample.rs", "--edition", "2021",
               "-Clink-arg=-Wl,--build-id"), LONG if long else SHORT)


def test_libc(long):
    libc = next(p for p in map(pathlib.Path, ["/lib/x86_64-linux-gnu/libc.so.6",
                                              "/usr/lib/libc.so.6"]) if p.exists())
    if symtool.ask(libc, [0]).best != 1:
        pytest.skip("needs libc6-dbg")
    same(libc.resolve(), LONG if long else SHORT)


@pytest.mark.parametrize("shape", LARGE)
def test_library(tmp_path, long, shape):
    """The parts of fr that read files, as a library."""
    if not long:
        pytest.skip("long form")
    sources = [f for part in ("base", "read", "symbols")
               for f in (fr.TOP / "decoder" / part).glob("*.c")]
    same(build(tmp_path, shape, "-std=gnu11", "-D_GNU_SOURCE", "-I.", "-Idecoder", "-fPIC",
               "-shared", "-Wl,--build-id", *sources), LONG)


@pytest.mark.parametrize("shape", LARGE_CXX)
def test_library_cxx(tmp_path, long, shape):
    if not long:
        pytest.skip("long form")
    same(build(tmp_path, shape, "-std=c++17", "-fPIC", "-shared", "-Wl,--build-id", "-pthread",
               SAMPLES / "library.cc"), LONG)


def test_the_other_reader_is_asked(tmp_path):
    """A comparison of one reader with itself would be equal too: only one has variables."""
    prog = build(tmp_path, "gcc -g", SAMPLES / "sample.c", "-pthread")
    table = subprocess.run(["nm", prog], check=True, capture_output=True, text=True).stdout
    buckets = next(int(line.split()[0], 16) for line in table.splitlines()
                   if line.endswith(" buckets"))
    assert symtool.ask(prog, [buckets + 8], "-d").names() == ["buckets[0].mu"]
    assert symtool.ask(prog, [buckets + 8], "-d", FR_SYMBOLS="libdwarf").names() == ["buckets+0x8"]
