"""A host provider in memory whose hosts fail as drawn: for runs with some hundred thousand holds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gpu_capacity.providers.port import Fitness, Hold, HoldOutcome, HoldState, Readiness

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from random import Random

    from gpu_capacity.ports import Clock


@dataclass(frozen=True, slots=True)
class Failures:
    """How hosts fail.

    Args:
        share: of boots, or of machines, between 0 and 1.
        stays: whether a host that failed stays broken until it is repaired; else its next boot is drawn anew.
        known: whether it was broken before, so that the provider knows it of a free host.
    """

    share: float
    stays: bool = False
    known: bool = False


@dataclass
class _Held:
    """When a host was asked for, when its last boot ends and whether that fails, and when it is free."""

    since: int
    ready_at: int
    unfit: bool
    gone_at: int | None = None


@dataclass
class DrawnHosts:
    """The part of a ``HostProvider`` that reservations use. A hold takes and a release needs some seconds."""

    clock: Clock
    draw: Random
    failures: Failures
    seconds: int = 20
    boots: int = 0
    failed: int = 0
    _broken: dict[str, bool] = field(default_factory=dict)
    _holds: dict[str, dict[str, _Held]] = field(default_factory=dict)
    _fenced: set[str] = field(default_factory=set)

    def hold(self, holder_id: str, _region_id: str, host_ids: Sequence[str]) -> Mapping[str, HoldOutcome]:
        """See ``HostProvider.hold``. An unfit host boots again."""
        if holder_id in self._fenced:
            return dict.fromkeys(host_ids, HoldOutcome.FENCED)
        now, mine = self.clock.now(), self._holds.setdefault(holder_id, {})
        for host_id in host_ids:
            known = mine.get(host_id)
            if known is None or (known.unfit and known.ready_at <= now):
                since = known.since if known else now
                mine[host_id] = _Held(since, now + self.seconds, self._boot(host_id))
        return dict.fromkeys(host_ids, HoldOutcome.HELD)

    def fence(self, owner: str) -> None:
        """See ``HostProvider.fence``."""
        self._fenced.add(owner)

    def release(self, holder_id: str, host_ids: Sequence[str]) -> None:
        """See ``HostProvider.release``."""
        for host_id in host_ids:
            self._holds[holder_id][host_id].gone_at = self.clock.now() + self.seconds

    def held(self, holder_id: str) -> Sequence[Hold]:
        """See ``HostProvider.held``."""
        now, found = self.clock.now(), []
        for host_id, held in sorted(self._holds.get(holder_id, {}).items()):
            if held.gone_at is not None and now >= held.gone_at:
                continue
            state = HoldState.UNFIT if held.unfit else HoldState.HELD
            if held.gone_at is not None:
                state = HoldState.RELEASING
            elif now < held.ready_at:
                state = HoldState.PREPARING
            message = "it does not boot" if state is HoldState.UNFIT else ""
            found.append(Hold(holder_id, host_id, state, message, held.since))
        return found

    def fitness(self, host_ids: Sequence[str]) -> Mapping[str, Fitness]:
        """See ``HostProvider.fitness``. Only what was broken before is known of a free host."""
        return {
            host_id: Fitness(
                Readiness.NOT_READY if self.failures.known and self._is_broken(host_id) else Readiness.READY
            )
            for host_id in host_ids
        }

    def maintained(self, host_ids: Sequence[str]) -> Mapping[str, Sequence[str]]:
        """See ``HostProvider.maintained``."""
        return dict.fromkeys(host_ids, ())

    def repair(self, host_id: str) -> None:
        """The machine is in order again, as far as anybody knows."""
        self._broken.pop(host_id, None)

    def _boot(self, host_id: str) -> bool:
        """Whether a boot fails."""
        self.boots += 1
        fails = self._is_broken(host_id) if self.failures.stays else self.draw.random() < self.failures.share
        self.failed += fails
        return fails

    def _is_broken(self, host_id: str) -> bool:
        if host_id not in self._broken:
            self._broken[host_id] = self.draw.random() < self.failures.share
        return self._broken[host_id]

    def forget(self, host_ids: Sequence[str]) -> None:
        """Nobody has these hosts any more: whether they break before somebody has them again is open."""
        for host_id in host_ids:
            if not self._broken.get(host_id, True):
                del self._broken[host_id]
