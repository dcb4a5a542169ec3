"""The rules over plain values: no database, no clock."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gpu_capacity.dynamodb import keys
from gpu_capacity.dynamodb.tombstones import Tombstone
from gpu_capacity.holders.ids import holder_tag
from gpu_capacity.holders.quota import Quota
from gpu_capacity.inventory.items import PodOwners
from gpu_capacity.inventory.units import topology_hash
from gpu_capacity.placement.model import Placement
from gpu_capacity.providers.port import Hold, HoldState, Server, ServerState
from gpu_capacity.reservations.record import Run, Status
from gpu_capacity.upkeep.audit.bookkeeping import findings_of
from gpu_capacity.upkeep.audit.facts import Asked, Facts, Question, Side, Table
from gpu_capacity.upkeep.audit.findings import Finding, Kind, ReleasePart, TakeAway
from testkit.reservations import reservation
from testkit.world import GB300, ORGANIZATION, REGION, pod

ID = "d0d457bf-39a1-490a-8d72-97f0009aee43"
POD = pod("pod1", 4)
CLAIMS = Side.of(Table.INVENTORY, keys.owners(REGION, GB300.id, "pod1"))
RECORD = Side.of(Table.HOLDERS, keys.reservation(ORGANIZATION, ID))
QUOTA = Side.of(Table.HOLDERS, keys.quota(ORGANIZATION, "GB300"))
TAG = holder_tag(ID)

RESERVATION = reservation(
    id=ID,
    count=2,
    hosts_per_unit=2,
    runs=(Run(Placement("pod1", 1, 2), TAG),),
    topology_hash=topology_hash((REGION, "GB300", "NVL72"), "pod1", POD.between(1, 2)),
    hardware=b"hardware",
    status=Status.PROVISIONED,
    counted=True,
    unsettled_since=None,
)
WELL = Facts(
    owners={CLAIMS: PodOwners("pod1", 1, {1: TAG, 2: TAG})},
    pods={CLAIMS: POD},
    holders={RECORD: RESERVATION},
    tags={RECORD: TAG.hex()},
    quotas={QUOTA: Quota(ORGANIZATION, "GB300", 4, 2)},
)


def _owning(owners: dict[int, bytes | dict[str, int]], **changes: object) -> Facts:
    return replace(WELL, owners={CLAIMS: PodOwners("pod1", 1, owners)}, **changes)  # type: ignore[arg-type]


def _holding(**changes: object) -> Facts:
    return replace(WELL, holders={RECORD: replace(RESERVATION, **changes)})  # type: ignore[arg-type]


def _kinds(facts: Facts) -> list[Kind]:
    return [finding.kind for finding in findings_of(facts)]


def test_consistent_facts_give_no_finding() -> None:
    assert findings_of(WELL) == []
    assert findings_of(Facts()) == []


@pytest.mark.parametrize(
    ("owned", "reported"), [({}, "in 0 of"), ({1: TAG}, "in 1 of"), ({1: TAG, 2: TAG}, "in 2 of")]
)
def test_a_host_at_two_places_is_reported_with_the_number_of_owned_places(
    owned: dict[int, bytes | dict[str, int]], reported: str
) -> None:
    one, other = POD.domains[1], POD.domains[2]
    moved = replace(other, hosts=(replace(one.hosts[0], slot=0), *other.hosts[1:]))
    twice = replace(POD, domains=(POD.domains[0], one, moved, POD.domains[3]))
    found = [f for f in findings_of(_owning(owned, pods={CLAIMS: twice})) if f.kind is Kind.HOST_TWICE]
    assert [reported in finding.message for finding in found] == [True]
    assert one.hosts[0].id in found[0].subject


def test_the_order_of_reading_makes_no_difference() -> None:
    facts = _owning({0: b"12345678", 3: b"87654321"})
    turned = replace(facts, owners={CLAIMS: PodOwners("pod1", 1, {3: b"87654321", 0: b"12345678"})})
    assert findings_of(facts) == findings_of(turned)


def _leak(facts: Facts) -> Finding:
    (finding,) = findings_of(facts)
    assert finding.kind is Kind.LEAKED
    return finding


def test_a_leak_of_a_holder_that_is_gone_may_be_freed() -> None:
    finding = _leak(_owning({0: b"12345678", 1: TAG, 2: TAG}))
    assert isinstance(finding.repair, ReleasePart)
    assert (finding.repair.position, finding.repair.tag) == (0, b"12345678".hex())
    assert finding.repair.hosts == ("pod1-rack00-tray00", "pod1-rack00-tray01")


def test_a_holder_with_a_tombstone_counts_as_gone() -> None:
    facts = replace(WELL, holders={RECORD: Tombstone("f")}, quotas={})
    found = findings_of(facts)
    assert [f.kind for f in found] == [Kind.LEAKED, Kind.LEAKED]
    assert all(isinstance(f.repair, ReleasePart) and f.repair.record == RECORD for f in found)


def test_a_leak_of_an_existing_holder_is_left_to_operators() -> None:
    assert _leak(_owning({0: TAG, 1: TAG, 2: TAG})).repair is None


def test_a_leak_on_unknown_hardware_is_left_to_operators() -> None:
    assert _leak(_owning({9: b"12345678", 1: TAG, 2: TAG})).repair is None


def test_while_a_record_is_unreadable_no_holder_counts_as_gone() -> None:
    unknown = Side(Table.HOLDERS, keys.organization_partition(ORGANIZATION), "RENTAL#1")
    facts = _owning({0: b"12345678", 1: TAG, 2: TAG}, unreadable=frozenset({unknown}))
    assert _kinds(facts) == [Kind.UNREADABLE]


def test_a_map_of_parts_is_no_domain_of_a_reservation() -> None:
    assert _kinds(_owning({1: {TAG.hex(): 3}, 2: TAG})) == [Kind.LEAKED, Kind.ORPHANED]


# Hashes: what can be decided


def test_a_different_hash_is_a_finding_while_the_pod_has_never_changed() -> None:
    (finding,) = findings_of(_holding(topology_hash=f"sha256:{'0' * 64}"))
    assert (finding.kind, finding.certain) == (Kind.WRONG_HASH, True)


@pytest.mark.parametrize("stored", [None, "", "sha256:", f"sha256:{'g' * 64}", f"md5:{'0' * 64}"])
def test_a_value_that_is_no_hash_is_a_finding_whatever_the_pods_version(stored: str | None) -> None:
    facts = replace(_holding(topology_hash=stored), pods={CLAIMS: replace(POD, version=7)})
    (finding,) = findings_of(facts)
    assert (finding.kind, finding.certain) == (Kind.WRONG_HASH, True)


def test_a_different_hash_is_no_finding_once_the_pod_has_changed() -> None:
    facts = replace(_holding(topology_hash=f"sha256:{'0' * 64}"), pods={CLAIMS: replace(POD, version=2)})
    (finding,) = findings_of(facts)
    assert (finding.certain, finding.repair) == (False, None)


def test_a_hash_is_not_repaired_if_the_pod_shows_another_owner() -> None:
    facts = replace(_holding(topology_hash=None), owners={CLAIMS: PodOwners("pod1", 1, {1: TAG})})
    wrong = next(f for f in findings_of(facts) if f.kind is Kind.WRONG_HASH)
    assert wrong.repair is None


def test_a_record_whose_hash_is_of_an_earlier_version_is_not_judged() -> None:
    assert findings_of(_holding(topology_hash=None, hardware=None)) == []


def test_a_hash_is_not_checked_without_the_topology() -> None:
    assert findings_of(replace(_holding(topology_hash=None), pods={})) == []


# Quotas


def test_uncounted_holders_do_not_count() -> None:
    assert findings_of(replace(_holding(counted=False), quotas={})) == []


def test_more_holders_than_fit_into_a_transaction_are_left_to_operators() -> None:
    ids = [f"a{n:07}-39a1-490a-8d72-97f0009aee43" for n in range(100)]
    sides = [Side.of(Table.HOLDERS, keys.reservation(ORGANIZATION, i)) for i in ids]
    holders = {
        side: replace(RESERVATION, id=i, runs=(), status=Status.ERROR)
        for side, i in zip(sides, ids, strict=True)
    }
    tags = {side: holder_tag(i).hex() for side, i in zip(sides, ids, strict=True)}
    few = dict(list(holders.items())[:99])
    for some, safe in ((few, True), (holders, False)):
        (finding,) = findings_of(Facts(holders=some, tags=tags, quotas=WELL.quotas))
        assert (finding.kind, finding.repair is not None) == (Kind.QUOTA_DRIFT, safe)


# Edge cases of pods and servers


def test_a_part_without_hosts_leaks_the_whole_domain() -> None:
    """A domain with any attribute is not free for a reservation, so nothing can be sold there."""
    assert _leak(_owning({0: {"00" * 8: 0}, 1: TAG, 2: TAG})).repair is not None


# Holds and servers


def _hold(owner: str, host: str = "tray", state: HoldState = HoldState.HELD) -> Hold:
    return Hold(owner, host, state)


OWNER = RESERVATION.server_owner
EARLIER = f"{ID}-1"
UNKNOWN = "aaaaaaaa-2222-4333-8444-555555555555-1780000000"


@pytest.mark.parametrize(
    ("facts", "owner", "needs_word"),
    [
        (WELL, OWNER, None),
        (_holding(status=Status.ERROR, runs=(), counted=False), OWNER, False),
        (_holding(status=Status.ERROR), OWNER, True),
        (WELL, EARLIER, False),
        (replace(WELL, holders={RECORD: Tombstone("f")}), OWNER, False),
        (WELL, UNKNOWN, True),
        (WELL, "somebody", True),
    ],
    ids=["live", "failed", "contradictory", "earlier life", "tombstone", "no record", "no name of ours"],
)
def test_a_hold_may_be_released_only_if_a_record_says_that_its_holder_is_over(
    facts: Facts, owner: str, *, needs_word: bool | None
) -> None:
    found = findings_of(replace(facts, holds=(_hold(owner),)))
    found = [finding for finding in found if finding.kind is Kind.SERVER_LEAKED]
    if needs_word is None:
        assert found == []
        return
    (finding,) = found
    assert finding.repair == TakeAway(Question(Asked.HOLDS, owner), "tray", needs_word)
    assert finding.questions == (Question(Asked.HOLDS, owner),)


def test_a_hold_left_behind_is_reported_with_its_age_if_that_is_known() -> None:
    old = replace(_hold(UNKNOWN), since=1_780_000_000)
    reported = [f.message for f in findings_of(replace(WELL, holds=(old, _hold(UNKNOWN, "other"))))]
    assert sorted("began at 2026-05-28T" in message for message in reported) == [False, True]


def test_a_hold_that_is_being_released_is_never_a_finding() -> None:
    going = _hold(UNKNOWN, state=HoldState.RELEASING)
    assert findings_of(replace(WELL, holds=(going, _hold(OWNER)))) == []


def test_while_a_record_is_unreadable_a_hold_without_a_holder_is_not_judged() -> None:
    unknown = Side(Table.HOLDERS, keys.organization_partition(ORGANIZATION), "RENTAL#1")
    mine = Side.of(Table.HOLDERS, keys.reservation(ORGANIZATION, UNKNOWN.rpartition("-")[0]))
    for unread, kinds in ((unknown, [Kind.SERVER_LEAKED, Kind.UNREADABLE]), (mine, [Kind.UNREADABLE])):
        facts = replace(WELL, holds=(_hold(UNKNOWN),), unreadable=frozenset({unread}))
        assert _kinds(facts) == kinds


def test_two_holds_of_one_host_are_reported_and_those_on_two_hosts_are_not() -> None:
    both = (_hold(OWNER), _hold(OWNER, "tray2"))
    assert findings_of(replace(WELL, holds=both)) == []
    other = replace(RESERVATION, id="e" + ID[1:], runs=(), status=Status.DEPROVISIONING, counted=False)
    side = Side.of(Table.HOLDERS, keys.reservation(ORGANIZATION, other.id))
    facts = replace(
        WELL,
        holders={RECORD: RESERVATION, side: other},
        tags={RECORD: TAG.hex(), side: holder_tag(other.id).hex()},
        shards={side: "0"},
        holds=(*both, _hold(other.server_owner)),
    )
    (finding,) = findings_of(facts)
    assert (finding.kind, finding.repair) == (Kind.SERVER_DISAGREES, None)
    assert {question.name for question in finding.questions} == {OWNER, other.server_owner}


def test_a_domain_whose_owner_holds_a_host_anywhere_is_not_freed() -> None:
    tag = holder_tag(UNKNOWN.rpartition("-")[0])
    facts = _owning({0: tag, 1: TAG, 2: TAG}, holds=(_hold(UNKNOWN, "far-away"),))
    leaked = next(f for f in findings_of(facts) if f.kind is Kind.LEAKED)
    assert leaked.repair is None
    assert UNKNOWN in leaked.message
    assert leaked.questions == (Question(Asked.HOLDS, UNKNOWN),)


def _deployed(owner: str, host: str = "tray", state: ServerState = ServerState.RUNNING) -> Server:
    return Server(owner, host, 0, 1, "image", state)


def test_a_placements_server_on_a_held_host_is_no_second_one_there() -> None:
    facts = replace(WELL, holds=(_hold(OWNER),), servers=(_deployed(UNKNOWN),))
    assert [finding.kind for finding in findings_of(facts)] == [Kind.SERVER_LEAKED]


@pytest.mark.parametrize(
    ("record", "needs_word"), [(None, True), (Tombstone("f"), False)], ids=["no record", "tombstone"]
)
def test_a_server_whose_placement_is_gone_is_reported(record: Tombstone | None, *, needs_word: bool) -> None:
    identity = UNKNOWN.rpartition("-")[0]
    side = Side.of(Table.HOLDERS, keys.placement(ORGANIZATION, identity))
    holders = WELL.holders if record is None else {**WELL.holders, side: record}
    tags = {**WELL.tags, side: holder_tag(identity).hex()}
    facts = replace(WELL, holders=holders, tags=tags, holds=(_hold(OWNER),), servers=(_deployed(UNKNOWN),))
    (finding,) = findings_of(facts)
    question = Question(Asked.SERVERS, UNKNOWN)
    assert (finding.kind, finding.questions) == (Kind.SERVER_LEAKED, (question,))
    assert finding.repair == TakeAway(question, "tray", needs_word)


def test_a_placements_server_that_is_being_removed_is_never_a_finding() -> None:
    facts = replace(WELL, servers=(_deployed(UNKNOWN, state=ServerState.DELETING),))
    assert findings_of(facts) == []


def test_two_servers_of_placements_on_one_host_are_reported() -> None:
    facts = replace(WELL, servers=(_deployed(UNKNOWN), _deployed(UNKNOWN[:-1] + "1")))
    assert Kind.SERVER_DISAGREES in {finding.kind for finding in findings_of(facts)}
