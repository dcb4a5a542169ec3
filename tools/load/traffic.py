"""What the customers do. Each has its own thread; its number and the seed decide what it does."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeVar

from tools.load.client import ACCEPTED, FAULTS_FROM, INSUFFICIENT, OK, Client

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Sequence

Result = TypeVar("Result")

REGION: Final = "us-tex-1"
"""The large region of the sample fleet, which is empty at the start."""

RACKS: Final = ("GB300", "NVL72")
MACHINES: Final = ("H200", "HGX")
INSTANCE: Final = "gb300-4x"
SIZES: Final = {RACKS: (1, 2, 4), MACHINES: (1, 4, 16)}
SIZES_IN_PASSING: Final = {RACKS: (1, 2), MACHINES: (1, 2, 3)}
"""Each unit is a step of two workflows: small reservations leave more of the machine to measured calls."""
HELD_MAX: Final = 2
"""Holders that a customer has before it deletes one."""
EMPTY_SECONDS_MAX: Final = 400
POLL_SECONDS: Final = 5.0


@dataclass
class Customer:
    """A client and its holders: ``(kind, id)``, oldest first."""

    client: Client
    chance: random.Random
    held: list[tuple[str, str]] = field(default_factory=list)

    def create_and_delete(self, until: float) -> None:
        """Create holders and delete the oldest until that time (monotonic seconds)."""
        while time.monotonic() < until:
            if len(self.held) >= HELD_MAX or (self.held and self.chance.random() < 0.3):  # noqa: PLR2004 - a weight
                self._give_up(*self.held.pop(0))
            else:
                self._take()

    def fill(self, until: float) -> dict[tuple[str, str], int]:
        """Reserve until not one unit fits, or until that time; return the accepted units by offering."""
        accepted = dict.fromkeys(SIZES, 0)
        for offering, sizes in self.chance.sample(sorted(SIZES.items()), len(SIZES)):
            for size in sorted(sizes, reverse=True):
                while time.monotonic() < until:
                    status, identity = self.client.reserve(REGION, *offering, size)
                    if identity is None:
                        break
                    self.held.append(("reservation", identity))
                    accepted[offering] += size
                else:
                    self.client.faults.append(f"{' '.join(offering)} was not full in time")
                    return accepted
                if status != INSUFFICIENT:
                    return accepted  # a fault, already counted
        return accepted

    def _take(self) -> None:
        if self.chance.random() < 0.25:  # noqa: PLR2004 - a weight
            status, identity = self.client.claim(REGION, INSTANCE, self.chance.randint(1, 18))
            kind = "claim"
        else:
            offering = self.chance.choice(sorted(SIZES))
            status, identity = self.client.reserve(
                REGION, *offering, self.chance.choice(SIZES_IN_PASSING[offering])
            )
            kind = "reservation"
        if identity is not None:
            self.held.append((kind, identity))
        elif status >= FAULTS_FROM and self.held:
            self._give_up(*self.held.pop(0))

    def _give_up(self, kind: str, identity: str) -> None:
        status = self.client.free(identity) if kind == "reservation" else self.client.drop(identity)
        if status not in {OK, ACCEPTED}:
            self.client.faults.append(f"{kind} {identity} could not be deleted: {status}")


def in_parallel(customers: Sequence[Customer], act: Callable[[Customer], Result]) -> list[Result]:
    """Run all of them at once, a thread each; return their results."""
    with ThreadPoolExecutor(max_workers=max(1, len(customers))) as threads:
        return list(threads.map(act, customers))


def leave(customers: Sequence[Customer]) -> float:
    """Let all customers delete everything; return the seconds until all lists are empty.

    Raises:
        TimeoutError: a customer still had holders at the end.
    """
    began = time.monotonic()
    waiting = list(customers)
    for customer in customers:
        customer.held.clear()
    while time.monotonic() - began < EMPTY_SECONDS_MAX:
        gone = in_parallel(waiting, lambda customer: customer.client.leave())
        waiting = [customer for customer, is_gone in zip(waiting, gone, strict=True) if not is_gone]
        if not waiting:
            return time.monotonic() - began
        time.sleep(POLL_SECONDS)
    faults = [fault for customer in customers for fault in customer.client.faults]
    raise TimeoutError(
        f"{len(waiting)} customers still have something after {EMPTY_SECONDS_MAX} s; "
        f"{len(faults)} server errors: {faults[:20]}"
    )
