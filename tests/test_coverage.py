# SPDX-License-Identifier: MIT
"""Coverage: for each hook whether it took, and what could not be seen."""

import json
import re
import shutil
import struct
import subprocess

import fr

MALLOC = {"malloc", "free", "calloc", "realloc"}


def rows():
    """Names of hooks.def; those of libssl are found later."""
    text = (fr.TOP / "preload/wire/hooks.def").read_text()
    return re.findall(r'^HOOK\(\d+, *(\w+),.*"(.*)"\)', text, re.M)


def recorded(full, name, *args, **settings):
    p = full.run(fr.TARGETS / name, *args, **settings)
    recording = full.snapshot(p)
    return p, fr.read("info", recording), recording


def recorder_text(recording):
    return json.dumps(fr.findings(fr.read("report", recording), "recorder"))


def test_every_hook_takes_in_a_plain_program(full):
    _, info, recording = recorded(full, "sync")
    names = [n for n, version in rows() if version != "@libssl"]
    assert info["hooks"]["shadowed"] == {} and len(names) > 200
    assert info["hooks"]["deepbind"] == []
    missing = set(info["hooks"]["not_taken"])
    assert info["hooks"]["taken"] >= len(names) - len(missing)
    assert not missing & {"malloc", "pthread_mutex_lock", "connect", "read", "renameat2"}
    assert "not seen" not in fr.fr("info", recording).out
    assert "are not seen" not in recorder_text(recording)


def test_recording_says_how_calls_wait(full):
    """An fr that has never heard of a function knows from the recording how one waits in it."""
    _, _, recording = recorded(full, "sync")
    content = recording.read_bytes()
    count, = struct.unpack_from("<I", content, 20)
    sections = [struct.unpack_from("<IIQQQ", content, 2376 + i * 32) for i in range(count)]
    _, size, offset, _, used = next(s for s in sections if s[0] == 13)
    flags = {}
    for at in range(offset, offset + used, size):
        name = content[at:at + 40].split(b"\0")[0].decode()
        flags[name], = struct.unpack_from("<I", content, at + 52)
    del flags[""]
    assert set(flags) == {n for n, _ in rows()}
    assert all(f & 2 for f in flags.values())
    waits = {name: f >> 8 & 255 for name, f in flags.items()}
    assert waits["__pthread_mutex_lock"] == waits["pthread_mutex_lock"] == 1
    assert waits["pthread_mutex_unlock"] == 0 and waits["recvmsg"] == 9
    stuck = {name for name, f in flags.items() if f & 4}
    assert {"__pthread_mutex_lock", "mtx_lock", "__connect", "sendmsg"} <= stuck
    assert not stuck & {"recv", "pthread_cond_wait", "poll", "sem_wait"}


def test_address_of_a_call_is_no_function(full):
    """A program that is not PIE and takes a function's address has a symbol for it: no function."""
    source = full.path / "address.c"
    source.write_text("""
#include <stdlib.h>
#include <unistd.h>
int main(void)
{
	void *(*volatile get)(size_t) = malloc;
	int (*volatile sync_it)(int) = fsync;

	free(get(77));
	return sync_it(-1) != -1;
}
""")
    subprocess.run(["gcc", "-O1", "-fno-pie", "-no-pie", "-o", full.path / "address", source],
                   check=True)
    p = full.run(full.path / "address")
    recording = full.snapshot(p)
    info = fr.read("info", recording)
    assert info["hooks"]["shadowed"] == {}
    assert not [n for n in info["notes"] if "memory is not seen" in n]
    assert [e for e in fr.read("events", recording)
            if e["event"] == "mem.alloc" and e["size"] == 77]


def test_allocator_linked_in(full):
    """Its calls are not in the recording: said by name, with the object that has them."""
    p, info, recording = recorded(full, "own_malloc")
    assert json.loads(p.lines[0])["own"] == 200
    shadowed = info["hooks"]["shadowed"]
    assert set(shadowed) == MALLOC
    assert {path.rsplit("/", 1)[-1] for path in shadowed.values()} == {"own_malloc"}
    assert not [e for e in fr.read("events", recording) if e["event"] == "mem.alloc"]
    assert "malloc=own_malloc" in fr.fr("info", recording).out
    text = recorder_text(recording)
    assert "are not seen" in text and all(name in text for name in MALLOC)


def test_without_libunwind(full):
    """Stacks by frame pointers, or none: the header and the report say so."""
    _, info, recording = recorded(full, "sync", FR_UNWIND="caller")
    assert info["header"]["unwind"] == "caller only"
    assert "stacks have one frame only" in recorder_text(recording)
    _, info, recording = recorded(full, "sync", FR_UNWIND="fp")
    assert info["header"]["unwind"] == "frame pointers"
    assert "frame pointers only" in recorder_text(recording)


def test_plugins_that_bind_past_us(full):
    """RTLD_DEEPBIND: named, where it had an effect; in a forked child as well."""
    plugins = [full.path / f"{name}.so" for name in ("deep", "plain", "first", "gone")]
    for plugin in plugins:
        shutil.copy(fr.TARGETS / "plugins/deep.so", plugin)
    deep, plain, first, missing = plugins
    missing.unlink()
    p = full.run(fr.TARGETS / "dl", "bypass", "deep", deep, "plain", plain, "plain", first,
                 "deep", first, "deep", missing)
    *said, child = map(json.loads, p.lines)
    bypassing = sorted({line["path"] for line in said if line["bypass"]})
    assert bypassing == [str(deep)] and [line["loaded"] for line in said] == [True] * 4 + [False]
    for pid in (p.pid, child["child"]):
        recording = full.snapshots(pid)[0]
        assert sorted(fr.read("info", recording)["hooks"]["deepbind"]) == bypassing
        assert f"RTLD_DEEPBIND: {deep}" in fr.fr("info", recording).out
        assert f"RTLD_DEEPBIND: calls of {deep}" in recorder_text(recording)
