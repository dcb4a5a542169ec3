"""A run of one story, with faults at chosen side effects; see ``crashes``."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Final

from botocore.exceptions import BotoCoreError, ClientError

from proof.faults import Fault, FaultSource, Kind
from proof.fleet import LONDON
from proof.simulation import PATIENCE_MS, Simulation
from proof.stage import CALM_PROFILE
from proof.tenants import Tenant
from testkit.world import ORGANIZATION

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from random import Random

    from proof.faults import Work
    from proof.fleet import Shape
    from testkit.items import RecordKey

    Tell = Callable[["Story"], None]


class Mode(StrEnum):
    """The fault at a side effect."""

    BEFORE = "killed before"
    UNACKNOWLEDGED = "committed and killed"
    TWICE = "done twice"
    LATE = "killed, and lands late"


_FAULTS: Final = {
    Mode.BEFORE: Fault(Kind.KILLED),
    Mode.UNACKNOWLEDGED: Fault(Kind.KILLED, after=True),
    Mode.TWICE: Fault(Kind.SENT_TWICE),
    # After the next reconcile, which runs when no actor has run for ``PATIENCE_MS``.
    Mode.LATE: Fault(Kind.STRAY, lands_ms=PATIENCE_MS + 100_000),
}


class Plan(FaultSource):
    """A fault source that strikes only at chosen side effects, counted from 1."""

    def __init__(self, draw: Random, strikes: Mapping[int, Mode]) -> None:
        super().__init__(draw, 0.0)
        self._strikes = strikes
        self.effects: list[str] = []
        self.counting = False

    def strike(self, kinds: Sequence[Kind], work: Work | None, *, effect: bool = False) -> Fault | None:
        if not effect or not self.counting:
            return None
        self.effects.append(work.name if work else "")
        mode = self._strikes.get(len(self.effects))
        return None if mode is None else _FAULTS[mode]


class Story(Simulation):
    """A deterministic run: the steps of the story, with the planned faults."""

    shape: ClassVar[dict[str, dict[str, int]]] = {LONDON: {"lon1": 3}}

    def __init__(self, tell_story: Tell, strikes: Mapping[int, Mode], nodes: Shape) -> None:
        super().__init__(0, replace(CALM_PROFILE, shape=self.shape, nodes=nodes, ready_seconds=4))
        self.plan = Plan(self.cloud.draw, strikes)
        self.cloud.fault_source = self.plan
        self._story = tell_story
        self._late: list[tuple[str, dict[str, Any], Work | None]] = []
        self.who = Tenant("client", self.office, self.books[ORGANIZATION], self.draw)

    def chaos(self) -> None:
        for subject, limit in (("GB300", 8), ("instances", 12)):
            self.cloud.limit(ORGANIZATION, subject, limit)
        self.plan.counting = True
        self._story(self)
        self.plan.counting = False

    def asks(self, run: Callable[[], object]) -> None:
        """Run a customer's operation and everything that follows from it."""
        self.cloud.turns.spawn("client", run)
        self.go_on()

    def comes_round(self, run: Callable[[], object]) -> None:
        """Run a schedule, a little later, and again if it was killed."""
        self.cloud.clock.advance(120)
        for _ in range(2):
            ended: list[bool] = []
            self.cloud.turns.spawn("schedule", partial(self._note_end, ended, run))
            self.go_on()
            if ended == [True]:
                return

    def lands_late(self, operation: str, parameters: dict[str, Any]) -> None:
        """Delay the write of the current actor."""
        self._late.append((operation, parameters, self._work()))

    def late_writes_land(self) -> None:
        """Apply the delayed writes, if their conditions still hold; their senders get no answer."""
        for operation, parameters, work in self._late:

            def land(operation: str = operation, parameters: dict[str, Any] = parameters) -> None:
                with suppress(ClientError, BotoCoreError):
                    getattr(self.cloud.db, operation)(**parameters)

            self.cloud.turns.spawn("late", land).operation = work
        self.go_on()

    def _note_end(self, ended: list[bool], run: Callable[[], object]) -> None:
        ended.append(self.cloud.endure(run))

    def syncs(self) -> None:
        """Publish the current hardware, and run the sync."""
        document = self.fleet.publish()
        self.comes_round(lambda: self.cloud.synchronize(document))

    def known(self, kind: str) -> RecordKey:
        """The latest holder of a kind in the tables."""
        found = [key for key, record in self.ledger.records.items() if key[1].startswith(kind)]
        return found[-1] if found else (f"ORG#{ORGANIZATION}", kind)
