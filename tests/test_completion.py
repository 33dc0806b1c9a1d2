# SPDX-License-Identifier: MIT
"""Completion in bash, zsh and fish, and manual pages: all that the tables know, well-formed."""

import os
import pty
import re
import select
import shutil
import signal
import time

import pytest

import fr
from conftest import needs


# ---- completion ----------------------------------------------------------------------------------

COMPLETE = """
source "$1"; shift
compopt() { :; }
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
_fr
printf '%s\\n' "${COMPREPLY[@]}"
"""


def tables():
    """{command: its long options}, as fr help says."""
    commands = re.findall(r"^  (\w+) ", fr.sh("$1 help", fr.FR), re.M)
    return {c: set(re.findall(r"^  (?:-.,|   ) --([\w-]+)", fr.sh("$1 help $2", fr.FR, c), re.M))
            for c in commands}


def test_bash_completes():
    def ask(*words):
        path = f"{fr.FR.parent}:{os.environ['PATH']}"
        return fr.sh(COMPLETE, fr.O / "completion.bash", "fr", *words,
                  env={**os.environ, "PATH": path}).split()
    known = tables()
    assert len(known) >= 13 and "dir" in known["run"] and "json" in known["doctor"]
    assert set(known) <= set(ask(""))
    for command, options in known.items():
        assert set(ask(command, "--")) == {f"--{o}" for o in options} | {"--help"}, command
    assert ask("report", "--color", "a") == ask("report", "--color", "=", "a") == ["auto", "always"]
    assert ask("help", "doc") == ["doctor"]
    assert "slow=" in ask("ctl", "1", "sl")
    assert "/usr" in ask("run", "--output", "/us")
    assert "bash" in ask("run", "-m", "4M", "--", "bas") and "bash" in ask("run", "bas")
    assert "bash" in ask("doctor", "bas") and str(os.getpid()) in ask("doctor", str(os.getpid()))


def test_bash_completes_recordings(host):
    p = host.target("hang", "healthy")
    host.region(p)
    (host.cwd / "fr-x-1-1.frd").touch()
    (host.cwd / "other.txt").touch()
    env = {**host.env(recorded=False), "FR_DIR": str(host.dir),
           "PATH": f"{fr.FR.parent}:{os.environ['PATH']}"}

    def ask(command):
        return fr.sh(COMPLETE, fr.O / "completion.bash", "fr", command, "", env=env,
                     cwd=host.cwd).split()
    assert sorted(ask("report")) == sorted(["fr-x-1-1.frd", str(p.pid)])
    assert ask("snapshot") == [str(p.pid)]


class Terminal:
    """An interactive shell at a terminal of its own."""

    def __init__(self, *shell, **env):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execvpe(shell[0], shell, {**os.environ, "TERM": "dumb", **env})
        self.seen = ""

    def says(self, text):
        """Waits until TEXT stands on the terminal; False when it does not in time."""
        end = time.monotonic() + fr.PATIENCE
        while text not in self.seen and time.monotonic() < end:
            if select.select([self.fd], [], [], 0.2)[0]:
                self.seen += os.read(self.fd, 65536).decode(errors="replace")
        return text in self.seen

    def type(self, keys):
        self.seen = ""
        os.write(self.fd, keys.encode())

    def close(self):
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.fd)


def test_zsh_completes(tmp_path):
    shutil.copy(fr.O / "completion.zsh", tmp_path / "_fr")
    t = Terminal(needs("zsh"), "-f", "-i", PATH=f"{fr.FR.parent}:{os.environ['PATH']}")
    try:
        t.type(f"fpath=({tmp_path} $fpath); autoload -U compinit; compinit -u -D; "
               "print READ''Y\n")
        assert t.says("READY"), t.seen
        for line, rest in (("fr snaps", "hot"), ("fr doctor --js", "on"),
                           ("fr run --max-b", "ytes="),
                           ("fr ctl 1 trigger_m", "ax="), ("fr help doc", "tor"),
                           ("fr report --color=al", "ways")):
            t.type(f"{line}\t")
            assert t.says(line + rest), (line, t.seen)
            t.type("\x15")
    finally:
        t.close()


def test_bash_completes_at_a_terminal():
    """As it is loaded and used, with bash's own reading of the line."""
    t = Terminal("bash", "--norc", "-i", PATH=f"{fr.FR.parent}:{os.environ['PATH']}")
    try:
        t.type(f". {fr.O}/completion.bash; echo READ''Y\n")
        assert t.says("READY"), t.seen
        for line, rest in (("fr snaps", "hot "), ("fr doctor --js", "on "),
                           ("fr ctl 1 trigger_m", "ax="),
                           ("fr report --color=al", "ways ")):
            t.type(f"{line}\t")
            assert t.says(line + rest), (line, t.seen)
            t.type("\x15")
    finally:
        t.close()


def test_fish_completes(tmp_path):
    def ask(line):
        out = fr.sh("exec fish -N -c \"source $1; complete -C '$2'\"", fr.O / "completion.fish",
                    line, env={**os.environ, "HOME": str(tmp_path)})
        return {s.split("\t")[0] for s in out.splitlines()}
    needs("fish")
    known = tables()
    assert set(known) <= ask("fr ")
    for command in ("run", "events", "doctor"):
        assert {f"--{o}" for o in known[command]} <= ask(f"fr {command} --"), command
    assert ask("fr report --color ") == {"auto", "always", "never"}
    assert "slow=" in ask("fr ctl 1 sl") and "doctor" in ask("fr help do")


# ---- manual pages --------------------------------------------------------------------------------

@pytest.mark.parametrize("page", ["fr.1", "libfr.7"])
def test_manual_pages_are_well_formed(page):
    path = fr.O / page
    if shutil.which("mandoc"):
        assert fr.sh("mandoc -T lint -W warning $1 2>&1", path) == ""
    if shutil.which("man"):
        assert fr.sh("man --warnings -E UTF-8 -l -Tutf8 -Z $1 2>&1 >/dev/null", path) == ""
    text = path.read_text()
    assert not [s for s in text.splitlines() if s.startswith(("'", ". "))]


def test_libfr_7_has_what_the_tables_have():
    page = re.sub(r"\\f[BRI]", "", (fr.O / "libfr.7").read_text().replace("\\-", "-"))
    for table, row in (("config", r'^SETTING\(\w+, +"(FR_\w+)"'),
                       ("hooks", r"^HOOK\(\d+, *(\w+), (?!RECORDER)"),
                       ("drops", r'^DROP\(\d+, *\w+, "(\w+)"'),
                       ("triggers", r"^TRIGGER\(\d+, *(\w+)"),
                       ("places", r'^PLACE\(\d+, \w+, +"(\w+)"')):
        names = re.findall(row, (fr.TOP / f"preload/wire/{table}.def").read_text(), re.M)
        assert len(names) >= 5
        for name in names:
            assert re.search(rf"\b{name}\b", page), (table, name)
