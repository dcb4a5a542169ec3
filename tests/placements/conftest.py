from __future__ import annotations

import pytest

from testkit.world import World, pod


@pytest.fixture
def world() -> World:
    """One pod of eight racks with four hosts each."""
    return World(pods=(pod("pod1", 8, hosts=4),))
