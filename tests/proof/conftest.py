"""One crew of threads for all tests of a process."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from proof.turns import Crew

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def crew() -> Iterator[Crew]:
    found = Crew()
    yield found
    found.dismiss()
