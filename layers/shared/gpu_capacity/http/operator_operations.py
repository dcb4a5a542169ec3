"""The operations of operators: the part of ``operations.OPERATIONS`` under ``/operator/v1``.

One function serves all that only read, and one each the writes of a noun.
"""

from __future__ import annotations

from functools import partial
from typing import Final

from gpu_capacity.access import Permission
from gpu_capacity.http.operation import Operation

OPERATOR: Final = "/operator/v1"
_REGION: Final = f"{OPERATOR}/regions/{{regionID}}"
_CORDONS: Final = f"{_REGION}/cordons"
_QUARANTINES: Final = f"{_REGION}/quarantines"
_ORGANIZATION: Final = f"{OPERATOR}/organizations/{{organizationID}}"
_HOLDER: Final = f"{_ORGANIZATION}/holders/{{kind}}/{{holderID}}"
_MAINTENANCES: Final = f"{OPERATOR}/maintenances"
_MAINTENANCE: Final = f"{_MAINTENANCES}/{{maintenanceID}}"
USAGE_ONCE: Final = ("since", "until", "format", "limit", "cursor")
USAGE_REPEATED: Final = ("organizationID", "projectID")
_AUDITS: Final = f"{OPERATOR}/audits"
_PART: Final = ("podID", "domainID", "hostID")
_PAGE: Final = ("limit", "cursor")

_reading = partial(Operation, permission=Permission.OPERATE, shared="operator_reads")
_cordoning = partial(Operation, permission=Permission.OPERATE, shared="operator_cordons")
_limiting = partial(Operation, permission=Permission.OPERATE, shared="operator_quotas")
_issuing = partial(Operation, permission=Permission.OPERATE, shared="operator_api_keys")
_deleting = partial(Operation, permission=Permission.OPERATE, shared="operator_holders")
_maintaining = partial(Operation, permission=Permission.OPERATE, shared="operator_maintenances")
_auditing = partial(Operation, permission=Permission.OPERATE, shared="operator_audits")

OPERATOR_OPERATIONS: Final = (
    _reading("list_operator_regions", "GET", f"{OPERATOR}/regions"),
    _reading("get_region_map", "GET", f"{_REGION}/map", once=("hosts",), repeated=("podID",)),
    _reading(
        "list_holders",
        "GET",
        f"{OPERATOR}/holders",
        once=(*_PART, "olderThan", "youngerThan", *_PAGE),
        repeated=("regionID", "kind", "status", "organizationID"),
    ),
    _reading("get_holder", "GET", _HOLDER),
    _deleting("force_delete_holder", "POST", f"{_HOLDER}/force-delete"),
    _reading(
        "list_unsettled", "GET", f"{OPERATOR}/unsettled", once=("olderThan", *_PAGE), repeated=("kind",)
    ),
    _reading("list_queues", "GET", f"{OPERATOR}/queues", repeated=("regionID",)),
    _reading("list_operator_quotas", "GET", f"{_ORGANIZATION}/quotas"),
    _limiting("set_operator_quota", "PUT", f"{_ORGANIZATION}/quotas/{{subject}}"),
    _reading("list_operator_api_keys", "GET", f"{_ORGANIZATION}/api-keys"),
    _issuing("make_operator_api_key", "POST", f"{_ORGANIZATION}/api-keys"),
    _issuing("revoke_operator_api_key", "DELETE", f"{_ORGANIZATION}/api-keys/{{keyID}}"),
    _reading("list_cordons", "GET", _CORDONS, repeated=("cause",)),
    _reading("list_all_usage", "GET", f"{OPERATOR}/usage", once=USAGE_ONCE, repeated=USAGE_REPEATED),
    _cordoning("set_cordon", "POST", _CORDONS),
    _cordoning("lift_cordon", "DELETE", _CORDONS, once=_PART),
    _cordoning("set_quarantine", "POST", _QUARANTINES),
    _cordoning("lift_quarantine", "DELETE", f"{_QUARANTINES}/{{hostID}}"),
    _reading("list_fault_reports", "GET", f"{OPERATOR}/fault-reports", repeated=("regionID",)),
    _reading("get_pod_drain", "GET", f"{_REGION}/pods/{{podID}}/drain"),
    _reading("list_maintenances", "GET", _MAINTENANCES, repeated=("regionID", "status")),
    _reading("get_maintenance", "GET", _MAINTENANCE),
    _maintaining("plan_maintenance", "POST", _MAINTENANCES, once=("dryRun",)),
    _maintaining("change_maintenance", "PUT", _MAINTENANCE, once=("dryRun",)),
    _maintaining("cancel_maintenance", "DELETE", _MAINTENANCE),
    _auditing("start_audit", "POST", _AUDITS),
    _auditing("order_repair", "POST", f"{_AUDITS}/{{auditID}}/repair"),
    _reading("list_audits", "GET", _AUDITS, once=_PAGE),
    _reading("get_audit", "GET", f"{_AUDITS}/{{auditID}}"),
    _reading("list_dead_letters", "GET", f"{OPERATOR}/dead-letters"),
)
