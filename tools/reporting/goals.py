"""The figures that docs/proof.md shows, and the goal of each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

SEEDS: Final = 100_000
OPERATIONS: Final = 1_000_000
FAULTED_SHARE: Final = 0.2
TIMES_A_FAULT: Final = 1_000
SHORT: Final = "not yet"
"""Label of the figure that says what is still missing to the goals; shown if a section has it."""

GOALS: Final[Mapping[str, Mapping[str, str]]] = {
    "protocol": {
        "scenarios": "",
        "states": "",
        "scenarios with a violation": "0",
        "rules that show a violation when left out": "all",
    },
    "simulation": {
        "seeds": f"{SEEDS:,}",
        "client operations": f"{OPERATIONS:,}",
        "of them faulted": f"{FAULTED_SHARE:.0%}",
        "times of the rarest fault": f"{TIMES_A_FAULT:,}",
        "writes, each checked": "",
        "virtual hours": "",
        "violations": "0",
    },
    "interleavings": {
        "schedules": "",
        "2 x 5 turns, groups with all 252 schedules": "all",
        "3 x 3 turns, groups with all 1,680 schedules": "all",
        "3 x 4 turns, groups with all 34,650 schedules": "all",
        "violations": "0",
    },
    "crashes": {"single faults": "", "pairs of faults": "", "violations": "0"},
    "bugs": {"planted": "", "found": "all"},
    "fuzz": {
        "requests made from schemas": "",
        "failed checks": "0",
        "operations without any success": "0",
        "findings of the audit afterwards": "0",
        "bad inputs in the corpus": "",
        "cells of the access matrix": "",
        "operations in the access matrix": "all",
    },
    "load": {
        "clients": "",
        "calls a second": "",
        "share of the calls' time that was waiting at the front": "",
        "server errors, whole run": "0",
        "findings of the audit, full / empty": "0 / 0",
        "GB300 NVL72: units there are / accepted / left": "none left",
        "H200 HGX: units there are / accepted / left": "none left",
    },
}
"""By results file and label of the figure. Counts of work are minimums; counts of defects have to be 0."""
