# SPDX-License-Identifier: MIT
"""commands.py - many short programs: pipelines of a shell, make of a C project, git; what they map.

ratio: work per CPU second, of all processes, beside bare. space_mib and private_mib: address space
of a program that prints its own, and what of it is its own alone, bare and on top of that; of one
that records (cat: a read may wait) and of one that records nothing.
"""

import os
import resource
import shutil
import subprocess

from kit import MODES, median, ratio

MODE_NAMES = ("bare", "off", "default", "full")

PIPELINES = """i=0
while [ $i -lt {n} ]; do echo "$i b c" | cat | sed s/b/x/ | wc -c; i=$((i+1)); done
"""
SOURCE = """#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int f{i}(int x)
{{
	printf("%d\\n", x);
	return (int)strlen("abc") * x + {i};
}}
"""
MAKEFILE = """O := $(patsubst %.c,%.o,$(wildcard f*.c))
all.a: $(O)
	ar rcs $@ $(O)
"""
SPACE = {"cat": ["cat", "/proc/self/smaps", "/proc/self/status"],
         "sed (records nothing)": ["sed", "", "/proc/self/smaps", "/proc/self/status"]}


def pipelines(kit):
    script = kit.dir / "pipelines.sh"
    script.write_text(PIPELINES.format(n=kit.pick(60, 3)))
    return ["sh", str(script)]


def project(kit):
    place = kit.dir / "project"
    place.mkdir()
    for i in range(kit.pick(12, 2)):
        (place / f"f{i}.c").write_text(SOURCE.format(i=i))
    (place / "Makefile").write_text(MAKEFILE)
    return ["make", "-s", "-B", "-j2", "-C", str(place)]


def git(kit):
    place = kit.dir / "git"
    place.mkdir()
    for i in range(200):
        (place / f"f{i}").write_text(f"{i}\n")
    me = ["-c", "user.name=bench", "-c", "user.email=bench@localhost"]
    for args in (["init", "-q"], ["add", "-A"], [*me, "commit", "-qm", "all"]):
        subprocess.run(["git", "-C", place, *args], check=True)
    script = kit.dir / "git.sh"
    script.write_text(f"cd {place}\nfor i in {' '.join('12345'[:kit.pick(5, 1)])}; do "
                      "git status; git log -1; git diff; done\n")
    return ["sh", str(script)]


LOADS = {"shell pipelines": (pipelines, "sh"), "make -j2": (project, "make"), "git": (git, "git")}


def cpu_of_children():
    u = resource.getrusage(resource.RUSAGE_CHILDREN)
    return u.ru_utime + u.ru_stime


def load(kit, what):
    prepare, program = LOADS[what]
    if not shutil.which(program):
        return {"load": what, "skipped": f"{program} is not installed"}
    argv = prepare(kit)
    modes = [MODES[m] for m in MODE_NAMES]

    def once(mode):
        before = cpu_of_children()
        kit.text(argv, mode)
        return cpu_of_children() - before

    got = kit.alternate(modes, kit.pick(9, 1), once)
    return {"load": what, "bare_cpu_s": median(got["bare"]),
            **{f"{m}_ratio": 1 / ratio(got[m], got["bare"]) for m in MODE_NAMES[1:]}}


def sums(text):
    """Address space and private pages, in MiB."""
    lines = [line.split() for line in text.splitlines()]
    private = sum(int(w[1]) for w in lines
                  if w and w[0] in ("Private_Dirty:", "Private_Clean:", "Private_Hugetlb:"))
    size = next(int(w[1]) for w in lines if w and w[0] == "VmSize:")
    return size / 1024, private / 1024


def space(kit, what):
    got = {m: sums(kit.text(SPACE[what], MODES[m])) for m in ("bare", "default")}
    return {"program": what, "bare_mib": got["bare"][0], "bare_private_mib": got["bare"][1],
            "added_mib": got["default"][0] - got["bare"][0],
            "added_private_mib": got["default"][1] - got["bare"][1]}


def run(kit):
    os.environ["LC_ALL"] = "C"
    return [load(kit, what) for what in LOADS] + [space(kit, what) for what in SPACE]
