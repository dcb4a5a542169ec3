"""Each write as JSON, and executed: a condition that never ran is not a condition."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

import pytest

from gpu_capacity.dynamodb import keys
from gpu_capacity.dynamodb.client import encode
from gpu_capacity.dynamodb.database import Committed, Database, Refused
from gpu_capacity.dynamodb.quotas import QUOTA, QuotaStore
from gpu_capacity.dynamodb.reservation_items import encode_reservation
from gpu_capacity.dynamodb.reservation_writes import POD, RECORD, ReservationWrites
from gpu_capacity.dynamodb.writes import Update
from gpu_capacity.holders.reservation import TRANSITIONS, Reservation, Status
from testkit.auditor import audit
from testkit.dynamodb import MemoryDynamoDB
from testkit.world import GB300, HOLDERS, INVENTORY, ORGANIZATION, REGION, create_tables
from tests.unit.dynamodb.golden_cases import FOLDER, NOW, WRITES, as_json, cases
from tests.unit.holders.reservations import reservation

if TYPE_CHECKING:
    from collections.abc import Callable

    from gpu_capacity.dynamodb.writes import Action

NAMES = tuple(cases())
TAG = bytes.fromhex("a61b9d5a701d4fea")
RIVAL = b"\x00" * 8


def _database(
    met: Reservation | None, *, owner: bytes | None = TAG, version: int = 7, used: int = 4, limit: int = 10
) -> MemoryDynamoDB:
    """Tables as a write meets them: the pod, the quota, and the record where there is one."""
    db = MemoryDynamoDB()
    create_tables(db)
    pod: dict[str, Any] = keys.claims(REGION, GB300.id, "pod1") | encode({"v": version})
    if met is not None:
        db.put_item(TableName=HOLDERS, Item=encode_reservation(met))
        if met.placement is not None and owner is not None:
            pod |= {keys.domain_attribute(p): {"B": owner} for p in met.placement.positions}
        used = met.count if met.counted else 0
    db.put_item(TableName=INVENTORY, Item=pod)
    quota = keys.quota(ORGANIZATION, "GB300") | encode({"limit": limit, "used": used})
    db.put_item(TableName=HOLDERS, Item=quota)
    return db


def _refused(db: MemoryDynamoDB, *actions: Action) -> set[str]:
    """Labels of the conditions that did not hold; nothing may have been written."""
    before = db.dump()
    outcome = Database(db).commit(*actions)
    assert isinstance(outcome, Refused)
    assert db.dump() == before
    return set(outcome.items)


@pytest.mark.parametrize("name", NAMES)
def test_is_sent_as_it_stands_in_the_golden_file(name: str) -> None:
    assert as_json(cases()[name].actions) == (FOLDER / f"{name}.json").read_text()


def test_every_builder_has_a_golden_file_and_every_file_a_builder() -> None:
    own = {name for name in vars(ReservationWrites) if not name.startswith("_")}
    builders = own - {field.name for field in fields(ReservationWrites)}

    assert {path.stem for path in FOLDER.glob("*.json")} == set(NAMES)
    assert builders == {name for name in builders if any(case.startswith(name) for case in NAMES)}


def test_what_holds_nothing_cannot_be_accepted() -> None:
    with pytest.raises(ValueError, match="accepted with its placement"):
        WRITES.accept(reservation(placement=None), 7, None)


@pytest.mark.parametrize("name", NAMES)
def test_commits_where_it_should(name: str) -> None:
    case = cases()[name]
    db = _database(case.met, used=0)

    assert Database(db).commit(*case.actions) == Committed()
    assert audit(db) == []


@pytest.mark.parametrize("name", NAMES)
def test_sent_again_it_changes_nothing_more(name: str) -> None:
    case = cases()[name]
    db = _database(case.met, used=0)
    Database(db).commit(*case.actions)
    once = db.dump()

    outcome = Database(db).commit(*case.actions)

    assert isinstance(outcome, Committed if case.repeatable else Refused)
    assert db.dump() == once


# What each condition guards.


@pytest.mark.parametrize("position", [2, 3, 4])
def test_a_claim_of_any_owned_domain_is_refused_as_a_whole(position: int) -> None:
    db = _database(None)
    _own(db, position, RIVAL)

    assert _refused(db, *cases()["accept"].actions) == {POD}


def test_a_claim_beside_owned_domains_stands() -> None:
    db = _database(None)
    for position in (0, 1, 5, 71):
        _own(db, position, RIVAL)

    assert Database(db).commit(*cases()["accept"].actions) == Committed()


@pytest.mark.parametrize("version", [6, 8])
def test_a_claim_decided_on_another_version_of_the_topology_is_refused(version: int) -> None:
    assert _refused(_database(None, version=version), *cases()["accept"].actions) == {POD}


def test_a_claim_in_a_pod_that_is_gone_is_refused() -> None:
    db = _database(None)
    db.delete_item(TableName=INVENTORY, Key=keys.claims(REGION, GB300.id, "pod1"))

    assert _refused(db, *cases()["accept"].actions) == {POD}


def test_a_second_record_under_one_id_is_refused() -> None:
    db = _database(reservation(), owner=None)

    assert _refused(db, *cases()["accept"].actions) == {RECORD}


@pytest.mark.parametrize(
    ("used", "limit"), [(8, 10), (10, 10), (11, 10), (0, 9)], ids=["no room", "full", "over", "lowered"]
)
def test_a_claim_is_refused_without_room_in_the_quota_that_was_read(used: int, limit: int) -> None:
    assert _refused(_database(None, used=used, limit=limit), *cases()["accept_counted"].actions) == {QUOTA}


def test_a_claim_may_use_a_quota_up_exactly() -> None:
    assert Database(_database(None, used=7)).commit(*cases()["accept_counted"].actions) == Committed()


@pytest.mark.parametrize("name", ["fail", "remove", "remove_keyed", "remove_counted"])
@pytest.mark.parametrize("owner", [RIVAL, None], ids=["owned by a rival", "owned by nobody"])
def test_a_release_frees_only_what_its_holder_owns(name: str, owner: bytes | None) -> None:
    case = cases()[name]

    assert _refused(_database(case.met, owner=owner), *case.actions) == {POD}


@pytest.mark.parametrize("name", ["fail", "remove", "remove_keyed", "remove_counted"])
def test_a_release_does_not_care_for_the_version_of_the_topology(name: str) -> None:
    case = cases()[name]

    assert Database(_database(case.met, version=99)).commit(*case.actions) == Committed()


MOVES: dict[str, tuple[Status, Callable[[Reservation], list[Action]]]] = {
    "begin": (Status.PROVISIONING, lambda r: [WRITES.begin(r, 1)]),
    "complete": (Status.PROVISIONED, lambda r: [WRITES.complete(r)]),
    "mark_deleted": (Status.DEPROVISIONING, lambda r: [WRITES.mark_deleted(r, NOW)]),
}


@pytest.mark.parametrize("status", sorted(set(Status) - {Status.GONE}))
@pytest.mark.parametrize("name", MOVES)
def test_a_move_is_only_made_from_where_the_table_allows(name: str, status: Status) -> None:
    target, build = MOVES[name]
    record = reservation(status=status)
    outcome = Database(_database(record)).commit(*build(record))

    assert isinstance(outcome, Committed) == (target in TRANSITIONS[status])


@pytest.mark.parametrize("status", sorted(set(Status) - {Status.GONE, Status.PROVISIONING}))
def test_only_what_is_provisioning_can_fail(status: Status) -> None:
    record = reservation(status=status, failure="x")

    assert _refused(_database(record), *cases()["fail"].actions) == {RECORD}


def test_nothing_fails_whose_undo_was_not_noted() -> None:
    record = reservation(status=Status.PROVISIONING)

    assert _refused(_database(record), *cases()["fail"].actions) == {RECORD}


def test_nothing_completes_whose_undo_has_begun() -> None:
    undoing = reservation(status=Status.PROVISIONING, failure="x")

    assert _refused(_database(undoing), *cases()["complete"].actions) == {RECORD}


@pytest.mark.parametrize("status", sorted(set(Status) - {Status.GONE, Status.DEPROVISIONING}))
@pytest.mark.parametrize("keyed", [True, False])
def test_only_what_is_deprovisioning_is_removed(status: Status, *, keyed: bool) -> None:
    record = reservation(status=status, keyed=keyed)

    assert _refused(_database(record), *WRITES.remove(record, NOW)) == {RECORD}


@pytest.mark.parametrize("counted", [True, False])
@pytest.mark.parametrize("name", ["fail", "remove"])
def test_a_release_is_refused_when_counting_changed_since_the_record_was_read(
    name: str, *, counted: bool
) -> None:
    """Or units would stay counted for ever, or be taken off twice."""
    as_read = cases()[name].met
    assert as_read is not None
    changes = {"status": as_read.status, "failure": "x", "deleted_at": as_read.deleted_at}
    stored, read = reservation(**changes, counted=counted), reservation(**changes, counted=not counted)
    assert read.placement is not None
    actions = WRITES.fail(read, read.placement) if name == "fail" else WRITES.remove(read, NOW)

    assert RECORD in _refused(_database(stored), *actions)


def test_a_quota_is_never_counted_below_zero() -> None:
    case = cases()["remove_counted"]
    db = _database(case.met)
    quota = keys.quota(ORGANIZATION, "GB300") | encode({"limit": 10, "used": 2})
    db.put_item(TableName=HOLDERS, Item=quota)

    assert _refused(db, *case.actions) == {QUOTA}


def test_counting_in_takes_what_exists_even_beyond_the_limit() -> None:
    db = _database(reservation(), limit=1)

    assert Database(db).commit(*cases()["count_in"].actions) == Committed()
    assert db.table(HOLDERS).items()[0]["used"] == {"N": "3"}


def test_counting_in_leaves_out_what_holds_nothing() -> None:
    released = reservation(status=Status.ERROR, placement=None, failure="x")

    assert _refused(_database(released), *cases()["count_in"].actions) == {RECORD}


def test_counting_in_without_a_quota_is_refused() -> None:
    db = _database(reservation())
    db.delete_item(TableName=HOLDERS, Key=keys.quota(ORGANIZATION, "GB300"))

    assert _refused(db, *cases()["count_in"].actions) == {QUOTA}


@pytest.mark.parametrize("changes", [{"attempt": 1}, {"status": Status.PROVISIONING}])
def test_an_attempt_is_numbered_only_on_the_record_that_was_read(changes: dict[str, Any]) -> None:
    assert _refused(_database(reservation(**changes)), *cases()["next_attempt"].actions) == {RECORD}


def test_the_first_reason_of_a_failure_stays() -> None:
    db = _database(reservation(status=Status.PROVISIONING))
    for message in ("first", "second"):
        Database(db).commit(WRITES.abandon(reservation(), message))

    (_, record) = db.table(HOLDERS).items()
    assert record["failure"] == {"S": "first"}


def test_setting_a_limit_keeps_what_is_counted_and_starts_at_zero() -> None:
    db = _database(None, used=4)
    store = QuotaStore(Database(db), HOLDERS)

    store.set_limit(ORGANIZATION, "GB300", 2)
    store.set_limit(ORGANIZATION, "B200", 5)

    found = {item["sk"]["S"]: (item["limit"]["N"], item["used"]["N"]) for item in db.table(HOLDERS).items()}
    assert found == {"QUOTA#GB300": ("2", "4"), "QUOTA#B200": ("5", "0")}


def test_a_refusal_brings_the_item_as_it_stood() -> None:
    db = _database(None)
    _own(db, 3, RIVAL)

    outcome = Database(db).commit(*cases()["accept"].actions)

    assert isinstance(outcome, Refused)
    pod = outcome.items[POD]
    assert pod is not None
    assert (pod["v"], pod["d3"]) == (7, RIVAL)


def test_every_condition_asks_for_the_item_as_it_stood() -> None:
    for case in cases().values():
        for action in case.actions:
            assert action.condition
            assert action.request()["ReturnValuesOnConditionCheckFailure"] == "ALL_OLD"


def _own(db: MemoryDynamoDB, position: int, owner: bytes) -> None:
    write = Update(
        "rival",
        INVENTORY,
        keys.claims(REGION, GB300.id, "pod1"),
        f"SET {keys.domain_attribute(position)} = :owner",
        values={":owner": {"B": owner}},
    )
    assert Database(db).commit(write) == Committed()
