"""Every operation of operators as a request. Nobody else may do anything: each gets a 403."""

from __future__ import annotations

import json
from typing import Any, Final

from testkit.hostile.service import ABSENT, Ask
from testkit.world import ORGANIZATION, REGION

OPERATOR: Final = "/operator/v1"
MAINTENANCES: Final = f"{OPERATOR}/maintenances"
AUDITS: Final = f"{OPERATOR}/audits"
REGIONS: Final = f"{OPERATOR}/regions/{REGION}"
CORDONS: Final = f"{REGIONS}/cordons"
OF_ORGANIZATION: Final = f"{OPERATOR}/organizations/{ORGANIZATION}"
HOLDER: Final = f"{OF_ORGANIZATION}/holders/reservation/reservation of owner"


def cordon_body(**changes: Any) -> dict[str, Any]:
    """The body of an ordinary cordon: of one rack."""
    return {"target": {"podId": "pod2", "domainId": "pod2-rack01"}, "reason": "coolant leak"} | changes


def maintenance_change(**changes: Any) -> dict[str, Any]:
    """The body of an ordinary change of a maintenance: of one rack, next month."""
    window = {"startTime": "2026-07-01T08:00:00Z", "endTime": "2026-07-01T12:00:00Z"}
    targets = [{"podId": "pod2", "domainId": "pod2-rack01"}]
    return {"targets": targets, "reason": "new cables"} | window | changes


def maintenance_body(**changes: Any) -> dict[str, Any]:
    """The body of an ordinary maintenance."""
    return {"regionId": REGION} | maintenance_change(**changes)


def repair_body() -> dict[str, Any]:
    """A repair of one finding."""
    return {"findingIds": ["a0e1d2c3b4f59687"], "reason": "left over", "apply": True}


OPERATOR_ASKS: Final[dict[str, Ask]] = {
    "list_cordons": Ask("GET", CORDONS),
    "list_all_usage": Ask("GET", f"{OPERATOR}/usage"),
    "set_cordon": Ask("POST", CORDONS, json.dumps(cordon_body())),
    "lift_cordon": Ask("DELETE", CORDONS, query=(("podID", "pod2"),)),
    "list_operator_regions": Ask("GET", f"{OPERATOR}/regions"),
    "get_region_map": Ask("GET", f"{REGIONS}/map", query=(("hosts", "true"),)),
    "list_holders": Ask("GET", f"{OPERATOR}/holders"),
    "get_holder": Ask("GET", HOLDER),
    "force_delete_holder": Ask("POST", f"{HOLDER}/force-delete", json.dumps({"reason": "contract ended"})),
    "list_unsettled": Ask("GET", f"{OPERATOR}/unsettled"),
    "list_queues": Ask("GET", f"{OPERATOR}/queues"),
    "list_operator_quotas": Ask("GET", f"{OF_ORGANIZATION}/quotas"),
    "set_operator_quota": Ask("PUT", f"{OF_ORGANIZATION}/quotas/instances", json.dumps({"limit": 100})),
    "list_operator_api_keys": Ask("GET", f"{OF_ORGANIZATION}/api-keys"),
    "make_operator_api_key": Ask("POST", f"{OF_ORGANIZATION}/api-keys", json.dumps({"subject": "someone"})),
    "revoke_operator_api_key": Ask("DELETE", f"{OF_ORGANIZATION}/api-keys/0123456789abcdef"),
    "set_quarantine": Ask(
        "POST", f"{REGIONS}/quarantines", json.dumps({"hostId": "pod2-rack01-tray00", "reason": "broken"})
    ),
    "lift_quarantine": Ask("DELETE", f"{REGIONS}/quarantines/pod2-rack01-tray00"),
    "list_fault_reports": Ask("GET", f"{OPERATOR}/fault-reports"),
    "get_pod_drain": Ask("GET", f"{OPERATOR}/regions/{REGION}/pods/pod2/drain"),
    "list_maintenances": Ask("GET", MAINTENANCES),
    "get_maintenance": Ask("GET", f"{MAINTENANCES}/{ABSENT}"),
    "plan_maintenance": Ask("POST", MAINTENANCES, json.dumps(maintenance_body())),
    "change_maintenance": Ask(
        "PUT",
        f"{MAINTENANCES}/{ABSENT}",
        json.dumps(maintenance_change()),
        headers=(("if-match", '"0"'),),
    ),
    "cancel_maintenance": Ask("DELETE", f"{MAINTENANCES}/{ABSENT}"),
    "list_dead_letters": Ask("GET", f"{OPERATOR}/dead-letters"),
    "start_audit": Ask("POST", AUDITS),
    "order_repair": Ask("POST", f"{AUDITS}/{ABSENT}/repair", json.dumps(repair_body())),
    "list_audits": Ask("GET", AUDITS),
    "get_audit": Ask("GET", f"{AUDITS}/{ABSENT}"),
}

ANSWERED: Final[dict[str, int]] = dict.fromkeys(OPERATOR_ASKS, 200) | {
    "lift_cordon": 404,
    "plan_maintenance": 201,
    "force_delete_holder": 202,
    "start_audit": 202,
    "order_repair": 404,
    "get_audit": 404,
    "make_operator_api_key": 201,
    **dict.fromkeys(("revoke_operator_api_key", "lift_quarantine"), 404),
    **dict.fromkeys(("get_maintenance", "change_maintenance", "cancel_maintenance"), 404),
}
"""What an operator is answered: nothing is cordoned yet, and no maintenance planned."""
EXPECTED_OF_OPERATORS: Final = {name: (403, 403, 403, 403, status) for name, status in ANSWERED.items()}
