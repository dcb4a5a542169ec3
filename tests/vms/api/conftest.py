"""Stages for the tests of the VM API."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from testkit.handlers.vm_stage import Stage

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    """The VM nodes of the sample fleet; no account has anything."""
    new = Stage(monkeypatch)
    yield new
    # Nothing that was built with the replaced clients may be used by a later test.
    new.restart()
