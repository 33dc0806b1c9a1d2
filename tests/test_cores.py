# SPDX-License-Identifier: MIT
"""Many cores: no event writes a line of memory that another thread's events write, too."""

import json
import platform

import pytest

import fr

TURN = 10  # as in cores.c
OPS = ["lock_unlock", "malloc_free", "send_recv", "post_wait", "signal", "failing"]


@pytest.mark.skipif(platform.machine() != "x86_64", reason="traced by x86's registers")
@pytest.mark.parametrize("op", OPS)
def test_threads_take_no_line_from_each_other(host, op, long):
    """Lines may move when a chunk is opened or the clocks are read, not turn by turn."""
    times = 2000 if long else 200
    said = json.loads(host.run(fr.TARGETS / "cores", op, times, FR_EVENTS="full").lines[-1])
    assert said["writes"] > 3 * said["events"], "the recorder's memory was not closed"
    turns = 2 * times // TURN
    moved = [hex(line["pc"]) for line in said["shared"] if line["moves"] > turns / 4]
    assert not moved, "written at these places of libfr.so"
