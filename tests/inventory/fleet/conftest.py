from __future__ import annotations

import pytest

from testkit.fleet.world import FleetWorld


@pytest.fixture
def world() -> FleetWorld:
    return FleetWorld()


@pytest.fixture
def other_world() -> FleetWorld:
    return FleetWorld()
