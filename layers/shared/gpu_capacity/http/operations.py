"""Every operation of the HTTP APIs, once: function folder, route, handler, OpenAPI and 405 all follow it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation; ``path`` is in the notation of API Gateway and OpenAPI."""

    name: str
    method: str
    path: str


CLAIMS: Final = "/v1alpha1/inference/capacityclaims"

OPERATIONS: Final[dict[str, Operation]] = {
    operation.name: operation
    for operation in (
        Operation("create_reservation", "POST", "/api/v2/reservations"),
        Operation("list_reservations", "GET", "/api/v2/reservations"),
        Operation("get_reservation", "GET", "/api/v2/reservations/{reservationID}"),
        Operation("delete_reservation", "DELETE", "/api/v2/reservations/{reservationID}"),
        Operation("list_reservation_units", "GET", "/api/v2/reservation-units"),
        Operation("list_reservation_quotas", "GET", "/api/v2/quotas"),
        Operation("get_version", "GET", "/api/version"),
        Operation("create_capacity_claim", "POST", CLAIMS),
        Operation("list_capacity_claims", "GET", CLAIMS),
        Operation("list_capacity_claim_parameters", "GET", f"{CLAIMS}/parameters"),
        Operation("list_capacity_claim_quotas", "GET", f"{CLAIMS}/quotas"),
        Operation("get_capacity_claim", "GET", f"{CLAIMS}/{{claimID}}"),
        Operation("update_capacity_claim", "PATCH", f"{CLAIMS}/{{claimID}}"),
        Operation("delete_capacity_claim", "DELETE", f"{CLAIMS}/{{claimID}}"),
        Operation("create_vm", "POST", "/vms"),
        Operation("list_vms", "GET", "/vms"),
        Operation("get_vm", "GET", "/vms/{id}"),
        Operation("destroy_vm", "DELETE", "/vms/{id}"),
        Operation("start_vm", "POST", "/vms/{id}/start"),
        Operation("stop_vm", "POST", "/vms/{id}/stop"),
        Operation("calculate_reservation", "POST", "/reservations/calculate"),
        Operation("search_offers", "GET", "/search"),
        Operation("get_pricing", "GET", "/pricing"),
        Operation("list_templates", "GET", "/templates"),
        Operation("create_ssh_key", "POST", "/ssh-keys"),
        Operation("list_ssh_keys", "GET", "/ssh-keys"),
        Operation("delete_ssh_key", "DELETE", "/ssh-keys/{id}"),
        Operation("create_api_key", "POST", "/auth/api-key"),
        Operation("list_api_keys", "GET", "/auth/api-keys"),
        Operation("delete_api_key", "DELETE", "/auth/api-keys/{id}"),
    )
}


def methods_of(path: str) -> list[str]:
    """The methods that a concrete path takes, in alphabetical order; empty for an unknown path.

    A literal path wins over one with a parameter, as it does in the gateway.
    """
    literal = [o.method for o in OPERATIONS.values() if o.path == path]
    segments = path.split("/")
    return sorted(literal or (o.method for o in OPERATIONS.values() if _matches(o.path.split("/"), segments)))


def _matches(template: list[str], segments: list[str]) -> bool:
    return len(template) == len(segments) and all(
        bool(segment) if expected.startswith("{") else expected == segment
        for expected, segment in zip(template, segments, strict=True)
    )
