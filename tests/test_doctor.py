# SPDX-License-Identifier: MIT
"""fr doctor: what it says of programs, processes and this machine is what fr run then does."""

import json
import os
import random
import re
import shutil
import subprocess

import pytest

import fr
from conftest import needs

EMPTY = "int main(void) { return 0; }\n"


def doctor(*args, ok=(0, 1), env=None, preexec=None):
    """(exit code, {check: [answer...]}, all of it)"""
    r = subprocess.run([fr.FR, "doctor", "--json", *map(str, args)], capture_output=True, text=True,
                       timeout=60, env=env, preexec_fn=preexec, check=False)
    assert r.returncode in ok, r.stdout + r.stderr
    said = json.loads(r.stdout)
    checks = {}
    for a in said["checks"]:
        checks.setdefault(a["check"], []).append(a)
    return r.returncode, checks, said


def results(checks, name):
    return [a["result"] for a in checks.get(name, [])]


def text(checks, name):
    return " ".join(a["text"] for a in checks.get(name, []))


def build(path, source=EMPTY, *flags, compiler="gcc"):
    c = path.with_suffix(".c")
    c.write_text(source)
    r = subprocess.run([compiler, "-o", path, c, *flags], capture_output=True, text=True,
                       check=False)
    if r.returncode:
        pytest.skip(f"{compiler} {' '.join(flags)} is not to be had: {r.stderr[-200:]}")
    return path


def test_here(tmp_path):
    """The directory is the one that a recorded program then takes; nothing of the trial stays."""
    regions = fr.Host(tmp_path).dir
    env = {**os.environ, "FR_DIR": str(regions), "FR_MAX_BYTES": "3M"}
    code, checks, said = doctor(env=env)
    assert code == 0 and said["verdict"] == "good" and said["program"] is None
    assert text(checks, "libfr.so") == str(fr.LIB.resolve())
    assert results(checks, "trial") == results(checks, "libunwind") == ["good"]
    assert f"{regions}: " in text(checks, "directory") and "3 MiB" in text(checks, "directory")
    assert list(regions.iterdir()) == []


def test_regions_of_others_stay(host):
    """A trial starts under FR_KEEP_MAX as well: it must not make room for itself."""
    host.run("/bin/true", FR_KEEP=1)
    left, = host.regions()
    doctor(env={**os.environ, "FR_DIR": str(host.dir), "FR_KEEP_MAX": "1K,1"})
    assert host.regions() == [left]


@pytest.mark.parametrize("flags,words", [(("-static",), "statically linked"),
                                         (("-m32",), "another architecture")])
def test_programs_that_cannot(tmp_path, flags, words):
    program = build(tmp_path / "p", EMPTY, *flags)
    code, checks, said = doctor(program)
    assert code == 1 and said["verdict"] == "bad" and results(checks, "program")[0] == "bad"
    assert words in text(checks, "program")
    r = subprocess.run([fr.FR, "run", "--", program], capture_output=True, text=True, check=False)
    assert r.returncode == 1 and checks["program"][0]["text"] in r.stderr, "as fr run says"


def test_setuid(tmp_path, root):
    program = build(tmp_path / "p")
    os.chown(program, 12345, 12345)
    program.chmod(0o6755)
    code, checks, _ = doctor(program)
    assert code == 1 and results(checks, "program") == ["bad"]
    assert "setuid" in text(checks, "program")


def test_musl(tmp_path):
    program = build(tmp_path / "p", EMPTY, compiler=needs("musl-gcc"))
    code, checks, _ = doctor(program)
    assert code == 1 and "musl" in text(checks, "program")


# A note as Go's linker leaves it.
GO = """
__asm__(".pushsection .note.go.buildid, \\"a\\", @note\\n"
	".long 4, 4, 4\\n.ascii \\"Go\\\\0\\\\0\\"\\n"
	".ascii \\"abcd\\"\\n.popsection\\n");
""" + EMPTY


@pytest.mark.parametrize("flags,result", [(("-static",), "bad"), ((), "part")])
def test_go(tmp_path, flags, result):
    code, checks, said = doctor(build(tmp_path / "p", GO, *flags))
    assert code == (result == "bad") and results(checks, "program") == [result]
    assert "Go program" in text(checks, "program")


def test_real_go(tmp_path, long):
    if not long:
        pytest.skip("long form only")
    (tmp_path / "m.go").write_text("package main\nfunc main() {}\n")
    subprocess.run([needs("go"), "build", "-o", "m", "m.go"], cwd=tmp_path, check=True,
                   env={**os.environ, "GOCACHE": str(tmp_path / "cache"), "GO111MODULE": "off"})
    code, checks, _ = doctor(tmp_path / "m")
    assert code == 1 and "FlightRecorder" in text(checks, "program")


@pytest.mark.parametrize("flags,compiler,result,words", [
    (("-fsanitize=address",), "gcc", "part", "AddressSanitizer"),
    (("-fsanitize=address",), "clang", "part", "AddressSanitizer"),
    (("-fsanitize=thread",), "gcc", "bad", "ThreadSanitizer"),
    (("-fsanitize=thread", "-static-libtsan"), "gcc", "bad", "ThreadSanitizer"),
    (("-fsanitize=memory",), "clang", "bad", "MemorySanitizer"),
    (("-fsanitize=leak",), "gcc", "bad", "LeakSanitizer")])
def test_sanitizers(tmp_path, host, flags, compiler, result, words):
    program = build(tmp_path / "p", EMPTY, *flags, compiler=needs(compiler))
    code, checks, _ = doctor(program)
    assert code == (result == "bad")
    assert results(checks, "runtime") == [result] and words in text(checks, "runtime")
    p = host.run(program, FR_KEEP=1, code=None)
    assert bool(host.regions()) == (result == "part"), p.stderr()


def test_healthy_one(tmp_path):
    _, checks, said = doctor(build(tmp_path / "p", EMPTY, "-g"))
    assert said["verdict"] == "good"
    for name in ("program", "loader", "libc", "libraries", "runtime", "memory", "stacks"):
        assert results(checks, name) == ["good"], (name, checks)
    assert results(checks, "symbols")[0] == "good" and "lines" in text(checks, "symbols")
    assert "no sign" in text(checks, "runtime") and "malloc of libc" in text(checks, "memory")
    assert re.match(r"glibc 2\.\d+; libfr.so needs 2\.\d+$", text(checks, "libc"))


@pytest.mark.parametrize("strip,flags,words", [
    (None, (), "no files, lines"), ("--strip-all", (), "only functions that are exported"),
    (None, ("-g", "-Wl,--build-id=none"), "no build-id")])
def test_names(tmp_path, strip, flags, words):
    program = build(tmp_path / "p", EMPTY, *flags)
    if strip:
        subprocess.run(["strip", strip, program], check=True)
    _, checks, said = doctor(program)
    assert said["verdict"] == "part" and checks["symbols"][0]["result"] == "part"
    assert words in checks["symbols"][0]["text"]


def test_which_package_has_the_names():
    redis = needs("redis-server")
    if not shutil.which("dpkg-query"):
        pytest.skip("needs dpkg")
    _, checks, _ = doctor(redis)
    install, = [a["next"] for a in checks["symbols"] if (a["next"] or "").startswith("apt-get")]
    real = os.path.realpath(redis)
    owner = subprocess.run(["dpkg-query", "-S", real], capture_output=True, text=True,
                           check=True).stdout.split(":")[0]
    assert f" {owner}-dbgsym" in install and "debuginfod" in checks["symbols"][-1]["next"]


def test_allocators(tmp_path):
    assert "jemalloc as a library" in text(doctor(needs("redis-server"))[1], "memory")
    own = build(tmp_path / "own", "#include <stddef.h>\nvoid *malloc(size_t n) { return 0; }\n"
                "int mallctl(void) { return 0; }\n" + EMPTY, "-fno-builtin", "-rdynamic")
    _, checks, _ = doctor(own)
    assert results(checks, "memory") == ["part"]
    assert "malloc of its own, jemalloc" in text(checks, "memory")


@pytest.mark.parametrize("program,words", [("java", "Java"), ("node", "Node.js"),
                                           ("/usr/bin/python3", "Python"), ("perl", "Perl")])
def test_runtimes(program, words):
    code, checks, said = doctor(needs(program))
    assert code == 0 and said["verdict"] == "part", said
    assert "part" in results(checks, "runtime") and words in text(checks, "runtime")
    assert results(checks, "libraries") == ["good"], "all found, as the loader would"


@pytest.mark.parametrize("strip", [False, True])
def test_rust(tmp_path, strip):
    (tmp_path / "r.rs").write_text('fn main() { println!("x"); }\n')
    subprocess.run([needs("rustc"), "r.rs"], cwd=tmp_path, check=True, capture_output=True)
    if strip:
        subprocess.run(["strip", "-s", "-R", ".comment", tmp_path / "r"], check=True)
    assert "Rust" in text(doctor(tmp_path / "r")[1], "runtime")


def test_libraries_as_the_loader_finds_them(tmp_path):
    """By RUNPATH with $ORIGIN, through a link to the program; and what is missing is said."""
    (tmp_path / "lib").mkdir()
    (tmp_path / "x.c").write_text("int x(void) { return 0; }\n")
    subprocess.run(["gcc", "-shared", "-o", "lib/libfrx.so", "x.c"], cwd=tmp_path, check=True)
    program = build(tmp_path / "p", "int x(void); int main(void) { return x(); }\n",
                    f"-L{tmp_path}/lib", "-lfrx", "-Wl,-rpath,$ORIGIN/lib")
    link = tmp_path / "elsewhere"
    link.mkdir()
    (link / "q").symlink_to(program)
    assert subprocess.run([link / "q"], check=False).returncode == 0
    assert results(doctor(link / "q")[1], "libraries") == ["good"]
    (tmp_path / "lib/libfrx.so").unlink()
    _, checks, _ = doctor(program)
    assert results(checks, "libraries") == ["unknown"] and "libfrx.so" in text(checks, "libraries")


def test_scripts(tmp_path):
    script = tmp_path / "s"
    script.write_text("#!/bin/sh\n")
    script.chmod(0o755)
    assert f"{script} is a script of /bin/sh" in text(doctor(script)[1], "program")
    script.write_text("#!/usr/bin/env sh\n")
    assert "starts another program" in text(doctor(script)[1], "program")
    code, checks, _ = doctor(tmp_path / "none")
    assert code == 1 and "no program" in text(checks, "program")


def test_processes(host):
    """One that is recorded, one that is not, one whose files are limited, one that is gone."""
    p = host.target("hang", "healthy", recorded=False)
    _, checks, said = doctor(p.pid)
    assert said["pid"] == p.pid and "without the recorder" in text(checks, "process")
    q = host.target("hang", "healthy")
    region = host.region(q)
    _, checks, said = doctor(q.pid)
    assert f"recorded now, in {region}" in text(checks, "process")
    assert "libunwind" not in text(checks, "runtime"), "that is the recorder's"
    p.kill()
    r = subprocess.run([fr.FR, "doctor", str(p.pid)], capture_output=True, text=True, check=False)
    assert r.returncode == 1 and "no process" in r.stderr and r.stdout == ""


def test_a_setuid_process(tmp_path, root):
    """The kernel says so of the process, whatever has become of its file."""
    program = build(tmp_path / "p", "#include <unistd.h>\nint main(void) { write(1, \"x\", 1);"
                    "pause(); }\n")
    os.chown(program, 0, 0)
    program.chmod(0o4755)
    tmp_path.chmod(0o755)
    for up in list(tmp_path.parents)[:3]:
        if up.name.startswith("pytest"):
            up.chmod(0o755)
    p = subprocess.Popen([program], stdout=subprocess.PIPE, user=12345, group=12345)
    try:
        p.stdout.read(1)
        program.chmod(0o755)
        code, checks, _ = doctor(p.pid)
        assert code == 1 and "more rights than its user" in text(checks, "process")
    finally:
        p.kill()
        p.wait()


def test_limits():
    import resource
    def files():
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
    code, checks, _ = doctor("/bin/true", preexec=files)
    assert code == 1 and results(checks, "trial") == ["bad"]
    assert "ulimit -f" in text(checks, "trial") and "1 MiB" in text(checks, "limits")

    def space():
        resource.setrlimit(resource.RLIMIT_AS, (400 << 20, 400 << 20))
    _, checks, _ = doctor("/bin/true", preexec=space)
    assert "part" in results(checks, "limits") and "400 MiB" in text(checks, "limits")


def test_a_small_memory_file_system(tmp_path, mounts):
    """Docker's /dev/shm, as it were: 64 MiB are enough for a region, 4 MiB are not."""
    for size, result in (("64m", "good"), ("4m", "part")):
        r = subprocess.run(["unshare", "-m", "sh", "-c",
                            f"mount -t tmpfs -o size={size},mode=1777 x /dev/shm "
                            f"&& exec {fr.FR} doctor --json"],
                           capture_output=True, text=True, check=False,
                           env={k: v for k, v in os.environ.items() if k != "FR_DIR"})
        answer, = [a for a in json.loads(r.stdout)["checks"] if a["check"] == "directory"]
        assert answer["result"] == result and "/dev/shm/fr-0: " in answer["text"]


def test_without_the_library(tmp_path):
    code, checks, _ = doctor(env={**os.environ, "FR_LIB": "/nowhere/libfr.so"})
    assert code == 1 and results(checks, "libfr.so") == ["bad"]
    assert results(checks, "trial") == ["unknown"]


def test_a_libunwind_that_is_not_there(tmp_path):
    """Not found through the loader's own variable: the trial tells, with the recorder's words."""
    (tmp_path / "libunwind.so.8").write_text("no library")
    code, checks, said = doctor(env={**os.environ, "LD_LIBRARY_PATH": str(tmp_path)})
    assert code == 0 and said["verdict"] == "part" and results(checks, "libunwind") == ["part"]


def test_another_root(tmp_path, mounts):
    """A process in a root of its own: its files are found there, and that libfr.so is missing."""
    r = tmp_path / "root"
    r.mkdir()
    p = subprocess.Popen(["unshare", "-m", "sh", "-c", f"mount --bind / {r} && mount -t tmpfs x "
                          f"{r}{fr.O} && exec chroot {r} /bin/sleep 100"])
    try:
        fr.wait_for(lambda: os.path.basename(os.readlink(f"/proc/{p.pid}/exe")) == "sleep", "sleep")
        code, checks, _ = doctor(p.pid)
        assert code == 0 and "libfr.so is not at the same place" in text(checks, "process")
        assert results(checks, "libc") == ["good"]
    finally:
        p.kill()
        p.wait()


def test_damaged_programs(tmp_path, long):
    """Whatever a file says of itself: an answer, and no death."""
    good = build(tmp_path / "p").read_bytes()
    rng, program = random.Random(1), tmp_path / "damaged"
    for i in range(2000 if long else 60):
        bad = bytearray(good[:rng.randrange(64, len(good))] if i % 3 == 0 else good)
        for _ in range(rng.choice((0, 1, 8, 64))):
            near = 0x400 if rng.random() < 0.5 else len(bad)
            bad[rng.randrange(16, min(near, len(bad)))] = rng.randrange(256)
        program.write_bytes(bad)
        program.chmod(0o755)
        r = subprocess.run([fr.FR, "doctor", program], capture_output=True, timeout=60,
                           check=False)
        assert r.returncode in (0, 1) and r.stdout, (i, r.stderr)


def test_text_and_verdict_in_the_first_line(tmp_path):
    r = subprocess.run([fr.FR, "doctor", "/bin/true"], capture_output=True, text=True, check=False)
    assert r.stdout.startswith("/bin/true: can be recorded") and r.stderr == ""
    assert all(len(line) <= 100 for line in r.stdout.splitlines() if " /" not in line)
    assert subprocess.run([fr.FR, "doctor", "a", "b"], capture_output=True,
                          check=False).returncode == 2
