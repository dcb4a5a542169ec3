from __future__ import annotations

import pytest

from testkit.fleet.world import World, new_world


@pytest.fixture
def world() -> World:
    return new_world()


@pytest.fixture
def other_world() -> World:
    return new_world()
