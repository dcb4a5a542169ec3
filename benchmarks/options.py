"""Options of a benchmark run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

_T = TypeVar("_T")

ROOT: Final = Path(__file__).resolve().parent.parent
RESULTS: Final = ROOT / "docs" / "benchmarks"


@dataclass(frozen=True, slots=True)
class Options:
    """Options that each part gets.

    Args:
        quick: shrinks every part to seconds; its figures mean little.
        nodes: node list of a real trace, if there is one.
        trace: the real trace.
        plots: folder for plots and saved results.
        peers: folder in which scripts have installed the peers.
    """

    quick: bool = False
    nodes: Path | None = None
    trace: Path | None = None
    plots: Path = RESULTS
    peers: Path = ROOT / ".local" / "peers"

    def sized(self, full: _T, quick: _T) -> _T:
        """Return the size for the full run or for the quick run."""
        return quick if self.quick else full
