# SPDX-License-Identifier: MIT
"""PostgreSQL as Debian ships it, not as root, everything recorded: right answers, readable
recordings of the postmaster and its backends, and SIGUSR1 stays its own."""

import os
import pathlib
import pwd
import re
import shutil
import signal
import subprocess
import tempfile
import threading

import pytest

import fr
import oracle

SETTINGS = ["-c", "listen_addresses=", "-c", "fsync=off", "-c", "log_line_prefix=%p "]


def bin_dir():
    found = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    return found[-1].parent if found else pytest.skip("needs postgresql")


class Session:
    """psql with a connection that stays: one command, its lines of output."""

    def __init__(self, pg):
        self.psql = subprocess.Popen([pg.bin / "psql", "-XAtq"], env=pg.client_env(), text=True,
                                     stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                     stderr=subprocess.STDOUT)
        self.pid = int(self.run("select pg_backend_pid();")[0])

    def send(self, sql):
        self.psql.stdin.write(sql + "\n\\echo done\n")
        self.psql.stdin.flush()

    def answer(self):
        lines = []
        for line in self.psql.stdout:
            if line == "done\n":
                break
            lines.append(line.rstrip("\n"))
        return lines

    def run(self, sql):
        self.send(sql)
        return self.answer()

    def end(self):
        self.psql.stdin.close()
        return self.psql.wait(timeout=fr.PATIENCE)


class Postgres:
    """A cluster in a directory that a user without rights can reach, the library beside it."""

    def __init__(self):
        self.bin = bin_dir()
        self.top = pathlib.Path(tempfile.mkdtemp(prefix="fr-pg-", dir="/tmp"))
        self.user = pwd.getpwnam("nobody") if os.geteuid() == 0 else None
        shutil.copy(fr.LIB, self.top / "libfr.so")
        self.top.chmod(0o755)
        self.host = fr.Host(self.top, FR_EVENTS="full", FR_MAX_BYTES="8M",
                            LD_PRELOAD=self.top / "libfr.so")
        for d in (self.top, self.host.dir, self.host.out, self.host.cwd):
            if self.user:
                os.chown(d, self.user.pw_uid, self.user.pw_gid)
        self.run_as("initdb", "-D", self.top / "data", "-A", "trust", "-N", "-U", "pg",
                    "--no-locale", "-E", "UTF8").wait(timeout=120)
        self.p = self.run_as("postgres", "-D", self.top / "data", "-k", self.top, *SETTINGS)
        fr.wait_for(self.up, "postgres to accept connections")

    def demote(self):
        if self.user:
            os.setgroups([])
            os.setgid(self.user.pw_gid)
            os.setuid(self.user.pw_uid)

    def run_as(self, name, *args):
        return self.host.start(self.bin / name, *args, preexec=self.demote, HOME=self.top)

    def client_env(self):
        return {**self.host.env(recorded=False), "PGHOST": str(self.top), "PGUSER": "pg",
                "PGDATABASE": "postgres"}

    def client(self, name, *args):
        r = subprocess.run([self.bin / name, *map(str, args)], env=self.client_env(), timeout=120,
                           capture_output=True, text=True, check=False)
        assert r.returncode == 0, r.stdout + r.stderr
        return r.stdout.strip()

    def up(self):
        assert self.p.alive(), self.p.stderr()
        return subprocess.run([self.bin / "pg_isready", "-q"], env=self.client_env(),
                              check=False).returncode == 0

    def sql(self, text):
        return self.client("psql", "-XAtqc", text)

    def end(self):
        self.p.signal(signal.SIGINT)
        assert self.p.code() == 0, self.p.stderr()
        assert not re.search("PANIC|terminated by signal", self.p.stderr()), self.p.stderr()

    def stop(self):
        self.host.stop()
        shutil.rmtree(self.top)


@pytest.fixture
def pg():
    server = Postgres()
    yield server
    server.stop()


def test_pgbench_adds_up(pg, long):
    n = 2000 if long else 100
    pg.client("pgbench", "-i", "-q", "-s", 1)
    said = pg.client("pgbench", "-c", 4, "-j", 2, "-t", n)
    assert f"processed: {4 * n}/{4 * n}" in said and "failed transactions: 0 " in said
    sums = [pg.sql(f"select sum({column}) from pgbench_{table}") for column, table in [
        ("abalance", "accounts"), ("bbalance", "branches"), ("tbalance", "tellers"),
        ("delta", "history")]]
    assert len(set(sums)) == 1
    assert pg.sql("select count(*) from pgbench_history") == str(4 * n)
    assert pg.sql("checkpoint; select sum(n) from generate_series(1, 100000) n") == "5000050000"
    pg.end()
    assert not pg.host.regions() and not pg.host.snapshots()


def test_recordings_of_backend_and_postmaster(pg):
    session = Session(pg)
    session.run("create table t as select n, md5(n::text) from generate_series(1, 20000) n;")
    for pid in (session.pid, pg.p.pid):
        signo = fr.signal_of(pid)
        assert signo not in (0, signal.SIGUSR1), "a real-time signal: SIGUSR1 is taken"
        os.kill(pid, signo)
        recording = fr.wait_for(lambda: pg.host.snapshots(pid), f"the snapshot of {pid}")[0]
        outside = pg.host.out / f"outside-{pid}.frd"
        fr.fr("snapshot", "-o", outside, pid)
        for file in (recording, outside):
            assert fr.read("report", file, ok=(0, 3))["process"]["pid"] == pid
            events = fr.read("events", file, "-n", 3000)
            oracle.check(events)
            stacks = [fr.names(e.get("stack")) for e in events]
            inner = "PostgresMain" if pid == session.pid else "PostmasterMain"
            assert any(inner in s and "main" in s for s in stacks)
    assert session.run("select count(*) from t;") == ["20000"]
    assert session.end() == 0
    pg.end()


def test_sigusr1_stays_its_own(pg):
    """A backend learns of a NOTIFY by SIGUSR1 only; cancelling is SIGINT, ending SIGTERM."""
    listener, other = Session(pg), Session(pg)
    listener.run("listen news;")
    other.run("notify news, 'it works';")
    heard = []

    def hear():
        heard.extend(listener.run("select 'asked';"))
        return any("it works" in line for line in heard)

    fr.wait_for(hear, "the notification")
    for pid in (listener.pid, pg.p.pid):
        os.kill(pid, signal.SIGUSR1)
    listener.send("select pg_sleep(60);")
    fr.wait_for(lambda: other.run("select wait_event from pg_stat_activity "
                                  f"where pid = {listener.pid};") == ["PgSleep"], "the sleep")
    other.run(f"select pg_cancel_backend({listener.pid});")
    assert any("canceling statement" in line for line in listener.answer())
    assert not pg.host.snapshots()
    assert listener.end() == 0 and other.end() == 0
    pg.end()


def test_a_killed_backend_leaves_its_recording(pg):
    """The postmaster ends the others, recovers and goes on; the region of the dead one is read."""
    session = Session(pg)
    session.run("create table kept(n int); insert into kept values (42);")
    os.kill(session.pid, signal.SIGKILL)
    ended = threading.Thread(target=session.end)
    ended.start()
    ended.join(fr.PATIENCE)
    fr.wait_for(pg.up, "postgres to recover")
    assert pg.sql("select n from kept") == "42"
    left = [r for r in pg.host.regions() if f"-{session.pid}-" in r.name]
    assert len(left) == 1
    assert fr.read("report", left[0], ok=(0, 3))["process"]["pid"] == session.pid
    events = fr.read("events", left[0], "-n", 3000)
    assert any("PostgresMain" in fr.names(e.get("stack")) for e in events)
