# SPDX-License-Identifier: MIT
"""FR_TRIGGER: each condition makes one snapshot when it is met, and none when it is nearly met."""

import json
import re
import signal
import subprocess

import pytest

import conftest
import fr

# condition, what the target does that stays below it, what it does that is over it, in the reason
CASES = {
    "lock_wait": ("lock_wait>80ms", "lock:20", "lock:120", "pthread_mutex_lock"),
    "rdlock": ("lock_wait>80ms", "rdlock:20", "rdlock:120", "pthread_rwlock_rdlock"),
    "hold": ("hold>80ms", "hold:20", "hold:120", "lock 0x"),
    "recv": ("recv>80ms", "recv:20", "recv:120", "recv fd"),
    "eventfd": ("recv>80ms", "eventfd:20", "eventfd:120", "eventfd_read fd"),
    "cond_wait": ("cond_wait>80ms", "cond:20", "cond:120", "pthread_cond_timedwait"),
    "poll": ("poll>80ms", "poll:20", "poll:120", "poll fd"),
    "join": ("join>80ms", "join:20", "join:120", "pthread_join"),
    "child": ("join>80ms", "child:20", "child:120", "waitpid"),
    "sem_wait": ("sem_wait>80ms", "sem:20", "sem:120", "sem_wait"),
    "connect": ("connect>80ms", "connect:20", "connect:120", "connect fd"),
    "accept": ("accept>80ms", "accept:20", "accept:120", "accept fd"),
    "send": ("send>80ms", "send:20", "send:120", "send fd"),
    "dns": ("dns>80ms", "dns:20", "dns:120", "getaddrinfo"),
    "file": ("file>80ms", "file:20", "file:120", "flock"),
    "stuck": ("stuck>700ms", "stuck:300", "stuck:3000", "pthread_mutex_lock"),
    "rss": ("rss>300M", "rss:100 calls:1500", "rss:400 calls:2500", "MiB"),
}


def run(host, items, **settings):
    p = host.run(fr.TARGETS / "triggers", *items.split(), **settings)
    return p, host.snapshots(p.pid)


def trigger(recording):
    return fr.read("report", recording)["trigger"]


@pytest.mark.parametrize("case", CASES)
def test_fires_when_over(host, case):
    condition, _, over, word = CASES[case]
    p, files = run(host, over, FR_TRIGGER=condition)
    assert len(files) == 1, files
    t = trigger(files[0])
    assert t["kind"] == "threshold"
    rule, limit = condition.split(">")
    assert t["reason"].startswith(rule + " "), t
    assert word in t["reason"], t
    assert f"> {limit[:-2] if limit.endswith('ms') else limit[:-1]} " in t["reason"], t


@pytest.mark.parametrize("case", CASES)
def test_silent_when_nearly(host, case):
    """A machine that stands still for 80 ms is over the limit, rightly: but not three times."""
    condition, under, _, _ = CASES[case]
    for _ in range(3):
        p, files = run(host, under, FR_TRIGGER=condition + ",exit")
        if len(files) == 1:
            break
    assert len(files) == 1, [trigger(f) for f in files]
    assert trigger(files[0])["kind"] == "exit"


# Shown elsewhere: tls by a real handshake below, exit by every test that waits for it.
ELSEWHERE = {"tls", "exit"}


def rules():
    text = (fr.TOP / "preload/wire/triggers.def").read_text()
    return dict(re.findall(r"^TRIGGER\(\d+, *(\w+), *(\w+),", text, re.M))


def test_every_row_of_the_table_is_tested():
    assert {c[0].split(">")[0] for c in CASES.values()} | ELSEWHERE == set(rules())


# What is rightly another condition's affair as well: somebody holds what is waited for, and who
# waits for a lock, connects or sends for so long is stuck.
ALSO = {"lock": {"hold", "stuck"}, "rdlock": {"hold", "stuck"}, "stuck": {"hold", "lock_wait"},
        "connect": {"stuck"}, "send": {"stuck"}}


@pytest.mark.parametrize("case", CASES)
def test_every_other_condition_stays_silent(host, case):
    """A long wait for a lock is no long receive."""
    condition, _, over, _ = CASES[case]
    own = {condition.split(">")[0]} | ALSO.get(over.split(":")[0], set())
    others = [f"{r}>{'60ms' if unit == 'NS' else '8G'}" for r, unit in rules().items()
              if unit != "FLAG" and r not in own]
    assert len(others) >= 12
    p, files = run(host, over, FR_TRIGGER=",".join([*others, "exit"]))
    assert [trigger(f)["kind"] for f in files] == ["exit"], [trigger(f) for f in files]


def test_names_lock_thread_and_owner(host):
    p = host.target("triggers", "lock:120", "stay", FR_TRIGGER="lock_wait>80ms")
    said = p.truth("lock")
    t = trigger(host.snapshot(p))
    assert said["lock"] in t["reason"] and "waiter" in t["reason"], (said, t)
    assert f"owner {said['owner']}" in t["reason"] and t["tid"] == said["waiter"]
    event, = [e for e in fr.read("events", host.snapshot(p)) if e["event"] == "trigger"] or \
        [e for e in fr.read("events", p.pid) if e["event"] == "trigger"]
    assert event["reason"] == t["reason"]


def test_cooldown(host):
    """Three waits over the limit within a minute: one snapshot, two counted."""
    p = host.target("triggers", *["lock:120"] * 3, "stay", FR_TRIGGER="lock_wait>80ms")
    p.line("stay")
    assert host.snapshot(p)
    control = fr.read("ctl", p.pid)
    assert control["suppressed"] == 2 and control["rules"]["lock_wait"]["fired"] == 1, control
    assert len(host.snapshots(p.pid)) == 1


def test_of_many_at_once_one_speaks(host):
    """Eight threads whose receives all end late together: one snapshot, seven counted."""
    script = ("import socket, threading, time\n"
              "pairs = [socket.socketpair() for _ in range(8)]\n"
              "ts = [threading.Thread(target=a.recv, args=(1,)) for a, _ in pairs]\n"
              "[t.start() for t in ts]\n"
              "time.sleep(0.15)\n"
              "[b.send(b'x') for _, b in pairs]\n"
              "[t.join() for t in ts]\n"
              "print('received', flush=True)\n"
              "time.sleep(60)\n")
    p = host.start("/usr/bin/python3", "-c", script, FR_TRIGGER="recv>80ms")
    p.line("received")
    assert trigger(host.snapshot(p))["reason"].startswith("recv ")
    control = fr.read("ctl", p.pid)
    assert (control["rules"]["recv"]["fired"], control["suppressed"]) == (1, 7), control
    assert len(host.snapshots(p.pid)) == 1


def test_without_cooldown_up_to_the_maximum(host):
    p = host.target("triggers", *["lock:120", "calls:200"] * 4, "stay",
                    FR_TRIGGER="lock_wait>80ms", FR_COOLDOWN="1ms", FR_TRIGGER_MAX=3)
    p.line("stay")
    host.snapshot(p, 3)
    control = fr.read("ctl", p.pid)
    assert control["rules"]["lock_wait"]["fired"] == 3 and control["suppressed"] == 1, control
    assert len(host.snapshots(p.pid)) == 3


def test_limits_do_not_hold_back_signal_and_exit(host):
    p = host.target("triggers", "lock:120", "calls:100", "lock:120", "calls:600",
                    FR_TRIGGER="lock_wait>80ms,exit", FR_TRIGGER_MAX=1)
    p.line("lock")
    p.line("lock")
    have = host.snapshot(p)
    host.ask(p)
    assert p.code() == 0
    kinds = [trigger(f)["kind"] for f in host.snapshots(p.pid)]
    assert have and kinds == ["threshold", "signal", "exit"]


def test_several_conditions_each_on_its_own(host):
    p, files = run(host, "recv:120 calls:100 lock:120 calls:100", FR_COOLDOWN="1ms",
                   FR_TRIGGER="lock_wait>80ms,recv>80ms")
    assert [trigger(f)["reason"].split()[0] for f in files] == ["recv", "lock_wait"]


def test_hold_raises_the_level_and_says_so(host):
    p, files = run(host, "hold:20", FR_TRIGGER="hold>80ms,exit")
    info = fr.read("info", files[0])
    assert info["header"]["levels"]["lock"] == "full"
    assert "hold needs every lock" in fr.fr("info", files[0]).out


@pytest.mark.parametrize("bad", ["moon>3s", "lock_wait", "recv>soon", "exit>5s", "rss>", ">",
                                 "lock_wait>0"])
def test_a_bad_item_leaves_the_others(host, bad):
    p, files = run(host, "recv:120", FR_TRIGGER=f"{bad},recv>80ms,,")
    assert len(files) == 1 and trigger(files[0])["reason"].startswith("recv ")
    text = fr.fr("info", files[0]).out
    assert f"FR_TRIGGER: {bad} is not understood" in text, text


def test_forked_child_fires_for_itself(host):
    """The child's triggers are its own: its count starts anew."""
    script = ("import os, threading, time\n"
              "def contend():\n"
              "    l = threading.Lock(); l.acquire()\n"
              "    t = threading.Thread(target=l.acquire); t.start()\n"
              "    time.sleep(0.15); l.release(); t.join()\n"
              "contend()\n"
              "if os.fork() == 0:\n"
              "    contend(); os._exit(0)\n"
              "os.wait()\n")
    p = host.run("/usr/bin/python3", "-c", script,
                 FR_TRIGGER="sem_wait>80ms,lock_wait>80ms,cond_wait>80ms")
    files = host.snapshots()
    pids = {f.name.split("-")[-2] for f in files}
    assert len(pids) == 2 and str(p.pid) in pids, files


# ---- TLS -----------------------------------------------------------------------------------------

TLS_CLIENT = """
import socket, ssl, sys
context = ssl.create_default_context(cafile=sys.argv[1])
s = socket.create_connection(("localhost", int(sys.argv[2])))
with context.wrap_socket(s, server_hostname="localhost") as t:
    t.sendall(b"x")
"""


@pytest.mark.parametrize("delay,kinds", [(0.12, ["threshold"]), (0.0, [])])
def test_slow_handshake(host, tmp_path, delay, kinds):
    openssl = conftest.needs("openssl")
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    subprocess.run([openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
                    "-keyout", key, "-out", cert, "-subj", "/CN=localhost",
                    "-addext", "subjectAltName=DNS:localhost"], check=True, capture_output=True)
    script = ("import socket, ssl, sys, time\n"
              "c = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)\n"
              "c.load_cert_chain(sys.argv[1], sys.argv[2])\n"
              "l = socket.create_server(('127.0.0.1', 0))\n"
              "print(l.getsockname()[1], flush=True)\n"
              "s, _ = l.accept(); time.sleep(float(sys.argv[3]))\n"
              "c.wrap_socket(s, server_side=True).recv(1)\n")
    server = host.start("/usr/bin/python3", "-c", script, cert, key, delay, recorded=False)
    p = host.run("/usr/bin/python3", "-c", TLS_CLIENT, cert, server.line(),
                 FR_TRIGGER="tls>80ms,send>80ms,connect>80ms")
    files = host.snapshots(p.pid)
    assert [trigger(f)["kind"] for f in files] == kinds
    if kinds:
        assert trigger(files[0])["reason"].startswith("tls "), trigger(files[0])
        assert "SSL_do_handshake" in trigger(files[0])["reason"]


# ---- which signal --------------------------------------------------------------------------------


def chosen(p):
    return fr.read("info", p.pid)["header"]["signal"]


def asks(host, p, signo):
    """The signal makes a snapshot, and that is its trigger."""
    t = trigger(host.ask(p, signo))
    return t["kind"] == "signal" and number(t["signal"]) == signo


def number(value):
    """Of a signal as fr prints it."""
    if isinstance(value, int):
        return value
    if value.startswith("SIGRTMIN"):
        return signal.SIGRTMIN + int(value[len("SIGRTMIN"):])
    if value.startswith("SIGRTMAX"):
        return signal.SIGRTMAX + int(value[len("SIGRTMAX"):])
    return getattr(signal, value)


def test_usr1_while_the_host_leaves_it(host):
    p = host.target("triggers", "stay")
    p.line("stay")
    assert number(chosen(p)) == signal.SIGUSR1 and asks(host, p, signal.SIGUSR1)


def test_another_when_usr1_was_taken_before_the_start(host):
    """Ignored by who started it, as nohup does with SIGHUP: that stays, another is ours."""
    p = host.start(fr.TARGETS / "triggers", "stay",
                   preexec=lambda: signal.signal(signal.SIGUSR1, signal.SIG_IGN))
    p.line("stay")
    ours = number(chosen(p))
    assert ours >= signal.SIGRTMIN
    p.signal(signal.SIGUSR1)
    assert asks(host, p, ours)
    assert len(host.snapshots(p.pid)) == 1 and p.alive()


def test_another_when_the_host_takes_usr1_later(host):
    """Its handler runs, and only that; the chosen signal asks for snapshots; back, and again."""
    script = ("import signal, sys\n"
              "print('begin', flush=True); sys.stdin.readline()\n"
              "signal.signal(signal.SIGUSR1, lambda *a: print('mine', flush=True))\n"
              "print('taken', flush=True)\n"
              "while True: signal.pause()\n")
    p = fr.Process(["/usr/bin/python3", "-c", script], host.env(), host.cwd,
                   stdin=subprocess.PIPE)
    host.started.append(p)
    p.line("begin")
    assert number(chosen(p)) == signal.SIGUSR1 and asks(host, p, signal.SIGUSR1)
    p.popen.stdin.write(b"\n")
    p.popen.stdin.flush()
    p.line("taken")
    ours = number(chosen(p))
    assert ours >= signal.SIGRTMIN
    for _ in range(3):
        p.signal(signal.SIGUSR1)
        p.line("mine")
    assert len(host.snapshots(p.pid)) == 1, "its own signal is no question to us"
    assert asks(host, p, ours)
    assert len(host.snapshots(p.pid)) == 2 and p.alive()


def test_another_when_the_host_takes_the_chosen_one_too(host):
    script = ("import signal\n"
              "for s in [signal.SIGUSR1, *range(signal.SIGRTMIN, signal.SIGRTMAX - 2)]:\n"
              "    signal.signal(s, lambda s, _: print('mine', s, flush=True))\n"
              "signal.signal(signal.SIGRTMAX - 1, lambda s, _: print('mine', s, flush=True))\n"
              "print('taken', flush=True)\n"
              "while True: signal.pause()\n")
    p = host.start("/usr/bin/python3", "-c", script)
    p.line("taken")
    assert number(chosen(p)) == signal.SIGRTMAX - 2
    for signo in (signal.SIGUSR1, signal.SIGRTMAX - 1, signal.SIGRTMIN + 7):
        p.signal(signo)
        p.line(f"mine {int(signo)}")
    assert not host.snapshots(p.pid)
    assert asks(host, p, signal.SIGRTMAX - 2)


def test_none_is_left(host):
    """A host that takes all of them: none is ours, fr snapshot PID needs none."""
    script = ("import signal\n"
              "for s in [signal.SIGUSR1, *range(signal.SIGRTMIN, signal.SIGRTMAX + 1)]:\n"
              "    signal.signal(s, lambda s, _: print('mine', s, flush=True))\n"
              "print('taken', flush=True)\n"
              "while True: signal.pause()\n")
    p = host.start("/usr/bin/python3", "-c", script)
    p.line("taken")
    assert not chosen(p)
    p.signal(signal.SIGRTMAX - 1)
    p.line("mine")
    fr.fr("snapshot", p.pid, "-o", host.path / "asked.frd")
    assert fr.read("report", host.path / "asked.frd")["process"]["pid"] == p.pid
    assert not host.snapshots(p.pid)


def test_a_forced_signal_is_shared(host):
    """FR_SIGNAL=SIGUSR1: the snapshot is made and the application's own handler runs, each time."""
    script = ("import signal\n"
              "signal.signal(signal.SIGUSR1, lambda *a: print('mine', flush=True))\n"
              "print('taken', flush=True)\n"
              "while True: signal.pause()\n")
    p = host.start("/usr/bin/python3", "-c", script, FR_SIGNAL="SIGUSR1")
    p.line("taken")
    for n in range(1, 4):
        assert asks(host, p, signal.SIGUSR1)
        p.line("mine")
        assert len(host.snapshots(p.pid)) == n


@pytest.mark.parametrize("item,word", [("lock:1000", "pthread_mutex_lock"),
                                       ("rdlock:1000", "pthread_rwlock_rdlock")])
def test_who_waits_for_a_lock_notices_itself(host, item, word):
    """Nobody makes a call for a second, and the snapshot is there before it is over."""
    p = host.target("triggers", item, "stay", FR_TRIGGER="stuck>200ms")
    recording = host.snapshot(p)
    assert p.lines == ['{"did":"begin"}']
    said = p.truth("waiter")
    t = trigger(recording)
    assert re.match(f"stuck 2[0-9][0-9] ms > 200 ms, T[0-9]+ waiter, {word} {said['lock']}",
                    t["reason"]), t
    fr.wait_for(lambda: "{\"did\":\"stay\"}" in p.lines, "the end of the wait")
    assert len(host.snapshots(p.pid)) == 1


@pytest.mark.parametrize("kind", ["cycle", "self"])
def test_a_deadlock_of_all_threads_is_noticed(host, kind):
    p = host.target("hang", kind, FR_TRIGGER="stuck>300ms")
    report = fr.read("report", host.snapshot(p))
    assert report["trigger"]["reason"].startswith("stuck 3")
    rule = "deadlock" if kind == "cycle" else "self-deadlock"
    assert [f["rule"] for f in report["findings"]][0] == rule


def test_patience_changes_no_answer(host):
    """Locks of every kind, had before and after the waiting thread looks around."""
    bare = host.run(fr.TARGETS / "patience", 5, 100, recorded=False)
    p = host.run(fr.TARGETS / "patience", 5, 100, FR_TRIGGER="stuck>40ms", FR_COOLDOWN="1ms",
                 FR_TRIGGER_MAX=99)
    assert p.lines == bare.lines and len(bare.lines) > 40
    reasons = [trigger(f)["reason"] for f in host.snapshots(p.pid)]
    for call in ("pthread_mutex_lock", "pthread_rwlock_rdlock", "pthread_rwlock_wrlock",
                 "mtx_lock"):
        assert [r for r in reasons if call in r], (call, reasons)


@pytest.mark.parametrize("kind,call", [("cycle", "pthread_mutex_lock"),
                                       ("old", "__pthread_mutex_lock")])
def test_list_shows_who_is_stuck(host, kind, call):
    """From outside, where every thread hangs; by whichever name of the function."""
    hangs = host.target("hang", kind, FR_TRIGGER="stuck>300ms")
    works = host.target("triggers", "stay", FR_TRIGGER="stuck>300ms")
    hangs.line(kind)
    works.line("stay")

    def listed():
        rows = {e["pid"]: e for e in json.loads(fr.fr("list", host.dir, "--json").out)}
        return rows if rows[hangs.pid]["stuck"]["threads"] == 2 else None

    rows = fr.wait_for(listed, "two stuck threads")
    assert rows[hangs.pid]["stuck"]["call"] == call
    assert 3e8 < rows[hangs.pid]["stuck"]["longest_ns"] < 3e10
    assert rows[works.pid]["stuck"]["threads"] == 0
    text = fr.fr("list", host.dir).out
    assert re.search(rf"{hangs.pid} .* 2 threads stuck, .* in {call}", text), text


def test_list_shows_which_signal_asks(host):
    """SIGUSR1, or the one that was taken because the program has a use for it."""
    script = "import signal, sys; {}; print('ready', flush=True); signal.pause()"
    plain = host.start("/usr/bin/python3", "-c", script.format("0"))
    own = host.start("/usr/bin/python3", "-c",
                     script.format("signal.signal(signal.SIGUSR1, lambda *a: 0)"))
    none = host.start("/usr/bin/python3", "-c", script.format("0"), FR_SIGNAL="none")
    for p in (plain, own, none):
        p.line("ready")
    rows = {e["pid"]: e["ask_by"] for e in json.loads(fr.fr("list", host.dir, "--json").out)}
    assert rows[plain.pid] == signal.SIGUSR1 and rows[none.pid] == 0
    assert rows[own.pid] == fr.signal_of(own.pid) >= signal.SIGRTMIN
    assert f"{own.pid}  python3  SIGRT" in fr.fr("list", host.dir).out
    host.ask(own, rows[own.pid])
