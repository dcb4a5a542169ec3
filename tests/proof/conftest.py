"""How the tests of the proof run."""

from __future__ import annotations

import gc
from collections.abc import Iterator  # noqa: TC003 - pytest reads the annotations of fixtures

import pytest

from proof.campaign import seldom_collect


@pytest.fixture(scope="module", autouse=True)
def _collecting_seldom() -> Iterator[None]:
    """As in ``make prove``: the garbage collector does not scan again what all other tests have loaded."""
    before = gc.get_threshold()
    seldom_collect()
    yield
    gc.set_threshold(*before)
    gc.unfreeze()
