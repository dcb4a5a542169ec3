"""Corruptions of placements, and of the hosts that reservations keep for them."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from gpu_capacity.dynamodb import keys
from gpu_capacity.placements.items import encode_placement
from gpu_capacity.reservations.items import encode_reservation
from testkit.placements import found as stored_placement
from testkit.placements import place
from testkit.world import HOLDERS, ORGANIZATION
from tests.upkeep.audit.planted import NOBODY, Corruptions, record
from tests.upkeep.audit.scene import Scene


class PlacementScene(Scene):
    """The same, with two placements on the provisioned reservation."""

    def __init__(self) -> None:
        super().__init__()
        self.first = place(self.world, self.provisioned, 2).id
        self.second = place(self.world, self.provisioned, 1).id

    def occupy(self, placement_id: str, hosts: tuple[tuple[int, int], ...]) -> None:
        """Write hosts of a placement into the reservation by hand."""
        self.db.put_item(
            TableName=HOLDERS, Item=encode_reservation(self.reservation().with_placement(placement_id, hosts))
        )


PLANTED_PLACEMENTS: Final = Corruptions(PlacementScene)
planted = PLANTED_PLACEMENTS.planted


def key(placement_id: str) -> keys.Key:
    """The key of a placement."""
    return keys.placement(ORGANIZATION, placement_id)


@planted("occupied_stale")
def hosts_are_kept_for_no_placement(scene: PlacementScene) -> None:
    reservation = scene.reservation()
    taken = reservation.occupied_hosts
    (free,) = ((p, 0b11 & ~taken.get(p, 0)) for p in reservation.positions if taken.get(p) != 0b11)
    scene.occupy(NOBODY, (free,))


@planted("occupied_stale")
def a_placement_is_lost(scene: PlacementScene) -> None:
    scene.delete(HOLDERS, key(scene.first))


@planted("occupied_missing")
def a_reservation_forgets_a_placement(scene: PlacementScene) -> None:
    scene.set(HOLDERS, record(scene.provisioned), **{keys.occupied_attribute(scene.first): None})


@planted("occupied_missing")
def a_reservation_keeps_other_hosts(scene: PlacementScene) -> None:
    (position, _), *_ = stored_placement(scene.world, scene.first).hosts
    scene.occupy(scene.first, ((position, 0b1),))


@planted("double occupied_missing")
def two_placements_have_one_host(scene: PlacementScene) -> None:
    scene.occupy(scene.second, stored_placement(scene.world, scene.first).hosts)


@planted("contradictory occupied_missing")
def a_placement_has_hosts_of_others(scene: PlacementScene) -> None:
    scene.occupy(scene.second, ((99, 0b1),))


@planted("occupied_missing occupied_stale")
def a_placement_is_of_an_earlier_life_of_the_reservation(scene: PlacementScene) -> None:
    placement = replace(stored_placement(scene.world, scene.first), reservation_life=b"life-one")
    scene.db.put_item(TableName=HOLDERS, Item=encode_placement(placement))


@planted("unreadable")
def a_placement_cannot_be_read(scene: PlacementScene) -> None:
    scene.set(HOLDERS, key(scene.first), policy="tight")


@planted("unsettled_missing", repaired=True)
def a_pending_placement_is_not_in_the_index(scene: PlacementScene) -> None:
    scene.set(HOLDERS, key(scene.first), unsettled=None)
