"""Counts and tells what changed: the bus first, then the history, which also says what was told already.

Each entry of the stream is told at least once, and the entries of one item in their order. If anything fails,
the entry is repeated, and nothing of the same item is told before it. An entry that was told and recorded is
not told again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from gpu_capacity.errors import CapacityError, UnreadableItem
from gpu_capacity.history.event import cloud_event
from gpu_capacity.history.stream import change_of, events_of, key_of
from gpu_capacity.holders.records import report_unreadable
from gpu_capacity.usage.measure import measure

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Protocol

    from gpu_capacity.history.store import HistoryStore
    from gpu_capacity.holders.roles import HasTelemetry
    from gpu_capacity.ports import DeadLetters, EventBus
    from gpu_capacity.usage.measure import Needs as Measuring

    class Needs(HasTelemetry, Measuring, Protocol):
        """What the functions of this module work with."""

        @property
        def history(self) -> HistoryStore:
            """What happened to holders."""

        @property
        def bus(self) -> EventBus:
            """Tells others."""

        @property
        def letters(self) -> DeadLetters:
            """Keeps what nobody can read."""


UNREADABLE: Final = "unreadable"


class HeldBack(CapacityError):
    """An earlier change of the same item failed. This one is told after it."""


class Batch:
    """The entries of one batch of the stream, told one after the other in their order."""

    def __init__(self, services: Needs) -> None:
        self._services = services
        self._failed: set[tuple[str, str]] = set()

    def tell(self, entry: Mapping[str, Any]) -> int:
        """Tell one entry, and return how many events that were.

        Raises:
            CapacityError: it was perhaps not told. The stream has to repeat it.
        """
        item = key_of(entry)
        if item in self._failed:
            raise HeldBack("an earlier change of the same item was not told yet")
        try:
            return tell(self._services, entry)
        except Exception:
            self._failed.add(item)
            raise


def tell(services: Needs, entry: Mapping[str, Any]) -> int:
    """Tell one entry of the stream, and return how many events that were.

    An entry that cannot be read goes to the dead letters with both images, so that it does not hold up all
    that come after it.

    Raises:
        BusUnavailable: it was perhaps not told.
        StorageUnavailable: the same.
    """
    try:
        change, events = change_of(entry), events_of(entry)
    except UnreadableItem as error:
        report_unreadable(services.telemetry, error)
        services.letters.keep({"reason": UNREADABLE, "entry": entry})
        return 0
    if change is not None:
        measure(services, change.before, change.after, change.at)
    if not events or services.history.has(events[-1]):
        return 0
    services.bus.put([cloud_event(event) for event in events])
    services.history.add(events)
    services.telemetry.count("EventsPublished", len(events))
    return len(events)
