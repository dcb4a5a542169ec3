"""Decides whether a valid fleet document, or a part of it, must not be applied. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

from gpu_capacity.errors import FeedRefusal, FeedRefused
from gpu_capacity.inventory.model import HostState

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gpu_capacity.inventory.fleet.model import FeedState, Fleet, StoredFleet
    from gpu_capacity.inventory.model import Pod

HostIds: TypeAlias = set[str]

SEQUENCE_JUMP_MAX: Final = 2**32
"""How much a sequence may rise at once: 49 days for a publisher that counts milliseconds."""

FIRST_SEQUENCE_MAX: Final = 2**52
"""The largest sequence of a first document, so that enough numbers are left for later ones."""

AHEAD_SECONDS_MAX: Final = 24 * 3600
"""How far the fleet manager's clock may be ahead of this service's clock."""


@dataclass(frozen=True, slots=True)
class DropLimits:
    """How many of its present hosts a region may lose through one document: the larger of two limits.

    ``share`` is between 0 and 1. ``hosts`` is a number for small regions, where the share would allow none.
    """

    share: float = 0.2
    hosts: int = 2

    def allows(self, lost: int, present: int) -> bool:
        """Whether a region with ``present`` hosts may lose ``lost`` of them."""
        return lost <= max(self.share * present, self.hosts)


@dataclass(frozen=True, slots=True)
class Deferral:
    """Why a region or a pod is not changed to match the document yet."""

    code: FeedRefusal
    reason: str


def check_acceptable(accepted: FeedState | None, fleet: Fleet, now: int) -> None:
    """Check the document as a whole.

    Args:
        accepted: the last accepted document; ``None`` if there is none.
        fleet: the new document.
        now: seconds since the epoch.

    Raises:
        FeedRefused: ``outdated``, ``contradictory``, ``sequence_jump`` or ``from_the_future``.
    """
    if accepted:
        _check_sequence(accepted, fleet)
    elif fleet.sequence > FIRST_SEQUENCE_MAX:
        raise FeedRefused(
            FeedRefusal.SEQUENCE_JUMP, f"sequence: the first document has at most {FIRST_SEQUENCE_MAX}"
        )
    if fleet.observed_at > now + AHEAD_SECONDS_MAX:
        raise FeedRefused(
            FeedRefusal.FROM_THE_FUTURE,
            f"observedAt: more than {AHEAD_SECONDS_MAX // 3600} hours ahead of the clock",
        )


def _check_sequence(accepted: FeedState, fleet: Fleet) -> None:
    if fleet.sequence < accepted.sequence:
        raise FeedRefused(
            FeedRefusal.OUTDATED,
            f"sequence: {fleet.sequence} was published before {accepted.sequence}, which is in use",
        )
    if fleet.sequence > accepted.sequence + SEQUENCE_JUMP_MAX:
        raise FeedRefused(
            FeedRefusal.SEQUENCE_JUMP,
            f"sequence: {fleet.sequence} is more than {SEQUENCE_JUMP_MAX} above {accepted.sequence}, which is"
            " in use",
        )
    if fleet.sequence == accepted.sequence and accepted.contradicts(fleet.digest):
        raise FeedRefused(
            FeedRefusal.CONTRADICTORY,
            f"sequence: {fleet.sequence} was accepted with other content; a new document needs a new one",
        )


def reported_pods(fleet: Fleet, region_id: str) -> Mapping[str, Pod]:
    """The reported pods of a region by id; empty if the document does not have the region."""
    reported = fleet.regions.get(region_id)
    return reported.pods if reported else {}


def regions_that_drop_too_much(stored: StoredFleet, fleet: Fleet, limits: DropLimits) -> dict[str, Deferral]:
    """The regions that would lose more hosts than the limits allow, by id, with the reason."""
    present: dict[str, HostIds] = {}
    for (region_id, _), pod in stored.pods.items():
        ids = present.setdefault(region_id, set())
        # Missing hosts were lost earlier. Counting them again would make later documents exceed the limit.
        ids.update(h.id for d in pod.pod.domains for h in d.hosts if h.state is not HostState.MISSING)
    deferred = {}
    for region_id, before in sorted(present.items()):
        after = {h.id for p in reported_pods(fleet, region_id).values() for d in p.domains for h in d.hosts}
        lost = len(before - after)
        if not limits.allows(lost, len(before)):
            deferred[region_id] = Deferral(
                FeedRefusal.DROPS_TOO_MUCH,
                f"{lost} of {len(before)} hosts would vanish, more than a share of {limits.share:g}"
                f" and more than {limits.hosts}",
            )
    return deferred
