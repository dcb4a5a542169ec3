"""Each rule about maintenances notices a table that breaks it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import pytest

from gpu_capacity.dynamodb import keys
from gpu_capacity.dynamodb.client import encode
from gpu_capacity.inventory.bookings import Booking
from gpu_capacity.inventory.cordons import Cause, Cordon, Cordons, Target
from gpu_capacity.inventory.items import encode_booking, encode_cordons, encode_pod
from gpu_capacity.inventory.maintenance_items import encode_maintained_host, encode_maintenance
from gpu_capacity.inventory.maintenances import (
    Force,
    MaintainedHost,
    Maintenance,
    MaintenanceStatus,
    Permit,
)
from proof.maintenance_rules import MaintenanceRules
from testkit.world import GB300, INVENTORY, REGION, SERVERS, pod

if TYPE_CHECKING:
    from testkit.items import Item

ID: Final = "d1c2b3a4-0000-4000-8000-000000000073"
NAME: Final = f"{ID}-1"
HOST: Final = "pod1-rack00-tray00"
TARGET: Final = Target(pod_id="pod1", domain_id="pod1-rack00")
NOTICE: Final = 100
OPEN: Final = Maintenance(
    ID, REGION, (TARGET,), 1000, 9000, "cables", "operator", 900, MaintenanceStatus.OPEN, revision=1
)


class Bench:
    """Rules, with a pod of two racks that is written under the entries of a maintenance."""

    def __init__(self) -> None:
        self.problems: list[str] = []
        self.now = 2000
        self.rules = MaintenanceRules(lambda: self.now, self.problems.append, NOTICE, 0)
        entry = Cordon(TARGET, "cables", 900, "operator", Cause.MAINTENANCE, maintenance_id=ID)
        self.write(encode_cordons(Cordons(REGION, 1, (entry,))))
        self.write(encode_pod(pod("pod1", 2)))
        self.write(keys.shape(REGION, GB300.id, "pod1"))

    def write(self, item: Item, table: str = INVENTORY) -> None:
        self.rules([(table, (item["pk"]["S"], item["sk"]["S"]), None, item)])

    def remove(self, key: Item, table: str = INVENTORY) -> None:
        self.rules([(table, (key["pk"]["S"], key["sk"]["S"]), key, None)])

    def own(self, first: int) -> None:
        booking = Booking(b"abcdef", first, 1, 1000, None)
        attribute = {keys.booking_attribute(booking.tag): {"B": encode_booking(booking)}}
        self.write(keys.owners(REGION, GB300.id, "pod1") | encode({"v": 1}) | attribute)

    def take(self, *, held: bool) -> None:
        self.write(encode_maintained_host(MaintainedHost(ID, HOST, "pod1", NAME, self.now, held=held)))

    def maintain(self) -> None:
        key = {"pk": {"S": "MAINTAINED"}, "sk": {"S": f"{NAME} {HOST}"}}
        self.write(key | encode({"reason": "cables"}), SERVERS)

    def hold(self, **more: Any) -> None:
        key = {"pk": {"S": f"HOST#{HOST}"}, "sk": {"S": "HOST"}}
        self.write(key | encode({"holder": "holder-1", **more}), SERVERS)


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_what_is_kept_off_must_not_be_owned_anew(bench: Bench) -> None:
    bench.own(1)
    assert bench.problems == []
    bench.own(0)
    assert bench.problems == [f"('{REGION}', 'pod1', 0) is newly owned under a maintenance"]


def test_what_is_owned_already_may_stay(bench: Bench) -> None:
    bench.write(encode_cordons(Cordons(REGION, 2)))
    bench.write(keys.shape(REGION, GB300.id, "pod1"))
    bench.own(0)
    entry = Cordon(TARGET, "cables", 900, "operator", Cause.MAINTENANCE, maintenance_id=ID)
    bench.write(encode_cordons(Cordons(REGION, 3, (entry,))))
    bench.write(keys.shape(REGION, GB300.id, "pod1"))
    bench.own(0)
    assert bench.problems == []


@pytest.mark.parametrize(
    ("record", "is_told"),
    [(OPEN, True), (OPEN.permitted(Permit("org", "holder", b"life", 1000, "owner")), False)],
)
def test_a_held_host_needs_a_word(bench: Bench, record: Maintenance, *, is_told: bool) -> None:
    bench.write(encode_maintenance(record))
    bench.take(held=True)
    assert bool(bench.problems) == is_told


@pytest.mark.parametrize(("after", "is_told"), [(NOTICE - 1, True), (NOTICE, False)])
def test_force_needs_its_notice(bench: Bench, after: int, *, is_told: bool) -> None:
    bench.write(encode_maintenance(replace(OPEN, force=Force(bench.now, bench.now + NOTICE))))
    bench.now += after
    bench.take(held=True)
    assert bool(bench.problems) == is_told


def test_a_notice_counts_from_when_it_could_be_read(bench: Bench) -> None:
    bench.write(encode_maintenance(replace(OPEN, force=Force(0, bench.now))))
    bench.take(held=True)
    assert "0 s after the notice" in bench.problems[0]


def test_a_free_host_has_no_holder_and_was_noted_before(bench: Bench) -> None:
    bench.write(encode_maintenance(OPEN))
    bench.maintain()
    assert "nobody had noted" in bench.problems[0]
    other = Bench()
    other.write(encode_maintenance(OPEN))
    other.hold()
    other.take(held=False)
    other.maintain()
    assert "is held" in other.problems[0]


def test_a_free_host_gets_no_server_while_it_is_in_maintenance(bench: Bench) -> None:
    bench.write(encode_maintenance(OPEN))
    bench.take(held=False)
    bench.maintain()
    bench.hold(server="placement-1")
    assert "got a server in maintenance" in bench.problems[0]


def test_what_is_left_is_told(bench: Bench) -> None:
    bench.write(encode_maintenance(OPEN))
    bench.take(held=False)
    bench.maintain()
    assert len(list(bench.rules.leftovers())) == 4
