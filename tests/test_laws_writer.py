# SPDX-License-Identifier: MIT
"""The writer of a snapshot is a thread for a moment: nobody meets it, nothing half is left."""

import ctypes
import os

import pytest


@pytest.fixture
def user_namespaces():
    pid = os.fork()
    if pid == 0:
        try:
            os._exit(ctypes.CDLL(None).unshare(0x10000000) != 0)  # CLONE_NEWUSER
        finally:
            os._exit(1)
    if os.waitpid(pid, 0)[1]:
        pytest.skip("no user namespaces here")


def left_half(host):
    return [f.name for f in host.out.iterdir() if not f.name.endswith(".frd")]


@pytest.mark.parametrize("events", ["", "full"])
def test_exec_waits_for_the_writer(host, events):
    n = 30
    p = host.target("asked", "exec", str(n), **({"FR_EVENTS": events} if events else {}))
    assert p.truth("end") and p.code() == 6
    assert not left_half(host)
    assert len(host.snapshots()) == n + 1


def test_daemon_waits_for_the_writer(host):
    p = host.target("asked", "daemon")
    assert p.code() == 0 and p.truth("end")
    assert not left_half(host)
    assert len(host.snapshots(p.pid)) == 1


@pytest.mark.parametrize("events", ["", "full"])
@pytest.mark.parametrize("call", ["unshare", "setns"])
def test_a_process_that_must_be_alone_is(host, user_namespaces, call, events):
    p = host.target("asked", call, **({"FR_EVENTS": events} if events else {}))
    assert p.truth("failed") == {"failed": 0, "status": 0}
    assert p.code() == 0
