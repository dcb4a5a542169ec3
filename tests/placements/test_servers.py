"""Servers of a placement are shown as the provider has them at this moment."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gpu_capacity.access import Permission
from gpu_capacity.errors import Forbidden, NotFound, ProviderUnavailable
from gpu_capacity.placements.api.servers import server_view
from gpu_capacity.placements.servers import get_placement_server, list_placement_servers
from gpu_capacity.providers.port import Fitness, Readiness, ServerState
from testkit.world import caller
from tests.placements.bench import NEW_IMAGE, Bench

NOWHERE: frozenset[str] = frozenset()
ALL_STATES = {
    ServerState.QUEUED: ("Queued", "provisioning", "Converging"),
    ServerState.BUILDING: ("Building", "provisioning", "Converging"),
    ServerState.REBUILDING: ("Rebuilding", "provisioning", "Converging"),
    ServerState.RUNNING: ("Running", "provisioned", "UpToDate"),
    ServerState.STOPPING: ("Stopping", "provisioned", "UpToDate"),
    ServerState.STOPPED: ("Stopped", "provisioned", "UpToDate"),
    ServerState.FAILED: ("Error", "error", "Converging"),
    ServerState.DELETING: ("Stopping", "provisioning", "Converging"),
}


def _views(bench: Bench) -> list[dict[str, Any]]:
    found = list_placement_servers(bench.services, caller(), bench.placement.id, NOWHERE)
    return [server_view(server) for server in found]


def test_every_host_has_a_server_from_the_first_moment_on() -> None:
    bench = Bench()
    views = _views(bench)
    assert [view["status"]["ordinal"] for view in views] == [0, 1, 2, 3]
    assert [view["status"]["infrastructureRef"] for view in views] == [
        "pod1-rack02-tray00",
        "pod1-rack02-tray02",
        "pod1-rack02-tray03",
        "pod1-rack03-tray00",
    ]
    assert {view["status"]["powerState"] for view in views} == {"Pending"}
    assert {view["metadata"]["provisioningStatus"] for view in views} == {"pending"}
    assert [view["metadata"]["name"] for view in views] == [f"workers-{n}" for n in range(4)]
    bench.settle()
    assert [view["metadata"]["id"] for view in _views(bench)] == [view["metadata"]["id"] for view in views]


@pytest.mark.parametrize("state", ServerState)
def test_a_state_has_its_published_names(state: ServerState) -> None:
    bench = Bench()
    bench.round()
    bench.provider.move(state, message="no link")
    view = _views(bench)[0]
    power, provisioning, drift = ALL_STATES[state]
    assert view["status"]["powerState"] == power
    assert view["metadata"]["provisioningStatus"] == provisioning
    assert view["status"]["driftState"] == drift
    assert ("no link" in view["metadata"]["provisioningStatusDetail"]["message"]) == (power == "Error")


def test_a_server_with_another_image_has_drifted() -> None:
    bench = Bench()
    bench.settle()
    bench.want(NEW_IMAGE, rolling=False)
    assert {view["status"]["driftState"] for view in _views(bench)} == {"Drifted"}


def test_a_server_names_where_it_belongs_and_where_its_host_is() -> None:
    bench = Bench()
    placement, view = bench.placement, _views(bench)[3]
    assert view["status"] == view["status"] | {
        "regionId": placement.region_id,
        "reservationId": placement.reservation_id,
        "placementId": placement.id,
        "networkId": placement.network_id,
        "hostReadiness": "Ready",
    }
    domain, pod = view["status"]["topologyPath"]
    assert domain == bench.world.pods[0].domains[3].name or domain.startswith("domain-")
    assert pod.startswith("pod-")
    assert "pod1" not in pod, "the fleet manager's own ids are not shown"
    assert view["metadata"]["organizationId"] == placement.organization_id
    assert view["metadata"]["projectId"] == placement.project_id


def test_addresses_are_shown_as_soon_as_the_provider_knows_them() -> None:
    bench = Bench()
    bench.settle()
    addresses = {"private_ip": "10.0.0.7", "public_ip": "198.51.100.7", "mac_address": "02:00:00:00:00:07"}
    bench.provider.know(0, **addresses)
    first, second = (view["status"] for view in _views(bench)[:2])
    assert (first["privateIP"], first["publicIP"], first["macAddress"]) == tuple(addresses.values())
    assert not {"privateIP", "publicIP", "macAddress"} & set(second)


@pytest.mark.parametrize(
    ("fitness", "readiness", "health"),
    [
        (Fitness(Readiness.READY), "Ready", "healthy"),
        (Fitness(Readiness.NOT_READY, "a link is down"), "NotReady", "degraded"),
        (Fitness(Readiness.UNKNOWN), "Unknown", "unknown"),
    ],
)
def test_the_readiness_of_the_host_is_the_providers(fitness: Fitness, readiness: str, health: str) -> None:
    bench = Bench()
    bench.settle()
    bench.provider.fit = fitness
    view = _views(bench)[0]
    assert view["status"]["hostReadiness"] == readiness
    assert view["status"].get("hostReadinessReason") == fitness.reason
    assert view["metadata"]["healthStatus"] == health


def test_a_host_that_the_inventory_does_not_have_is_not_resolved() -> None:
    bench = Bench()
    (pod,) = bench.world.pods
    bench.world.load((replace(pod, version=2, domains=pod.domains[:3]),))
    view = _views(bench)[3]
    assert view["status"]["hostReadiness"] == "Unresolved"
    assert "topologyPath" not in view["status"]


def test_the_fields_of_a_lifecycle_are_left_out() -> None:
    bench = Bench()
    bench.settle()
    later = {"desiredState", "lifecycleState", "lifecycleRevision", "operationGeneration"}
    later |= {"observedGeneration", "reconcileETag"}
    assert not later & set(_views(bench)[0]["status"])


def test_while_the_placement_is_deleted_every_server_says_so() -> None:
    bench = Bench()
    bench.settle()
    bench.provider.stubborn = True
    bench.delete()
    bench.round()
    views = _views(bench)
    assert {view["metadata"]["provisioningStatus"] for view in views} == {"deprovisioning"}
    assert all("deletionTime" in view["metadata"] for view in views)


def test_one_server_is_read_by_its_id() -> None:
    bench = Bench()
    for ordinal in range(4):
        wanted = bench.placement.server_id(ordinal)
        found = get_placement_server(bench.services, caller(), bench.placement.id, wanted, NOWHERE)
        assert (found.ordinal, found.id) == (ordinal, wanted)


@pytest.mark.parametrize("wanted", ["psrv-0000000000000000", "", "workers-0", "psrv-", "x" * 128])
def test_another_id_is_no_server(wanted: str) -> None:
    bench = Bench()
    with pytest.raises(NotFound):
        get_placement_server(bench.services, caller(), bench.placement.id, wanted, NOWHERE)


def test_servers_of_others_are_not_there() -> None:
    bench = Bench()
    stranger = caller(organizations=frozenset({"others"}))
    with pytest.raises(NotFound):
        list_placement_servers(bench.services, stranger, bench.placement.id, NOWHERE)


def test_a_caller_who_may_not_read_placements_sees_no_server() -> None:
    bench = Bench()
    powerless = caller(permissions=frozenset({Permission.OPERATE_PLACEMENTS}))
    with pytest.raises(Forbidden):
        list_placement_servers(bench.services, powerless, bench.placement.id, NOWHERE)


def test_a_provider_that_does_not_answer_is_an_error_and_not_an_empty_list() -> None:
    bench = Bench()
    bench.provider.down = True
    with pytest.raises(ProviderUnavailable):
        list_placement_servers(bench.services, caller(), bench.placement.id, NOWHERE)


def test_a_list_of_servers_is_two_reads_of_the_database() -> None:
    bench = Bench()
    bench.settle()
    placement_id, before = bench.placement.id, dict(bench.world.db.requests)
    list_placement_servers(bench.services, caller(), placement_id, NOWHERE)
    made = {name: bench.world.db.requests[name] - before.get(name, 0) for name in bench.world.db.requests}
    assert {name: count for name, count in made.items() if count} == {"batch_get_item": 2}
