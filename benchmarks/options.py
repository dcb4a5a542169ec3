"""How a run of the benchmark is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

_T = TypeVar("_T")

ROOT: Final = Path(__file__).resolve().parent.parent
RESULTS: Final = ROOT / "docs" / "benchmarks"


@dataclass(frozen=True, slots=True)
class Options:
    """What a part is told.

    Args:
        quick: shrinks every part to seconds: it shows that all works, its figures mean little.
        nodes: node list of a real trace, if there is one.
        trace: the real trace itself.
        plots: folder for pictures and saved results.
        peers: folder in which scripts have set peers up.
    """

    quick: bool = False
    nodes: Path | None = None
    trace: Path | None = None
    plots: Path = RESULTS
    peers: Path = ROOT / ".local" / "peers"

    def sized(self, full: _T, quick: _T) -> _T:
        """A size for the full run, or the one for the quick run."""
        return quick if self.quick else full
