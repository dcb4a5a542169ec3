"""A stage for the tests that go through the handlers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from testkit.handlers.claim_stage import ClaimStage
from testkit.world import World, pod

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Iterator[ClaimStage]:
    """A service with empty tables."""
    new = ClaimStage(monkeypatch)
    yield new
    # Nothing that was built with the replaced clients may be used by a later test.
    new.restart()


@pytest.fixture
def world() -> World:
    """A zone of three racks with two instances each."""
    return World(pods=(pod("lon1", 3),))
