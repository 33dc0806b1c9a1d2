# SPDX-License-Identifier: MIT
"""FR_TRIGGER: each condition makes one snapshot when it is met, and none when it is nearly met."""

import pytest

import fr

# condition, what the target does that stays below it, what it does that is over it, in the reason
CASES = {
    "lock_wait": ("lock_wait>80ms", "lock:20", "lock:120", "pthread_mutex_lock"),
    "rdlock": ("lock_wait>80ms", "rdlock:20", "rdlock:120", "pthread_rwlock_rdlock"),
    "hold": ("hold>80ms", "hold:20", "hold:120", "lock 0x"),
    "recv": ("recv>80ms", "recv:20", "recv:120", "recv fd"),
    "cond_wait": ("cond_wait>80ms", "cond:20", "cond:120", "pthread_cond_timedwait"),
    "poll": ("poll>80ms", "poll:20", "poll:120", "poll fd"),
    "join": ("join>80ms", "join:20", "join:120", "pthread_join"),
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
    condition, under, _, _ = CASES[case]
    p, files = run(host, under, FR_TRIGGER=condition + ",exit")
    assert len(files) == 1, [trigger(f) for f in files]
    assert trigger(files[0])["kind"] == "exit"


def test_every_other_condition_stays_silent(host):
    """A long wait for a lock is no long receive."""
    p, files = run(host, "lock:150", FR_TRIGGER="recv>50ms,send>50ms,connect>50ms,poll>50ms,exit")
    assert [trigger(f)["kind"] for f in files] == ["exit"]


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
