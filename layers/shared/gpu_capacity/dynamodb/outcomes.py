"""How the write of a holder and of all that changes with it ended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class HolderOutcome:
    """``stands``, or the labels of the writes that were refused with what stood there."""

    stands: bool
    refused: dict[str, dict[str, Any] | None]
