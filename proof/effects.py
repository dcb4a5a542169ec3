"""What single writes changed in ownership and in hardware, in the order of the writes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from testkit.items import Domain, Hardware, PodKey, RecordKey


@dataclass(frozen=True, slots=True)
class Effect:
    """What one write changed in a holder's ownership: masks by domain. ``tick`` is that of the write.

    ``partial``: a reservation has lost some of its units.
    """

    tick: int
    holder: RecordKey
    revision: int
    gained: Mapping[Domain, int]
    lost: Mapping[Domain, int]
    partial: bool = False


@dataclass(frozen=True, slots=True)
class Observed:
    """What one write changed in a pod's hardware."""

    tick: int
    pod: PodKey
    hardware: Hardware


def plain(effect: Effect | Observed) -> list[Any]:
    """An effect in plain values, for records."""
    if isinstance(effect, Observed):
        return [effect.tick, list(effect.pod), effect.hardware.version]
    return [effect.tick, list(effect.holder), effect.revision, sorted(effect.gained), sorted(effect.lost)]
