# SPDX-License-Identifier: MIT
"""fr.h: what a program says of itself is in the recording; without the recorder nothing changes."""

import json
import shutil
import subprocess

import pytest

import fr

LANGUAGES = ["user_api", "user_api_cxx"]
SHAPES = {
    "nopie": ["gcc", "-O2", "-no-pie", "-fno-pie"],
    "O0": ["gcc", "-O0"],
    "lto": ["gcc", "-O2", "-flto"],
    "hidden": ["gcc", "-O2", "-fvisibility=hidden", "-Wl,--gc-sections", "-ffunction-sections"],
    "now": ["gcc", "-O2", "-Wl,-z,now", "-Wl,-z,relro", "-Wl,--as-needed"],
    "clang": ["clang", "-O2"],
    "clang-nopie": ["clang", "-O2", "-no-pie", "-fno-pie"],
    "lld": ["clang", "-O2", "-fuse-ld=lld"],
    "gold": ["gcc", "-O2", "-fuse-ld=gold", "-no-pie", "-fno-pie"],
}


def said_and_seen(host, name, **settings):
    p = host.run(fr.TARGETS / name, **settings)
    exit_file = host.snapshots(p.pid)[-1]
    return [json.loads(line) for line in p.lines], fr.read("events", exit_file), exit_file


def named(events, kind, name=None):
    return [e for e in events if e["event"] == kind and (name is None or e["name"] == name)]


def build(tmp_path, flags, source="user_api.c"):
    if not shutil.which(flags[0]):
        pytest.skip(f"needs {flags[0]}")
    out = tmp_path / "program"
    r = subprocess.run([*flags, "-D_GNU_SOURCE", "-pthread", "-o", out,
                        fr.TOP / "tests/targets" / source], capture_output=True, text=True,
                       check=False)
    if r.returncode and "linker" in r.stderr + r.stdout and "ld" in flags[-1] + flags[2]:
        pytest.skip(r.stderr.strip()[-80:])
    assert r.returncode == 0, r.stderr
    return out


@pytest.mark.parametrize("name", LANGUAGES)
def test_tasks(full, name):
    said, events, _ = said_and_seen(full, name)
    outer, inner = next(s["tasks"] for s in said if "tasks" in s)
    begin = {e["name"]: e for e in named(events, "user.task.begin")}
    assert begin["outer task"]["task"] == outer and begin["outer task"]["parent"] == 0
    assert begin["inner task"]["task"] == inner and begin["inner task"]["parent"] == outer
    ends = {e["name"]: e for e in named(events, "user.task.end")}
    assert ends["outer task"]["dur_ns"] >= ends["inner task"]["dur_ns"] >= 3e6
    frame = begin["inner task"]["stack"][0]
    scoped = next(f for f in begin["inner task"]["stack"] if "scoped" in (f["fn"] or ""))
    source = "user_api.c" if name == "user_api" else "user_api_cxx.cc"
    line = fr.source_line(f"tests/targets/{source}", "/* inner task begins here */")
    assert scoped["line"] == line and scoped["file"].endswith(source), frame


@pytest.mark.parametrize("name", LANGUAGES)
def test_zones_nest_and_belong_to_their_task(full, name):
    said, events, _ = said_and_seen(full, name)
    _, inner = next(s["tasks"] for s in said if "tasks" in s)
    parse, = named(events, "user.zone.end", "parse")
    slow, = named(events, "user.zone.end", "slow part")
    assert (parse["depth"], slow["depth"]) == (1, 2) and parse["task"] == slow["task"] == inner
    assert parse["dur_ns"] >= slow["dur_ns"] >= 3e6
    begins = [e["name"] for e in named(events, "user.zone.begin") if e["task"] == inner]
    assert begins == ["parse", "slow part"]


@pytest.mark.parametrize("name", LANGUAGES)
def test_logs_and_counters(full, name):
    said, events, _ = said_and_seen(full, name)
    outer, _ = next(s["tasks"] for s in said if "tasks" in s)
    logs = [e for e in events if e["event"] == "user.log"]
    assert [e["task"] for e in logs if e["log"] == {"after": "inner"}] == [outer]
    assert logs[-1]["log"] == {"user": "bob"}
    assert [e["value"] for e in named(events, "user.counter", "queue")] == [41, -7]


@pytest.mark.parametrize("name", LANGUAGES)
def test_labels_are_on_every_event(full, name):
    """Each send and receive carries the labels that were in force on its thread."""
    said, events, recording = said_and_seen(full, name)
    labelled = [s for s in said if "labelled" in s]
    tids = {s["tid"] for s in labelled}
    assert len(labelled) == 7 and len(tids) == 2
    for tid in tids:
        want = [s["labelled"] for s in labelled if s["tid"] == tid]
        for kind in ("net.send", "net.recv"):
            seen = [e.get("labels", {}) for e in events if e["tid"] == tid and e["event"] == kind]
            assert seen == want, (kind, seen)
    text = fr.fr("events", recording).out
    assert '{request="r-16" trace="00-4bf9' in text and '{request="r-17"}' in text
    filtered = fr.read("events", recording, "-e", "net.send")
    assert [e.get("labels") for e in filtered] == [e.get("labels") for e in events
                                                   if e["event"] == "net.send"]


@pytest.mark.parametrize("name", LANGUAGES)
def test_snapshot_on_request(host, name):
    p = host.run(fr.TARGETS / name)
    recording, = host.snapshots(p.pid)
    report = fr.read("report", recording)
    assert report["trigger"]["kind"] == "api"
    assert report["trigger"]["reason"] == "because I say so"
    assert json.loads(p.lines[-1]) == {"enabled": 1, "snapshot": 0}


def test_too_long_is_cut_and_counted(full):
    _, events, recording = said_and_seen(full, "user_api")
    report = fr.read("report", recording)
    assert report["drops"]["text_cut"] > 10
    assert not report["drops"].get("too_long")
    log = next(e["log"] for e in events if e["event"] == "user.log" and "hhh" in str(e["log"]))
    assert log == {"h" * 63: "h" * 319}
    label = next(e["label"] for e in events
                 if e["event"] == "user.label" and "hhh" in str(e["label"]))
    assert label == {"h" * 63: "h" * 159}
    text = fr.fr("events", recording).out
    assert "\x1b" not in text and "\\x1b" in text


def test_labels_outlive_their_event(full):
    """Chunks that held the label's event are overwritten; later events still carry it."""
    p = full.run(fr.TARGETS / "labelled_storm", FR_MAX_BYTES="1M", FR_MIN_AGE="1ms")
    events = fr.read("events", full.snapshots(p.pid)[-1], ok=(0, 3))
    rare = [e for e in events if e["event"] == "user.log"]
    set_once = [e for e in events if e["event"] == "user.label" and not e["again"]]
    assert len(rare) > 100 and not set_once, "the window has moved on"
    assert all(e["labels"] == {"request": "r-1"} for e in rare)


def test_level_slow_and_off(host):
    said, events, _ = said_and_seen(host, "user_api", FR_EVENTS="user=slow", FR_TRIGGER="exit")
    assert not named(events, "user.counter") and not named(events, "user.zone.begin")
    assert named(events, "user.zone.end", "slow part")
    assert named(events, "user.task.begin") and any("labels" in e for e in events)
    said, events, _ = said_and_seen(host, "user_api", FR_EVENTS="user=off", FR_TRIGGER="exit")
    assert not [e for e in events if e["event"].startswith("user.") or "labels" in e]
    assert said[-1]["enabled"] == 0


@pytest.mark.parametrize("name", LANGUAGES)
def test_without_the_recorder(host, name):
    """The same program, the same behaviour, no recorder: nothing is needed and nothing said."""
    plain = host.run(fr.TARGETS / name, "bare", recorded=False)
    recorded = host.run(fr.TARGETS / name, "bare")
    assert plain.lines == recorded.lines == ['{"bare":true}']
    assert not plain.stderr() and not recorded.stderr()
    needed = subprocess.run(["readelf", "-dW", fr.TARGETS / name], capture_output=True, text=True,
                            check=True).stdout
    assert "libfr" not in needed
    spoken = json.loads(host.run(fr.TARGETS / name, recorded=False).lines[-1])
    assert spoken == {"enabled": 0, "snapshot": -1}


@pytest.mark.parametrize("shape", SHAPES)
def test_shapes_of_programs(host, tmp_path, shape):
    """However it is built and linked: heard with the recorder, silent without."""
    program = build(tmp_path, SHAPES[shape])
    p = host.run(program)
    assert json.loads(p.lines[-1]) == {"enabled": 1, "snapshot": 0}
    assert host.snapshots(p.pid)
    p = host.run(program, recorded=False)
    assert json.loads(p.lines[-1]) == {"enabled": 0, "snapshot": -1}


def test_static_program(host, tmp_path):
    """The recorder cannot be in it; the calls do nothing."""
    p = host.run(build(tmp_path, ["gcc", "-O2", "-static"]))
    assert json.loads(p.lines[-1]) == {"enabled": 0, "snapshot": -1}


@pytest.mark.parametrize("compiler,standard", [("gcc", "c99"), ("gcc", "c11"), ("g++", "c++98"),
                                               ("g++", "c++20"), ("clang", "c99"),
                                               ("clang++", "c++11")])
def test_header_is_strict(tmp_path, compiler, standard):
    if not shutil.which(compiler):
        pytest.skip(f"needs {compiler}")
    for i in "ab":  # in two files of one program
        (tmp_path / f"{i}.c").write_text(f'#include "fr.h"\nint {i}(void);\n'
                                         f'int {i}(void) {{ return fr_enabled(); }}\n')
    (tmp_path / "m.c").write_text("int main(void) { return 0; }\n")
    relax = ["-Wno-long-long"] if standard == "c++98" else []
    lang = ["-x", "c++"] if "++" in compiler else []
    subprocess.run([compiler, *lang, f"-std={standard}", "-Wall", "-Wextra", "-pedantic",
                    "-Wno-unused-function", "-Werror", *relax, f"-I{fr.TOP}/preload",
                    "a.c", "b.c", "m.c"], cwd=tmp_path, check=True)


def test_exports_are_hooks_and_the_api():
    shown = subprocess.run(["nm", "-D", "--defined-only", fr.LIB], capture_output=True, text=True,
                           check=True).stdout
    names = {line.split()[2].split("@")[0] for line in shown.splitlines()
             if line.split()[1] in "TWiDBRV"}
    assert "fr_api_v1" in names
    assert [n for n in names if n.startswith("fr_")] == ["fr_api_v1"]


def test_installed(tmp_path):
    subprocess.run(["make", "-s", f"O={fr.O}", "install", f"DESTDIR={tmp_path}", "PREFIX=/usr"],
                   cwd=fr.TOP, check=True, capture_output=True)
    assert (tmp_path / "usr/include/fr.h").read_text() == (fr.TOP / "preload/fr.h").read_text()
    page = (tmp_path / "usr/share/man/man1/fr.1").read_text()
    assert page == fr.fr("help", "--man").out and page.startswith(".TH FR 1 ")
