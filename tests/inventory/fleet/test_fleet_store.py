from __future__ import annotations

from typing import TYPE_CHECKING

from gpu_capacity.dynamodb.database import Committed, Database, Refused
from gpu_capacity.dynamodb.writes import EXPRESSION_BYTES_MAX, transaction_item
from gpu_capacity.errors import FeedRefusal
from gpu_capacity.inventory.cordons import Cordons
from gpu_capacity.inventory.fleet.model import FeedState
from gpu_capacity.inventory.fleet.parsing import parse
from gpu_capacity.inventory.fleet.store import (
    FEED,
    OWNERS,
    accept_document,
    change_pod,
    change_region,
)
from gpu_capacity.inventory.merge import VACATED_MAX, merge
from gpu_capacity.inventory.model import DOMAINS_PER_POD_MAX, Domain, Host, HostState, Pod
from gpu_capacity.inventory.text import fits_into_an_item
from testkit.fleet.documents import document, pod, raw, region
from testkit.world import INVENTORY

if TYPE_CHECKING:
    from testkit.fleet.world import FleetWorld

FLEET = parse(raw(document(7)))


def test_accepting_a_document_is_one_conditional_update(world: FleetWorld) -> None:
    write = accept_document("inventory", FLEET)

    assert write.request() == {
        "TableName": "inventory",
        "Key": {"pk": {"S": "FEED"}, "sk": {"S": "FEED"}},
        "UpdateExpression": (
            "SET #sequence = :sequence, #digest = :digest, #observed_at = :observed_at ADD #regions :regions"
        ),
        "ConditionExpression": (
            "attribute_not_exists(#sequence) OR #sequence < :sequence"
            " OR (#sequence = :sequence AND (#digest = :digest OR NOT begins_with(#digest, :form)))"
        ),
        "ExpressionAttributeNames": {
            "#sequence": "sequence",
            "#digest": "digest",
            "#observed_at": "observed_at",
            "#regions": "regions",
        },
        "ExpressionAttributeValues": {
            ":sequence": {"N": "7"},
            ":digest": {"S": FLEET.digest},
            ":observed_at": {"N": "1767225600"},
            ":form": {"S": "pods-sha256:"},
            ":regions": {"SS": ["r1"]},
        },
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }
    assert Database(world.db).commit(write) == Committed()


def test_a_pod_changes_in_one_transaction_that_requires_document_version_and_free_positions(
    world: FleetWorld,
) -> None:
    world.sync(document(6))
    before = world.pod("p1")
    reported = parse(raw(document(7, [region(pods=[pod("p1", racks=2)])]))).regions["r1"].pods["p1"]
    change = merge(before, reported, None)

    actions = change_pod("inventory", 7, before, change, Cordons("r1"))

    check, uncordoned, claims, shape, hosts = [transaction_item(action) for action in actions]
    assert check == {
        "ConditionCheck": {
            "TableName": "inventory",
            "Key": {"pk": {"S": "FEED"}, "sk": {"S": "FEED"}},
            "ConditionExpression": "#sequence = :sequence",
            "ExpressionAttributeNames": {"#sequence": "sequence"},
            "ExpressionAttributeValues": {":sequence": {"N": "7"}},
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
    }
    assert uncordoned == {
        "ConditionCheck": {
            "TableName": "inventory",
            "Key": {"pk": {"S": "CORDONS"}, "sk": {"S": "REGION#r1"}},
            "ConditionExpression": "attribute_not_exists(#v)",
            "ExpressionAttributeNames": {"#v": "v"},
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
    }
    assert claims == {
        "Update": {
            "TableName": "inventory",
            "Key": {"pk": {"S": "CLAIMS#r1#flavor-a"}, "sk": {"S": "POD#p1"}},
            "UpdateExpression": "SET #v = :new",
            "ConditionExpression": "#v = :old AND attribute_not_exists(d2) AND attribute_not_exists(d3)",
            "ExpressionAttributeNames": {"#v": "v"},
            "ExpressionAttributeValues": {":new": {"N": "2"}, ":old": {"N": "1"}},
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
    }
    assert shape["Put"]["Item"]["pk"] == {"S": "SHAPES#r1#flavor-a"}
    assert hosts["Put"]["Item"]["pk"] == {"S": "HOSTS#r1"}

    refused = Database(world.db).commit(*actions)
    assert isinstance(refused, Refused)
    assert list(refused.items) == [FEED]  # the accepted document is still 6


def test_a_new_pod_requires_that_it_does_not_exist(world: FleetWorld) -> None:
    world.sync(document(7))
    change = merge(None, FLEET.regions["r1"].pods["p1"], None)

    outcome = Database(world.db).commit(*change_pod(INVENTORY, 7, None, change, Cordons("r1")))

    assert isinstance(outcome, Refused)
    assert list(outcome.items) == [OWNERS]


def test_a_region_is_replaced_only_for_the_accepted_document(world: FleetWorld) -> None:
    world.sync(document(7))
    wanted = FLEET.regions["r1"].region

    assert isinstance(Database(world.db).commit(*change_region(INVENTORY, 6, wanted)), Refused)
    assert Database(world.db).commit(*change_region(INVENTORY, 7, wanted)) == Committed()


def test_the_longest_condition_fits_into_an_expression(world: FleetWorld) -> None:
    first = DOMAINS_PER_POD_MAX - VACATED_MAX - 1
    domains = tuple(_domain(n) for n in range(first, DOMAINS_PER_POD_MAX))
    before = world.store.read_pod("r1", "none")
    known = merge(before, Pod("r1", "p1", "flavor-a", 0, domains), None)
    world.sync(document(1, [region(pods=[])]))
    assert world.store.write_pod(1, None, known, Cordons("r1")) == Committed()

    change = merge(world.pod("p1"), None, None)
    _, _, claims, *_ = change_pod(INVENTORY, 1, world.pod("p1"), change, Cordons("r1"))

    assert len(change.vacated) == VACATED_MAX
    assert len(claims.request()["ConditionExpression"]) <= EXPRESSION_BYTES_MAX
    assert world.store.write_pod(1, world.pod("p1"), change, Cordons("r1")) == Committed()


def _domain(position: int, hosts: int = 1) -> Domain:
    name = f"rack{position}"
    return Domain(
        position,
        name,
        name,
        cordoned=False,
        hosts=tuple(
            Host(slot, f"{name}-{slot:050}", f"{name}-{slot:050}", "CLASS_A", HostState.IN_SERVICE)
            for slot in range(hosts)
        ),
    )


def test_a_pod_with_too_many_hosts_for_an_item_is_refused() -> None:
    assert fits_into_an_item([_domain(n, hosts=18) for n in range(128)])
    assert not fits_into_an_item([_domain(n, hosts=64) for n in range(128)])


def test_a_sequence_is_reset_only_if_it_is_the_one_that_was_read(world: FleetWorld) -> None:
    world.sync(document(9))
    before = world.store.feed()
    assert before is not None

    assert world.store.reset_sequence(before, 3) == Committed()

    assert world.sync(document(3)).refused is None
    assert not isinstance(world.store.reset_sequence(before, 1), Committed)
    assert world.sync(document(2)).refused is FeedRefusal.OUTDATED


def test_a_digest_in_an_earlier_format_is_not_a_contradiction(world: FleetWorld) -> None:
    world.sync(document(9))
    world.db.update_item(
        TableName="inventory",
        Key={"pk": {"S": "FEED"}, "sk": {"S": "FEED"}},
        UpdateExpression="SET digest = :old",
        ExpressionAttributeValues={":old": {"S": "sha256:00"}},
    )

    assert world.sync(document(9)).refused is None
    assert world.store.feed() == FeedState(9, parse(raw(document(9))).digest, 1767225600, frozenset({"r1"}))
