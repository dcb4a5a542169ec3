"""A stage for the tests that go through the handlers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from testkit.handlers.claim_stage import ClaimStage

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Iterator[ClaimStage]:
    """A service with empty tables."""
    new = ClaimStage(monkeypatch)
    yield new
    # What was built on the replaced clients must not outlive them.
    new.restart()
