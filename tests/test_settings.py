# SPDX-License-Identifier: MIT
"""Bad settings, unusable directories, full file systems: the host runs on and it is said."""

import json
import lzma
import os
import pathlib
import re
import subprocess

import pytest

import fr

BAD = {
    "FR_EVENTS": "lock=everything", "FR_MAX_BYTES": "plenty", "FR_MIN_AGE": "-3s",
    "FR_SLOW": "quick", "FR_STACK_DEPTH": "100000", "FR_SIGNAL": "SIGNONE",
    "FR_TRIGGER": "moon=full", "FR_KEEP": "maybe", "FR_UNWIND": "magic", "FR_CLOCK": "sundial",
    "FR_VERIFY_STACKS": "perhaps", "FR_FOLLOW": "who", "FR_BUDGET": "half",
    "FR_KEEP_MAX": "heaps",
}


def info_text(recording):
    return fr.fr("info", "-a", recording, ok=(0, 3)).out


@pytest.mark.parametrize("name", BAD)
def test_bad_value_disables_nothing(host, name):
    p = host.target("load", **{name: BAD[name]})
    p.line("ready")
    recording = host.ask(p)
    text = info_text(recording)
    assert name in text and BAD[name] in text, text
    assert fr.read("report", recording)["events"] > 0
    assert p.alive() and not p.stderr()


RANGES = [
    ("FR_MAX_BYTES", "1M", "1023K"), ("FR_MAX_BYTES", "64G", "65G"),
    ("FR_STACK_DEPTH", "1", "0"), ("FR_STACK_DEPTH", "254", "255"),
    ("FR_TRIGGER_MAX", "0", "-1"), ("FR_TRIGGER_MAX", "1000000", "1000001"),
    ("FR_SLOW", "31536000s", "31536001s"), ("FR_COOLDOWN", "31536000s", "31536001s"),
    ("FR_BUDGET", "100%", "101%"), ("FR_KEEP", "1", "2"),
    ("FR_ONLY", "true" + "," * 123, "true" + "," * 124),
]


@pytest.mark.parametrize("name,good,bad", RANGES, ids=[f"{n}={b[:12]}" for n, _, b in RANGES])
def test_ranges(host, name, good, bad):
    """The first and last value is taken, the one behind it is not."""
    for value, understood in ((good, True), (bad, False)):
        p = host.start("true", FR_TRIGGER="exit", **{name: value})
        assert p.code() == 0
        s = fr.read("info", host.snapshot(p))["settings"][name[3:].lower()]
        assert (s["given"], s["refused"]) == (understood, not understood), (value, s)
        assert (s["at_start"] == value[:119]) == understood


def test_every_row_is_in_the_recording(host):
    """With its default as config.def has it, and as fr info shows it."""
    rows = re.findall(r'^SETTING\((\w+), *"(FR_\w+)", *\w+, *"(.*?)",',
                      (fr.TOP / "preload/wire/config.def").read_text(), re.M)
    assert len(rows) > 15
    p = host.start("true", FR_TRIGGER="exit")
    assert p.code() == 0
    recording = host.snapshot(p)
    settings, text = fr.read("info", recording)["settings"], info_text(recording)
    assert list(settings) == [name for name, _, _ in rows]
    for name, variable, default in rows:
        assert re.search(rf"^{name} .*(default|environment)", text, re.M), name
        if variable not in {**host.settings, "FR_TRIGGER": 1}:
            assert settings[name]["at_start"] == default


def test_a_recording_from_before_the_section(tmp_path):
    """It has no settings by name: those that it has are shown as ever."""
    old = tmp_path / "old.frd"
    old.write_bytes(lzma.decompress((fr.TOP / "tests/golden/v2-truth.frd.xz").read_bytes()))
    assert fr.read("info", old, ok=(0, 3))["settings"] == {}
    assert " settings\n" not in info_text(old) and "\nsettings  " in info_text(old)
    shown = fr.fr("ctl", old).out
    assert "\nslow         100 us\n" in shown and "keep" not in shown


def test_all_bad_at_once(host):
    p = host.target("load", **BAD)
    p.line("ready")
    text = info_text(host.ask(p))
    for name in BAD:
        assert name in text, name


def test_garbage_and_empty_values(host):
    for value in ("", "\x1b[31m\x07\xff", "a" * 5000, "=,=,=", "lock=full=full", ",,,"):
        p = host.target("healthy", 30, FR_EVENTS=value, FR_MAX_BYTES=value, FR_TRIGGER="exit")
        assert p.code() == 0, value
        text = info_text(host.snapshot(p))
        assert "\x1b" not in text and "\x07" not in text, "escaped before it reaches a terminal"


@pytest.mark.parametrize("kind", ["missing", "file", "readonly", "dangling"])
def test_unusable_fr_dir(host, kind):
    """The default directory is used instead, and it is said."""
    bad = host.path / "bad"
    if kind == "missing":
        bad = host.path / "a-file" / "b"
        bad.parent.write_text("no directory")
    elif kind == "file":
        bad.write_text("no directory")
    elif kind == "readonly":
        bad = "/proc/self"
    else:
        bad.symlink_to(host.path / "nowhere")
    p = host.target("load", FR_DIR=bad)
    p.line("ready")
    recording = host.ask(p)
    text = info_text(recording)
    assert f"no region in {bad}" in text, text
    assert fr.read("report", recording)["events"] > 0
    assert fr.read("report", p.pid)["process"]["pid"] == p.pid
    assert p.alive() and not p.stderr()
    p.kill()
    for left in pathlib.Path(f"/dev/shm/fr-{os.getuid()}").glob(f"*-{p.pid}-*"):
        left.unlink()


@pytest.mark.parametrize("trap", ["foreign", "link", "readonly"])
def test_no_usable_directory_at_all(host, mounts, trap):
    """Neither FR_DIR nor the default one will do: the region is a memfd, and the header says so."""
    uid = os.getuid()
    prepare = {
        "foreign": f"mkdir -m 777 /dev/shm/fr-{uid} && chown 12345 /dev/shm/fr-{uid}",
        "link": f"mkdir {host.path}/elsewhere && ln -s {host.path}/elsewhere /dev/shm/fr-{uid}",
        "readonly": "mount -o remount,ro /dev/shm",
    }[trap]
    script = (f"mount -t tmpfs none /dev/shm && {prepare} && exec env LD_PRELOAD={fr.LIB} "
              f"FR_DIR=/proc/self FR_OUT={host.out} {fr.TARGETS}/load")
    p = host.start("unshare", "-m", "sh", "-c", script, recorded=False)
    p.line("ready")
    recording = host.ask(p)
    header = fr.read("info", recording)["header"]
    assert "memory" in header["region"] or "memfd" in header["region"], header["region"]
    assert fr.read("report", recording)["events"] > 0
    live = fr.read("report", p.pid, ok=(0, 3))
    assert live["process"]["pid"] == p.pid, "a live process is read through its memfd as well"
    row, = [r for r in fr.read("list", host.dir) + json.loads(fr.fr("list", "--json").out)
            if r["pid"] == p.pid and r["kind"] == "live"]
    assert (row["path"], row["comm"], row["problem"]) == (str(p.pid), "load", None), row
    assert p.alive() and not p.stderr()


def test_symlinked_region_is_not_followed(host, root):
    """Somebody put links in the way: nothing is written through them."""
    victim = host.path / "victim"
    victim.write_text("untouched")
    p = host.target("load")
    p.line("ready")
    name = host.regions()[0].name
    p.kill()
    for pid in range(p.pid + 1, p.pid + 60):
        (host.dir / name.replace(str(p.pid), str(pid))).symlink_to(victim)
    q = host.target("load")
    q.line("ready")
    assert victim.read_text() == "untouched"
    assert fr.read("report", host.ask(q))["events"] > 0


def in_small_tmpfs(host, size, settings, code, *argv, then=""):
    """Runs a target with FR_DIR (and perhaps FR_OUT) on a tmpfs of so many bytes."""
    mount = host.path / "mount"
    mount.mkdir()
    script = (f"mount -t tmpfs -o size={size},mode=700 none {mount} && {code} && "
              f"{'' if then else 'exec'} env "
              f"{' '.join(f'{k}={v}' for k, v in settings(mount).items())} "
              + " ".join(map(str, argv)) + then)
    return host.start("unshare", "-m", "sh", "-c", script, recorded=False)


def test_full_shm_at_start(host, mounts):
    """No room for a region at all: the server runs, its region is in memory, and it is said."""
    settings = lambda m: {"LD_PRELOAD": fr.LIB, "FR_DIR": m, "FR_OUT": host.out,
                          "FR_EVENTS": "full", "FR_TRIGGER": "exit"}
    p = in_small_tmpfs(host, "64k", settings, "dd if=/dev/zero of=$0/fill 2>/dev/null; true"
                       .replace("$0", str(host.path / "mount")), fr.TARGETS / "healthy", 300)
    assert p.code() == 0, p.stderr()
    assert "done" in p.lines[-1]
    text = info_text(host.snapshot(p))
    assert "FR_DIR" in text or "region_full" in text, text


def test_shm_fills_while_recording(host, mounts):
    """The region cannot grow: what is there is used, the drop is counted, nobody gets SIGBUS."""
    settings = lambda m: {"LD_PRELOAD": fr.LIB, "FR_DIR": m, "FR_OUT": host.out,
                          "FR_EVENTS": "full", "FR_MAX_BYTES": "64M", "FR_TRIGGER": "exit"}
    p = in_small_tmpfs(host, "3m", settings, "true", fr.TARGETS / "healthy", 1500)
    assert p.code() == 0, p.stderr()
    report = fr.read("report", host.snapshot(p), ok=(0, 3))
    assert report["drops"].get("region_full", 0) > 0, report["drops"]
    assert report["events"] > 1000
    assert "recorder" in json.dumps(report["findings"]) or "region_full" in \
        fr.fr("report", host.snapshot(p), ok=(0, 3)).out


def test_full_fr_out(host, mounts):
    """No room for the snapshot: it goes to FR_DIR, and no half file is left behind."""
    settings = lambda m: {"LD_PRELOAD": fr.LIB, "FR_DIR": host.dir, "FR_OUT": m,
                          "FR_TRIGGER": "exit", "FR_KEEP": 1}
    p = in_small_tmpfs(host, "16k", settings, "true", fr.TARGETS / "healthy", 100,
                       then=f" && echo files: && ls -A {host.path}/mount")
    assert p.code() == 0, p.stderr()
    assert p.lines[-1] == "files:", p.lines[-3:]
    snapshot, = host.dir.glob("*.frd")
    assert fr.read("report", snapshot)["events"] > 0


def test_missing_fr_out_falls_back(host):
    """FR_OUT that is not there: the snapshot goes to FR_DIR, and is not lost."""
    p = host.target("load", FR_OUT=host.path / "no" / "where")
    p.line("ready")
    p.signal(10)
    found = fr.wait_for(lambda: list(host.dir.glob("fr-*.frd")) + list(host.cwd.glob("fr-*.frd")),
                        "a snapshot elsewhere")
    assert fr.read("report", found[0])["trigger"]["kind"] == "signal"


def test_only_and_off(host):
    p = host.target("load", FR_ONLY="nginx*")
    p.line("ready")
    assert not host.regions()
    p = host.target("load", FR_ONLY="nginx*,lo*")
    p.line("ready")
    assert len(host.regions()) == 1
    p = host.target("healthy", 50, FR_EVENTS="off", FR_TRIGGER="exit")
    assert p.code() == 0
    events = fr.read("events", host.snapshot(p))
    assert not [e for e in events if e["event"].startswith(("mutex", "mem"))]


def test_signal_settings(host):
    """FR_SIGNAL=none leaves SIGUSR1 to its default; a name asks for that one."""
    p = host.target("load", FR_SIGNAL="none")
    p.line("ready")
    p.signal(10)
    assert os.WTERMSIG(p.wait()) == 10
    for name, signo in (("SIGUSR2", 12), ("USR2", 12)):
        p = host.target("load", FR_SIGNAL=name)
        p.line("ready")
        assert host.ask(p, signo)
        assert p.alive()


def test_region_is_private(host):
    p = host.target("load")
    p.line("ready")
    region, = host.regions()
    assert region.stat().st_mode & 0o777 == 0o600
    assert host.ask(p).stat().st_mode & 0o077 == 0
    default = fr.Host(host.path / "default")
    default.settings.pop("FR_DIR")
    q = default.target("load")
    q.line("ready")
    place = f"/dev/shm/fr-{os.getuid()}"
    assert os.stat(place).st_mode & 0o777 == 0o700
    listed = subprocess.run([fr.FR, "list"], capture_output=True, text=True, check=True).stdout
    assert str(q.pid) in listed
    q.kill()
    for f in os.listdir(place):
        if str(q.pid) in f:
            os.unlink(f"{place}/{f}")
