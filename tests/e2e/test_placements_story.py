"""A customer boots servers on reserved racks, changes their image, gives a rack back, and ends it all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.e2e.reservation_client import PLACEMENTS, RESERVATIONS, ReservationClient

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.e2e.stack import Stack

ORGANIZATION, PROJECT = "e2e00000-0000-4000-8000-000000000011", "e2e00000-0000-4000-8000-000000000012"
NETWORK = "7c1f7a52-6a0f-4d1b-9a39-52fd0b0a6c11"
FIRST_IMAGE = "2d9f2c0e-52f4-4c4e-8d62-0d1c8c6b4a01"
SECOND_IMAGE = "2d9f2c0e-52f4-4c4e-8d62-0d1c8c6b4a02"
HOSTS_PER_UNIT = 18


@pytest.fixture(scope="module")
def client(stack: Stack) -> ReservationClient:
    return ReservationClient(stack, stack.token(ORGANIZATION, PROJECT))


@pytest.fixture(scope="module")
def reservation(client: ReservationClient) -> Iterator[dict[str, Any]]:
    """Two racks, which are gone when the story is over."""
    reserved = client.create(RESERVATIONS, reservation_of(2))
    yield reserved
    client.delete(path_of(RESERVATIONS, reserved))


def reservation_of(count: int) -> dict[str, Any]:
    return {
        "metadata": {"name": "placed", "description": "", "tags": [{"name": "workload", "value": ""}]},
        "spec": {
            "organizationId": ORGANIZATION,
            "projectId": PROJECT,
            "regionId": "us-tex-1",
            "accelerator": "GB300",
            "unit": "NVL72",
            "count": count,
        },
    }


def placement_on(reservation: dict[str, Any], count: int, **spec: Any) -> dict[str, Any]:
    """The body that such a client sends for a placement."""
    return {
        "metadata": {"name": "workers"},
        "spec": {
            "constraints": {"policy": "pack"},
            "count": count,
            "networkId": NETWORK,
            "reservationId": reservation["metadata"]["id"],
            "serverSpec": {
                "imageId": FIRST_IMAGE,
                "networking": {"allowedSourceAddresses": [], "publicIP": False, "securityGroups": []},
            },
            **spec,
        },
    }


def path_of(collection: str, resource: dict[str, Any]) -> str:
    return f"{collection}/{resource['metadata']['id']}"


def domains(servers: list[dict[str, Any]]) -> list[int]:
    """How many servers each domain has, the fewest first."""
    names = [server["status"]["topologyPath"][0] for server in servers]
    return sorted(names.count(name) for name in set(names))


def all_updated(status: dict[str, Any]) -> bool:
    return bool(status["updatedHostCount"] == 4 and not status["driftedHostCount"] + status["inFlightCount"])


def test_a_customer_boots_servers_changes_their_image_and_gives_a_rack_back(
    client: ReservationClient, reservation: dict[str, Any]
) -> None:
    assert client.passed[-1] == "provisioned"
    spread = {"policy": "spread", "maxSkew": 1, "minDomains": 2, "whenUnsatisfiable": "fail"}
    placement = client.create(PLACEMENTS, placement_on(reservation, 4, constraints=spread))
    path = path_of(PLACEMENTS, placement)
    assert placement["spec"]["updateStrategy"] == {"type": "Manual"}
    assert all_updated(placement["status"])
    assert placement["status"]["readyHostCount"] == 4
    assert client.read(f"{PLACEMENTS}?reservationID={reservation['metadata']['id']}") == [client.read(path)]

    servers = client.read(f"{path}/servers")
    assert domains(servers) == [2, 2]
    assert [server["status"]["ordinal"] for server in servers] == [0, 1, 2, 3]
    assert {server["status"]["powerState"] for server in servers} == {"Running"}
    assert {server["status"]["driftState"] for server in servers} == {"UpToDate"}
    hosts = [server["status"]["infrastructureRef"] for server in servers]
    assert client.read(f"{path}/servers/{servers[0]['metadata']['id']}") == servers[0]

    rolling = {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "50%"}}
    change = {"serverSpec": {"imageId": SECOND_IMAGE}, "updateStrategy": rolling}
    updated = client.update(path, change, all_updated)
    assert updated["status"]["maxUnavailable"] == 2
    assert [s["status"]["infrastructureRef"] for s in client.read(f"{path}/servers")] == hosts

    blocked = released(client, reservation, unit_ids(client, reservation))
    assert blocked.status == 422
    assert sorted(len(b["consumers"][0]["serverIds"]) for b in blocked.json["blockers"]) == [2, 2]
    assert {b["consumers"][0]["placementId"] for b in blocked.json["blockers"]} == {
        placement["metadata"]["id"]
    }

    client.delete(path)
    assert client.call("GET", f"{path}/servers").status == 404
    given_back = released(client, reservation, unit_ids(client, reservation)[:1])
    assert given_back.status == 200, given_back.text
    left = given_back.json["reservation"]
    assert given_back.headers["ETag"] == f'"{left["status"]["topologyHash"]}"'
    assert left["status"]["claimedUnitCount"] == 1
    assert left["spec"]["count"] == 2
    assert len(given_back.json["releasedUnits"][0]["infrastructureRefs"]) == HOSTS_PER_UNIT
    stale = released(client, reservation, unit_ids(client, reservation), tag=hash_of(reservation))
    assert stale.status == 412


def test_a_placement_that_does_not_fit_is_refused_and_takes_nothing(
    client: ReservationClient, reservation: dict[str, Any]
) -> None:
    too_many = client.call("POST", PLACEMENTS, placement_on(reservation, 2 * HOSTS_PER_UNIT + 1))
    assert (too_many.status, too_many.json["error"]) == (409, "conflict")
    apart = {"policy": "spread", "minDomains": 3}
    unmet = client.call("POST", PLACEMENTS, placement_on(reservation, 4, constraints=apart))
    assert (unmet.status, unmet.json["error"]) == (422, "unprocessable_content")
    elsewhere = {"metadata": {"id": "a64f9269-36e0-4312-b8d1-52d93d569b7b"}}
    assert client.call("POST", PLACEMENTS, placement_on(elsewhere, 1)).status == 404
    assert client.read(f"{PLACEMENTS}?reservationID={reservation['metadata']['id']}") == []


def test_servers_are_stopped_started_and_rebooted(
    client: ReservationClient, reservation: dict[str, Any]
) -> None:
    placement = client.create(PLACEMENTS, placement_on(reservation, 1))
    path = path_of(PLACEMENTS, placement)
    (server,) = client.read(f"{path}/servers")
    one = f"{path}/servers/{server['metadata']['id']}"
    for action, state in (("stop", "Stopped"), ("start", "Running"), ("reboot?hard=true", "Running")):
        accepted = client.call("POST", f"{one}/{action}")
        assert (accepted.status, accepted.text) == (202, "")
        client.stack.wait_until(
            state,
            "GET",
            one,
            token=client.token,
            seen=lambda answer, state=state: answer.json["status"]["powerState"] == state,
        )
    assert client.call("POST", f"{one}/reconcile").status == 202
    assert client.call("POST", f"{one}/reconcile", headers={"If-Match": '"a"'}).status == 409
    client.delete(path)


def test_the_end_of_a_reservation_ends_its_placements(client: ReservationClient) -> None:
    reservation = client.create(RESERVATIONS, reservation_of(1))
    placement = client.create(PLACEMENTS, placement_on(reservation, 1))
    client.delete(path_of(RESERVATIONS, reservation))
    assert client.call("GET", path_of(PLACEMENTS, placement)).status == 404


def hash_of(reservation: dict[str, Any]) -> str:
    topology_hash: str = reservation["status"]["topologyHash"]
    return topology_hash


def unit_ids(client: ReservationClient, reservation: dict[str, Any]) -> list[str]:
    """The ids of a reservation's units, from the topology."""
    regions = client.read(f"/api/v2/organizations/{ORGANIZATION}/topology?regionID=us-tex-1")
    overlays = [p["overlays"]["reservations"] for region in regions for p in region["projections"]]
    (mine,) = [
        o for overlay in overlays for o in overlay.values() if o["metadata"]["id"] == id_of(reservation)
    ]
    return sorted(mine["units"])


def id_of(resource: dict[str, Any]) -> str:
    identity: str = resource["metadata"]["id"]
    return identity


def released(
    client: ReservationClient, reservation: dict[str, Any], units: list[str], tag: str | None = None
) -> Any:
    """Ask for the release of units under the tag as it is, or under another one."""
    path = path_of(RESERVATIONS, reservation)
    tag = tag or hash_of(client.read(path))
    body = {"spec": {"unitIds": units}}
    return client.call("POST", f"{path}/units/release", body, {"If-Match": f'"{tag}"'})
