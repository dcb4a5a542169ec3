"""Holders of every kind, for the rules that all of them share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from testkit.kinds import KINDS

if TYPE_CHECKING:
    from testkit.kinds import Kind


@pytest.fixture(params=KINDS, ids=lambda kind: kind.__name__)
def kind(request: pytest.FixtureRequest) -> Kind:
    """The kind's test world, in which no holder exists yet."""
    made: Kind = request.param()
    return made
