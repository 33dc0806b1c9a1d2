# SPDX-License-Identifier: MIT
"""What the host sees of its own signals is what it asked for, whichever function it asked."""

import pytest

import fr


@pytest.mark.parametrize("settings", [{}, {"FR_EVENTS": "full"}, {"FR_EVENTS": "off"},
                                      {"FR_SIGNAL": "SIGUSR2"}, {"FR_SIGNAL": "none"}], ids=str)
def test_same_view(host, settings):
    bare = host.run(fr.TARGETS / "signal_calls", recorded=False).lines
    assert len(bare) > 150 and not [line for line in bare if "somebody" in line]
    p = host.run(fr.TARGETS / "signal_calls", **settings)
    assert p.lines == bare
    assert bool(host.snapshots()) == (settings.get("FR_SIGNAL") == "SIGUSR2"), "only if ours too"
