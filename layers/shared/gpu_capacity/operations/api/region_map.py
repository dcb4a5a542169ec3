"""The map of a region in the operators' API. The models describe the answer, which is built without them."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from pydantic import ConfigDict, Field

from gpu_capacity.errors import InvalidRequest
from gpu_capacity.http.call import Reply
from gpu_capacity.http.pages import ANSWER_BYTES_MAX, answer_bytes
from gpu_capacity.http.rendering import NO_CACHE, Timestamp, timestamp
from gpu_capacity.inventory.model import HostState
from gpu_capacity.operations.kinds import HolderKind
from gpu_capacity.operations.region_map import MapState, map_of_region
from gpu_capacity.reservations.api.bodies import Body

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gpu_capacity.holders.roles import HasInventory
    from gpu_capacity.http.call import Call
    from gpu_capacity.operations.region_map import MapDomain, MapHolder, MapHost, Needs, RegionMap


class MapHolderRead(Body):
    """Who has it."""

    model_config = ConfigDict(title="mapHolder")

    kind: HolderKind
    organization_id: str
    id: str


class MapHostRead(Body):
    """A host. Its holders include the placement whose server is on it."""

    model_config = ConfigDict(title="mapHost")

    id: str
    name: str
    slot: int
    state: HostState = Field(description="As the fleet document reports it.")
    states: list[MapState]
    holders: list[MapHolderRead]


class MapDomainRead(Body):
    """A domain with all that is true of it: it may be held and cordoned."""

    model_config = ConfigDict(title="mapDomain")

    id: str
    name: str
    position: int
    states: list[MapState]
    holders: list[MapHolderRead] = Field(description="Empty where it is free, or its record is missing.")
    host_count: int
    free_host_count: int = Field(description="Hosts that a new holder could have.")
    hosts: list[MapHostRead] | None = Field(None, description="With `hosts=true`, in the order of slots.")


class MapPodRead(Body):
    """A pod. Its states are those of the pod and the region as a whole."""

    model_config = ConfigDict(title="mapPod")

    id: str
    flavor_id: str
    version: int
    states: list[MapState]
    domains: list[MapDomainRead] = Field(description="In the order of their positions.")


class RegionMapRead(Body):
    """A region, pod by pod."""

    model_config = ConfigDict(title="regionMap")

    region_id: str
    observed_at: Timestamp = Field(description="When the fleet manager last observed it.")
    withdrawn: bool
    states: list[MapState]
    domain_counts: dict[MapState, int] = Field(description="How many domains are in each state.")
    pods: list[MapPodRead]


class OperatorRegionRead(Body):
    """A region, whoever may see it."""

    model_config = ConfigDict(title="operatorRegion")

    region_id: str
    observed_at: Timestamp
    withdrawn: bool = Field(description="Whether no fleet document has it any more.")


def show_regions(call: Call[HasInventory]) -> Reply:
    """200 with every region of the catalogue, in id order."""
    views = [
        {
            "regionId": region.id,
            "observedAt": timestamp(region.observed_at),
            "withdrawn": region.withdrawn,
        }
        for region in call.services.inventory.regions()
    ]
    return Reply(HTTPStatus.OK, views, NO_CACHE)


def show_map(call: Call[Needs]) -> Reply:
    """200 with the map.

    Raises:
        InvalidRequest: it is larger than one response.
    """
    hosts = call.flag("hosts")
    found = map_of_region(call.services, call.path_parameters["regionID"], call.values("podID"))
    view = map_view(found, hosts=hosts)
    if answer_bytes(view) > ANSWER_BYTES_MAX:
        raise InvalidRequest("query podID", "required, as the map is larger than one answer with its hosts")
    return Reply(HTTPStatus.OK, view, NO_CACHE)


def map_view(found: RegionMap, *, hosts: bool) -> dict[str, Any]:
    """The map as JSON, with or without hosts."""
    counts: dict[str, int] = {}
    for pod in found.pods:
        for domain in pod.domains:
            for state in domain.states:
                counts[state.value] = counts.get(state.value, 0) + 1
    return {
        "regionId": found.region_id,
        "observedAt": timestamp(found.observed_at),
        "withdrawn": found.withdrawn,
        "states": _states(found.states),
        "domainCounts": counts,
        "pods": [
            {
                "id": pod.id,
                "flavorId": pod.flavor_id,
                "version": pod.version,
                "states": _states(pod.states),
                "domains": [_domain_view(domain, hosts=hosts) for domain in pod.domains],
            }
            for pod in found.pods
        ],
    }


def _domain_view(domain: MapDomain, *, hosts: bool) -> dict[str, Any]:
    view = {
        "id": domain.id,
        "name": domain.name,
        "position": domain.position,
        "states": _states(domain.states),
        "holders": _holders(domain.held_by),
        "hostCount": len(domain.hosts),
        "freeHostCount": domain.free_hosts,
    }
    return {**view, "hosts": [_host_view(host) for host in domain.hosts]} if hosts else view


def _host_view(host: MapHost) -> dict[str, Any]:
    return {
        "id": host.id,
        "name": host.name,
        "slot": host.slot,
        "state": host.state.value,
        "states": _states(host.states),
        "holders": _holders(host.held_by),
    }


def _states(states: Iterable[MapState]) -> list[str]:
    return [state.value for state in states]


def _holders(held_by: Iterable[MapHolder]) -> list[dict[str, str]]:
    return [
        {"kind": holder.kind.value, "organizationId": holder.organization_id, "id": holder.id}
        for holder in held_by
    ]
