"""The independent auditor finds nothing wrong in consistent placements; each rule finds its inconsistency."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from gpu_capacity.dynamodb import keys
from gpu_capacity.placements.items import encode_placement
from gpu_capacity.placements.record import Placement, PlacementStatus, StrategyType, UpdateStrategy
from gpu_capacity.providers.simulated import keys as server_keys
from gpu_capacity.reservations.items import encode_hosts, encode_reservation
from testkit.auditor import audit
from testkit.placements import PLACEMENT_ID, placement
from testkit.world import HOLDERS, ORGANIZATION, SERVERS
from tests.upkeep.audit.planted import record
from tests.upkeep.audit.scene import Scene

if TYPE_CHECKING:
    from collections.abc import Callable

OTHER_ID = "d20b6a52-4b1e-4f0f-9d3c-5a1de0f4b7a3"
PLACEMENT = keys.placement(ORGANIZATION, PLACEMENT_ID)
OCCUPIED = keys.occupied_attribute(PLACEMENT_ID)


class Occupied(Scene):
    """The provisioned reservation has a placement on three of its four hosts, with running servers."""

    def __init__(self) -> None:
        super().__init__()
        reservation = self.reservation()
        first, second = reservation.positions
        self.placed: Placement = placement(
            reservation_id=reservation.id,
            reservation_life=reservation.life,
            pod_id=reservation.pod_id,
            count=3,
            hosts=((first, 0b11), (second, 0b1)),
            status=PlacementStatus.PROVISIONED,
            strategy=UpdateStrategy(StrategyType.ROLLING_UPDATE),
        )
        after = replace(
            reservation.with_placement(PLACEMENT_ID, self.placed.hosts), revision=reservation.revision + 1
        )
        for encoded in (encode_placement(self.placed), encode_reservation(after)):
            self.db.put_item(TableName=HOLDERS, Item=encoded)
        self.hosts = [self.host_at(position, slot) for _, position, slot in self.placed.slots()]
        self.owner = self.placed.server_owner
        for ordinal, host in enumerate(self.hosts):
            self.serve(self.owner, host, ordinal)

    def host_at(self, position: int, slot: int) -> str:
        [pod] = [pod for pod in self.world.pods if pod.id == self.placed.pod_id]
        [domain] = [domain for domain in pod.domains if domain.position == position]
        return domain.hosts[slot].id

    def serve(self, owner: str, host: str, ordinal: int, **more: Any) -> None:
        """A server on a host, as the simulated provider stores it."""
        booted = {"image": "ubuntu-24.04", "generation": 1, "phase": "building", "until": 5}
        self.put(SERVERS, self.server(owner, host), ordinal=ordinal, **booted, **more)
        self.set(SERVERS, server_keys.HOSTS.host(host), server=owner)

    def server(self, owner: str, host: str) -> Any:
        return {"pk": {"S": f"PLACEMENT#{owner}"}, "sk": {"S": f"SERVER#{host}"}}


def _placement(**changes: Any) -> Callable[[Occupied], None]:
    return lambda scene: scene.set(HOLDERS, PLACEMENT, **changes)


def _reservation(scene: Occupied, **changes: Any) -> None:
    scene.set(HOLDERS, record(scene.provisioned), **changes)


def _another_has_a_host_of_it(scene: Occupied) -> None:
    hosts = ((scene.placed.hosts[0][0], 0b10),)
    other = replace(scene.placed, id=OTHER_ID, hosts=hosts, count=1, name="other")
    scene.db.put_item(TableName=HOLDERS, Item=encode_placement(other))
    _reservation(scene, **{keys.occupied_attribute(OTHER_ID): encode_hosts(hosts)})


def _has_a_host_beyond_the_reservation(scene: Occupied) -> None:
    hosts = encode_hosts(((0, 0b1), *scene.placed.hosts[1:], (9, 0b11)))
    _reservation(scene, **{OCCUPIED: hosts})
    scene.set(HOLDERS, PLACEMENT, hosts=hosts)


def _gone(scene: Occupied) -> None:
    scene.put(HOLDERS, PLACEMENT, status="gone", fingerprint="f", ttl_sweep_at=2_000_000_000)
    _reservation(scene, **{OCCUPIED: None})


@pytest.mark.parametrize(
    ("plant", "finding"),
    [
        (lambda s: _reservation(s, **{OCCUPIED: None}), "do not agree about hosts"),
        (lambda s: s.delete(HOLDERS, PLACEMENT), "do not agree about hosts"),
        (_placement(reservation_life=b"another!"), "do not agree about hosts"),
        (_placement(hosts=encode_hosts(((0, 0b1),))), "has 1 of 3 hosts"),
        (_another_has_a_host_of_it, "several placements have"),
        (_has_a_host_beyond_the_reservation, "which it does not own"),
        (lambda s: _reservation(s, status="pending", unsettled="1", unsettled_since=5), "and has placements"),
        (lambda s: s.delete(HOLDERS, record(s.provisioned)), "is gone, and has placements"),
        (_placement(status="provisioning"), "is provisioning, indexed: False, since: False"),
        (_placement(counted=True), "QUOTA#placement_servers') counts None, records have 3"),
        (_gone, "has no placement"),
        (
            lambda s: s.delete(SERVERS, server_keys.HOSTS.hold(s.reservation().server_owner, s.hosts[1])),
            "which its reservation does not hold",
        ),
        (
            lambda s: s.set(SERVERS, server_keys.HOSTS.host(s.hosts[2]), server="another-1"),
            "and the host does not say so",
        ),
    ],
)
def test_inconsistent_placements_are_found(plant: Callable[[Occupied], None], finding: str) -> None:
    scene = Occupied()
    now = scene.world.clock.now()
    assert audit(scene.db, now=now) == []
    plant(scene)
    assert any(finding in found for found in audit(scene.db, now=now)), audit(scene.db, now=now)


@pytest.mark.parametrize(
    "plant",
    [
        lambda s: s.set(SERVERS, s.server(s.owner, s.hosts[0]), image="ubuntu-22.04"),
        lambda s: s.set(SERVERS, s.server(s.owner, s.hosts[0]), gone_at=2_000_000_000),
        lambda s: s.delete(SERVERS, s.server(s.owner, s.hosts[0])),
    ],
)
def test_a_provisioned_placement_without_all_servers_is_found_once_everything_is_settled(
    plant: Callable[[Occupied], None],
) -> None:
    scene = Occupied()
    now = scene.world.clock.now()
    assert "is provisioned with" not in str(audit(scene.db, now=now, at_rest=True))
    plant(scene)
    assert "is provisioned with 2 of 3 servers" in str(audit(scene.db, now=now, at_rest=True))


def test_a_placement_that_says_why_servers_are_missing_may_lack_them() -> None:
    scene = Occupied()
    scene.delete(SERVERS, scene.server(scene.owner, scene.hosts[0]))
    scene.set(SERVERS, server_keys.HOSTS.host(scene.hosts[0]), server=None)
    _placement(failure="its host is lost")(scene)
    assert "is provisioned with" not in str(audit(scene.db, now=scene.world.clock.now(), at_rest=True))


def test_two_servers_of_one_ordinal_are_found_once_everything_is_settled() -> None:
    scene = Occupied()
    spare = scene.host_at(scene.placed.hosts[1][0], 1)
    scene.serve(scene.owner, spare, 0)
    assert "has two servers of [0]" in str(audit(scene.db, now=scene.world.clock.now(), at_rest=True))


def test_a_host_that_a_server_has_left_is_the_placements_until_it_is_given_back() -> None:
    scene = Occupied()
    first, second = (position for position, _ in scene.placed.hosts)
    _placement(hosts=encode_hosts(((first, 0b11), (second, 0b11))))(scene)
    _reservation(scene, **{OCCUPIED: encode_hosts(((first, 0b11), (second, 0b11)))})
    assert any("has 4 of 3 hosts" in line for line in audit(scene.db))
    _placement(leaving=[[0, first, 0, scene.hosts[0], "disk", 5]])(scene)
    assert audit(scene.db) == []


def test_a_placement_with_the_customer_in_charge_of_images_may_have_an_old_one() -> None:
    scene = Occupied()
    scene.set(HOLDERS, PLACEMENT, strategy="Manual", image="ubuntu-26.04", generation=2)

    assert "is provisioned with" not in str(audit(scene.db, now=scene.world.clock.now(), at_rest=True))
