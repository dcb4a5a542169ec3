"""The ledger reports every contradiction: each is written into a consistent world by the test."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from typing import TYPE_CHECKING, Any

import pytest

from proof.audits import findings
from proof.fleet import LONDON
from proof.stage import POD
from testkit.world import GB300, HOLDERS, INVENTORY, ORGANIZATION, SERVERS
from tests.proof.ledger_bench import Bench

if TYPE_CHECKING:
    from collections.abc import Callable


CLAIMS = {"pk": {"S": f"CLAIMS#{LONDON}#{GB300.id}"}, "sk": {"S": f"POD#{POD}"}}
TAG, OTHER_TAG = b"\x01" * 6, b"\x02" * 6
HOSTS = {"pk": {"S": f"HOSTS#{LONDON}"}, "sk": {"S": f"POD#{POD}"}}


def booking(bench: Bench, name: str) -> str:
    """The attribute of a reservation's booking."""
    return "b" + urlsafe_b64encode(bench.record(name)["tag"]["B"]).decode()


def owned_whole(bench: Bench) -> str:
    """The domain of the reservation that stays."""
    return f"d{bench.record('stays')['start']['N']}"


def owned_in_part(bench: Bench) -> str:
    return next(name for name, value in bench.item(INVENTORY, CLAIMS).items() if "M" in value)


def free_rack(bench: Bench) -> int:
    owned = {domain[2] for domain in bench.ledger.owned()}
    return next(position for position in range(5) if position not in owned)


def test_an_unchanged_stage_has_no_contradictions() -> None:
    bench = Bench()

    assert bench.problems == []
    assert findings(bench.db, bench.now) == []
    assert {len(owners) for owners in bench.ledger.owned().values()} == {1}


def _book(bench: Bench, position: int, tag: bytes, count: int = 1) -> None:
    """Book a run as the protocol does, under the given id."""
    name = "b" + urlsafe_b64encode(tag).decode()
    stamps = {f"d{position + n}": {"B": tag} for n in range(count)}
    made = {name: {"B": bytes([0, position, count, 0, 0, 0, 0])}}
    bench.change(INVENTORY, bench.item(INVENTORY, CLAIMS), **stamps, **made)


def _books_for_nobody(bench: Bench) -> None:
    _book(bench, free_rack(bench), TAG)


def _books_over_another(bench: Bench) -> None:
    _book(bench, int(owned_whole(bench)[1:]), TAG)


def _books_without_a_stamp(bench: Bench) -> None:
    name = "b" + urlsafe_b64encode(TAG).decode()
    made = {name: {"B": bytes([0, free_rack(bench), 1, 0, 0, 0, 0])}}
    bench.change(INVENTORY, bench.item(INVENTORY, CLAIMS), **made)


def _owns_as_before_bookings(bench: Bench) -> None:
    bench.change(INVENTORY, bench.item(INVENTORY, CLAIMS), **{f"d{free_rack(bench)}": {"B": b"\x01" * 8}})


def _frees_what_is_held(bench: Bench) -> None:
    bench.change(INVENTORY, bench.item(INVENTORY, CLAIMS), **{booking(bench, "stays"): None})


def _books_again(bench: Bench) -> None:
    """A teardown has released, and a late write books under the same tag."""
    name = booking(bench, "leaving")
    claims = bench.item(INVENTORY, CLAIMS)
    bench.change(INVENTORY, claims, **{name: None})
    bench.change(INVENTORY, claims)


def _removes_a_stamp(bench: Bench) -> None:
    claims, position = bench.item(INVENTORY, CLAIMS), bench.record("leaving")["start"]["N"]
    bench.change(INVENTORY, claims, **{booking(bench, "leaving"): None, f"d{position}": None})


def _brings_a_stamp_back(bench: Bench) -> None:
    claims, name = bench.item(INVENTORY, CLAIMS), f"d{free_rack(bench)}"
    bench.change(INVENTORY, claims, **{name: {"B": TAG}})
    bench.change(INVENTORY, claims, **{name: {"B": OTHER_TAG}})
    bench.change(INVENTORY, claims, **{name: {"B": TAG}})


def _claiming(bench: Bench, **more: Any) -> dict[str, Any]:
    """A record that is claiming the free rack."""
    item = bench.record("stays") | {
        "sk": {"S": "RESERVATION#a1b2c3d4-0000-4000-8000-000000000001"},
        "status": {"S": "claiming"},
        "life": {"B": b"\x07" * 8},
        "revision": {"N": "1"},
        "named_pod": {"S": POD},
        "named_start": {"N": str(free_rack(bench))},
        "named_tag": {"B": TAG},
    }
    gone = ("pod", "start", "tag", "counted", "hash", "hash_of")
    return {name: value for name, value in item.items() if name not in gone} | more


def _names_a_tag_twice(bench: Bench) -> None:
    record = _claiming(bench)
    bench.put(HOLDERS, record)
    bench.put(HOLDERS, record | {"named_tag": {"B": OTHER_TAG}, "revision": {"N": "2"}})
    bench.put(HOLDERS, record | {"revision": {"N": "3"}})


def _books_what_was_named(bench: Bench) -> None:
    record = _claiming(bench)
    bench.put(HOLDERS, record)
    bench.put(HOLDERS, record | {"named_tag": {"B": OTHER_TAG}, "revision": {"N": "2"}})
    _book(bench, free_rack(bench), TAG)


def _settles_without_owning(bench: Bench) -> None:
    record = _claiming(bench)
    bench.put(HOLDERS, record)
    place = {"pod": {"S": POD}, "start": record["named_start"], "tag": {"B": TAG}}
    bench.change(
        HOLDERS, record, status={"S": "pending"}, revision={"N": "2"}, named_pod=None, named_tag=None, **place
    )


def _releases_a_unit(bench: Bench) -> dict[str, Any]:
    """The reservation is provisioned, and its only unit is leaving; the record as it was before."""
    bench.change(HOLDERS, bench.record("stays"), status={"S": "provisioned"}, revision={"N": "98"})
    before = bench.record("stays")
    row = [before["start"], {"N": "1"}, {"S": before["tag"]["B"].hex()}]
    gone = {"start": None, "tag": None}
    bench.change(HOLDERS, before, leaving={"L": [{"L": row}]}, revision={"N": "99"}, **gone)
    return before


def _loses_a_unit(bench: Bench) -> None:
    _releases_a_unit(bench)


def _gets_a_unit_back(bench: Bench) -> None:
    bench.ledger.bookings.asked_to_release.add(bench.holders["stays"])
    before = _releases_a_unit(bench)
    bench.put(HOLDERS, before | {"revision": {"N": "100"}})


def _tombstone(record: dict[str, Any]) -> dict[str, Any]:
    kept = {name: record[name] for name in ("pk", "sk", "life", "fingerprint")}
    return kept | {"status": {"S": "gone"}, "unfinished": {"BOOL": True}}


def _rises_from_the_dead(bench: Bench) -> None:
    record = _claiming(bench)
    bench.put(HOLDERS, record)
    bench.put(HOLDERS, _tombstone(record))
    bench.put(HOLDERS, record | {"named_tag": {"B": OTHER_TAG}})


def _takes_the_place_of_another(bench: Bench) -> None:
    record = _claiming(bench)
    bench.put(HOLDERS, record)
    bench.put(HOLDERS, record | {"life": {"B": b"\x08" * 8}, "revision": {"N": "2"}})


def _shares_a_host(bench: Bench) -> None:
    claims, name = bench.item(INVENTORY, CLAIMS), owned_in_part(bench)
    parts = claims[name]["M"] | {"0" * 16: next(iter(claims[name]["M"].values()))}
    bench.change(INVENTORY, claims, **{name: {"M": parts}})


def _lists_what_another_has(bench: Bench) -> None:
    bench.change(HOLDERS, bench.record("leaving"), start=bench.record("stays")["start"])


def _lists_a_second_rack(bench: Bench) -> None:
    bench.change(HOLDERS, bench.record("stays"), units={"N": "2"})


def _vanishes(bench: Bench) -> None:
    pk, sk = bench.holders["stays"]
    bench.db.delete_item(TableName=HOLDERS, Key={"pk": {"S": pk}, "sk": {"S": sk}})


def _goes_back(bench: Bench) -> None:
    bench.change(HOLDERS, bench.record("leaving"), status={"S": "provisioned"})


def _begins_in_the_middle(bench: Bench) -> None:
    bench.put(HOLDERS, _claiming(bench, status={"S": "provisioned"}))


def _keeps_its_revision(bench: Bench) -> None:
    bench.change(HOLDERS, bench.record("waits"), updated_at={"N": "2000000000"})


def _drifts(bench: Bench) -> None:
    key = {"pk": {"S": f"ORG#{ORGANIZATION}"}, "sk": {"S": "QUOTA#GB300"}}
    bench.change(HOLDERS, bench.item(HOLDERS, key), used={"N": "1"})


def _hardware(bench: Bench, change: Callable[[list[Any]], object], version: int = 9) -> None:
    item = bench.item(INVENTORY, HOSTS)
    domains = json.loads(item["domains"]["S"])
    change(domains)
    bench.change(INVENTORY, item, v={"N": str(version)}, domains={"S": json.dumps(domains)})


def _forgets_held_hardware(bench: Bench) -> None:
    position = int(owned_whole(bench)[1:])
    _hardware(bench, lambda domains: domains.pop(position))


def _forgets_a_held_host(bench: Bench) -> None:
    position = int(owned_whole(bench)[1:])
    _hardware(bench, lambda domains: domains[position][4].pop())


def _swaps_a_held_host(bench: Bench) -> None:
    held = int(owned_whole(bench)[1:])
    _hardware(bench, lambda domains: _swap(domains[held][4][0], domains[held - 1][4][0]))


def _shows_a_host_twice(bench: Bench) -> None:
    free = free_rack(bench)
    _hardware(bench, lambda domains: domains[free][4][0].__setitem__(1, domains[free][4][1][1]))


def _swap(one: list[Any], other: list[Any]) -> None:
    one[1], other[1] = other[1], one[1]


def _keeps_its_version(bench: Bench) -> None:
    _hardware(bench, lambda _: None, version=1)


def _puts_a_host_into_two_pods(bench: Bench) -> None:
    item = bench.item(INVENTORY, HOSTS)
    bench.put(INVENTORY, item | {"sk": {"S": "POD#lon2"}})


def _holds_for_a_stranger(bench: Bench) -> None:
    server = {"pk": {"S": "HOLDER#stranger-1"}, "sk": {"S": f"HOST#{POD}-rack00-tray00"}}
    bench.put(SERVERS, server)


def _accepts_without_counting(bench: Bench) -> None:
    """Whatever the record says, the limit applies."""
    _settles_without_owning(bench)


def _stops_counting(bench: Bench) -> None:
    bench.change(HOLDERS, bench.record("stays"), counted=None)
    key = {"pk": {"S": f"ORG#{ORGANIZATION}"}, "sk": {"S": "QUOTA#GB300"}}
    bench.change(HOLDERS, bench.item(HOLDERS, key), used={"N": "1"})


def _takes_out_of_turn(bench: Bench) -> None:
    held = bench.record("held") | {"sk": {"S": "CLAIM#a1b2c3d4-0000-4000-8000-000000000001"}}
    bench.change(HOLDERS, held, created_at={"N": "2000000000"})


def _is_provisioned_without_servers(bench: Bench) -> None:
    bench.change(HOLDERS, bench.record("stays"), status={"S": "provisioned"})


def _changes_without_telling(bench: Bench) -> None:
    bench.change(HOLDERS, bench.record("waits"), instance_count={"N": "3"}, revision={"N": "99"})


def _changes_ahead_of_time(bench: Bench) -> None:
    later = {"N": "2000000001"}
    bench.change(HOLDERS, bench.record("waits"), updated_at=later, revision={"N": "99"})


CONTRADICTIONS: dict[Callable[[Bench], None], str] = {
    _accepts_without_counting: "counts 2, its holders have 3",
    _stops_counting: "counts 1, its holders have 2",
    _takes_out_of_turn: "waits and is older",
    _is_provisioned_without_servers: "is provisioned with 0 of 2 servers",
    _changes_without_telling: "is not after the last",
    _changes_ahead_of_time: "us in the future",
    _books_for_nobody: "no record names that",
    _books_over_another: "a host has two owners",
    _books_without_a_stamp: "have other stamps",
    _owns_as_before_bookings: "which no record lists or names",
    _frees_what_is_held: "and its booking",
    _books_again: "which was a booking's before",
    _removes_a_stamp: "lost their stamps",
    _brings_a_stamp_back: "is back",
    _names_a_tag_twice: "which was used before",
    _books_what_was_named: "no record names that",
    _settles_without_owning: "owns 0 of 1 domains",
    _loses_a_unit: "lost units that nobody asked to release",
    _gets_a_unit_back: "is provisioned and got more units",
    _rises_from_the_dead: "continues after its end",
    _takes_the_place_of_another: "begins before",
    _shares_a_host: "a host has two owners",
    _lists_what_another_has: "is booked under",
    _lists_a_second_rack: "owns 1 of 2 domains",
    _vanishes: "without a request to end it",
    _goes_back: "went from deprovisioning to provisioned",
    _begins_in_the_middle: "begins as provisioned",
    _keeps_its_revision: "revision",
    _drifts: "counts 1",
    _forgets_held_hardware: "lost hosts in the inventory",
    _forgets_a_held_host: "lost hosts in the inventory",
    _swaps_a_held_host: "lost hosts in the inventory",
    _shows_a_host_twice: "is twice in",
    _keeps_its_version: "version 1 became 1",
    _puts_a_host_into_two_pods: "and in",
    _holds_for_a_stranger: "which it does not own",
}


@pytest.mark.parametrize("contradict", CONTRADICTIONS, ids=lambda c: c.__name__.strip("_"))
def test_a_contradiction_is_reported(contradict: Callable[[Bench], None]) -> None:
    bench = Bench()
    contradict(bench)

    assert any(CONTRADICTIONS[contradict] in problem for problem in bench.problems), bench.problems


def test_an_acceptance_beyond_the_limit_is_reported() -> None:
    bench = Bench()
    key = {"pk": {"S": f"ORG#{ORGANIZATION}"}, "sk": {"S": "QUOTA#instances"}}
    quota, record = bench.item(HOLDERS, key), bench.record("waits")
    size = int(record["instance_count"]["N"])
    used = int(quota["used"]["N"])
    more = int(quota["limit"]["N"]) - used + 1
    bench.db.transact_write_items(
        TransactItems=[
            {"Put": {"TableName": HOLDERS, "Item": quota | {"used": {"N": str(used + more)}}}},
            {
                "Put": {
                    "TableName": HOLDERS,
                    "Item": record | {"instance_count": {"N": str(size + more)}, "revision": {"N": "99"}},
                }
            },
        ]
    )

    assert [problem for problem in bench.problems if "more were accepted" in problem]


def test_hardware_that_breaks_under_a_holder_is_no_contradiction() -> None:
    bench = Bench()

    def breaks(domains: list[Any]) -> None:
        for domain in domains:
            for host in domain[4]:
                host[4] = "missing"

    _hardware(bench, breaks)

    assert bench.problems == []
