"""The expected response to each event file of the API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gpu_capacity.http.operations import OPERATIONS
from gpu_capacity.http.operator_operations import OPERATOR
from testkit.handlers import arrangements as given
from testkit.handlers import operator_arrangements as operated
from testkit.handlers.sample_events import REFUSED, refusals
from tests.functional import contract
from tests.functional.case import ApiCase
from tests.functional.case import no as _no
from tests.functional.case import ok as _ok
from tests.functional.history_cases import HISTORY_CASES
from tests.functional.operator_cases import OPERATOR_CASES
from tests.functional.placement_contract import PLACEMENT, PLACEMENT_SERVER
from tests.functional.topology_contract import INSTANCE_NAMES, NETWORK_PATHS, TOPOLOGY

if TYPE_CHECKING:
    from collections.abc import Iterator


_CREATE, _GET, _LIST, _DELETE = (
    "create_reservation",
    "get_reservation",
    "list_reservations",
    "delete_reservation",
)
_PLACE, _GET_PLACEMENT, _LIST_PLACEMENTS, _UPDATE_PLACEMENT, _DELETE_PLACEMENT = (
    "create_placement",
    "get_placement",
    "list_placements",
    "update_placement",
    "delete_placement",
)
_RELEASE: Final = "release_reservation_units"
_ALLOW: Final = "allow_reservation_maintenance"
_LIST_SERVERS, _GET_SERVER = "list_placement_servers", "get_placement_server"
_START, _STOP, _REBOOT, _RECONCILE = (
    "start_placement_server",
    "stop_placement_server",
    "reboot_placement_server",
    "reconcile_placement_server",
)
_REPORT_FAULT: Final = "report_placement_server_fault"
_ACTIONS: Final = (_START, _STOP, _REBOOT, _RECONCILE)
_UNITS, _VERSION, _REJECT = "list_reservation_units", "get_version", "reject_unknown_route"
_ORGANIZATION_UNITS: Final = "list_organization_reservation_units"
_ADVISE: Final = "advise_reservation"
_TOPOLOGY: Final = "get_organization_topology"
_QUOTAS: Final = "list_reservation_quotas"
_PATHS, _NAMES = "list_network_paths", "list_instance_names"
TOPOGRAPH: Final = ("/v1/topology", "/v2/instances")
_NO_TOKEN: Final = {"www-authenticate": 'Bearer realm="gpu-capacity"'}
_BAD_TOKEN: Final = {"www-authenticate": 'Bearer realm="gpu-capacity", error="invalid_token"'}


def allowed(path: str) -> str:
    """Return the ``Allow`` header of a path in the table of operations."""
    return ", ".join(sorted(operation.method for operation in OPERATIONS.values() if operation.path == path))


def _refusals() -> Iterator[ApiCase]:
    """What every operation refuses."""
    errors = {401: "access_denied", 403: "forbidden", 404: "not_found"}
    for operation in OPERATIONS.values():
        if operation.path.startswith(("/api/", OPERATOR, *TOPOGRAPH)):
            for case in refusals(operation.name):
                status = REFUSED[case]
                yield _no(
                    operation.name,
                    case,
                    status,
                    errors[status],
                    headers=_NO_TOKEN if status == 401 else {},
                    after=given.placed if "placementID" in operation.path else given.reserved,
                )


API_CASES: Final = (
    _ok(_CREATE, "full", contract.RESERVATION, 202, after=given.sample),
    _ok(_CREATE, "accepted_minimal", contract.RESERVATION, 202, after=given.sample),
    _ok(_CREATE, "with_spare_hosts", contract.RESERVATION, 202, after=given.sample),
    _no(_CREATE, "spare_hosts_too_many", 400, "invalid_request"),
    _ok(_CREATE, "accepted_base64", contract.RESERVATION, 202, after=given.sample),
    _ok(_CREATE, "accepted_with_idempotency_key", contract.RESERVATION, 202, after=given.sample),
    _ok(_CREATE, "accepted_with_idempotency_key", contract.RESERVATION, 202, after=given.reserved),
    _ok(_CREATE, "accepted_with_idempotency_key", contract.RESERVATION, 202, after=given.deleted),
    _ok(_CREATE, "accepted_with_idempotency_key", contract.RESERVATION, 202, after=given.claimant_died),
    _no(_CREATE, "accepted_with_idempotency_key", 409, "conflict", after=given.gone),
    _ok(_CREATE, "dry_run", contract.RESERVATION, 200, after=given.sample),
    _no(_CREATE, "dry_run_malformed", 400, "invalid_request"),
    _no(_CREATE, "body_invalid", 400, "invalid_request"),
    _no(_CREATE, "body_not_json", 400, "invalid_request"),
    _no(_CREATE, "body_too_large", 413, "request_entity_too_large"),
    _no(_CREATE, "content_type_wrong", 415, "unsupported_media_type"),
    _no(_CREATE, "not_offered", 400, "invalid_request"),
    _no(_CREATE, "region_unknown", 404, "not_found"),
    _no(_CREATE, "token_expired", 401, "access_denied", headers=_BAD_TOKEN),
    _no(_CREATE, "project_of_others", 403, "forbidden"),
    _no(_CREATE, "full", 403, "forbidden", after=given.sample_with_quota_of_one),
    _no(_CREATE, "idempotency_key_reused", 409, "conflict"),
    _no(_CREATE, "capacity_insufficient", 507, "server_error"),
    _ok(_PATHS, "all", NETWORK_PATHS),
    _ok(_PATHS, "all", NETWORK_PATHS, after=given.placed),
    _ok(_PATHS, "page", NETWORK_PATHS),
    _ok(_PATHS, "by_operator", NETWORK_PATHS),
    _no(_PATHS, "organization_of_others", 403, "forbidden"),
    _no(_PATHS, "region_unknown", 404, "not_found"),
    _no(_PATHS, "headers_missing", 400, "invalid_request"),
    _no(_PATHS, "limit_malformed", 400, "invalid_request"),
    _ok(_NAMES, "all", INSTANCE_NAMES),
    _ok(_NAMES, "all", INSTANCE_NAMES, after=given.placed),
    _ok(_NAMES, "by_operator", INSTANCE_NAMES),
    _no(_NAMES, "organization_of_others", 403, "forbidden"),
    _no(_NAMES, "region_unknown", 404, "not_found"),
    _no(_NAMES, "region_missing", 400, "invalid_request"),
    _ok(_GET, "found", contract.RESERVATION),
    _ok(_GET, "found", contract.RESERVATION, after=given.provisioned),
    _ok(_GET, "found", contract.RESERVATION, after=given.failed),
    _ok(_GET, "found", contract.RESERVATION, after=given.deleted),
    _no(_GET, "found", 404, "not_found", after=given.gone),
    _ok(_GET, "found_by_operator", contract.RESERVATION),
    _ok(_LIST, "all", contract.RESERVATIONS),
    _ok(_LIST, "all", contract.RESERVATIONS, after=given.failed),
    _ok(_LIST, "filtered", contract.RESERVATIONS),
    _ok(_LIST, "nothing_visible", contract.RESERVATIONS),
    _ok(_LIST, "by_operator", contract.RESERVATIONS),
    _no(_LIST, "tag_malformed", 400, "invalid_request"),
    _ok(_DELETE, "accepted", None, 202),
    _ok(_DELETE, "accepted", None, 202, after=given.provisioned),
    _ok(_DELETE, "accepted", None, 202, after=given.failed),
    _ok(_DELETE, "accepted", None, 202, after=given.deleted),
    _no(_DELETE, "accepted", 404, "not_found", after=given.gone),
    _ok(_DELETE, "accepted_by_operator", None, 202),
    _ok(_PLACE, "full", PLACEMENT, 202, after=given.provisioned),
    _ok(_PLACE, "accepted_minimal", PLACEMENT, 202, after=given.provisioned),
    _ok(_PLACE, "accepted_with_idempotency_key", PLACEMENT, 202, after=given.provisioned),
    _ok(_PLACE, "accepted_with_idempotency_key", PLACEMENT, 202, after=given.placed),
    _ok(_PLACE, "accepted_with_idempotency_key", PLACEMENT, 202, after=given.placement_deleted),
    _ok(_PLACE, "dry_run", PLACEMENT, 200, after=given.provisioned),
    _no(_PLACE, "body_invalid", 400, "invalid_request", after=given.provisioned),
    _no(_PLACE, "constraints_contradictory", 400, "invalid_request", after=given.provisioned),
    _no(_PLACE, "full", 403, "forbidden", after=given.provisioned_with_quota_of_one_server),
    _no(_PLACE, "reservation_unknown", 404, "not_found", after=given.provisioned),
    _no(_PLACE, "full", 404, "not_found", after=given.gone),
    _no(_PLACE, "full", 409, "conflict"),
    _no(_PLACE, "full", 409, "conflict", after=given.deleted),
    _no(_PLACE, "hosts_insufficient", 409, "conflict", after=given.provisioned),
    _no(_PLACE, "idempotency_key_reused", 409, "conflict", after=given.placed),
    _no(_PLACE, "constraints_unsatisfiable", 422, "unprocessable_content", after=given.provisioned),
    *HISTORY_CASES,
    _ok(_GET_PLACEMENT, "found", PLACEMENT, after=given.placed),
    _ok(_GET_PLACEMENT, "found", PLACEMENT, after=given.placement_deleted),
    _no(_GET_PLACEMENT, "found", 404, "not_found"),
    _ok(_GET_PLACEMENT, "found_by_operator", PLACEMENT, after=given.placed),
    _ok(_LIST_PLACEMENTS, "all", contract.PLACEMENTS, after=given.placed),
    _ok(_LIST_PLACEMENTS, "filtered", contract.PLACEMENTS, after=given.placed),
    _ok(_LIST_PLACEMENTS, "nothing_visible", contract.PLACEMENTS, after=given.placed),
    _ok(_LIST_PLACEMENTS, "by_operator", contract.PLACEMENTS, after=given.placed),
    _no(_LIST_PLACEMENTS, "tag_malformed", 400, "invalid_request"),
    _ok(_UPDATE_PLACEMENT, "image", PLACEMENT, after=given.placed),
    _ok(_UPDATE_PLACEMENT, "strategy", PLACEMENT, after=given.placed),
    _ok(_UPDATE_PLACEMENT, "nothing_changed", PLACEMENT, after=given.placed),
    _no(_UPDATE_PLACEMENT, "body_invalid", 400, "invalid_request", after=given.placed),
    _no(_UPDATE_PLACEMENT, "count_changed", 400, "invalid_request", after=given.placed),
    _no(_UPDATE_PLACEMENT, "image", 409, "conflict", after=given.placement_deleted),
    _ok(_DELETE_PLACEMENT, "accepted", None, 202, after=given.placed),
    _ok(_DELETE_PLACEMENT, "accepted", None, 202, after=given.placement_deleted),
    _no(_DELETE_PLACEMENT, "accepted", 404, "not_found"),
    _ok(_DELETE_PLACEMENT, "accepted_by_operator", None, 202, after=given.placed),
    _ok(_RELEASE, "released", contract.UNIT_RELEASE_READ, after=given.provisioned_of_old),
    _ok(_RELEASE, "released_by_operator", contract.UNIT_RELEASE_READ, after=given.provisioned_of_old),
    _no(_RELEASE, "tag_missing", 428, "invalid_request", after=given.provisioned_of_old),
    _no(_RELEASE, "tag_weak", 400, "invalid_request", after=given.provisioned_of_old),
    _no(_RELEASE, "tag_stale", 412, "conflict", after=given.provisioned_of_old),
    _no(_RELEASE, "unit_unknown", 404, "not_found", after=given.provisioned_of_old),
    _no(_RELEASE, "unit_twice", 400, "invalid_request", after=given.provisioned_of_old),
    _no(_RELEASE, "body_invalid", 400, "invalid_request", after=given.provisioned_of_old),
    _no(_RELEASE, "released", 409, "conflict"),
    _no(_RELEASE, "released", 409, "conflict", after=given.deleted),
    _no(_RELEASE, "released", 404, "not_found", after=given.gone),
    _ok(_RELEASE, "released", contract.UNIT_RELEASE_BLOCKERS, 422, after=given.provisioned_and_occupied),
    _ok(_LIST_SERVERS, "all", contract.PLACEMENT_SERVERS, after=given.placed),
    _ok(_LIST_SERVERS, "all", contract.PLACEMENT_SERVERS, after=given.deployed),
    _ok(_LIST_SERVERS, "all", contract.PLACEMENT_SERVERS, after=given.servers_up),
    _ok(_LIST_SERVERS, "all", contract.PLACEMENT_SERVERS, after=given.displaced),
    _no(_LIST_SERVERS, "all", 404, "not_found"),
    _ok(_LIST_SERVERS, "all_by_operator", contract.PLACEMENT_SERVERS, after=given.servers_up),
    _ok(_GET_SERVER, "found", PLACEMENT_SERVER, after=given.placed),
    _ok(_GET_SERVER, "found", PLACEMENT_SERVER, after=given.servers_up),
    _ok(_GET_SERVER, "found_by_operator", PLACEMENT_SERVER, after=given.servers_up),
    _no(_GET_SERVER, "server_unknown", 404, "not_found", after=given.servers_up),
    *(_ok(action, "accepted", None, 202, after=given.servers_up) for action in _ACTIONS),
    *(_no(action, "accepted", 409, "conflict", after=given.placed) for action in _ACTIONS),
    *(_no(action, "accepted", 409, "conflict", after=given.displaced) for action in _ACTIONS),
    _ok(_REPORT_FAULT, "accepted", contract.FAULT_REPORT_ANSWER, 202, after=given.servers_up),
    _no(_REPORT_FAULT, "accepted", 409, "conflict", after=given.placed),
    _no(_REPORT_FAULT, "reason_unknown", 400, "invalid_request", after=given.servers_up),
    _no(_REPORT_FAULT, "server_unknown", 404, "not_found", after=given.servers_up),
    *(_no(action, "server_unknown", 404, "not_found", after=given.servers_up) for action in _ACTIONS),
    *(_no(action, "accepted", 409, "conflict", after=given.deployed) for action in _ACTIONS[:3]),
    _ok(_RECONCILE, "accepted", None, 202, after=given.deployed),
    _ok(_RECONCILE, "accepted", None, 202, after=given.rolling),
    _no(_RECONCILE, "conditional", 409, "conflict", after=given.rolling),
    _ok(_REBOOT, "hard", None, 202, after=given.servers_up),
    _no(_REBOOT, "hard_malformed", 400, "invalid_request", after=given.servers_up),
    _ok(_QUOTAS, "all", contract.QUOTAS, after=given.sample_with_quota_of_one),
    _ok(_QUOTAS, "by_operator", contract.QUOTAS),
    _ok(_UNITS, "all", contract.UNITS),
    _ok(_UNITS, "filtered", contract.UNITS),
    _ok(_UNITS, "nothing_offered", contract.UNITS),
    _ok(_ADVISE, "all", contract.ADVICE),
    _ok(_ADVISE, "all", contract.ADVICE, after=given.sample_with_quota_of_one),
    _ok(_ADVISE, "too_many_for_any", contract.ADVICE),
    _ok(_ADVISE, "filtered", contract.ADVICE),
    _ok(_ADVISE, "by_operator", contract.ADVICE),
    _no(_ADVISE, "organization_of_others", 403, "forbidden"),
    _no(_ADVISE, "nothing_asked", 400, "invalid_request"),
    _no(_ADVISE, "count_out_of_range", 400, "invalid_request"),
    _no(_ADVISE, "count_malformed", 400, "invalid_request"),
    _no(_ADVISE, "not_offered", 400, "invalid_request"),
    _no(_ADVISE, "region_unknown", 400, "invalid_request"),
    _ok(_ORGANIZATION_UNITS, "all", contract.UNITS),
    _ok(_ORGANIZATION_UNITS, "all", contract.UNITS, after=given.sample_with_quota_of_one),
    _ok(_ORGANIZATION_UNITS, "filtered", contract.UNITS),
    _ok(_ORGANIZATION_UNITS, "by_operator", contract.UNITS),
    _ok(_TOPOLOGY, "all", TOPOLOGY),
    _ok(_TOPOLOGY, "all", TOPOLOGY, after=given.provisioned),
    _ok(_TOPOLOGY, "all", TOPOLOGY, after=given.placed),
    _ok(_TOPOLOGY, "all", TOPOLOGY, after=given.failed),
    _ok(_TOPOLOGY, "all", TOPOLOGY, after=given.gone),
    _ok(_TOPOLOGY, "narrowed", TOPOLOGY),
    _ok(_TOPOLOGY, "by_operator", TOPOLOGY),
    _no(_TOPOLOGY, "filter_repeated", 400, "invalid_request"),
    _ok(_VERSION, "answered", contract.VERSION),
    _no(_REJECT, "unknown_route", 404, "not_found"),
    _no(_REJECT, "root", 404, "not_found"),
    _no(
        _REJECT,
        "wrong_method",
        405,
        "method_not_allowed",
        headers={"allow": allowed("/api/v2/reservations/{reservationID}")},
    ),
    _no(_REJECT, "preflight", 405, "method_not_allowed", headers={"allow": "GET, POST"}),
    _ok(_ALLOW, "allowed", contract.RESERVATION, after=operated.maintenance_over_provisioned),
    _no(_ALLOW, "allowed", 404, "not_found", after=given.provisioned),
    _no(_ALLOW, "allowed", 409, "conflict", after=operated.maintenance_planned),
    *OPERATOR_CASES,
    *_refusals(),
)
