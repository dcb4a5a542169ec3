from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from testkit.handlers import arrangements
from testkit.handlers.stage import Stage

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    """A service with the provisioned reservation that the events name."""
    new = Stage(monkeypatch)
    arrangements.provisioned(new)
    yield new
    new.restart()
