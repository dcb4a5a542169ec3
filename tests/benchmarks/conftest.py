"""Options of a run that takes seconds and writes only into a test's own folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from benchmarks.options import Options

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def quick(tmp_path: Path) -> Options:
    return Options(quick=True, plots=tmp_path / "results", peers=tmp_path / "peers")
