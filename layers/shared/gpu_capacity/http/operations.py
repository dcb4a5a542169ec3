"""The table of all operations of the HTTP APIs. Routes, handlers, the OpenAPI document and 405s follow it.

An operation also has the permission that its caller needs and the query parameters that a request may have.
Both are checked before a handler gets the request.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Final

from gpu_capacity.access import Permission
from gpu_capacity.http.operation import Operation
from gpu_capacity.http.operator_operations import OPERATOR_OPERATIONS, USAGE_ONCE, USAGE_REPEATED

CLAIMS: Final = "/v1alpha1/inference/capacityclaims"
CONNECT_SERVICE: Final = "/coreweave.inference.v1alpha1.CapacityClaimService"
SERVERS: Final = "/api/v2/placements/{placementID}/servers"

_events = partial(Operation, method="GET", once=("limit", "cursor"), shared="holder_events")
_EVENTS: Final = (
    _events(
        "list_reservation_events",
        path="/api/v2/reservations/{reservationID}/events",
        permission=Permission.READ_RESERVATIONS,
        repeated=("organizationID",),
    ),
    _events(
        "list_placement_events",
        path="/api/v2/placements/{placementID}/events",
        permission=Permission.READ_PLACEMENTS,
        repeated=("organizationID",),
    ),
    _events(
        "list_capacity_claim_events",
        path=f"{CLAIMS}/{{claimID}}/events",
        permission=Permission.READ_CAPACITY_CLAIMS,
    ),
    _events("list_vm_events", path="/vms/{id}/events", permission=Permission.READ_VMS),
)

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
            "allow_reservation_maintenance",
            "POST",
            "/api/v2/reservations/{reservationID}/maintenances/{maintenanceID}/allow",
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
            "advise_reservation",
            "GET",
            "/api/v2/reservation-units/advice",
            Permission.READ_RESERVATIONS,
            once=("organizationID", "accelerator", "unit", "count"),
            repeated=("regionID",),
        ),
        Operation(
            "get_organization_topology",
            "GET",
            "/api/v2/organizations/{organizationID}/topology",
            Permission.READ_TOPOLOGY,
            once=("regionID", "accelerator", "unit", "projectID", "reservationID"),
        ),
        Operation(
            "list_network_paths", "GET", "/v1/topology", Permission.READ_TOPOLOGY, once=("limit", "offset")
        ),
        Operation(
            "list_instance_names",
            "GET",
            "/v2/instances",
            Permission.READ_TOPOLOGY,
            once=("organizationID", "regionID"),
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
        Operation(
            "report_placement_server_fault",
            "POST",
            f"{SERVERS}/{{serverID}}/report-fault",
            Permission.OPERATE_PLACEMENTS,
            repeated=("organizationID",),
        ),
        *_EVENTS,
        Operation(
            "list_usage",
            "GET",
            "/api/v2/usage",
            Permission.READ_BILLING,
            once=USAGE_ONCE,
            repeated=USAGE_REPEATED,
            shared="holder_events",
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
        *OPERATOR_OPERATIONS,
    )
}


CONNECT_METHODS: Final = {
    "create_capacity_claim": "CreateCapacityClaim",
    "get_capacity_claim": "GetCapacityClaim",
    "update_capacity_claim": "UpdateCapacityClaim",
    "delete_capacity_claim": "DeleteCapacityClaim",
    "list_capacity_claims": "ListCapacityClaims",
    "list_capacity_claim_parameters": "GetCapacityClaimParameters",
}
"""The operations that are methods of a Connect service as well: names of operations to names of methods."""

OVER_CONNECT: Final[dict[str, Operation]] = {
    name: replace(OPERATIONS[name], method="POST", path=f"{CONNECT_SERVICE}/{method}", once=(), repeated=())
    for name, method in CONNECT_METHODS.items()
}
"""The same operations on their other routes. Their messages carry what paths and queries carry elsewhere."""

_page = partial(Operation, method="GET", permission=None, any_query=True, shared="serve_console")
PAGES: Final = (
    _page("console", path="/console"),
    _page("console_file", path="/console/{file}"),
    _page("docs", path="/docs"),
    _page("docs_file", path="/docs/{file}"),
)
"""What people look at. No operations of an API: the OpenAPI document has none of them."""

ROUTED: Final = (*OPERATIONS.values(), *OVER_CONNECT.values(), *PAGES)
"""Every route of the gateway."""


def methods_of(path: str) -> list[str]:
    """The methods of a concrete path, in alphabetical order; empty for an unknown path.

    A literal path wins over one with a parameter, as it does in the gateway.
    """
    literal = [o.method for o in ROUTED if o.path == path]
    segments = path.split("/")
    return sorted(literal or (o.method for o in ROUTED if _matches(o.path.split("/"), segments)))


def _matches(template: list[str], segments: list[str]) -> bool:
    return len(template) == len(segments) and all(
        bool(segment) if expected.startswith("{") else expected == segment
        for expected, segment in zip(template, segments, strict=True)
    )
