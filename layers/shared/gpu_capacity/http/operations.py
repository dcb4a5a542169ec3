"""The table of all operations of the HTTP APIs. Routes, handlers, the OpenAPI document and 405s follow it.

An operation also has the permission that its caller needs and the query parameters that a request may have.
Both are checked before a handler gets the request.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from gpu_capacity.access import Permission
from gpu_capacity.errors import InvalidRequest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

NAME_SHOWN_MAX: Final = 64
"""Unknown parameter names are shown up to this length."""

PATH_CHARACTERS_MAX: Final = {
    "reservationID": 63,
    "placementID": 63,
    "serverID": 128,
    "organizationID": 63,
}
"""Limits of path parameters that a published contract has. Elsewhere a long id is an absent one."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation.

    Args:
        name: of its function.
        method: in upper case.
        path: in the notation of API Gateway and OpenAPI.
        permission: what the caller needs; None if everybody may call.
        once: query parameters that may be given once.
        repeated: query parameters that may be given any number of times.
        any_query: whether unknown query parameters are ignored instead of refused.
    """

    name: str
    method: str
    path: str
    permission: Permission | None
    once: tuple[str, ...] = ()
    repeated: tuple[str, ...] = ()
    any_query: bool = False

    @property
    def parameters(self) -> tuple[str, ...]:
        """All query parameters of the operation."""
        return (*self.once, *self.repeated)

    def check_query(self, query: Mapping[str, Sequence[str]]) -> None:
        """Refuse unknown query parameters: a misspelt one must not be taken for an absent one.

        Raises:
            InvalidRequest: a parameter is unknown, or was given more often than it may be; it names all such.
        """
        unknown = [] if self.any_query else [name for name in query if name not in self.parameters]
        twice = [name for name in self.once if len(query.get(name, ())) > 1]
        problems = [(f"query {name[:NAME_SHOWN_MAX]}", f"unknown: {self._known()}") for name in unknown]
        problems += [(f"query {name}", "must be given once") for name in twice]
        if problems:
            raise InvalidRequest.of(problems)

    def check_path(self, parameters: Mapping[str, str]) -> None:
        """Refuse path parameters that are longer than they may be.

        Raises:
            InvalidRequest: it names all that are too long.
        """
        problems = [
            (f"path {name}", f"must have at most {PATH_CHARACTERS_MAX[name]} characters")
            for name, value in parameters.items()
            if name in PATH_CHARACTERS_MAX and len(value) > PATH_CHARACTERS_MAX[name]
        ]
        if problems:
            raise InvalidRequest.of(problems)

    def _known(self) -> str:
        names = ", ".join(self.parameters)
        return f"this operation takes {names}" if names else "this operation takes no query parameters"


CLAIMS: Final = "/v1alpha1/inference/capacityclaims"
SERVERS: Final = "/api/v2/placements/{placementID}/servers"

OPERATIONS: Final[dict[str, Operation]] = {
    operation.name: operation
    for operation in (
        Operation(
            "create_reservation",
            "POST",
            "/api/v2/reservations",
            Permission.CREATE_RESERVATIONS,
            once=("dryRun",),
        ),
        Operation(
            "list_reservations",
            "GET",
            "/api/v2/reservations",
            Permission.READ_RESERVATIONS,
            once=("limit", "cursor"),
            repeated=("tag", "organizationID", "projectID", "regionID"),
        ),
        Operation(
            "get_reservation",
            "GET",
            "/api/v2/reservations/{reservationID}",
            Permission.READ_RESERVATIONS,
            repeated=("organizationID",),
        ),
        Operation(
            "delete_reservation",
            "DELETE",
            "/api/v2/reservations/{reservationID}",
            Permission.DELETE_RESERVATIONS,
            repeated=("organizationID",),
        ),
        Operation(
            "release_reservation_units",
            "POST",
            "/api/v2/reservations/{reservationID}/units/release",
            Permission.DELETE_RESERVATIONS,
            repeated=("organizationID",),
        ),
        Operation(
            "list_reservation_units",
            "GET",
            "/api/v2/reservation-units",
            Permission.READ_RESERVATIONS,
            repeated=("regionID", "accelerator", "unit"),
        ),
        Operation(
            "list_organization_reservation_units",
            "GET",
            "/api/v2/organizations/{organizationID}/reservation-units",
            Permission.READ_RESERVATIONS,
            repeated=("regionID", "accelerator", "unit"),
        ),
        Operation(
            "get_organization_topology",
            "GET",
            "/api/v2/organizations/{organizationID}/topology",
            Permission.READ_TOPOLOGY,
            once=("regionID", "accelerator", "unit", "projectID", "reservationID"),
        ),
        Operation(
            "list_reservation_quotas",
            "GET",
            "/api/v2/quotas",
            Permission.READ_RESERVATIONS,
            repeated=("organizationID",),
        ),
        Operation(
            "create_placement",
            "POST",
            "/api/v2/placements",
            Permission.CREATE_PLACEMENTS,
            once=("dryRun",),
        ),
        Operation(
            "list_placements",
            "GET",
            "/api/v2/placements",
            Permission.READ_PLACEMENTS,
            once=("limit", "cursor"),
            repeated=("tag", "organizationID", "projectID", "regionID", "reservationID", "networkID"),
        ),
        Operation(
            "get_placement",
            "GET",
            "/api/v2/placements/{placementID}",
            Permission.READ_PLACEMENTS,
            repeated=("organizationID",),
        ),
        Operation(
            "update_placement",
            "PUT",
            "/api/v2/placements/{placementID}",
            Permission.UPDATE_PLACEMENTS,
            repeated=("organizationID",),
        ),
        Operation(
            "delete_placement",
            "DELETE",
            "/api/v2/placements/{placementID}",
            Permission.DELETE_PLACEMENTS,
            repeated=("organizationID",),
        ),
        Operation(
            "list_placement_servers",
            "GET",
            SERVERS,
            Permission.READ_PLACEMENTS,
            repeated=("organizationID",),
        ),
        Operation(
            "get_placement_server",
            "GET",
            f"{SERVERS}/{{serverID}}",
            Permission.READ_PLACEMENTS,
            repeated=("organizationID",),
        ),
        Operation(
            "start_placement_server",
            "POST",
            f"{SERVERS}/{{serverID}}/start",
            Permission.OPERATE_PLACEMENTS,
            repeated=("organizationID",),
        ),
        Operation(
            "stop_placement_server",
            "POST",
            f"{SERVERS}/{{serverID}}/stop",
            Permission.OPERATE_PLACEMENTS,
            repeated=("organizationID",),
        ),
        Operation(
            "reboot_placement_server",
            "POST",
            f"{SERVERS}/{{serverID}}/reboot",
            Permission.OPERATE_PLACEMENTS,
            once=("hard",),
            repeated=("organizationID",),
        ),
        Operation(
            "reconcile_placement_server",
            "POST",
            f"{SERVERS}/{{serverID}}/reconcile",
            Permission.OPERATE_PLACEMENTS,
            repeated=("organizationID",),
        ),
        Operation("get_version", "GET", "/api/version", None, any_query=True),
        Operation(
            "create_capacity_claim", "POST", CLAIMS, Permission.WRITE_CAPACITY_CLAIMS, once=("dryRun",)
        ),
        Operation(
            "list_capacity_claims",
            "GET",
            CLAIMS,
            Permission.READ_CAPACITY_CLAIMS,
            once=("updatedAfter", "limit", "cursor"),
        ),
        Operation(
            "list_capacity_claim_parameters", "GET", f"{CLAIMS}/parameters", Permission.READ_CAPACITY_CLAIMS
        ),
        Operation("list_capacity_claim_quotas", "GET", f"{CLAIMS}/quotas", Permission.READ_CAPACITY_CLAIMS),
        Operation("get_capacity_claim", "GET", f"{CLAIMS}/{{claimID}}", Permission.READ_CAPACITY_CLAIMS),
        Operation(
            "update_capacity_claim", "PATCH", f"{CLAIMS}/{{claimID}}", Permission.WRITE_CAPACITY_CLAIMS
        ),
        Operation(
            "delete_capacity_claim", "DELETE", f"{CLAIMS}/{{claimID}}", Permission.WRITE_CAPACITY_CLAIMS
        ),
        Operation("create_vm", "POST", "/vms", Permission.WRITE_VMS, once=("dryRun",)),
        Operation(
            "list_vms",
            "GET",
            "/vms",
            Permission.READ_VMS,
            once=("limit", "offset", "cursor"),
            repeated=("status",),
        ),
        Operation("get_vm", "GET", "/vms/{id}", Permission.READ_VMS),
        Operation("destroy_vm", "DELETE", "/vms/{id}", Permission.WRITE_VMS),
        Operation("start_vm", "POST", "/vms/{id}/start", Permission.WRITE_VMS),
        Operation("stop_vm", "POST", "/vms/{id}/stop", Permission.WRITE_VMS),
        Operation("calculate_reservation", "POST", "/reservations/calculate", Permission.READ_BILLING),
        Operation("search_offers", "GET", "/search", None, once=("gpu_type", "gpu_count")),
        Operation("get_pricing", "GET", "/pricing", None),
        Operation("list_vm_quotas", "GET", "/quotas", Permission.READ_VMS),
        Operation("list_templates", "GET", "/templates", Permission.READ_VMS),
        Operation("create_ssh_key", "POST", "/ssh-keys", Permission.WRITE_VMS),
        Operation("list_ssh_keys", "GET", "/ssh-keys", Permission.READ_VMS),
        Operation("delete_ssh_key", "DELETE", "/ssh-keys/{id}", Permission.WRITE_VMS),
        Operation("create_api_key", "POST", "/auth/api-key", Permission.WRITE_API_KEYS),
        Operation("list_api_keys", "GET", "/auth/api-keys", Permission.WRITE_API_KEYS),
        Operation("delete_api_key", "DELETE", "/auth/api-keys/{id}", Permission.WRITE_API_KEYS),
    )
}


def methods_of(path: str) -> list[str]:
    """The methods of a concrete path, in alphabetical order; empty for an unknown path.

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
