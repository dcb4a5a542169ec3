"""Stages for the functional tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from testkit.handlers import arrangements
from testkit.handlers.stage import Stage

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    """A service with empty tables."""
    new = Stage(monkeypatch)
    yield new
    # Nothing that was built with the replaced clients may be used by a later test.
    new.restart()


@pytest.fixture
def sample(stage: Stage) -> Stage:
    """A service with the sample fleet and the sample tenant's reservations."""
    arrangements.sample(stage)
    return stage


@pytest.fixture
def reserved(stage: Stage) -> Stage:
    """The same, with the reservation that the event files name in status pending."""
    arrangements.reserved(stage)
    return stage
