"""The claims' story against the real template, with the requests of an infrastructure-as-code tool."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.capacity_claims.claim_contract import CLAIM, PARAMETERS, STATUS, assert_is
from tests.e2e.infrastructure_client import CLAIMS, InfrastructureClient, UnexpectedError
from tests.e2e.test_reservations_story import delete_and_wait, figures, reserve

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.e2e.stack import Stack

# The reservations' story has its own organization; this one is the same customer's, who may do both.
ORGANIZATION, PROJECT = "e2e00000-0000-4000-8000-000000000001", "e2e00000-0000-4000-8000-000000000002"
CHICAGO, LONDON, TEXAS = "us-chi-1", "uk-lon-1", "us-tex-1"

# What the sample tenant leaves: whole racks of 18 hosts, and the usable hosts of incomplete racks.
FREE_IN_CHICAGO = 2 * 18 + 17 + 17
FREE_IN_LONDON = 4 * 18 + 17 + 17


@pytest.fixture(scope="module")
def token(stack: Stack) -> str:
    return stack.token(ORGANIZATION, PROJECT)


@pytest.fixture
def client(stack: Stack, token: str) -> Iterator[InfrastructureClient]:
    """A client that leaves nothing behind."""
    new = InfrastructureClient(stack, token)
    before = {region: figures(stack, token, region) for region in (CHICAGO, LONDON, TEXAS)}
    yield new
    new.losses = 0
    for left in new.every():
        new.delete(left["spec"]["id"])
    assert {region: figures(stack, token, region) for region in before} == before


def resources(count: int, *zones: str, instance: str = "gb300-4x") -> dict[str, Any]:
    return {
        "instanceId": instance,
        "instanceCount": count,
        "zones": list(zones),
        "capacityType": "CAPACITY_TYPE_CUSTOMER",
    }


def numbers(claim: dict[str, Any]) -> tuple[str, int, int]:
    status = claim["status"]
    return status["status"], status["allocatedInstances"], status["pendingInstances"]


def test_parameters_show_what_every_zone_has(client: InfrastructureClient, stack: Stack, token: str) -> None:
    assert client.parameters() == {
        "eu-ams-1": ["4090-4x", "4090-8x", "5090-1x", "5090-2x", "5090-8x", "6000pro-8x"],
        LONDON: ["gb300-4x"],
        CHICAGO: ["gb300-4x"],
        TEXAS: ["gb300-4x", "h200-8x"],
    }
    assert_is(PARAMETERS, stack.call("GET", f"{CLAIMS}/parameters", token=token).json)


def test_a_claim_of_ten_with_eight_free_becomes_ready_when_a_reservation_ends(
    client: InfrastructureClient, stack: Stack, token: str
) -> None:
    reservation = reserve(stack, token, CHICAGO, 1)
    assert reservation.status == 202, reservation.text
    client.create(resources(FREE_IN_CHICAGO - 18 - 6, CHICAGO), name="fills-chicago")
    client.create(resources(FREE_IN_LONDON - 2, LONDON), name="fills-london")

    waiting = client.begin(resources(10, CHICAGO, LONDON), name="ten")
    claim = client.read(waiting)
    assert numbers(claim) == ("STATUS_CREATING", 8, 2)
    assert [(c["zone"], c["message"]) for c in claim["status"]["conditions"]] == [
        (CHICAGO, "6 instances allocated, no capacity left"),
        (LONDON, "2 instances allocated, no capacity left"),
        ("", "8 of 10 instances allocated, 2 pending"),
    ]
    # A later claim waits behind it, and gets nothing before it is complete.
    later = client.begin(resources(1, CHICAGO), name="later")
    assert numbers(client.read(later)) == ("STATUS_CREATING", 0, 1)

    delete_and_wait(stack, token, reservation.json["metadata"]["id"])
    ready = client.ready(waiting, 45, on_the_way={"STATUS_CREATING"})
    assert numbers(ready) == ("STATUS_READY", 10, 0)
    assert numbers(client.ready(later, 45, on_the_way={"STATUS_CREATING"})) == ("STATUS_READY", 1, 0)


def test_a_rack_owned_in_part_is_no_unit_and_a_reserved_rack_gives_no_host_to_a_claim(
    client: InfrastructureClient, stack: Stack, token: str
) -> None:
    # More than the hosts of incomplete racks: so it opens a complete one.
    claim = client.create(resources(35, CHICAGO))
    assert figures(stack, token, CHICAGO) == (1, 1, 6)
    assert reserve(stack, token, CHICAGO, 2).status == 507
    reservation = reserve(stack, token, CHICAGO, 1)
    assert reservation.status == 202

    waiting = client.begin(resources(FREE_IN_CHICAGO, CHICAGO))
    assert numbers(client.read(waiting)) == ("STATUS_CREATING", 17, FREE_IN_CHICAGO - 17)
    client.delete(waiting)
    client.delete(claim["spec"]["id"])
    assert figures(stack, token, CHICAGO) == (1, 1, 6)
    delete_and_wait(stack, token, reservation.json["metadata"]["id"])


def test_a_claim_lives_from_its_creation_to_its_deletion(
    client: InfrastructureClient, stack: Stack, token: str
) -> None:
    created = client.create(resources(3, TEXAS, instance="h200-8x"), name="inference")
    claim_id = created["spec"]["id"]
    assert client.passed == ["STATUS_READY"]
    assert_is(CLAIM, {"capacityClaim": created})
    assert created["spec"]["name"] == "inference"

    grown = client.update(claim_id, resources(40, TEXAS, instance="h200-8x"))
    assert numbers(grown) == ("STATUS_READY", 40, 0)
    shrunk = client.update(claim_id, resources(1, TEXAS, instance="h200-8x"))
    assert numbers(shrunk) == ("STATUS_READY", 1, 0)
    after = created["status"]["updatedAt"]
    assert [claim["spec"]["id"] for claim in client.every(f"?updatedAfter={after}")] == [claim_id]

    client.delete(claim_id)
    assert set(client.passed) == {"STATUS_DELETING"}
    answer = stack.call("GET", f"{CLAIMS}/{claim_id}", token=token)
    assert answer.status == 404
    assert_is(STATUS, answer.json)
    assert answer.json["code"] == 5


def test_a_claim_moves_to_another_zone(client: InfrastructureClient) -> None:
    created = client.create(resources(20, CHICAGO))
    moved = client.update(created["spec"]["id"], resources(20, LONDON))
    assert numbers(moved) == ("STATUS_READY", 20, 0)
    assert set(client.passed) <= {"STATUS_UPDATING", "STATUS_READY"}
    first = moved["status"]["conditions"][0]
    assert (first["zone"], first["status"]) == (LONDON, "True")


def test_requests_that_timed_out_are_safe_to_retry(
    client: InfrastructureClient,
) -> None:
    client.losses = 2
    created = client.create(resources(2, TEXAS, instance="h200-8x"), name="lost-and-found")
    assert [claim["spec"]["name"] for claim in client.every()] == ["lost-and-found"]
    client.losses = 2
    assert numbers(client.update(created["spec"]["id"], resources(4, TEXAS, instance="h200-8x"))) == (
        "STATUS_READY",
        4,
        0,
    )
    client.losses = 2
    client.delete(created["spec"]["id"])
    assert client.every() == []


def test_a_large_claim_is_filled_by_the_workflow(client: InfrastructureClient) -> None:
    # More domains than one transaction can change.
    created = client.create(resources(400, TEXAS, instance="h200-8x"))
    assert numbers(created) == ("STATUS_READY", 400, 0)
    assert client.passed[-1] == "STATUS_READY"


def test_invalid_requests_are_refused_in_the_format_of_this_api(
    client: InfrastructureClient, stack: Stack, token: str
) -> None:
    body = {"resources": resources(0, "us-nowhere-1") | {"capacityType": "CAPACITY_TYPE_UNSPECIFIED"}}
    refused = stack.call("POST", CLAIMS, token=token, body=body)
    assert refused.status == 400
    assert_is(STATUS, refused.json)
    assert [v["field"] for v in refused.json["details"][0]["fieldViolations"]] == [
        "resources.instance_count",
        "resources.capacity_type",
    ]
    for method, path, status, code in (
        ("GET", "/v1alpha1/nothing", 404, 5),
        ("PUT", CLAIMS, 405, 12),
        ("DELETE", f"{CLAIMS}/parameters", 405, 12),
        ("GET", f"{CLAIMS}/3f0e9a52-7c1b-4d6e-9f38-2b5a6c7d8e9f", 404, 5),
    ):
        answer = stack.call(method, path, token=token)
        assert (answer.status, answer.json["code"]) == (status, code)
        assert_is(STATUS, answer.json)
    unauthenticated = stack.call("GET", CLAIMS)
    assert (unauthenticated.status, unauthenticated.json["code"]) == (401, 16)
    with pytest.raises(UnexpectedError):
        client.create(resources(1, "us-nowhere-1"))
