# SPDX-License-Identifier: MIT
"""fr.py - running programs under the recorder and reading what it recorded.

A test makes a `Host` (a directory with the FR_ settings of one run), starts programs in it, waits
for conditions and reads recordings through build/fr, by the JSON contract of DESIGN.md section 8.
Nothing here sleeps instead of waiting for something, and nothing is left running.
"""

import atexit
import ctypes
import functools
import json
import os
import pathlib
import queue
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

TOP = pathlib.Path(__file__).resolve().parents[2]
O = pathlib.Path(os.environ.get("O", "build"))
O = O if O.is_absolute() else TOP / O
LIB = O / "libfr.so"
FR = O / "fr"
TARGETS = O / "tests/targets"
EXAMPLES = O / "tests/examples"
# A process group of its own; the older way takes a session with it.
GROUP = {"process_group": 0} if sys.version_info >= (3, 11) else {"start_new_session": True}
# scripts/arm64: programs for aarch64, by qemu-user.
QEMU = "QEMU_LD_PREFIX" in os.environ
AARCH64 = QEMU or os.uname().machine == "aarch64"
PATIENCE = float(os.environ.pop("FR_TEST_PATIENCE", "30"))
# "FR_UNWIND=fp FR_CLOCK=monotonic": settings every recorded program gets, unless a test says else.
EXTRA = dict(pair.split("=", 1) for pair in os.environ.pop("FR_TEST_SETTINGS", "").split())


def wait_for(condition, what, timeout=None):
    """The first true value of condition(); fails with `what` when none comes in time."""
    end = time.monotonic() + (timeout or PATIENCE)
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < end, f"waited in vain for {what}"
        time.sleep(0.005)


def free_port():
    """A port nobody uses now."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def tgkill(pid, tid, signo):
    """A signal for one thread of another process."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.syscall(234, pid, tid, signo) != 0:
        raise OSError(ctypes.get_errno(), f"tgkill {pid} {tid} {signo}")


def task_syscall(pid, tid):
    """Number of the system call that a thread sleeps in, -1 while it runs, None when gone."""
    try:
        text = pathlib.Path(f"/proc/{pid}/task/{tid}/syscall").read_text().split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return int(text[0]) if text and text[0].isdigit() else -1


SYS_POLL, SYS_FUTEX, SYS_RECVFROM = 7, 202, 45


class Process:
    """A started program: its output as it comes, its status as the kernel gives it."""

    def __init__(self, argv, env, cwd, preexec=None, stdin=subprocess.DEVNULL):
        self.err_path = pathlib.Path(cwd) / f"stderr.{time.monotonic_ns()}"
        with open(self.err_path, "wb") as err:
            self.popen = subprocess.Popen(
                [str(a) for a in argv], env=env, cwd=cwd, stdin=stdin, stderr=err,
                stdout=subprocess.PIPE, preexec_fn=preexec, **GROUP)
        self.pid = self.popen.pid
        self.status = None
        self.lines = []
        self._queue = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self.popen.stdout:
            self.lines.append(line.decode(errors="replace").rstrip("\n"))
            self._queue.put(self.lines[-1])
        self._queue.put(None)

    def line(self, having="", timeout=None):
        """The next line of output that contains `having`."""
        end = time.monotonic() + (timeout or PATIENCE)
        while True:
            try:
                line = self._queue.get(timeout=max(0.001, end - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"no line with {having!r} came; so far {self.lines}") from None
            assert line is not None, f"ended without {having!r}: {self.lines} {self.stderr()}"
            if having in line:
                return line

    def truth(self, having="", timeout=None):
        """The next line of output that contains `having`, as JSON."""
        return json.loads(self.line(having, timeout))

    def stderr(self):
        return self.err_path.read_text(errors="replace")

    def signal(self, signo):
        os.kill(self.pid, signo)

    def alive(self):
        return self.status is None and self._poll() is None

    def _poll(self):
        if self.status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self._ended(status)
        return self.status

    def _ended(self, status):
        self.status = status
        self.popen.returncode = os.waitstatus_to_exitcode(status)

    def wait(self, timeout=None):
        """The wait status (with the core bit); os.waitstatus_to_exitcode() of it for the code."""
        try:
            wait_for(lambda: self._poll() is not None, f"the end of process {self.pid}", timeout)
        except AssertionError:
            self.kill()
            raise
        self._reader.join(PATIENCE)
        return self.status

    def code(self, timeout=None):
        return os.waitstatus_to_exitcode(self.wait(timeout))

    def kill(self):
        if self.status is None:
            try:
                os.kill(self.pid, signal.SIGKILL)
                _, status = os.waitpid(self.pid, 0)
                self._ended(status)
            except (ProcessLookupError, ChildProcessError):
                self.status = -1


@functools.lru_cache(maxsize=None)
def keeps_space(dev, path):
    """Is PATH on a file system where the recorder makes regions? Overlays of containers are not."""
    kind = subprocess.run(["stat", "-f", "-c", "%T", path], capture_output=True, text=True,
                          check=True).stdout.strip()
    return kind in ("tmpfs", "ramfs", "ext2/ext3", "xfs")


class Host:
    """One place to run programs in: working directory, FR_DIR, FR_OUT and the settings."""

    def __init__(self, path, **settings):
        self.path = pathlib.Path(path)
        self.path.mkdir(parents=True, exist_ok=True)
        self.dir = self.path / "regions"
        if not keeps_space(self.path.stat().st_dev, self.path):
            self.dir = pathlib.Path(tempfile.mkdtemp(dir="/dev/shm", prefix="fr-test-"))
            atexit.register(shutil.rmtree, self.dir, ignore_errors=True)
        self.out = self.path / "out"
        self.cwd = self.path / "cwd"
        for d in (self.dir, self.out, self.cwd):
            d.mkdir(parents=True, exist_ok=True)
        self.dir.chmod(0o700)
        self.settings = {**EXTRA, "FR_DIR": self.dir, "FR_OUT": self.out, **settings}
        self.started = []

    def env(self, recorded=True, **more):
        env = {k: v for k, v in os.environ.items() if not k.startswith("FR_")}
        if recorded:
            env["LD_PRELOAD"] = str(LIB)
            env.update({k: str(v) for k, v in {**self.settings, **more}.items()})
        else:
            env.update({k: str(v) for k, v in more.items() if not k.startswith("FR_")})
        return env

    def start(self, *argv, recorded=True, preexec=None, stdin=subprocess.DEVNULL, **settings):
        p = Process(argv, self.env(recorded, **settings), self.cwd, preexec, stdin)
        self.started.append(p)
        return p

    def run(self, *argv, code=0, timeout=None, **how):
        """Runs a program to its end, which must be with `code` (None: any)."""
        p = self.start(*argv, **how)
        got = p.code(timeout)
        assert code is None or got == code, f"exit {got}: {p.lines[-5:]} {p.stderr()}"
        return p

    def target(self, name, *args, **how):
        return self.start(TARGETS / name, *args, **how)

    def snapshots(self, pid=None):
        files = sorted(self.out.glob("fr-*.frd"), key=lambda f: f.stat().st_mtime_ns)
        return [f for f in files if pid is None or f"-{pid}-" in f.name]

    def snapshot(self, p, n=1):
        """The n-th snapshot of process P, once it is there."""
        return wait_for(lambda: self.snapshots(p.pid)[n - 1:], f"snapshot {n} of {p.pid}")[0]

    def ask(self, p, signo=signal.SIGUSR1):
        """Asks for a snapshot by signal and waits for it."""
        have = len(self.snapshots(p.pid))
        p.signal(signo)
        return self.snapshot(p, have + 1)

    def region(self, p):
        """The region of process P, once it is complete."""
        return wait_for(lambda: self.complete(p.pid), f"region of {p.pid}")[0]

    def complete(self, pid):
        """Regions of process PID that can be read."""
        return [f for f in self.dir.glob(f"*-{pid}-*.frr") if region_state(f) == REGION_ALIVE]

    def regions(self):
        return sorted(f for f in self.dir.rglob("*") if f.is_file())

    def stop(self):
        for p in self.started:
            p.kill()
            try:
                os.killpg(p.pid, signal.SIGKILL)  # workers of a server whose master is gone
            except (ProcessLookupError, PermissionError):
                pass


def fr(*args, ok=(0,), env=None):
    """Runs build/fr; returns its CompletedProcess. Any end but those codes fails the test."""
    r = subprocess.run([FR, *map(str, args)], capture_output=True, timeout=120, env=env,
                       stdin=subprocess.DEVNULL, check=False)
    r.out = r.stdout.decode()
    r.err = r.stderr.decode(errors="replace")
    assert r.returncode in ok, f"fr {args}: exit {r.returncode}\n{r.err}\n{r.out[-2000:]}"
    return r


def read(command, recording, *args, ok=(0,)):
    """A command's --json output: an object, or a list of objects for events."""
    out = fr(command, "--json", recording, *args, ok=ok).out
    if command == "events":
        return [json.loads(line) for line in out.splitlines()]
    return json.loads(out)


def signal_of(pid):
    """The signal that asks this process for a snapshot, as its own region says."""
    info = read("info", pid, ok=(0, 3))
    value = info.get("header", info)["signal"]
    if isinstance(value, str):
        return getattr(signal, value, None) or signal.SIGRTMAX - int(value.split("-")[1])
    return value


REGION_ALIVE, REGION_CRASHED, REGION_STATE_AT = 1, 3, 24  # of preload/wire/wire.h


def region_state(path):
    with open(path, "rb") as f:
        f.seek(REGION_STATE_AT)
        return int.from_bytes(f.read(4), "little")


def number(value):
    """Addresses come as numbers or as "0x..." text; a target prints NULL as (nil)."""
    if value in ("(nil)", "", None):
        return 0
    return int(value, 0) if isinstance(value, str) else value


def names(stack):
    """Function names of a stack, leaf first."""
    return [f.get("fn") or "" for f in stack or []]


def modules(stack):
    return [os.path.basename(f.get("mod") or "") for f in stack or []]


def findings(report, rule):
    return [f for f in report["findings"] if f["rule"] == rule]


def source_line(path, marker):
    """Line number of the only line of a source file that contains the marker."""
    lines = [i for i, text in enumerate((TOP / path).read_text().splitlines(), 1) if marker in text]
    assert len(lines) == 1, f"{marker!r} stands in lines {lines} of {path}"
    return lines[0]


def sh(script, *args, ok=(0,), **how):
    """Output of a bash script, which must end with one of OK."""
    r = subprocess.run(["bash", "-euc", script, "bash", *map(str, args)], capture_output=True,
                       text=True, timeout=120, check=False, **how)
    assert r.returncode in ok, f"exit {r.returncode}\n{r.stdout[-3000:]}\n{r.stderr[-3000:]}"
    return r.stdout + (r.stderr if ok != (0,) else "")
