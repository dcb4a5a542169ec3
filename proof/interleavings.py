"""Runs all orders of the storage calls of two or three operations.

Each operation has a number of turns, a turn is one call, and every order of the turns is a schedule: two
operations of five turns have 252, three of three 1,680, three of four 34,650. The turns of an operation are
its last calls up to the one that writes. Its earlier calls run before the schedule; its later ones (and
repeats after a lost race) run after it, one operation after the other. The turns of an operation that
"begins" are its first calls.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import combinations_with_replacement
from math import factorial, prod
from typing import TYPE_CHECKING, Any, Final

from gpu_capacity.capacity_claims.settle import settle_capacity_claim
from gpu_capacity.reservations.deprovisioning import release_reservation
from gpu_capacity.reservations.provisioning import provision_reservation
from proof import claimant_stage, move_stage, placement_stage, unit_stage, vm_stage
from proof.claims import Claims
from proof.cloud import DELETE_SECONDS
from proof.faults import Work
from proof.fleet import LONDON
from proof.reservations import Reservations
from proof.scene import Beginning, Scene
from proof.stage import Stage, almost_used_up, full, prepared, wish
from testkit.items import CLAIM, RESERVATION
from testkit.world import ORGANIZATION, request

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from proof.scene import Start


def claim(scene: Scene, number: int) -> None:
    """A customer reserves a rack, under a key of its own."""
    Reservations().create(scene.who, request(1, region_id=LONDON), f"key-{number}")


def release(scene: Scene, _number: int) -> None:
    """The last step of a teardown gives a rack back."""
    _step_of_rack(scene, "leaving", release_reservation)


def delete(scene: Scene, _number: int) -> None:
    """A customer deletes a capacity claim, and a round drains it."""
    holder = scene.holders["held"]
    Claims().end(scene.who, holder)
    scene.cloud.invoke(
        "task",
        Work("settle_capacity_claim"),
        lambda e: settle_capacity_claim(e.services, ORGANIZATION, holder[1].removeprefix(CLAIM)),
    )


def sync(scene: Scene, number: int) -> None:
    """The sync applies a document; each sync applies the next one."""
    scene.cloud.synchronize(scene.documents[number])


def fill(scene: Scene, _number: int) -> None:
    """The filler serves the waiting claims."""
    scene.cloud.fill([LONDON])


def grow(scene: Scene, _number: int) -> None:
    """A customer raises the count of a capacity claim, which waits again and is older than the others."""
    Claims().update(scene.who, scene.holders["held"], wish(4))


def ask_again(scene: Scene, _number: int) -> None:
    """A customer finds no capacity, checks for released holders, and asks the same environment again."""
    scene.cloud.warm = 1.0
    scene.who.book.known.setdefault(scene.holders["leaving"])
    for key in ("key-0", "key-1"):
        Reservations().create(scene.who, request(1, region_id=LONDON), key)
        Reservations().look(scene.who)


def hold(scene: Scene, _number: int) -> None:
    """The workflow of a reservation holds the hosts of its rack."""
    _step_of_rack(scene, "stays", provision_reservation)


def tear_down(scene: Scene, _number: int) -> None:
    """A customer deletes that reservation, and its teardown runs to the end."""
    Reservations().end(scene.who, scene.holders["stays"])
    _step_of_rack(scene, "stays", release_reservation)
    scene.cloud.clock.advance(DELETE_SECONDS + 1)
    _step_of_rack(scene, "stays", release_reservation)


def _step_of_rack(scene: Scene, holder: str, step: Callable[..., Any]) -> None:
    """A task of a reservation's workflow."""
    identity = scene.holders[holder][1].removeprefix(RESERVATION)
    scene.cloud.invoke("task", Work(step.__name__), lambda e: step(e.services, ORGANIZATION, identity))


OPERATIONS: Final[dict[str, Start]] = {
    "claim": claim,
    "release": release,
    "delete": delete,
    "sync": sync,
    "fill": fill,
    "grow": Beginning(grow),
    "ask again": Beginning(ask_again),
    "hold": Beginning(hold),
    "tear down": Beginning(tear_down),
    "claim the last": claim,
    **claimant_stage.OPERATIONS,
    **move_stage.OPERATIONS,
    **placement_stage.OPERATIONS,
    **unit_stage.OPERATIONS,
    **vm_stage.OPERATIONS,
}


@dataclass(frozen=True, slots=True)
class Block:
    """All schedules of some operations on a stage; ``turns`` for each of them."""

    names: tuple[str, ...]
    turns: int
    stage: Callable[[], Stage] = prepared

    @property
    def title(self) -> str:
        """The names of the operations."""
        return " x ".join(self.names)

    @property
    def full_title(self) -> str:
        """The title with the number of turns."""
        return f"{len(self.names)} x {self.turns} turns: {self.title}"

    @property
    def size(self) -> int:
        """The number of schedules."""
        return factorial(len(self.names) * self.turns) // prod([factorial(self.turns)] * len(self.names))

    def schedules(self) -> Iterator[tuple[int, ...]]:
        """Every order of the turns, in lexical order."""
        yield from _all_orders(len(self.names), self.turns)

    def spell(self, schedule: Sequence[int]) -> str:
        """A schedule as the text that ``proof.replay`` parses: the operations and their turns."""
        return f"{self.title} {''.join(map(str, schedule))}"

    def play(self, schedule: Sequence[int]) -> list[str]:
        """The violations after one of the schedules."""
        return Scene(self.stage(), schedule, self.turns).play([OPERATIONS[name] for name in self.names])


@cache
def _all_orders(clients: int, turns: int) -> tuple[tuple[int, ...], ...]:
    """Cached, because every task of a block starts at the first schedule and skips to its own."""
    return tuple(_orders([turns] * clients))


def _orders(left: list[int]) -> Iterator[tuple[int, ...]]:
    if not any(left):
        yield ()
        return
    for client, turns in enumerate(left):
        if turns:
            rest = [*left[:client], turns - 1, *left[client + 1 :]]
            yield from ((client, *order) for order in _orders(rest))


_OF_RACKS: Final = ("claim", "release", "delete", "sync", "fill")
PAIRS: Final = (
    *(Block(names, 5) for names in combinations_with_replacement(_OF_RACKS, 2)),
    Block(("fill", "grow"), 5),
    Block(("tear down", "hold"), 5),
    Block(("release", "ask again"), 5, full),
    Block(("claim the last", "claim the last"), 5, almost_used_up),
    *(Block(names, 5, vm_stage.prepared_nodes) for names in vm_stage.PAIRS),
    *(Block(names, 5, stage) for names, stage in unit_stage.PAIRS),
    *(Block(names, 5, stage) for names, stage in claimant_stage.PAIRS),
    *(Block(names, 5, stage) for names, stage in move_stage.PAIRS),
    *(Block(names, 5, stage) for names, stage in placement_stage.PAIRS),
)
"""Every two operations on racks, also two of the same kind, and chosen ones: on nodes, after a claimant died,
while it moves, with units that are released, and of placements: 74 times 252 schedules."""

_OF_NODES: Final = tuple(Block(names, 3, vm_stage.prepared_nodes) for names in vm_stage.TRIPLES)
TRIPLES: Final = (*(Block(("claim", "fill", name), 3) for name in _OF_RACKS), *_OF_NODES)
"""Both operations that take free capacity, with each operation, and those on nodes: 9 x 1,680 schedules."""

ALL_TRIPLES: Final = (
    *(Block(names, 3) for names in combinations_with_replacement(_OF_RACKS, 3)),
    *_OF_NODES,
    *(Block(names, 3, stage) for names, stage in claimant_stage.TRIPLES),
)
"""Every three operations on racks, those on nodes, and after a claimant died: 46 times 1,680 schedules."""

LONG_TRIPLES: Final = tuple(Block(("claim", "fill", name), 4) for name in _OF_RACKS)
"""5 times 34,650 schedules."""
