"""What a repairing audit does after records were lost: also those of reservations that have moved."""

from __future__ import annotations

from random import Random

from gpu_capacity.reservations.moving import move
from gpu_capacity.reservations.provisioning import begin_provisioning, provision_reservation
from proof.cloud import Cloud
from proof.lost_records import after_losses
from proof.stage import CALM_PROFILE, prepared
from testkit.items import RESERVATION, record_of
from testkit.world import HOLDERS, ORGANIZATION

ROUNDS_MAX = 20


class AllLost(Random):
    """Draws that lose every record."""

    def random(self) -> float:
        """The least that can be drawn."""
        return 0.0


def test_the_holds_of_a_reservation_that_moved_are_found_and_taken_away_by_their_own_name() -> None:
    stage = prepared()
    cloud = Cloud(1, CALM_PROFILE, still=True, db=stage.db.copy(lambda: stage.seconds))
    cloud.clock.advance(stage.seconds)
    key = stage.holders["stays"]
    identity = key[1].removeprefix(RESERVATION)
    services = cloud.environment().services
    begin_provisioning(services, (ORGANIZATION, identity))
    record = services.reservations.get(ORGANIZATION, identity)
    assert record is not None
    move(services, record, "a host is unfit")
    for _ in range(ROUNDS_MAX):
        provision_reservation(services, ORGANIZATION, identity)
        cloud.clock.advance(60)
    item = cloud.db.table(HOLDERS).get(key)
    assert item is not None
    moved = record_of(key, item)
    assert moved is not None
    assert (moved.status, moved.moves) == ("provisioned", 1)

    assert list(after_losses(cloud, AllLost())) == []
