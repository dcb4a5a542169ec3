"""What the sample of other services has, for local stacks. ``make run`` prints it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from gpu_capacity.inventory.model import Architecture
from gpu_capacity.neighbours.listed import Entry, Kind

_ROWS: Final = json.loads(Path(__file__).with_suffix(".json").read_text())

ENTRIES: Final = tuple(
    Entry(
        Kind(row["kind"]),
        row["regionId"],
        row["name"],
        row["id"],
        Architecture(row.get("architecture", Architecture.UNKNOWN)),
    )
    for row in _ROWS
)
