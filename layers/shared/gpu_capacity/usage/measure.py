"""Counts one change of a holder, in the order of the stream. A change that comes again changes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gpu_capacity.errors import StorageUnavailable
from gpu_capacity.placements.record import Placement
from gpu_capacity.usage.held import Hosts, held_by, holder_of
from gpu_capacity.usage.meter import Meter, turned

if TYPE_CHECKING:
    from typing import Protocol

    from gpu_capacity.holders.roles import HasInventory, HasPause
    from gpu_capacity.usage.held import Amount, Line, Record
    from gpu_capacity.usage.store import UsageStore

    class Needs(HasInventory, HasPause, Protocol):
        """What the functions of this module work with."""

        @property
        def usage(self) -> UsageStore:
            """Meters and spans."""


_TRIES_MAX: Final = 8


def measure(
    services: Needs, before: Record | Placement | None, after: Record | Placement | None, at: int
) -> None:
    """Count a change. Placements hold nothing of their own; their reservation's record says what they use.

    Args:
        services: collaborators.
        before: the record before the change; None if there was none.
        after: the record after it; None if it was removed.
        at: when the database made the change, in seconds since the epoch.

    Raises:
        StorageUnavailable: it was perhaps not counted. Repeat the change.
    """
    if isinstance(before, Placement) or isinstance(after, Placement):
        return
    if before is not None and (after is None or holder_of(after).life != holder_of(before).life):
        _turn(services, before, {}, before.revision + 1, at)
        before = None
    if after is not None:
        held = _held(services, after)
        if before is None or _held(services, before) != held:
            _turn(services, before or after, held, after.revision, at)


def _turn(services: Needs, known: Record, held: dict[Line, Amount], revision: int, at: int) -> None:
    """Turn the meter of a holder. Without one, what is ``known`` of it before has run since it was made."""
    holder = holder_of(known)
    for attempt in range(_TRIES_MAX):
        found = services.usage.meter(holder)
        meter = found or _begun(services, known, revision)
        turned_on, ended = turned(meter, held, revision, at)
        if not ended and turned_on.running == meter.running:
            return
        if services.usage.turn(found, turned_on, ended, at):
            return
        services.pause(attempt)
    raise StorageUnavailable("another reader of the stream counts the same holder", outcome_unknown=False)


def _begun(services: Needs, known: Record, revision: int) -> Meter:
    """A meter that nobody has written yet.

    If ``known`` is the record before the change, the stream begins later than the holder.
    """
    running: dict[Line, tuple[Amount, int]] = {}
    if known.revision < revision:
        running = {line: (amount, known.created_at) for line, amount in _held(services, known).items()}
    return Meter(holder_of(known), -1, running)


def _held(services: Needs, record: Record) -> dict[Line, Amount]:
    return held_by(record, lambda region_id, flavor_id: _hosts(services, region_id, flavor_id))


def _hosts(services: Needs, region_id: str, flavor_id: str) -> Hosts | None:
    region = services.inventory.region(region_id)
    flavor = region.flavor(flavor_id) if region else None
    return Hosts(flavor.gpu.model, flavor.gpu.physical_count) if flavor else None
