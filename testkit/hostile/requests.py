"""Every operation on racks and hosts as a request, and the expected status for each caller."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Final

from testkit.hostile.forgeries import FORGERIES
from testkit.hostile.operator_requests import EXPECTED_OF_OPERATORS, OPERATOR_ASKS
from testkit.hostile.service import (
    ABSENT,
    CLAIMS,
    ORGANIZATIONS,
    PLACEMENTS,
    RELEASE,
    RESERVATIONS,
    UNITS,
    VERSION,
    Ask,
    claim_body,
    placement_body,
    reservation_body,
)
from testkit.world import ORGANIZATION, REGION

SERVERS: Final = f"{PLACEMENTS}/placement of owner/servers"
IN_ORGANIZATION: Final = (("organizationID", ORGANIZATION),)
FOR_ORGANIZATION: Final = (("x-organization-id", ORGANIZATION),)

# In a path these words stand for the owner's reservation or claim.
ASKS: Final[dict[str, Ask]] = {
    "create_reservation": Ask("POST", RESERVATIONS, json.dumps(reservation_body())),
    "create_reservation (dry run)": Ask(
        "POST", RESERVATIONS, json.dumps(reservation_body()), (("dryRun", "true"),)
    ),
    "list_reservations": Ask("GET", RESERVATIONS),
    "get_reservation": Ask("GET", f"{RESERVATIONS}/reservation of owner"),
    "get_reservation (organization named)": Ask(
        "GET", f"{RESERVATIONS}/reservation of owner", query=IN_ORGANIZATION
    ),
    "delete_reservation": Ask("DELETE", f"{RESERVATIONS}/reservation of owner"),
    "delete_reservation (organization named)": Ask(
        "DELETE", f"{RESERVATIONS}/reservation of owner", query=IN_ORGANIZATION
    ),
    # An entity tag that no client can have: only who may release learns that.
    # No maintenance is planned: only who may allow one learns that.
    "allow_reservation_maintenance": Ask(
        "POST", f"{RESERVATIONS}/reservation of owner/maintenances/{ABSENT}/allow"
    ),
    "release_reservation_units": RELEASE,
    "release_reservation_units (organization named)": replace(RELEASE, query=IN_ORGANIZATION),
    "list_placement_servers": Ask("GET", SERVERS),
    "list_placement_servers (organization named)": Ask("GET", SERVERS, query=IN_ORGANIZATION),
    "get_placement_server": Ask("GET", f"{SERVERS}/server of owner"),
    "get_placement_server (organization named)": Ask(
        "GET", f"{SERVERS}/server of owner", query=IN_ORGANIZATION
    ),
    "start_placement_server": Ask("POST", f"{SERVERS}/server of owner/start"),
    "stop_placement_server": Ask("POST", f"{SERVERS}/server of owner/stop"),
    "reboot_placement_server": Ask("POST", f"{SERVERS}/server of owner/reboot"),
    "report_placement_server_fault": Ask(
        "POST", f"{SERVERS}/server of owner/report-fault", json.dumps({"reason": "gpu", "text": "it hangs"})
    ),
    "reconcile_placement_server": Ask("POST", f"{SERVERS}/server of owner/reconcile"),
    "reconcile_placement_server (organization named)": Ask(
        "POST", f"{SERVERS}/server of owner/reconcile", query=IN_ORGANIZATION
    ),
    "list_reservation_units": Ask("GET", UNITS),
    "list_organization_reservation_units": Ask("GET", f"{ORGANIZATIONS}/{ORGANIZATION}/reservation-units"),
    "advise_reservation": Ask(
        "GET",
        f"{UNITS}/advice",
        query=(
            ("organizationID", ORGANIZATION),
            ("accelerator", "GB300"),
            ("unit", "NVL72"),
            ("count", "1"),
        ),
    ),
    "get_organization_topology": Ask("GET", f"{ORGANIZATIONS}/{ORGANIZATION}/topology"),
    "list_network_paths": Ask(
        "GET", "/v1/topology", headers=(("x-organization", ORGANIZATION), ("x-region", REGION))
    ),
    "list_instance_names": Ask("GET", "/v2/instances", query=(*IN_ORGANIZATION, ("regionID", REGION))),
    "list_reservation_quotas": Ask("GET", "/api/v2/quotas"),
    "create_placement": Ask("POST", PLACEMENTS, json.dumps(placement_body())),
    "create_placement (dry run)": Ask(
        "POST", PLACEMENTS, json.dumps(placement_body()), (("dryRun", "true"),)
    ),
    "list_placements": Ask("GET", PLACEMENTS),
    "get_placement": Ask("GET", f"{PLACEMENTS}/placement of owner"),
    "list_reservation_events": Ask("GET", f"{RESERVATIONS}/reservation of owner/events"),
    "list_reservation_events (organization named)": Ask(
        "GET", f"{RESERVATIONS}/reservation of owner/events", query=IN_ORGANIZATION
    ),
    "list_usage": Ask("GET", "/api/v2/usage"),
    "list_usage (organization named)": Ask("GET", "/api/v2/usage", query=IN_ORGANIZATION),
    "list_placement_events": Ask("GET", f"{PLACEMENTS}/placement of owner/events"),
    "list_capacity_claim_events": Ask("GET", f"{CLAIMS}/claim of owner/events"),
    "get_placement (organization named)": Ask(
        "GET", f"{PLACEMENTS}/placement of owner", query=IN_ORGANIZATION
    ),
    "update_placement": Ask("PUT", f"{PLACEMENTS}/placement of owner", json.dumps(placement_body())),
    "delete_placement": Ask("DELETE", f"{PLACEMENTS}/placement of owner"),
    "delete_placement (organization named)": Ask(
        "DELETE", f"{PLACEMENTS}/placement of owner", query=IN_ORGANIZATION
    ),
    "get_version": Ask("GET", VERSION),
    "create_capacity_claim": Ask("POST", CLAIMS, json.dumps(claim_body())),
    "create_capacity_claim (organization named)": Ask(
        "POST", CLAIMS, json.dumps(claim_body()), headers=FOR_ORGANIZATION
    ),
    "list_capacity_claims": Ask("GET", CLAIMS),
    "list_capacity_claim_parameters": Ask("GET", f"{CLAIMS}/parameters"),
    "list_capacity_claim_quotas": Ask("GET", f"{CLAIMS}/quotas"),
    "get_capacity_claim": Ask("GET", f"{CLAIMS}/claim of owner"),
    "update_capacity_claim": Ask(
        "PATCH", f"{CLAIMS}/claim of owner", json.dumps(claim_body(instanceCount=2))
    ),
    "delete_capacity_claim": Ask("DELETE", f"{CLAIMS}/claim of owner"),
    **OPERATOR_ASKS,
}

# owner, other project, other organization, reader, operator
EXPECTED: Final[dict[str, tuple[int, int, int, int, int]]] = {
    "create_reservation": (202, 403, 403, 403, 403),
    "create_reservation (dry run)": (200, 403, 403, 403, 403),
    "list_reservations": (200, 200, 200, 200, 200),
    "get_reservation": (200, 404, 404, 200, 404),
    "get_reservation (organization named)": (200, 404, 404, 200, 200),
    "delete_reservation": (202, 404, 404, 403, 404),
    "delete_reservation (organization named)": (202, 404, 404, 403, 202),
    "allow_reservation_maintenance": (404, 404, 404, 403, 404),
    "release_reservation_units": (412, 404, 404, 403, 404),
    "release_reservation_units (organization named)": (412, 404, 404, 403, 412),
    "list_placement_servers": (200, 404, 404, 200, 404),
    "list_placement_servers (organization named)": (200, 404, 404, 200, 200),
    "get_placement_server": (200, 404, 404, 200, 404),
    "get_placement_server (organization named)": (200, 404, 404, 200, 200),
    "start_placement_server": (202, 404, 404, 403, 403),
    "stop_placement_server": (202, 404, 404, 403, 403),
    "reboot_placement_server": (202, 404, 404, 403, 403),
    "report_placement_server_fault": (202, 404, 404, 403, 403),
    "reconcile_placement_server": (202, 404, 404, 403, 403),
    "reconcile_placement_server (organization named)": (202, 404, 404, 403, 403),
    "list_reservation_units": (200, 200, 200, 200, 200),
    "list_organization_reservation_units": (200, 200, 403, 200, 200),
    "advise_reservation": (200, 200, 403, 200, 200),
    "get_organization_topology": (200, 200, 403, 200, 200),
    "list_network_paths": (200, 200, 403, 200, 200),
    "list_instance_names": (200, 200, 403, 200, 200),
    "list_reservation_quotas": (200, 200, 200, 200, 200),
    "create_placement": (202, 404, 404, 403, 403),
    "create_placement (dry run)": (200, 404, 404, 403, 403),
    "list_placements": (200, 200, 200, 200, 200),
    "get_placement": (200, 404, 404, 200, 404),
    "list_reservation_events": (200, 404, 404, 200, 404),
    "list_reservation_events (organization named)": (200, 404, 404, 200, 200),
    "list_usage": (200, 200, 200, 403, 403),
    "list_usage (organization named)": (200, 200, 200, 403, 403),
    "list_placement_events": (200, 404, 404, 200, 404),
    "list_capacity_claim_events": (200, 200, 404, 200, 404),
    "get_placement (organization named)": (200, 404, 404, 200, 200),
    "update_placement": (200, 404, 404, 403, 403),
    "delete_placement": (202, 404, 404, 403, 404),
    "delete_placement (organization named)": (202, 404, 404, 403, 202),
    "get_version": (200, 200, 200, 200, 200),
    # Claims belong to organizations, not to projects; by default to the token's organization.
    "create_capacity_claim": (200, 200, 200, 403, 403),
    "create_capacity_claim (organization named)": (200, 200, 403, 403, 403),
    "list_capacity_claims": (200, 200, 200, 200, 200),
    "list_capacity_claim_parameters": (200, 200, 200, 200, 200),
    "list_capacity_claim_quotas": (200, 200, 200, 200, 200),
    "get_capacity_claim": (200, 200, 404, 200, 404),
    "update_capacity_claim": (200, 200, 404, 403, 403),
    "delete_capacity_claim": (200, 200, 404, 403, 403),
    **EXPECTED_OF_OPERATORS,
}
PUBLIC: Final = {"get_version"}
STRANGERS: Final = ("expired", *FORGERIES, "none")
