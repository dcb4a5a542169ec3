"""The rules of placements report every contradiction: each is written into a consistent world by the test."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from gpu_capacity.dynamodb import keys
from gpu_capacity.placements.items import encode_placement
from gpu_capacity.placements.record import PlacementStatus, StrategyType, UpdateStrategy
from gpu_capacity.providers.simulated import keys as server_keys
from gpu_capacity.reservations.items import encode_hosts
from proof.faults import Work
from proof.fleet import LONDON
from proof.host_provider import boot_of
from proof.ledger import Ledger
from proof.stage import POD, prepared
from testkit.items import RESERVATION
from testkit.placements import PLACEMENT_ID, placement
from testkit.world import HOLDERS, ORGANIZATION, SERVERS

if TYPE_CHECKING:
    from collections.abc import Callable

    from gpu_capacity.placements.record import Placement

OTHER_ID = "d20b6a52-4b1e-4f0f-9d3c-5a1de0f4b7a3"


class Bench:
    """A provisioned reservation of a rack of two hosts, with a placement of two servers."""

    def __init__(self) -> None:
        stage = prepared()
        self.now = 2_000_000_000
        self.db = stage.db.copy()
        self.problems: list[str] = []
        self.work: Work | None = None
        self.troubles: set[str] = set()
        self.key = stage.holders["stays"]
        self.position = int(self.reservation()["start"]["N"])
        self.placed = placement(
            reservation_id=self.key[1].removeprefix(RESERVATION),
            reservation_life=self.reservation()["life"]["B"],
            region_id=LONDON,
            pod_id=POD,
            count=2,
            hosts=((self.position, 0b11),),
            status=PlacementStatus.PROVISIONED,
            strategy=UpdateStrategy(StrategyType.ROLLING_UPDATE),
            revision=5,
            unsettled_since=None,
        )
        self.owner = self.placed.server_owner
        self.holder = f"{self.placed.reservation_id}-{self.reservation()['created_at']['N']}"
        self.hosts = [f"{POD}-rack{self.position:02}-tray{slot:02}" for slot in range(2)]
        self.provisioned()
        self.record(self.placed)
        for ordinal, host in enumerate(self.hosts):
            self.hold(host)
            self.serve(host, ordinal)
        self.ledger = Ledger(
            lambda: 1,
            lambda: self.now * 1000,
            lambda: self.work,
            self.problems.append,
            self.troubles.__contains__,
        )
        self.ledger.adopt(self.db.dump())
        self.db.watch(self.ledger)

    def reservation(self) -> dict[str, Any]:
        found = self.db.table(HOLDERS).get(self.key)
        assert found is not None
        return found

    def list_hosts(self, **more: Any) -> None:
        """Write the reservation, with other attributes; those that are ``None`` are removed."""
        item = self.reservation()
        item = item | {"revision": {"N": str(int(item["revision"]["N"]) + 1)}} | more
        self.put(HOLDERS, {name: value for name, value in item.items() if value is not None})

    def provisioned(self) -> None:
        kept = {"unsettled": None, "unsettled_since": None, "status": {"S": "provisioned"}}
        occupied = {keys.occupied_attribute(PLACEMENT_ID): {"B": encode_hosts(self.placed.hosts)}}
        self.list_hosts(**kept, **occupied)

    def put(self, table: str, item: dict[str, Any]) -> None:
        self.db.put_item(TableName=table, Item=item)

    def record(self, placed: Placement) -> None:
        self.put(HOLDERS, encode_placement(placed))

    def changed(self, **changes: Any) -> None:
        """Write the placement with these changes."""
        self.placed = replace(self.placed, **{"revision": self.placed.revision + 1, **changes})
        self.record(self.placed)

    def hold(self, host: str, holder: str = "", **more: Any) -> None:
        key = server_keys.HOSTS.hold(holder or self.holder, host)
        self.put(SERVERS, key | {"started_at": {"N": "1"}, "ready_at": {"N": "1"}, **more})

    def serve(self, host: str, ordinal: int, owner: str = "", **changes: Any) -> None:
        """Write a server that is up, with these changes."""
        told = {"image": self.placed.image_id, "generation": self.placed.generation, "until": 5}
        told |= {"phase": "building", **changes}
        values = {n: {"N": str(v)} if isinstance(v, int) else {"S": v} for n, v in told.items()}
        key = {"pk": {"S": f"PLACEMENT#{owner or self.owner}"}, "sk": {"S": f"SERVER#{host}"}}
        self.put(SERVERS, key | {"ordinal": {"N": str(ordinal)}} | values)

    def rebuild(self, ordinal: int, **changes: Any) -> None:
        until = self.now + 60
        new = {"image": "new", "generation": 2, "phase": "rebuilding", "until": until, **changes}
        self.serve(self.hosts[ordinal], ordinal, **new)

    def remove(self, ordinal: int) -> None:
        self.serve(self.hosts[ordinal], ordinal, gone_at=self.now)

    def has_a_new_image(self) -> None:
        self.changed(
            image_id="new", generation=2, status=PlacementStatus.PROVISIONING, unsettled_since=self.now
        )


def _goes(bench: Bench) -> None:
    """Mark the placement as deprovisioning, as its customer asked."""
    bench.ledger.asked_to_end.add((bench.key[0], f"PLACEMENT#{PLACEMENT_ID}"))
    bench.changed(status=PlacementStatus.DEPROVISIONING, unsettled_since=bench.now)


def _is_gone(bench: Bench) -> None:
    """Write the tombstone and the reservation in one transaction."""
    tombstone = keys.placement(ORGANIZATION, PLACEMENT_ID) | {"status": {"S": "gone"}}
    free = {name: value for name, value in bench.reservation().items() if len(name) != 23}
    free["revision"] = {"N": str(int(free["revision"]["N"]) + 1)}
    puts = [{"Put": {"TableName": HOLDERS, "Item": item}} for item in (tombstone, free)]
    bench.db.transact_write_items(TransactItems=puts)


def test_a_life_of_a_placement_has_no_contradictions() -> None:
    bench = Bench()
    bench.has_a_new_image()
    for ordinal in range(2):
        bench.rebuild(ordinal)
        bench.now += 60
    bench.changed(status=PlacementStatus.PROVISIONED, unsettled_since=None)
    _goes(bench)
    for ordinal in range(2):
        bench.remove(ordinal)
    _is_gone(bench)
    bench.hold(bench.hosts[0], gone_at={"N": str(bench.now)})

    assert bench.problems == []
    assert bench.ledger.placements.living() == []


def _forgets_its_placement(bench: Bench) -> None:
    bench.list_hosts(**{keys.occupied_attribute(PLACEMENT_ID): None})


def _begins_unlisted(bench: Bench) -> None:
    bench.record(replace(bench.placed, id=OTHER_ID, status=PlacementStatus.PENDING, unsettled_since=5))


def _gives_a_host_twice(bench: Bench) -> None:
    bench.list_hosts(**{keys.occupied_attribute(OTHER_ID): {"B": encode_hosts(((bench.position, 0b10),))}})


def _gives_a_host_of_another(bench: Bench) -> None:
    hosts = ((bench.position, 0b11), (bench.position + 1, 0b1))
    bench.list_hosts(**{keys.occupied_attribute(PLACEMENT_ID): {"B": encode_hosts(hosts)}})


def _begins_beside_a_delete(bench: Bench) -> None:
    bench.list_hosts(status={"S": "deprovisioning"})
    bench.record(replace(bench.placed, id=OTHER_ID, status=PlacementStatus.PENDING, unsettled_since=5))


def _moves(bench: Bench) -> None:
    bench.changed(hosts=((bench.position + 1, 0b11),))


def _ends_under_its_servers(bench: Bench) -> None:
    _goes(bench)
    bench.remove(0)
    _is_gone(bench)


def _is_deployed_late(bench: Bench) -> None:
    _goes(bench)
    for ordinal in range(2):
        bench.remove(ordinal)
    _is_gone(bench)
    bench.serve(bench.hosts[0], 0)


def _is_deployed_elsewhere(bench: Bench) -> None:
    bench.hold(f"{POD}-rack04-tray01")
    bench.serve(f"{POD}-rack04-tray01", 0)


def _is_deployed_without_a_hold(bench: Bench) -> None:
    bench.remove(0)
    bench.db.delete_item(TableName=SERVERS, Key=server_keys.HOSTS.hold(bench.holder, bench.hosts[0]))
    bench.serve(bench.hosts[0], 0)


def _is_deployed_on_a_hold_that_ends(bench: Bench) -> None:
    bench.remove(0)
    bench.hold(bench.hosts[0], gone_at={"N": str(bench.now + 5)})
    bench.serve(bench.hosts[0], 0)


def _has_two_servers(bench: Bench) -> None:
    bench.serve(bench.hosts[1], 1, owner="another-1")
    bench.remove(0)
    bench.serve(bench.hosts[0], 0)
    bench.remove(1)
    bench.serve(bench.hosts[1], 1)


def _brings_an_old_image_back(bench: Bench) -> None:
    bench.has_a_new_image()
    bench.rebuild(0)
    bench.rebuild(0, image="ubuntu-24.04", generation=1)


def _boots_an_image_of_nobody(bench: Bench) -> None:
    bench.has_a_new_image()
    bench.rebuild(0, image="other")


def _rebuilds_too_many(bench: Bench) -> None:
    bench.has_a_new_image()
    bench.rebuild(0)
    bench.rebuild(1)


def _rebuilds_beside_one_that_failed(bench: Bench) -> None:
    bench.has_a_new_image()
    bench.rebuild(0)
    bench.now += 60
    bench.troubles.add(boot_of(bench.owner, bench.hosts[0], 2))
    bench.rebuild(1)


def _changes_its_image_silently(bench: Bench) -> None:
    bench.changed(image_id="new")


def _releases_under_a_server(bench: Bench) -> None:
    bench.hold(bench.hosts[0], gone_at={"N": str(bench.now)})


def _releases_what_a_placement_has(bench: Bench) -> None:
    bench.remove(0)
    bench.hold(bench.hosts[0], gone_at={"N": str(bench.now)})


def _is_provisioned_with_an_old_image(bench: Bench) -> None:
    bench.has_a_new_image()
    bench.rebuild(0)
    bench.now += 60
    bench.changed(status=PlacementStatus.PROVISIONED, unsettled_since=None)


def _is_provisioned_while_one_boots(bench: Bench) -> None:
    bench.has_a_new_image()
    for ordinal in range(2):
        bench.rebuild(ordinal, until=bench.now + 60 * ordinal)
    bench.problems.clear()
    bench.changed(status=PlacementStatus.PROVISIONED, unsettled_since=None)


def _ends_unasked(bench: Bench) -> None:
    for ordinal in range(2):
        bench.remove(ordinal)
    bench.changed(status=PlacementStatus.DEPROVISIONING, unsettled_since=bench.now)
    _is_gone(bench)


@pytest.mark.parametrize(
    ("write", "problem"),
    [
        (_forgets_its_placement, "its placements are"),
        (_begins_unlisted, "its placements are"),
        (_gives_a_host_twice, "gives hosts of ('uk-lon-1', 'lon1', "),
        (_gives_a_host_of_another, "to placements, and does not own them"),
        (_begins_beside_a_delete, "begins while its reservation is deprovisioning"),
        (_moves, "had the hosts"),
        (_ends_under_its_servers, "is gone, and its server stays on lon1-rack"),
        (_is_deployed_late, "and there is no such placement"),
        (_is_deployed_elsewhere, "which is none of its hosts"),
        (_is_deployed_without_a_hold, "does not hold"),
        (_is_deployed_on_a_hold_that_ends, "does not hold"),
        (_has_two_servers, "has servers of"),
        (_brings_an_old_image_back, "an older image is back"),
        (_boots_an_image_of_nobody, "which is not of generation 2"),
        (_rebuilds_too_many, "are rebuilt at a time, and 1 may be"),
        (_rebuilds_beside_one_that_failed, "are rebuilt at a time, and 1 may be"),
        (_changes_its_image_silently, "image new has the generation 1"),
        (_releases_under_a_server, "has a server"),
        (_releases_what_a_placement_has, "which ('ORG#"),
        (_is_provisioned_with_an_old_image, "is provisioned with 1 of 2 servers"),
        (_is_provisioned_while_one_boots, "is provisioned with 1 of 2 servers"),
        (_ends_unasked, "is gone without a request to end it"),
    ],
)
def test_each_contradiction_is_reported(write: Callable[[Bench], None], problem: str) -> None:
    bench = Bench()
    write(bench)

    assert any(problem in told for told in bench.problems), bench.problems


def test_a_customer_may_rebuild_as_many_servers_at_a_time_as_he_likes() -> None:
    bench = Bench()
    bench.has_a_new_image()
    bench.rebuild(0)
    bench.work = Work("reconcile_placement_server")
    bench.rebuild(1)

    assert bench.problems == []


def test_a_placement_may_end_with_its_reservation() -> None:
    bench = Bench()
    bench.ledger.asked_to_end.add(bench.key)
    _ends_unasked(bench)

    assert bench.problems == []


def test_the_least_number_of_free_hosts_is_watched() -> None:
    bench = Bench()
    with bench.ledger.placements.watching(bench.key) as watch:
        assert watch.least == 0
        _goes(bench)
        for ordinal in range(2):
            bench.remove(ordinal)
        _is_gone(bench)
    with bench.ledger.placements.watching(bench.key) as later:
        bench.list_hosts()

    assert (watch.least, later.least) == (0, 2)
