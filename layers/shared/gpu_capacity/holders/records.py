"""How a run over many records handles records that it cannot read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gpu_capacity.errors import TryAgain, UnreadableItem

if TYPE_CHECKING:
    from gpu_capacity.ports import Telemetry

SKIPPED_ERRORS = (TryAgain, UnreadableItem)
"""Errors for which a run skips a record and continues with the next one."""


def report_unreadable(telemetry: Telemetry, error: UnreadableItem) -> None:
    """Count and log an item that was skipped, with its key and without its contents."""
    telemetry.count("RecordsUnreadable")
    telemetry.warning("record unreadable", pk=error.key[0], sk=error.key[1])


def report_skipped(telemetry: Telemetry, error: TryAgain | UnreadableItem, record: str) -> None:
    """Count and log a record that a run skipped. The next run tries again if only this read failed."""
    if isinstance(error, UnreadableItem):
        report_unreadable(telemetry, error)
    else:
        telemetry.count("RecordsSkipped")
        telemetry.warning("left to the next run", record=record, reason=str(error))
