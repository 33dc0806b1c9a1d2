# SPDX-License-Identifier: MIT
"""fr run and the manners of the command line: what is refused, what is said where, which status."""

import json
import os
import re
import shutil
import subprocess

import pytest

import fr


def call(*args, **kw):
    """fr with its own streams: (exit code, stdout, stderr)."""
    p = subprocess.run([str(fr.FR), *map(str, args)], capture_output=True, text=True, timeout=60,
                       **kw)
    return p.returncode, p.stdout, p.stderr


def compile_c(path, text, *flags):
    path.with_suffix(".c").write_text(text)
    subprocess.run(["gcc", "-o", path, path.with_suffix(".c"), *flags], check=True)
    return path


@pytest.mark.parametrize("script,code", [("exit 7", 7), ("exit 0", 0), ("kill -9 $$", -9)])
def test_status_is_the_programs_own(tmp_path, script, code):
    got, out, err = call("run", "-q", "--", "sh", "-c", f"echo out; {script}", cwd=tmp_path)
    assert got == code and out == "out\n" and err == ""


def test_pid_stays_and_one_line_says_where(tmp_path):
    p = subprocess.Popen([fr.FR, "run", "-o", "snaps", "--", "sh", "-c", "echo $$; echo $FR_OUT"],
                         cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    out, err = p.communicate(timeout=60)
    assert out.splitlines() == [str(p.pid), str(tmp_path / "snaps")]
    assert len(err.splitlines()) == 1 and "kill" not in err and "USR1" not in err
    assert f"fr: recording; fr snapshot {p.pid} saves" in err and f"{tmp_path}/snaps" in err


def test_what_it_says_is_true(tmp_path):
    """The process it names has a region, and is saved as it says."""
    p = subprocess.Popen([fr.FR, "run", "-d", tmp_path, "--", "sh", "-c", "echo $$; exec sleep 99"],
                         cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        said = p.stderr.readline()
        pid = said.split("fr snapshot ")[1].split()[0]
        assert pid == p.stdout.readline().strip()
        env = {**os.environ, "FR_DIR": str(tmp_path)}
        saved = fr.wait_for(lambda: call("snapshot", pid, cwd=tmp_path, env=env)[1].strip(),
                            "a snapshot; between two programs there is no region")
        assert (tmp_path / saved).exists()
    finally:
        p.kill()
        p.wait()
    assert p.stderr.read() == "", "once, though it executed another program"


@pytest.mark.parametrize("script,words", [
    ("ulimit -f 100; exec {fr} run -- true", "file size limit (ulimit -f)"),
    ("exec {fr} run --only server -- true", "not recording this program itself: FR_ONLY")])
def test_without_a_region_nothing_is_recommended(tmp_path, script, words):
    r = subprocess.run(["sh", "-c", script.format(fr=fr.FR)], cwd=tmp_path, capture_output=True,
                       text=True, timeout=60, check=False)
    assert r.returncode == 0 and len(r.stderr.splitlines()) == 1
    assert words in r.stderr and "snapshot" not in r.stderr


def test_a_program_that_a_sanitizer_watches(tmp_path):
    program = compile_c(tmp_path / "tsan", "int main(void){return 0;}", "-fsanitize=thread")
    code, _, err = call("run", "--", program, cwd=tmp_path)
    assert code == 0 and "not recording: a sanitizer" in err and len(err.splitlines()) == 1


@pytest.mark.parametrize("stderr", ["2>&-", "2> >(exec true)"])
def test_nobody_reads_what_it_says(tmp_path, stderr):
    """A pipe without a reader, no stderr at all: the program runs, and is not killed for it."""
    script = f"{fr.FR} run -- sh -c 'exec 2>/dev/null; echo ran' {stderr}; echo $?"
    for _ in range(5):
        r = subprocess.run(["bash", "-c", script], cwd=tmp_path, capture_output=True, text=True,
                           timeout=60, check=False)
        assert r.stdout == "ran\n0\n", r


def test_a_program_started_by_it_is_silent(tmp_path):
    """Only the process that fr run became speaks: not what it starts, not with -q."""
    inner = f"{fr.FR} run -q -- true; true; /bin/true"
    code, out, err = call("run", "--", "sh", "-c", inner, cwd=tmp_path)
    assert code == 0 and out == "" and len(err.splitlines()) == 1


def test_nothing_says_kill():
    """No text of ours tells to send a signal to a process that may not take it: it would die."""
    texts = [fr.TOP / "README.md", fr.TOP / "scripts/demo", *fr.TOP.glob("decoder/**/*.[ch]"),
             *fr.TOP.glob("decoder/**/*.def"), *fr.TOP.glob("preload/**/*.[ch]"),
             *fr.TOP.glob("preload/**/*.def"), *fr.TOP.glob("tests/examples/**/*.[ch]")]
    assert len(texts) > 100
    for text in texts:
        assert "kill -USR1" not in text.read_text(), text
    for command in ("run", "list", "snapshot", "report"):
        assert "kill" not in call("help", command)[1]


def test_list_recommends_what_needs_no_signal(tmp_path):
    env = {**os.environ, "FR_DIR": str(tmp_path)}
    p = subprocess.Popen([fr.FR, "run", "--", "sh", "-c", "kill -STOP $$"], cwd=tmp_path, env=env,
                         stderr=subprocess.PIPE, text=True)
    try:
        p.stderr.readline()
        code, out, err = call("list", cwd=tmp_path, env=env)
        assert code == 0 and "SIGUSR1" in out and f"fr snapshot {p.pid} keeps" in err
    finally:
        p.kill()
        p.wait()
    code, out, err = call("list", cwd=tmp_path, env=env)
    assert "left" in out and "SIGUSR1" not in out and "fr snapshot" not in err


def test_options_become_settings(tmp_path):
    code, out, _ = call("run", "-q", "-e", "full", "--max-bytes=4M", "-w", "2s", "-k",
                        "--trigger", "exit", "-o", tmp_path, "-d", tmp_path, "--",
                        "sh", "-c", "env | grep ^FR_ | sort", cwd=tmp_path)
    assert code == 0
    assert out.splitlines() == [f"FR_DIR={tmp_path}", "FR_EVENTS=full", "FR_KEEP=1",
                                "FR_MAX_BYTES=4M", "FR_MIN_AGE=2s", f"FR_OUT={tmp_path}",
                                "FR_TRIGGER=exit"]


def test_preload_is_prepended(tmp_path):
    env = dict(os.environ, LD_PRELOAD="libc.so.6")
    _, out, _ = call("run", "-q", "--", "sh", "-c", "echo $LD_PRELOAD", cwd=tmp_path, env=env)
    assert out.strip() == f"{fr.LIB.resolve()}:libc.so.6"


def test_what_cannot_be_recorded_is_refused(tmp_path):
    static = compile_c(tmp_path / "static", "int main(void){return 0;}", "-static")
    setuid = compile_c(tmp_path / "setuid", "int main(void){return 0;}")
    setuid.chmod(0o6755)
    os.chown(setuid, 12345, 12345)
    setuid.chmod(0o6755)
    text = tmp_path / "text"
    text.write_text("hello")
    script = tmp_path / "script"
    script.write_text(f"#!{static}\n")
    script.chmod(0o755)
    for program, words in [(static, "statically linked"), (setuid, "setuid"),
                           (script, "statically linked"), (text, "not executable"),
                           (tmp_path, "not executable"), ("no-such-program", "no program")]:
        code, out, err = call("run", "--", program, cwd=tmp_path)
        assert code == 1 and out == "" and words in err, (program, err)


@pytest.mark.parametrize("flags,code,words", [
    (["-static"], 1, "is a Go program that calls no libc"),
    ([], 0, "is a Go program: only what its C parts do will be recorded")])
def test_go_programs_are_told_apart(tmp_path, flags, code, words):
    """likego.c bears the note of Go's linker, among those of the C linker."""
    program = tmp_path / "likego"
    source = fr.TOP / "tests/targets/likego.c"
    subprocess.run(["gcc", "-D_GNU_SOURCE", "-pthread", "-o", program, source, *flags], check=True)
    got, out, err = call("run", "--", program, cwd=tmp_path)
    assert got == code and words in err and len(out.splitlines()) == (0 if code else 2)


def test_library_is_missing(tmp_path):
    env = dict(os.environ, FR_LIB=str(tmp_path / "nothing.so"))
    code, _, err = call("run", "--", "true", cwd=tmp_path, env=env)
    assert code == 1 and "FR_LIB" in err


@pytest.mark.parametrize("args,code,words", [
    ((), 2, ""),
    (("reprot", "x.frd"), 2, "did you mean 'report'?"),
    (("report",), 2, "needs one recording"),
    (("report", "a", "b"), 2, "not several"),
    (("report", "--wrong", "a"), 2, "no option --wrong"),
    (("report", "-t", "T1", "a"), 2, "no option -t"),
    (("locks", "-n", "many", "a"), 2, "many is not understood"),
    (("events", "--min-dur", "soon", "a"), 2, "soon is not understood"),
    (("report", "--color", "pink", "a"), 2, "--color"),
    (("run", "--wrong", "--", "true"), 2, "no option --wrong"),
    (("run", "--slow"), 2, "needs a value"),
    (("run", "--keep=yes", "true"), 2, "takes no value"),
    (("ctl",), 2, "whose settings"),
    (("run",), 2, "which program"),
    (("run", "-e", "lock=slo", "--", "true"), 2, "lock=slo is not understood"),
    (("run", "-e", "locks=full", "--", "true"), 2, "locks=full is not understood"),
    (("run", "-m", "3", "--", "true"), 2, "3 is not understood"),
    (("run", "-w", "soon", "--", "true"), 2, "soon is not understood"),
    (("run", "--slow", "-1", "--", "true"), 2, "-1 is not understood"),
    (("run", "--trigger", "recv>x", "--", "true"), 2, "recv>x is not understood"),
    (("run", "--trigger", "exit,recieve>1s", "--", "true"), 2, "is not understood"),
    (("run", "--signal", "FOO", "--", "true"), 2, "FOO is not understood"),
    (("run", "--budget", "101%", "--", "true"), 2, "101% is not understood"),
    (("run", "--keep-max", "q", "--", "true"), 2, "q is not understood"),
    (("run", "-d", "/no/such", "--", "true"), 2, "No such file"),
    (("run", "-d", "/dev/null", "--", "true"), 2, "regions cannot be written there"),
    (("run", "-o", "/dev/null/x", "--", "true"), 2, "cannot be made"),
    (("help", "locsk"), 2, "did you mean 'locks'?"),
    (("report", "/nonexistent.frd"), 1, "/nonexistent.frd"),
    (("/nonexistent.frd",), 1, "/nonexistent.frd"),
])
def test_usage(args, code, words):
    got, _, err = call(*args)
    assert got == code and words in err, err


def test_help_and_version():
    code, out, err = call("--help")
    assert code == 0 and err == "" and all(c in out for c in ("run", "report", "threads", "locks"))
    for command in ("run", "list", "report", "threads", "locks", "events", "decode", "info"):
        code, out, err = call("help", command)
        assert code == 0 and err == "" and "usage: fr " + command in out
        assert call(command, "--help")[1] == out
    assert call("--version")[1].startswith("fr ")


def test_manual_page(tmp_path):
    """fr.1 has each command, option and setting, and groff has nothing to say about it."""
    code, page, err = call("help", "--man")
    assert code == 0 and err == ""
    plain = page.replace("\\-", "-")
    tables = [(fr.TOP / "decoder/commands.def", r"^COMMAND\((\w+)", ".SS fr {}\n"),
              (fr.TOP / "decoder/options.def", r'^OPTION\(.{5,7}"([\w-]+)"', "--{}"),
              (fr.TOP / "preload/wire/config.def", r'"(FR_\w+)"', "\n\\fB{}\\fR=")]
    for table, row, text in tables:
        rows = re.findall(row, table.read_text(), re.M)
        assert len(rows) > 8
        for name in rows:
            if name != "FR_NAME":
                assert text.format(name) in plain, name
    assert "From 1 to 254." in page and "At most 100 %." in page
    assert not [line for line in page.split("\n") if line.startswith(("'", ". "))]
    if shutil.which("groff"):
        r = subprocess.run(["groff", "-man", "-ww", "-Tascii"], input=page, capture_output=True,
                           text=True, check=True)
        assert r.stderr == "" and len(r.stdout) > 5000


def test_a_reader_that_goes_away_ends_it_quietly(tmp_path):
    call("run", "-q", "-e", "full", "--trigger", "exit", "--", "ls", "-lR", "/usr/share/doc",
         cwd=tmp_path)
    recording = next(tmp_path.glob("*.frd"))
    p = subprocess.run(f"{fr.FR} decode {recording} | head -n 1", shell=True, text=True,
                       capture_output=True, timeout=60)
    assert "SIGPIPE" not in p.stderr and "roken pipe" not in p.stderr


def test_color_and_output_file(tmp_path):
    call("run", "-q", "--trigger", "exit", "--", "true", cwd=tmp_path)
    recording = next(tmp_path.glob("*.frd"))
    assert "\033[" not in call("report", recording)[1]
    assert "\033[" in call("report", recording, "--color=always")[1]
    code, out, _ = call("report", "-o", tmp_path / "r.txt", recording)
    assert code == 0 and out == "" and "window" in (tmp_path / "r.txt").read_text()
    assert call("report", "-o", tmp_path / "no" / "dir", recording)[0] == 1
    assert call("report", "-o", "/dev/full", recording)[0] == 1


# What fr run takes, the recorder takes too, and the other way round (preload/core/config.c).
VALUES = {
    "FR_MAX_BYTES": ["1M", "64M", "1.5G", "3", "x", "16MiB", "-1"],
    "FR_MIN_AGE": ["0", "10s", "1.5s", "2m", "10", "s", "1w", "1h"],
    "FR_EVENTS": ["full", "off", "lock=full,net=off", "lock", "lock=", "=full", "sampled"],
    "FR_BUDGET": ["5%", "5", "none", "101", "5%%", "0"],
    "FR_SIGNAL": ["auto", "none", "USR2", "SIGUSR2", "RTMIN+3", "RTMIN+29", "KILL", "usr1"],
    "FR_KEEP_MAX": ["none", "64M", "200", "64M,200", "200,64M", "q", "1.5M"],
    "FR_TRIGGER": ["exit", "recv>1s", "recv>1s,exit", "recv", "exit>1s", "rss>2G", "rss>1s",
                   "recv>1.5s"],
}
OPTION = {"FR_MAX_BYTES": "--max-bytes", "FR_MIN_AGE": "--min-age", "FR_EVENTS": "--events",
          "FR_BUDGET": "--budget", "FR_SIGNAL": "--signal", "FR_KEEP_MAX": "--keep-max",
          "FR_TRIGGER": "--trigger"}


@pytest.mark.parametrize("setting", VALUES)
def test_values_are_taken_by_both_or_by_none(host, setting):
    for value in VALUES[setting]:
        code, _, _ = call("run", "-q", "-d", host.dir, f"{OPTION[setting]}={value}", "--", "true",
                          cwd=host.cwd)
        p = host.start("sleep", 99, **{setting: value})
        notes = json.dumps(fr.read("info", host.region(p), ok=(0, 3)))
        refused = f"refused: {setting}" in notes
        p.kill()
        assert (code == 2) == refused, (value, code, refused)
