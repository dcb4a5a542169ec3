"""Holders of every kind, for the rules that hold of all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from testkit.kinds import KINDS

if TYPE_CHECKING:
    from testkit.kinds import Kind


@pytest.fixture(params=KINDS, ids=lambda kind: kind.__name__)
def kind(request: pytest.FixtureRequest) -> Kind:
    """One that has made nothing yet."""
    made: Kind = request.param()
    return made
