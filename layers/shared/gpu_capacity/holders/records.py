"""What a run over many records does with those that it cannot read now, or not at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gpu_capacity.errors import TryAgain, UnreadableItem

if TYPE_CHECKING:
    from gpu_capacity.ports import Telemetry

SKIPPED_ERRORS = (TryAgain, UnreadableItem)
"""Why one record is left out, and the run goes on with the next."""


def report_unreadable(telemetry: Telemetry, error: UnreadableItem) -> None:
    """Count and log an item that is left out: its key, and nothing of what it says."""
    telemetry.count("RecordsUnreadable")
    telemetry.warning("record unreadable", pk=error.key[0], sk=error.key[1])


def report_skipped(telemetry: Telemetry, error: TryAgain | UnreadableItem, record: str) -> None:
    """The same for a record that a run meets: one that only cannot be read now is left to the next run."""
    if isinstance(error, UnreadableItem):
        report_unreadable(telemetry, error)
    else:
        telemetry.count("RecordsSkipped")
        telemetry.warning("left to the next run", record=record, reason=str(error))
